// Two official clients with their default protocol, one of which publishes while the service restarts:
// node restart.mjs <connection string>
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { WebPubSubServiceClient } from "@azure/web-pubsub";
import { WebPubSubClient } from "@azure/web-pubsub-client";

const MESSAGES = 400;

const service = new WebPubSubServiceClient(process.argv[2], "chat", { allowInsecureConnection: true });

async function start(options) {
  const { url } = await service.getClientAccessToken(options);
  const client = new WebPubSubClient(url);
  const ids = new Set();
  client.on("connected", (event) => ids.add(event.connectionId));
  client.on("disconnected", () => assert.fail("the connection is lost"));
  const connected = new Promise((resolve) => client.on("connected", resolve));
  await client.start();
  await connected;
  return { client, ids };
}

const roles = ["webpubsub.sendToGroup", "webpubsub.joinLeaveGroup"];
const receiver = await start({ userId: "bob", roles });
const publisher = await start({ userId: "ann", roles });
await receiver.client.joinGroup("room");

const received = [];
const all = new Promise((resolve) => {
  receiver.client.on("group-message", ({ message }) => {
    received.push(message.data);
    if (received.length === MESSAGES) {
      resolve();
    }
  });
});

let failures = 0;
for (let number = 1; number <= MESSAGES; number += 1) {
  for (;;) {
    try {
      // The same ack id at each try, so that none is published twice.
      await publisher.client.sendToGroup("room", number, "json", { ackId: number });
      break;
    } catch (error) {
      failures += 1;
      assert.ok(failures < 2_000, error);
      await pause(10);
    }
  }
  if (number === MESSAGES / 2) {
    console.log("half");
  }
  await pause(2);
}
await all;
// Another message would come before the answer to this.
await receiver.client.leaveGroup("room");
assert.deepEqual(received, Array.from({ length: MESSAGES }, (_, index) => index + 1));
assert.deepEqual([receiver.ids.size, publisher.ids.size], [1, 1]);
process.exit(0);
