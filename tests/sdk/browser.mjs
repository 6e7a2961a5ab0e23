// Drives examples/browser/index.html in headless Chromium, as a person would:
// node browser.mjs <path of Chromium> <folder of the example> <connection string>
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { WebPubSubServiceClient } from "@azure/web-pubsub";
import { chromium } from "playwright-core";
import { CHROMIUM_ARGUMENTS } from "./chromium.mjs";
import { Tab } from "./tab.mjs";

const [executablePath, folder, connectionString] = process.argv.slice(2);
const text = { contentType: "text/plain" };
const ALL_ROLES = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];

const service = new WebPubSubServiceClient(connectionString, "chat", { allowInsecureConnection: true });
const page = await readFile(join(folder, "index.html"));
const web = createServer((_, response) => response.setHeader("content-type", "text/html").end(page));
await new Promise((resolve) => web.listen(0, "127.0.0.1", resolve));

const opened = pathToFileURL(join(folder, "index.html")).href;
const served = `http://127.0.0.1:${web.address().port}/`;

const browser = await chromium.launch({ executablePath, args: CHROMIUM_ARGUMENTS });
const context = await browser.newContext();
context.setDefaultTimeout(20_000);

const open = (address) => Tab.open(context, address);

async function clientUrl(userId, options) {
  return (await service.getClientAccessToken({ userId, ...options })).url;
}

const ann = await open(opened);
await ann.connect("PubSub", await clientUrl("ann", { roles: ALL_ROLES }));
await ann.expectStatus("Connected as ann, joined lobby.");
const bob = await open(served);
await bob.connect("simple", await clientUrl("bob", { roles: ALL_ROLES, groups: ["lobby"] }));
await bob.expectStatus("Connected, sending to lobby.");

await bob.say("hello <b>ann</b>");
await bob.expectMessages("hello <b>ann</b>");
await ann.expectMessages("bob hello <b>ann</b>");
await ann.say("hello bob, ü 👋");
await ann.expectMessages("bob hello <b>ann</b>", "ann hello bob, ü 👋");
await bob.expectMessages("hello <b>ann</b>", "hello bob, ü 👋");
console.log("ok two tabs chat");

await service.sendToAll("tea is ready", text);
await service.group("lobby").sendToAll({ cups: 2 });
await ann.expectMessages(
  "bob hello <b>ann</b>", "ann hello bob, ü 👋", "server tea is ready", 'group {"cups":2}',
);
await bob.expectMessages("hello <b>ann</b>", "hello bob, ü 👋", "tea is ready", '{"cups":2}');
console.log("ok the app server's messages appear");

await service.closeUserConnections("ann", { reason: "no more tea" });
await ann.expectStatus("Closed: 1000");
await ann.expectMessages(
  "bob hello <b>ann</b>", "ann hello bob, ü 👋", "server tea is ready", 'group {"cups":2}',
  "disconnected: Application server closed the connection. Reason: no more tea",
);
await bob.page.getByRole("button", { name: "Disconnect" }).click();
await bob.expectStatus("Closed: 1000");
console.log("ok closing from either side");

const eve = await open(opened);
await eve.connect("PubSub", await clientUrl("eve", { roles: [] }));
await eve.expectMessages("Forbidden: The client does not have permission to join group 'lobby'.");
await eve.page.getByRole("button", { name: "Disconnect" }).click();
await eve.expectStatus("Closed: 1000");
await eve.connect("PubSub", `${(await clientUrl("eve", { roles: ALL_ROLES })).slice(0, -4)}AAAA`);
await eve.expectStatus("Not connected");
await eve.connect("PubSub", "no URL at all");
await eve.expectStatus("This is not a client URL");
await eve.connect("PubSub", await clientUrl("eve", { roles: ALL_ROLES }));
await eve.expectStatus("Connected as eve, joined lobby.");
console.log("ok refusals are shown, and can be repaired");

await browser.close();
web.close();
