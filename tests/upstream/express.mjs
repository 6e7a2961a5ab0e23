// An event handler with the official middleware. It prints what its handlers are given, one JSON object a line, and does
// what the client asks for: in the query of the handshake, or by the name and the data of an event.
//
//   node express.mjs <hub> [allowed endpoint …]
import express from "express";
import { WebPubSubEventHandler } from "@azure/web-pubsub-express";

const [hub, ...endpoints] = process.argv.slice(2);

const print = (handler, { context, ...rest }) => console.log(JSON.stringify({ handler, context, ...rest }));

/** States as the client asks for them: an object of names and values. */
function setStates(response, json) {
  for (const [name, value] of Object.entries(JSON.parse(json ?? "{}"))) response.setState(name, value);
}

const handler = new WebPubSubEventHandler(hub, {
  path: "/events",
  allowedEndpoints: endpoints.length > 0 ? endpoints : undefined,

  handleConnect(request, response) {
    print("connect", request);
    const { fail, states, answer } = request.query;
    if (fail) {
      response.fail(Number(fail[0]), "refused");
      return;
    }
    setStates(response, states?.[0]);
    response.success(answer && JSON.parse(answer[0]));
  },

  handleUserEvent(request, response) {
    const { data, dataType, context } = request;
    print("user", { ...request, data: dataType === "binary" ? [...new Uint8Array(data)] : data });
    switch (context.eventName) {
      case "fail":
        response.fail(Number(data), "refused");
        break;
      case "nothing":
        response.success();
        break;
      case "count": {
        const count = (context.states.count ?? 0) + 1;
        response.setState("count", count);
        response.success(JSON.stringify({ count }), "json");
        break;
      }
      default:
        response.success(dataType === "json" ? JSON.stringify(data) : data, dataType);
    }
  },

  onConnected: (request) => print("connected", request),
  onDisconnected: (request) => print("disconnected", request),
  onGroupJoined: (request) => print("joined", request),
  onGroupLeft: (request) => print("left", request),
});

const app = express();
app.use((request, _, next) => {
  if (request.method === "OPTIONS") console.log(JSON.stringify({ handler: "validation", headers: request.headers }));
  next();
});
app.use(handler.getMiddleware());
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
