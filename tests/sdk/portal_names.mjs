// Names that clients choose to lead the page astray: what somebody clicks must be about these names and nothing else.
// node portal_names.mjs <path of Chromium> <origin, signed in by itself> <connection string>
import assert from "node:assert/strict";
import { WebPubSubServiceClient } from "@azure/web-pubsub";
import { adminOf } from "./admin.mjs";
import { Client, openBrowser } from "./portal.mjs";

const [executablePath, origin, connectionString] = process.argv.slice(2);
const HUB = "names";
/** As paths they would delete the settings of the hub, close all of its connections, be the hub itself, or one connection. */
const GROUPS = [`:x/../../../../ext/hubs/${HUB}?`, ":x/../../:closeConnections?", "..", ".", "%2e%2e", "../..", "a/b\\c #é'"];

const admin = adminOf(connectionString);
const service = new WebPubSubServiceClient(connectionString, HUB, { allowInsecureConnection: true });
const { open, close } = await openBrowser(executablePath, origin);
const text = { contentType: "text/plain" };
const urlOf = async (options) => (await service.getClientAccessToken(options)).url;

assert.equal((await admin("PUT", `api/ext/hubs/${HUB}`, { eventHandlers: [{ urlTemplate: "builtin:echo", userEventPattern: "*" }] })).status, 201);
const dots = await Client.connect(await urlOf({ userId: "..", groups: GROUPS }));
const other = await Client.connect(await urlOf({ userId: "other", groups: ["room"] }));
const groupsOf = async () => JSON.parse((await admin("GET", `api/ext/hubs/${HUB}/connections/${dots.id}`)).text).groups;
assert.deepEqual((await groupsOf()).sort(), GROUPS.toSorted());

await sending();
await theAppServer();
await membership();
await paths();

// Nobody was told what was not for them, nobody was closed, and the hub is what it was.
await service.sendToAll("the end", text);
for (const client of [dots, other]) assert.equal((await client.next((frame) => ["message", "system"].includes(frame.type))).data, "the end");
assert.match((await admin("GET", `api/ext/hubs/${HUB}`)).text, /builtin:echo/);
for (const { socket } of [dots, other]) socket.close(1000);
await close();

/** To a group and to a user of the lists. */
async function sending() {
  const page = await open(`connections?hub=${HUB}&tab=groups`);
  const sendTo = async (name) => {
    await page.getByRole("button", { name: `Send to ${name}`, exact: true }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Message").fill(`for ${name}`);
    await dialog.getByRole("button", { name: "Send", exact: true }).click();
    await dialog.waitFor({ state: "detached" });
    await dots.next((frame) => frame.data === `for ${name}`);
  };
  for (const group of GROUPS) await sendTo(group);
  await page.getByRole("tab", { name: "Users" }).click();
  await sendTo("..");
  await page.close();
  console.log("ok a message to a group or user goes there, whatever it is called");
}

async function theAppServer() {
  const page = await open(`playground?hub=${HUB}`);
  const target = page.getByRole("group", { name: "Send to" });
  const send = async (kind, label, name) => {
    await target.getByText(kind, { exact: true }).click();
    await page.getByRole("textbox", { name: label, exact: true }).last().fill(name);
    await page.getByLabel("Message").last().fill(`${kind}, ${name}`);
    await page.getByRole("button", { name: "Send", exact: true }).click();
  };
  for (const group of GROUPS) {
    await send("A group", "Group", group);
    await dots.next((frame) => frame.data === `A group, ${group}`);
  }
  await send("A user", "User id", "..");
  await dots.next((frame) => frame.data === "A user, ..");
  // No connection is called so, and no other operation takes its place.
  await send("A connection", "Connection id", "..");
  await page.getByText("Nothing was sent: a browser cannot ask for anything about “..”").waitFor();
  await page.close();
  console.log("ok nor does the app server of the playground miss");
}

/** Into and out of groups. */
async function membership() {
  const page = await open(`connections/${HUB}/${dots.id}`);
  for (const group of GROUPS) {
    const out = page.getByRole("button", { name: `Take it out of ${group}`, exact: true });
    await out.click();
    await out.waitFor({ state: "detached" });
    assert.ok(!(await groupsOf()).includes(group));
  }
  assert.deepEqual(await groupsOf(), []);
  await page.getByText("It is in no group.").waitFor();
  for (const group of GROUPS) {
    await page.getByLabel("Add to group").fill(group);
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("button", { name: `Take it out of ${group}`, exact: true }).waitFor();
  }
  assert.deepEqual((await groupsOf()).sort(), GROUPS.toSorted());
  const members = JSON.parse((await admin("GET", `api/ext/hubs/${HUB}/connections?group=..`)).text).value;
  assert.deepEqual(members.map(({ connectionId }) => connectionId), [dots.id]);
  await page.close();
  console.log("ok a connection is taken out of such groups and put into them");
}

/** The one place that makes paths of names. */
async function paths() {
  const page = await open("about");
  const { made, refused } = await page.evaluate(async (names) => {
    const { pathOf, urlOf } = await import(new URL("js/api.js", document.baseURI).href);
    const attempt = (make) => {
      try {
        return make();
      } catch (error) {
        return error.name;
      }
    };
    return {
      made: names.map((name) => attempt(() => urlOf(pathOf`api/hubs/h/groups/${name}/:send`).pathname)),
      refused: ["api/hubs/h/groups/../:send", "api/hubs/%2e%2E/x", "api/hubs/./x", "api/hubs/h?x=1", "api/hubs/h\\x", "//elsewhere/x"].map((path) => attempt(() => urlOf(path).href)),
    };
  }, [...GROUPS, ""]);
  const isDots = (name) => ["", ".", ".."].includes(name);
  assert.deepEqual(made, [...GROUPS, ""].map((name) => (isDots(name) ? "ApiError" : `/api/hubs/h/groups/${encodeURIComponent(name)}/:send`)));
  assert.deepEqual(new Set(refused), new Set(["ApiError"]));
  // An address of the page that somebody made up.
  await page.goto(`${origin}/portal/#/connections/${HUB}/..`);
  await page.getByText("a browser cannot ask for anything about “..”").waitFor();
  await page.close();
  console.log("ok no name becomes another path");
}
