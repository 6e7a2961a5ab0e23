// Uses the pages of the portal that change something, and looks at the effect where it is to be felt: at a client, at an
// event handler, or by REST.
// node portal_manage.mjs <path of Chromium> <origin, signed in by itself> <connection string> <path of hublet>
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { WebPubSubServiceClient } from "@azure/web-pubsub";
import { adminOf } from "./admin.mjs";
import { Client, openBrowser, until } from "./portal.mjs";

const [executablePath, origin, connectionString, hublet] = process.argv.slice(2);
const admin = adminOf(connectionString);
const chat = new WebPubSubServiceClient(connectionString, "chat", { allowInsecureConnection: true });
const { context, open, close } = await openBrowser(executablePath, origin);
const urlOf = async (service, options) => (await service.getClientAccessToken(options)).url;
const text = { contentType: "text/plain" };
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();

await overview();
await connections();
await trace();
await playground();
await changes();
await hubs();
await logs();
await about();
await signOut();
await close();

/** Its figures move. */
async function overview() {
  const page = await open("overview");
  const connections = page.locator(".tile", { hasText: "Connections" }).locator(".value");
  await connections.filter({ hasText: /^0$/ }).waitFor();
  const clients = await Promise.all([1, 2, 3].map(async () => Client.connect(await urlOf(chat, {}))));
  await connections.filter({ hasText: /^3$/ }).waitFor();
  await page.getByRole("link", { name: "chat" }).waitFor();
  for (const { socket } of clients) socket.close(1000);
  await connections.filter({ hasText: /^0$/ }).waitFor();
  await page.close();
  console.log("ok the overview follows the clients");
}

async function connections() {
  const bob = await Client.connect(await urlOf(chat, { userId: "bob" }));
  const eve = await Client.connect(await urlOf(chat, { userId: "eve" }));
  const page = await open("connections?hub=chat");
  const rows = page.locator("tbody tr");
  await rows.nth(1).waitFor();
  await page.getByLabel("Search").fill("BOB"); // Two letters are in the one or other id by chance.
  await rows.filter({ hasText: "eve" }).waitFor({ state: "detached" });
  await rows.filter({ hasText: "bob" }).getByRole("link", { name: bob.id }).click();

  await page.getByLabel("Add to group").fill("tea room");
  await press(page, "Add");
  await page.getByRole("button", { name: "Take it out of tea room" }).waitFor();
  await chat.group("tea room").sendToAll("for members", text);
  await bob.next((frame) => frame.group === "tea room" && frame.data === "for members");

  bob.send({ type: "sendToGroup", group: "tea room", dataType: "text", data: "may I?", ackId: 1 });
  assert.equal((await bob.next((frame) => frame.ackId === 1)).success, false);
  await page.getByLabel("Group", { exact: true }).fill("tea room");
  await press(page, "Grant");
  await page.getByRole("button", { name: "Take away webpubsub.sendToGroup.tea room" }).waitFor();
  bob.send({ type: "sendToGroup", group: "tea room", dataType: "text", data: "thanks", ackId: 2 });
  assert.equal((await bob.next((frame) => frame.ackId === 2)).success, true);

  await page.getByLabel("Message").fill("only for you");
  await press(page, "Send");
  await bob.next((frame) => frame.from === "server" && frame.data === "only for you");
  await page.getByRole("button", { name: "Take it out of tea room" }).click();
  await page.getByText("It is in no group.").waitFor();
  await chat.group("tea room").sendToAll("for members again", text);
  await chat.sendToConnection(bob.id, "to the end", text);
  assert.equal((await bob.next((frame) => frame.type === "message")).data, "to the end");

  const closed = once(bob.socket, "close");
  await press(page, "Close");
  await page.getByLabel("Reason").fill("enough tea");
  await press(page, "Close connection");
  assert.match((await bob.next((frame) => frame.event === "disconnected")).message, /enough tea/);
  await closed;
  await page.getByText("This connection is gone.").waitFor();

  await page.goto(`${origin}/portal/#/connections?hub=chat&tab=users`);
  await press(page, "Send to eve");
  await page.getByRole("dialog").getByLabel("Message").fill("hello eve");
  await page.getByRole("dialog").getByRole("button", { name: "Send", exact: true }).click();
  await eve.next((frame) => frame.data === "hello eve");
  eve.socket.close(1000);
  await page.close();
  console.log("ok a connection is found, put into a group, granted, told something and closed");
}

async function hubs() {
  const page = await open("hubs");
  await page.getByRole("link", { name: "New hub" }).click();
  const template = page.getByLabel("URL template");
  await page.getByLabel("Name", { exact: true }).fill("mirror");
  await template.fill("builtin:ecko");
  await press(page, "Make hub");
  // What is wrong stands at its field.
  await page.getByRole("alert").filter({ hasText: "builtin:echo" }).waitFor();
  assert.equal(await template.getAttribute("aria-invalid"), "true");
  assert.equal((await admin("GET", "api/ext/hubs/mirror")).status, 404);
  await template.fill("builtin:echo");
  await press(page, "Make hub");
  await page.getByRole("heading", { name: "mirror", level: 1 }).waitFor();
  // A new one of the same name would take its place unseen.
  const second = await open("hubs?new=1");
  await second.getByLabel("Name", { exact: true }).fill("mirror");
  await second.getByLabel("URL template").fill("https://app.example.com");
  await press(second, "Make hub");
  await second.getByRole("alert").filter({ hasText: "This hub has settings already" }).waitFor();
  await second.close();
  assert.match((await admin("GET", "api/ext/hubs/mirror")).text, /builtin:echo/);
  const mirror = new WebPubSubServiceClient(connectionString, "mirror", { allowInsecureConnection: true });
  const ann = await Client.connect(await urlOf(mirror, { userId: "ann" }));
  ann.send({ type: "event", event: "any", dataType: "text", data: "who is the fairest?" });
  await ann.next((frame) => frame.data === "who is the fairest?");
  ann.socket.close(1000);
  console.log("ok a hub with the echo is made, and its error stood at the field");

  const calls = [];
  let works = false;
  const app = createServer((request, response) => request.resume().on("end", () => {
    if (!works) return response.writeHead(404).end();
    if (request.method === "OPTIONS") return response.setHeader("WebHook-Allowed-Origin", "*").end();
    calls.push({ event: request.headers["ce-eventname"], id: request.headers["ce-id"], client: request.headers["ce-connectionid"], path: request.url });
    return response.end();
  }));
  await new Promise((resolve) => app.listen(0, "127.0.0.1", resolve));
  await template.fill(`http://127.0.0.1:${app.address().port}/{event}`);
  await press(page, "Save");
  await page.getByText("There are changes that are not saved.").waitFor({ state: "hidden" });
  await page.getByRole("tab", { name: "Test handlers" }).click();
  await press(page, "Test the handlers");
  await page.getByText("Does not work").waitFor();
  await page.getByText("has nothing at this path (404)").waitFor();
  works = true;
  await press(page, "Test the handlers");
  await page.getByText("Works", { exact: true }).waitFor();
  console.log("ok the doctor says what the handler does");

  const carl = await Client.connect(await urlOf(mirror, { userId: "carl" }));
  carl.send({ type: "event", event: "order", dataType: "text", data: "two teas", ackId: 1 });
  assert.equal((await carl.next((frame) => frame.ackId === 1)).success, true);
  const orders = () => calls.filter((call) => call.event === "order" && call.client === carl.id);
  assert.equal(orders().length, 1);
  await page.getByRole("tab", { name: "Last calls" }).click();
  await page.locator(".calls tr", { hasText: "order" }).getByRole("button").click();
  await page.getByRole("dialog").getByText("two teas").waitFor();
  await press(page, "Replay to the handler");
  await page.getByText("Replayed: status 200").waitFor();
  assert.equal(orders().length, 2);
  assert.deepEqual(orders()[0], orders()[1]);
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
  console.log("ok a call is shown and sent again");

  await press(page, "Delete settings");
  await page.getByRole("dialog").getByRole("button", { name: "Delete settings" }).click();
  await page.getByRole("heading", { name: "Hubs", level: 1 }).waitFor();
  assert.equal((await admin("GET", "api/ext/hubs/mirror")).status, 404);
  carl.send({ type: "event", event: "order", dataType: "text", data: "more", ackId: 2 });
  await carl.next((frame) => frame.ackId === 2);
  assert.equal(orders().length, 2, "nobody hears of events any more");
  carl.socket.close(1000);
  app.close();
  app.closeAllConnections();
  await page.close();
  console.log("ok its settings are deleted");
}

/** What is not saved is not lost without a question, and nor is what somebody else has saved meanwhile. */
async function changes() {
  const stored = async () => JSON.parse((await admin("GET", "api/ext/hubs/edited")).text).properties.webSocketKeepAliveIntervalInSeconds;
  await admin("PUT", "api/ext/hubs/edited", { webSocketKeepAliveIntervalInSeconds: 20 });
  const page = await open("hubs");
  await page.getByRole("link", { name: "edited", exact: true }).click();
  const seconds = page.getByLabel("Seconds between pings");
  const isHere = async (name) => {
    await page.getByRole("heading", { name, level: 1 }).waitFor();
    assert.ok(page.url().endsWith(name === "edited" ? "#/hubs/edited" : `#/${name.toLowerCase()}`), page.url());
  };
  await seconds.fill("77");
  const question = page.getByRole("dialog", { name: "Leave without saving?" });
  for (const leave of [() => page.getByRole("link", { name: "Overview" }).first().click(), () => page.evaluate(() => history.back())]) {
    await leave();
    await question.getByRole("button", { name: "Cancel" }).click();
    await question.waitFor({ state: "detached" });
    await isHere("edited");
    assert.equal(await seconds.inputValue(), "77");
  }
  await page.evaluate(() => history.back());
  await question.getByRole("button", { name: "Leave" }).click();
  await isHere("Hubs");
  await page.evaluate(() => history.forward());
  await isHere("edited");
  assert.equal(await seconds.inputValue(), "20");
  await seconds.fill("77");
  await page.getByRole("link", { name: "Keys" }).first().click();
  await question.getByRole("button", { name: "Leave" }).click();
  await isHere("Keys");
  await page.evaluate(() => history.back());
  await isHere("edited");
  console.log("ok unsaved settings are asked about, and the browser's way back stays what it is");

  await admin("PUT", "api/ext/hubs/edited", { webSocketKeepAliveIntervalInSeconds: 30 });
  await seconds.fill("40");
  await press(page, "Save");
  const other = page.getByRole("dialog", { name: "Somebody else has changed these settings" });
  await other.getByRole("button", { name: "Cancel" }).click();
  await other.waitFor({ state: "detached" });
  assert.equal(await stored(), 30);
  await press(page, "Save");
  await other.getByRole("button", { name: "Save mine" }).click();
  await page.getByText("There are changes that are not saved.").waitFor({ state: "hidden" });
  assert.equal(await stored(), 40);
  // Now they are what the page knows.
  await seconds.fill("50");
  await press(page, "Save");
  await page.getByText("There are changes that are not saved.").waitFor({ state: "hidden" });
  assert.equal(await stored(), 50);
  await page.close();
  console.log("ok nobody's settings are replaced unseen");
}

/** Looking back brings all that there is room for, and says what is not there. */
async function trace() {
  const page = await open("trace?hub=chat");
  await page.getByText("Live", { exact: true }).waitFor();
  const ann = await Client.connect(await urlOf(chat, { userId: "ann", roles: ["webpubsub.sendToGroup"] }));
  const send = async (amount, data) => {
    for (let ackId = 1; ackId <= amount; ackId += 1) ann.send({ type: "sendToGroup", group: "nobody", dataType: "text", data: `${data} ${ackId}`, ackId: ackId + Math.floor(performance.now()) * 10_000 });
    for (let acks = 0; acks < amount; acks += 1) await ann.next((frame) => frame.type === "ack");
  };
  await send(1_500, "early");
  await page.close();
  const later = await open("trace?hub=chat");
  const shown = async () => Number(/[\d,]+/.exec(await later.getByText(/events? here/).innerText())[0].replaceAll(",", ""));
  await later.getByText("200 events here").waitFor();
  await press(later, "Look back");
  await until(async () => await shown() > 1_500);
  await later.locator(".toast").filter({ hasText: "nothing older that matches" }).waitFor();
  const exported = async () => {
    const [file] = await Promise.all([later.waitForEvent("download"), press(later, "Export")]);
    return (await readFile(await file.path(), "utf8")).trim().split("\n").map((line) => JSON.parse(line));
  };
  const events = await exported();
  assert.deepEqual(events.map(({ id }) => id), events.map(({ id }) => id).toSorted((a, b) => a - b));
  assert.equal(new Set(events.map(({ id }) => id)).size, events.length);
  for (const number of [1, 750, 1_500]) assert.ok(events.some(({ name, payload }) => name === "ReceivedMessageFromClient" && payload.text === `early ${number}`));
  await later.close();

  const full = await open("trace");
  await full.getByText("Live", { exact: true }).waitFor();
  await send(4_000, "late");
  await full.locator(".stream-row", { hasText: "late 4000" }).waitFor();
  await press(full, "Clear");
  await press(full, "Look back");
  await full.getByText(/^5,000 events here, [\d,]+ older ones not loaded$/).waitFor();
  await full.locator(".toast").filter({ hasText: /^5,000 older events loaded. The service remembers [\d,]+ older events more/ }).waitFor();
  await full.close();
  ann.socket.close(1000);
  console.log("ok the live trace looks back as far as there is room, and says so");
}

/** What its clients know, and what they catch before it costs the connection. */
async function playground() {
  const page = await open("playground?hub=chat");
  const client = page.getByRole("region", { name: "Client A" });
  const address = client.getByLabel("Client access URL");
  const isConnected = () => client.getByRole("status").filter({ hasText: /^Connected$/ }).waitFor();
  await press(client, "Connect");
  await isConnected();
  await client.getByLabel("Type").selectOption("binary");
  await client.getByLabel("Message").fill("no base64!");
  await press(client, "Send to group");
  await client.getByText("This is not base64").waitFor();
  await client.getByLabel("Message").fill("aGVsbG8=");
  await press(client, "Send to group");
  await client.locator(".frames", { hasText: "ack" }).waitFor();
  await press(client, "Disconnect");
  await client.getByText(/^Closed: 1000/).last().waitFor();
  assert.ok(!(await client.locator(".frames").innerText()).includes(".."), "a note ends with one full stop");

  // Its URL was for somebody else.
  const old = await address.inputValue();
  await client.getByLabel("User id of a new URL").fill("zoe");
  assert.equal(await address.inputValue(), "");
  await press(client, "Connect");
  await client.locator("dd", { hasText: /^zoe$/ }).waitFor();
  await press(client, "Disconnect");
  assert.notEqual(await address.inputValue(), old);
  await page.getByLabel("Hub of new URLs").fill("elsewhere");
  assert.equal(await address.inputValue(), "");
  await press(client, "New URL");
  await until(async () => (await address.inputValue()).includes("/client/hubs/elsewhere?"));

  // Groups of the token are known before anybody joins.
  await address.fill(await urlOf(chat, { userId: "carl", groups: ["tea", "cups"] }));
  await press(client, "Connect");
  await client.locator("dd", { hasText: /^tea, cups$/ }).waitFor();
  await press(client, "Disconnect");
  await address.fill((await urlOf(chat, {})).replace(/.{8}$/, "AAAAAAAA"));
  await press(client, "Connect");
  await client.getByText("The connection was not made").waitFor();

  // The command names this service, and is one word for a shell whatever is in it.
  await page.getByLabel("Hub of new URLs").fill("chat");
  const heard = await Client.connect(await urlOf(chat, {}));
  await page.getByLabel("Message").last().fill("-it's $HOME");
  const command = page.getByRole("region", { name: "The same on the command line" });
  await command.filter({ hasText: "AccessKey=" }).waitFor();
  const run = spawn("sh", ["-c", await command.innerText()], { env: { PATH: `${dirname(hublet)}:${process.env.PATH}`, HOME: "/" }, stdio: ["ignore", "ignore", "inherit"] });
  assert.deepEqual(await once(run, "exit"), [0, null]);
  assert.equal((await heard.next((frame) => frame.from === "server")).data, "-it's $HOME");
  heard.socket.close(1000);
  await page.close();
  console.log("ok the playground makes its URLs anew, knows its groups, and its command runs as printed");
}

/** Both logs have what was just done. */
async function logs() {
  const page = await open("logs");
  const row = (text) => page.locator(".stream-body .stream-row", { hasText: text }).last();
  await row("the settings of a hub were").filter({ hasText: "mirror" }).click();
  await page.locator(".line-detail", { hasText: "mirror" }).waitFor();
  await page.getByRole("tab", { name: "Audit log" }).click();
  for (const [action, on] of [
    ["hub.put", "mirror"], ["hub.test", "mirror"], ["hub.delete", "mirror"], ["exchange.replay", "mirror"],
    ["group.add", "chat"], ["permission.grant", "chat"], ["connection.close", "chat"], ["message.send", "chat"], ["session.create", ""],
  ]) {
    const entry = page.locator("tbody tr", { hasText: action }).filter({ hasText: on }).first();
    await entry.filter({ hasText: "development" }).filter({ hasText: "127.0.0.1" }).waitFor();
  }
  await page.getByLabel("Search").fill("deleted a hub");
  await page.locator("tbody tr", { hasText: "session.create" }).first().waitFor({ state: "detached" });
  assert.equal(await page.locator("tbody tr").count(), 1);
  await page.close();
  console.log("ok the logs have what was done");
}

async function about() {
  const page = await open("about");
  await page.locator("dd", { hasText: new URL(origin).host }).first().waitFor();
  assert.doesNotMatch(await page.getByRole("region", { name: "Configuration" }).textContent(), /ABCDEFGH/);
  for (const link of await page.locator("main dd a").all()) {
    const response = await fetch(await link.getAttribute("href"));
    await response.arrayBuffer();
    assert.equal(response.status, 200, response.url);
  }
  await page.close();
  console.log("ok about has the configuration without secrets, and its links lead somewhere");
}

/** Whoever signs out is out, also in other tabs, and stays out. */
async function signOut() {
  const [page, other] = [await open("hubs"), await open("overview")];
  const cookie = (await context.cookies()).find(({ name }) => name === "hublet_session");
  assert.ok(cookie.httpOnly && cookie.sameSite === "Strict");
  const status = async () => {
    const response = await fetch(`${origin}/api/ext/hubs`, { headers: { Cookie: `hublet_session=${cookie.value}`, "X-Hublet-Portal": "1" } });
    await response.arrayBuffer();
    return response.status;
  };
  assert.equal(await status(), 200);
  await page.getByRole("button", { name: "Sign out" }).filter({ visible: true }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.equal(await status(), 401);
  await other.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.reload();
  await press(page, "Sign in without a key");
  await page.getByRole("heading", { name: "Hubs" }).waitFor();
  await until(async () => (await context.cookies()).some(({ name, value }) => name === "hublet_session" && value !== cookie.value));
  console.log("ok signing out ends the session");
}
