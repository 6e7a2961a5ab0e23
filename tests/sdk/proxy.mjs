// The option `reverseProxyEndpoint` of @azure/web-pubsub: requests go to a proxy, tokens stay made out for the service.
// node proxy.mjs <connection string> <address of the proxy>
import assert from "node:assert/strict";
import { WebPubSubServiceClient } from "@azure/web-pubsub";
import { WebPubSubClient, WebPubSubJsonProtocol } from "@azure/web-pubsub-client";

const [connectionString, proxy] = process.argv.slice(2);
const options = { allowInsecureConnection: true, retryOptions: { maxRetries: 0 } };

const service = new WebPubSubServiceClient(connectionString, "chat", { ...options, reverseProxyEndpoint: proxy });
await service.sendToAll("hello", { contentType: "text/plain" });
assert.equal(await service.userExists("nobody"), false);
const { token, baseUrl } = await service.getClientAccessToken({ userId: "u" });
assert.equal(new URL(baseUrl).pathname, "/client/hubs/chat");

// A client that goes through the proxy too.
const url = `${proxy.replace("http", "ws")}/client/hubs/chat?access_token=${token}`;
const client = new WebPubSubClient(url, { protocol: WebPubSubJsonProtocol(), autoReconnect: false });
await client.start();
client.stop();
process.exit(0);
