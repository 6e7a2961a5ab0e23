// The whole path through the portal in headless Chromium: open it, make a client URL, connect in the playground, see a
// message of the app server there and in the live trace, and run the programs that the page shows.
// node portal_path.mjs <path of Chromium> <origin> <connection string> <folder with hublet and packages> <python>
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { WebPubSubServiceClient } from "@azure/web-pubsub";
import { openBrowser } from "./portal.mjs";

const [executablePath, origin, connectionString, folder, python] = process.argv.slice(2);
const service = new WebPubSubServiceClient(connectionString, "chat", { allowInsecureConnection: true });
const { open, close } = await openBrowser(executablePath, origin);

const page = await open("");
assert.equal(page.url(), `${origin}/portal/`);
await page.getByText("Signed in").filter({ visible: true }).waitFor();
await page.locator(".tile").first().waitFor();
console.log("ok the front door leads to the portal, which signs in by itself");

await page.getByRole("link", { name: "Client URL" }).click();
await page.getByLabel("Hub", { exact: true }).fill("chat");
await page.getByLabel("User id").fill("alice");
for (const role of ["May join and leave", "May send to"]) {
  const part = page.getByRole("group", { name: role });
  await part.getByText("Some groups").click();
  await part.getByRole("combobox", { name: "Groups" }).fill("tea room");
  await part.getByRole("combobox", { name: "Groups" }).press("Enter");
}
// What was typed last needs no Enter.
await page.getByRole("combobox", { name: "In these groups at once" }).fill("tea room");
await page.getByRole("button", { name: "Generate" }).click();
const url = await page.getByRole("region", { name: "Client access URL" }).textContent();
const claims = JSON.parse(Buffer.from(new URL(url).searchParams.get("access_token").split(".")[1], "base64url"));
assert.equal(claims.sub, "alice");
assert.deepEqual([claims.role].flat().sort(), ["webpubsub.joinLeaveGroup.tea room", "webpubsub.sendToGroup.tea room"]);
assert.deepEqual([claims["webpubsub.group"]].flat(), ["tea room"]);
await page.getByText("join and leave tea room").waitFor();
assert.ok(!page.url().includes(new URL(url).searchParams.get("access_token")), "the address has no token");
console.log("ok a client URL with two roles and a group");

const programs = {};
for (const language of ["Node", "Python", "hublet connect"]) {
  await page.getByRole("tab", { name: language }).click();
  programs[language] = await page.getByRole("region", { name: `Program for ${language}`, exact: true }).textContent();
}

const trace = await open("trace?hub=chat");
await trace.getByText("Live", { exact: true }).waitFor();
await page.getByRole("button", { name: "Try it as client A" }).click();
const client = page.getByRole("region", { name: "Client A" });
await client.getByRole("button", { name: "Connect" }).click();
await client.getByRole("status").filter({ hasText: "Connected" }).waitFor();
await client.locator("dd", { hasText: /^alice$/ }).waitFor();
const row = (name, text) => trace.locator(".stream-body .stream-row", { hasText: name }).filter({ hasText: text }).last();
await row("ConnectionStarted", "alice").waitFor();
// The trace records messages from its first question on.
await service.group("tea room").sendToAll("tea is ready", { contentType: "text/plain" });
await client.locator(".frames", { hasText: "tea is ready" }).waitFor();
await row("ReceivedMessageFromRestApi", "tea is ready").click();
await trace.getByRole("region", { name: "The chosen event" }).getByText("POST /api/hubs/chat/groups/tea%20room/:send").waitFor();
// While an event is looked at, the list stands still.
await trace.getByRole("button", { name: "newe" }).click();
await row("SentMessageToClient", "alice").waitFor();
console.log("ok what the app server sends is in the playground and in the live trace");

await trace.getByRole("button", { name: "Pause" }).click();
await service.group("tea room").sendToAll("nobody looks", { contentType: "text/plain" });
await trace.getByRole("button", { name: /^Continue \(\d+ new\)/ }).waitFor();
assert.equal(await row("SentMessage", "nobody looks").count(), 0);
await trace.getByRole("button", { name: "Continue" }).click();
await row("SentMessage", "nobody looks").waitFor();
const [file] = await Promise.all([trace.waitForEvent("download"), trace.getByRole("button", { name: "Export" }).click()]);
const events = (await readFile(await file.path(), "utf8")).trim().split("\n").map((line) => JSON.parse(line));
assert.ok(events.some(({ name, payload }) => name === "ReceivedMessageFromRestApi" && payload.text === "tea is ready"));
await trace.getByLabel("Text", { exact: true }).fill("TEA IS");
await row("ConnectionStarted", "alice").waitFor({ state: "detached" });
await trace.getByRole("button", { name: "Look back" }).click();
await row("SentMessageToClient", "tea is ready").waitFor();
assert.match(trace.url(), /text=TEA(\+|%20)IS/);
await trace.getByRole("button", { name: "Clear filters" }).click();
console.log("ok the live trace is paused, filtered and exported");

/** Runs a program of the page until it has printed this, and the playground has what it sent. */
async function run(greeting, command, args) {
  const program = spawn(command, args, { cwd: folder, stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, PATH: `${folder}:${process.env.PATH}` } });
  const printed = [];
  for await (const line of createInterface({ input: program.stdout })) {
    printed.push(line);
    if (line.includes(greeting)) break;
  }
  assert.ok(printed.at(-1)?.includes(greeting), `${command} ended after ${printed.join("\n")}`);
  await client.locator(".frames", { hasText: greeting }).waitFor();
  const ended = once(program, "exit");
  // The end of its input ends a terminal; the others go on.
  program.stdin.end();
  if (command !== "bash") program.kill();
  await ended;
}

await writeFile(join(folder, "client.mjs"), programs.Node);
await writeFile(join(folder, "client.py"), programs.Python);
await run("hello from Node", "node", ["client.mjs"]);
console.log("ok the program for Node runs as it stands");
await run("hello from Python", python, ["client.py"]);
console.log("ok the program for Python runs as it stands");
await run("hello from a terminal", "bash", ["-c", programs["hublet connect"]]);
console.log("ok the line for a terminal runs as it stands");

await page.getByRole("link", { name: "Overview" }).click();
await page.getByRole("link", { name: "Playground" }).click();
await client.locator(".frames", { hasText: "hello from a terminal" }).waitFor();
await client.getByRole("button", { name: "Disconnect" }).click();
await row("ConnectionEnded", "alice").waitFor();
console.log("ok it stays connected on other pages, until it is told not to");
await close();
