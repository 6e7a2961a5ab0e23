// What the official client does when the network fails, and its newest features: node network.mjs <connection string>
// It prints what is to be done to the network, and goes on when a line comes back.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { WebPubSubServiceClient } from "@azure/web-pubsub";
import { InvocationError, WebPubSubClient } from "@azure/web-pubsub-client";

const service = new WebPubSubServiceClient(process.argv[2], "chat", { allowInsecureConnection: true });
const roles = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];
const text = { contentType: "text/plain" };
const lines = createInterface({ input: process.stdin });

async function network(fault) {
  console.log(fault);
  await once(lines, "line");
}

/** A client with its defaults, and what it was told. */
async function connect(userId, options) {
  const { url } = await service.getClientAccessToken({ userId, roles });
  const sdk = new WebPubSubClient(url, options);
  const client = { sdk, ids: [], messages: [], disconnected: 0 };
  sdk.on("connected", ({ connectionId }) => client.ids.push(connectionId));
  sdk.on("disconnected", () => (client.disconnected += 1));
  sdk.on("group-message", ({ message }) => client.messages.push(message.data));
  await sdk.start();
  await until(() => client.ids.length === 1);
  return client;
}

async function until(isSo) {
  while (!(await isSo())) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// A socket that carries nothing any more: the package pings, hears nothing, and gives the socket up. Its WebSocket library
// waits 30 s for the answer to a close frame, so this is for the end.
const pinging = await connect("pinging", { keepAliveIntervalInMs: 100, keepAliveTimeoutInMs: 1_500 });
await pinging.sdk.joinGroup("half-open");
const calm = Date.now() + 3_000;
await until(() => Date.now() > calm);
assert.equal(pinging.disconnected, 0, "pongs keep it");
await network("black hole");
await service.group("half-open").sendToAll("missed", text);

// A stream of 100 parts with a cut in the middle, at both ends.
const ann = await connect("ann");
const bob = await connect("bob");
await bob.sdk.joinGroup("stream");
const received = new Promise((resolve, reject) => {
  const options = { handleFromStart: true };
  bob.sdk.onGroupStream(async (stream) => {
    const parts = [];
    try {
      for await (const part of stream) {
        parts.push(part.data);
      }
      resolve(parts);
    } catch (error) {
      reject(error);
    }
  }, options);
});
const stream = await ann.sdk.openGroupStream("stream");
const sent = Array.from({ length: 100 }, (_, number) => `part ${number}`);
for (const [number, part] of sent.entries()) {
  if (number === 30 || number === 60) {
    await network("cut");
  }
  await stream.write(part, "text");
}
await stream.end();
assert.deepEqual(await received, sent);
assert.deepEqual([ann.ids.length, bob.ids.length, ann.disconnected], [1, 1, 0]);

// One that its publisher gives up.
const failed = new Promise((resolve) => {
  bob.sdk.onGroupStream(async (stream) => {
    try {
      for await (const part of stream) {
        assert.equal(part.data, "x");
      }
    } catch (error) {
      resolve(error);
    }
  });
});
const broken = await ann.sdk.openGroupStream("stream");
await broken.write("x", "text");
await broken.abort({ message: "no more tea", userErrorCode: "tea" });
assert.equal((await failed).message, "no more tea");
const quiet = await connect("quiet");
const refusal = await new WebPubSubClient((await service.getClientAccessToken()).url);
await refusal.start();
await assert.rejects(refusal.openGroupStream("stream"), /permission/);
refusal.stop();

// Invocations.
for (const [event, data, dataType] of [["text", "hü", "text"], ["json", { a: [1, null] }, "json"]]) {
  const result = await ann.sdk.invokeEvent(event, data, dataType);
  assert.deepEqual([result.dataType, result.data], [dataType, data]);
}
const nothing = await ann.sdk.invokeEvent("nothing", "x", "text");
assert.equal(nothing.data, undefined);
const refused = await ann.sdk.invokeEvent("refused", "x", "text").catch((error) => error);
assert.ok(refused instanceof InvocationError, String(refused));
assert.equal(refused.errorDetail.name, "InternalServerError");

// The service ends the connection: there is a new one, in the same groups.
await quiet.sdk.joinGroup("rejoin");
await service.closeConnection(quiet.ids[0], { reason: "try again" });
await until(() => quiet.ids.length === 2);
await until(async () => {
  await service.group("rejoin").sendToAll("welcome back", text);
  return quiet.messages.includes("welcome back");
});
assert.notEqual(quiet.ids[0], quiet.ids[1]);

await until(() => pinging.messages.length > 0);
assert.deepEqual([pinging.messages, pinging.ids.length], [["missed"], 1]);
process.exit(0);
