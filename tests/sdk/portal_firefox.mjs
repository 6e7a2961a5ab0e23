// Opens every page of the portal in headless Firefox, over WebDriver BiDi, and fails when one has an error. Firefox is
// none of the tools that tests install, so no test runs this.
// node portal_firefox.mjs <path of Firefox> <origin, signed in by itself> [folder for screenshots]
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import WebSocket from "ws";

const [executablePath, origin, folder] = process.argv.slice(2);
const PAGES = [
  "overview", "trace", "connections?hub=chat", "connections?hub=chat&tab=users", "logs", "logs?tab=audit", "urls", "playground",
  "hubs", "hubs?new=1", "hubs/orders", "hubs/orders?tab=json", "hubs/orders?tab=calls", "keys", "about",
];
const PATIENCE_MS = 30_000;

const profile = await mkdtemp(join(tmpdir(), "hublet-firefox-"));
const firefox = spawn(executablePath, ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"], { stdio: ["ignore", "ignore", "pipe"] });
let address;
for await (const line of createInterface({ input: firefox.stderr })) {
  [, address] = /WebDriver BiDi listening on (ws:\S+)/.exec(line) ?? [];
  if (address) break;
}
firefox.stderr.resume();
const socket = new WebSocket(`${address}/session`);
await once(socket, "open");

const problems = [];
const waiting = new Map();
let shown = "";
socket.on("message", (data) => {
  const message = JSON.parse(data);
  if (message.type === "event") {
    const { level, text } = message.params;
    if (message.method === "log.entryAdded" && level === "error") problems.push(`${shown}: ${text}`);
    return;
  }
  const { resolve, reject } = waiting.get(message.id);
  waiting.delete(message.id);
  if (message.type === "error") reject(new Error(`${message.error}: ${message.message}`));
  else resolve(message.result);
});
let last = 0;
const command = (method, params) => new Promise((resolve, reject) => {
  last += 1;
  waiting.set(last, { resolve, reject });
  socket.send(JSON.stringify({ id: last, method, params }));
});

const { capabilities } = await command("session.new", { capabilities: {} });
await command("session.subscribe", { events: ["log.entryAdded"] });
const { contexts: [{ context }] } = await command("browsingContext.getTree", {});
const ask = async (expression) => (await command("script.evaluate", { expression, target: { context }, awaitPromise: true })).result.value;
await command("browsingContext.setViewport", { context, viewport: { width: 1440, height: 900 } });
if (folder) await mkdir(folder, { recursive: true });

for (const page of PAGES) {
  shown = page;
  // Another page first: a change behind the # alone would load nothing.
  await command("browsingContext.navigate", { context, url: "about:blank", wait: "complete" });
  await command("browsingContext.navigate", { context, url: `${origin}/portal/#/${page}`, wait: "complete" });
  const end = Date.now() + PATIENCE_MS;
  while (!(await ask(`!!document.querySelector("main h1") && !document.querySelector("main .spinner")`))) {
    assert.ok(Date.now() < end, `${page} does not appear`);
    await new Promise((done) => setTimeout(done, 100));
  }
  if (await ask(`!!document.querySelector("main .state.bad, main .notice.bad")`)) problems.push(`${page}: says that something failed`);
  const wider = await ask("document.documentElement.scrollWidth - innerWidth");
  if (wider > 0) problems.push(`${page}: is ${wider} pixels wider than the screen`);
  if (folder) {
    const { data } = await command("browsingContext.captureScreenshot", { context });
    await writeFile(join(folder, `${page.replace(/\W+/g, "-")}.png`), Buffer.from(data, "base64"));
  }
}
await command("browser.close", {});
await once(firefox, "exit");
await rm(profile, { recursive: true, force: true });
assert.deepEqual(problems, []);
console.log(`ok ${PAGES.length} pages in ${capabilities.browserName} ${capabilities.browserVersion}`);
