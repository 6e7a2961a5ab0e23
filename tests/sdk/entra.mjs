// @azure/web-pubsub with a credential of Entra instead of an access key, and a client with the token that it gets.
// node entra.mjs <endpoint> <token>
import assert from "node:assert/strict";
import { WebPubSubServiceClient } from "@azure/web-pubsub";
import { WebPubSubClient, WebPubSubJsonProtocol } from "@azure/web-pubsub-client";

const [endpoint, token] = process.argv.slice(2);
const scopes = [];
const credential = {
  getToken: async (scope) => {
    scopes.push(scope);
    return { token, expiresOnTimestamp: Date.now() + 600_000 };
  },
};
const service = new WebPubSubServiceClient(endpoint, credential, "chat", { retryOptions: { maxRetries: 0 } });
assert.equal(await service.userExists("u"), false);
assert.deepEqual(scopes.flat(), ["https://webpubsub.azure.com/.default"]);

// This asks the service for the token.
const { url } = await service.getClientAccessToken({ userId: "u", groups: ["room"] });
const client = new WebPubSubClient(url, { protocol: WebPubSubJsonProtocol(), autoReconnect: false });
const message = new Promise((resolve) => client.on("group-message", ({ message }) => resolve(message)));
await client.start();
assert.equal(await service.userExists("u"), true);
await service.group("room").sendToAll("hello", { contentType: "text/plain" });
assert.equal((await message).data, "hello");
client.stop();
process.exit(0);
