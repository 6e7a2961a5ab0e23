// A chat: a web server with a page, an address that hands out client URLs, and the event handler of the hub `chat`.
//
//   node app.mjs [connection string]
import { fileURLToPath } from "node:url";
import { WebPubSubServiceClient } from "@azure/web-pubsub";
import { WebPubSubEventHandler } from "@azure/web-pubsub-express";
import express from "express";

const HUB = "chat";
const PORT = process.env.PORT ?? 3000;
const NAME_CHARS_MAX = 40;

const connectionString =
  process.argv[2] ?? "Endpoint=http://localhost:8080;AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;Version=1.0;";

// The SDK refuses plain HTTP unless it is told that this is meant.
const service = new WebPubSubServiceClient(connectionString, HUB, { allowInsecureConnection: true });

/** Sends something to everybody in the chat. */
async function tell(message) {
  try {
    await service.sendToAll(message);
  } catch (error) {
    console.error(`cannot send: ${error.message}`);
  }
}

const handler = new WebPubSubEventHandler(HUB, {
  path: "/eventhandler",

  // Before the service lets a client in: who is it? An app with accounts would look at its session cookie here, which is
  // in `request.headers`; this one believes everybody, but wants a name.
  handleConnect(request, response) {
    const name = request.query.name?.[0]?.trim() ?? "";
    if (name === "" || name.length > NAME_CHARS_MAX) {
      response.fail(401, "a name, please");
    } else {
      // A state of the connection: it comes back with every later event. Header values are ASCII, so the name goes here.
      response.setState("name", name);
      response.success({ userId: encodeURIComponent(name) });
    }
  },

  onConnected({ context }) {
    tell({ kind: "note", text: `${context.states.name} joined` });
  },

  async handleUserEvent({ context, data }, response) {
    if (context.eventName !== "message" || typeof data !== "string") {
      response.fail(400, "not a chat message");
      return;
    }
    await tell({ kind: "message", from: context.states.name, text: data });
    response.success();
  },

  onDisconnected({ context }) {
    tell({ kind: "note", text: `${context.states.name} left` });
  },
});

const app = express();
app.use(handler.getMiddleware());
app.use(express.static(fileURLToPath(new URL("public", import.meta.url))));
app.get("/negotiate", async (_, response) => {
  const { url } = await service.getClientAccessToken();
  response.json({ url });
});
const server = app.listen(PORT, () => console.log(`Open http://localhost:${server.address().port}/ in two tabs.`));
