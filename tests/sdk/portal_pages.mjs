// Visits the pages of the portal in headless Chromium, light and dark, narrow and wide, and looks for what can be seen
// without knowing them: violations that axe finds, errors in the console, calls to elsewhere, a page that is wider than
// the screen. A folder gets a screenshot of each. The service should have something to show: portal_demo.mjs.
// node portal_pages.mjs <path of Chromium> <origin, signed in by itself> <folder for screenshots, or -> [page…]
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import WebSocket from "ws";
import { CHROMIUM_ARGUMENTS } from "./chromium.mjs";

const [executablePath, origin, folder, ...named] = process.argv.slice(2);
const FIRST_LOAD_BYTES_MAX = 150_000;
/** A screenshot ends here, in pixels: what is below is more of the same. */
const SHOT_HEIGHT_MAX = { 1440: 1300, 360: 1100 };

const press = (...names) => async (page) => {
  for (const name of names) await page.getByRole("button", { name, exact: true }).first().click();
};
/** What is on a page when it is ready to be looked at. */
const shows = (selector, hasText) => (page) => page.locator(selector, hasText ? { hasText } : {}).first().waitFor();
const all = (...steps) => async (page) => {
  for (const step of steps) await step(page);
};

/** Names as long as the service takes them. */
const LONG = { hub: `W${"w".repeat(127)}`, user: "U".repeat(900), groups: ["G".repeat(1024), "é".repeat(300)], role: `webpubsub.sendToGroup.${"R".repeat(900)}` };
/** @type {Promise<WebSocket>|undefined} */
let longClient;

/** A page with a client of such names, which is there before it. */
function long(at, ...steps) {
  return { at: "about", then: async (page) => {
    longClient ??= connectLong(page);
    await longClient;
    await page.goto(`${origin}/portal/#/${at}`);
    await all(...steps)(page);
  } };
}

async function connectLong(page) {
  const headers = { "X-Hublet-Portal": "1" };
  const { hub, user, groups, role } = LONG;
  const query = new URLSearchParams([["api-version", "2024-12-01"], ["userId", user], ["role", role], ...groups.map((group) => ["group", group])]);
  const answer = await page.request.post(`${origin}/api/hubs/${hub}/:generateToken?${query}`, { headers });
  const { token } = await answer.json();
  await page.request.put(`${origin}/api/ext/hubs/${hub}`, { headers, data: {} });
  const socket = new WebSocket(`${origin.replace("http", "ws")}/client/hubs/${hub}?access_token=${token}`, "json.webpubsub.azure.v1");
  await new Promise((resolve, reject) => socket.on("message", resolve).on("error", reject));
  return socket;
}

/** The address, where it is not the name, and what is done on a page before it is looked at. */
const PAGES = {
  "overview": { then: shows(".tile") },
  "trace": { at: "trace?hub=chat", then: shows(".stream-body .message") },
  "trace-event": { at: "trace?hub=orders&text=checkout", then: all(chooseCall, shows(".exchange")) },
  "connections": { at: "connections?hub=chat", then: shows("td") },
  "connections-users": { at: "connections?hub=chat&tab=users", then: shows("td") },
  "connections-groups": { at: "connections?hub=chat&tab=groups", then: shows("td") },
  "connection": { at: "connections?hub=chat", then: all((page) => page.locator("td a.id").first().click(), shows("h2", "Roles")) },
  "logs": { then: shows(".stream-body .message") },
  "logs-audit": { at: "logs?tab=audit", then: shows("td") },
  "urls": {},
  "urls-made": {
    at: "urls?hub=chat&user=alice&send=some&sendGroup=lobby&sendPattern=team.*&group=lobby",
    then: all(press("Generate"), shows("h2", "Client access URL"), (page) => page.getByRole("tab", { name: "Node" }).click()),
  },
  "playground": {},
  "playground-used": { at: "playground?hub=chat", then: usePlayground },
  "hubs": { then: shows("td") },
  "hubs-new": { at: "hubs?new=1" },
  "hub": { at: "hubs/orders", then: shows(".entries") },
  "hub-json": { at: "hubs/orders?tab=json", then: shows("textarea") },
  "hub-test": { at: "hubs/billing?tab=test", then: all(press("Test the handlers"), shows(".steps")) },
  "hub-calls": { at: "hubs/orders?tab=calls", then: shows(".calls td") },
  "hub-call": { at: "hubs/orders?tab=calls", then: all((page) => page.locator(".calls td button").first().click(), shows("dialog .exchange")) },
  "keys": { then: shows("h2", "Secondary key") },
  "about": { then: shows("pre", "listen") },
  "nowhere": {},
  // These are late, so that the pages above do not have such names.
  "long-overview": long("overview", shows(".tile")),
  "long-trace-event": long(`trace?hub=${LONG.hub}`, (page) => page.locator(".stream-body .stream-row").last().click(), shows(".detail")),
  "long-connections": long(`connections?hub=${LONG.hub}`, shows("td")),
  "long-connections-users": long(`connections?hub=${LONG.hub}&tab=users`, shows("td")),
  "long-connections-groups": long(`connections?hub=${LONG.hub}&tab=groups`, shows("td")),
  "long-connection": long(`connections?hub=${LONG.hub}`, (page) => page.locator("td a.id").first().click(), shows("h2", "Roles")),
  "long-logs-audit": long("logs?tab=audit", shows("td")),
  "long-urls": long(
    `urls?hub=${LONG.hub}&user=${LONG.user}&group=${LONG.groups[0]}&send=some&sendGroup=${LONG.groups[0]}&sendPattern=${LONG.groups[0]}`,
    press("Generate"), shows("h2", "Client access URL")),
  "long-playground": long(
    `playground?hub=${LONG.hub}`, press("Connect"), shows("dd", "no group that"), (page) => page.getByLabel("Message").last().fill(LONG.user)),
  "long-hubs": long("hubs", shows("td", LONG.hub)),
  "long-hub": long(`hubs/${LONG.hub}`, shows("h2", "Clients")),
  "shortcuts": { at: "about", then: all(inNavigation("Shortcuts"), shows("dialog kbd")) },
  "sign-in": { at: "about", then: all(inNavigation("Sign out"), shows("h1", "Sign in")) },
};

/** Chooses the newest call of a handler, once there is one: a page that was stopped before shows nothing. */
async function chooseCall(page) {
  await shows(".stream-row .name", /Handler/)(page);
  await page.getByRole("button", { name: "Pause" }).click();
  await page.waitForFunction(() => {
    const { scrollTop, clientHeight, scrollHeight } = document.querySelector(".stream-grid");
    return scrollTop + clientHeight > scrollHeight - 8;
  });
  await page.locator(".stream-row .name", { hasText: /Handler/ }).last().click();
}

/** Two clients talk, and the app server says something. */
async function usePlayground(page) {
  for (const name of ["Client A", "Client B"]) {
    const client = page.getByRole("region", { name });
    await client.getByRole("button", { name: "Connect" }).click();
    await client.getByRole("textbox", { name: "Group" }).fill("tea");
    await client.getByRole("button", { name: "Join", exact: true }).click();
    await client.locator(".frames", { hasText: "ack" }).waitFor();
  }
  const alice = page.getByRole("region", { name: "Client A" });
  await alice.getByRole("button", { name: "Send to group" }).click();
  await page.getByRole("region", { name: "Client B" }).locator(".frames", { hasText: "hello from alice" }).waitFor();
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await alice.locator(".frames", { hasText: "hello from the app server" }).waitFor();
}

/** On a narrow screen the navigation is behind a button. @param {string} name */
function inNavigation(name) {
  return async (page) => {
    const open = page.getByRole("button", { name: "Open the navigation" });
    if (await open.isVisible()) await open.click();
    await page.getByRole("button", { name, exact: true }).filter({ visible: true }).click();
  };
}

const names = named.length > 0 ? named : Object.keys(PAGES);
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
if (folder !== "-") await mkdir(folder, { recursive: true });
const browser = await chromium.launch({ executablePath, args: CHROMIUM_ARGUMENTS });
const problems = [];

await theFirstLoad();
await Promise.all([1440, 360].map(async (width) => {
  // axe is put in from outside, which the policy of the page would refuse; portal_path.mjs runs with the policy in force.
  const context = await browser.newContext({ viewport: { width, height: 900 }, reducedMotion: "reduce", bypassCSP: true });
  context.setDefaultTimeout(60_000);
  await context.addInitScript({ content: axe });
  for (const name of names) {
    const start = performance.now();
    await visit(context, name, width);
    console.log(`${name}, ${width} pixels: ${Math.round(performance.now() - start)} ms`);
  }
  await context.close();
}));
await browser.close();
(await longClient)?.close();
for (const problem of problems) console.error(problem);
assert.equal(problems.length, 0, `${problems.length} problems`);
console.log(`ok ${names.length} pages, light and dark, 1440 and 360 pixels wide`);

/** The first page is small, and index.html names each module of it, so that none waits for another one. */
async function theFirstLoad() {
  const page = await browser.newPage();
  await page.goto(`${origin}/portal/`);
  await page.locator(".tile").first().waitFor();
  const { bytes, loaded, named } = await page.evaluate(() => {
    const ours = performance.getEntriesByType("resource").filter((each) => each.name.includes("/portal/"));
    const addresses = (elements) => elements.map((each) => each.href ?? each.src).sort();
    return {
      bytes: ours.reduce((sum, each) => sum + each.decodedBodySize, 0),
      loaded: ours.map((each) => each.name).filter((name) => name.endsWith(".js")).sort(),
      named: addresses([...document.querySelectorAll("link[rel=modulepreload], script")]),
    };
  });
  if (bytes > FIRST_LOAD_BYTES_MAX) problems.push(`the first load has ${bytes} bytes`);
  assert.deepEqual(loaded, named, "index.html names the modules of the first page");
  console.log(`ok the first load has ${bytes} bytes`);
  await page.close();
}

async function visit(context, name, width) {
  const page = await context.newPage();
  const complain = (what) => problems.push(`${name}, ${width} pixels: ${what}`);
  page.on("pageerror", (error) => complain(error.stack));
  page.on("console", (message) => message.type() === "error" && complain(message.text()));
  page.on("request", (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith("data:")) complain(`asks for ${request.url()}`);
  });
  const { at = name, then = () => {} } = PAGES[name];
  await page.goto(`${origin}/portal/#/${at}`);
  await page.locator("main h1, main .state.bad").first().waitFor();
  try {
    await then(page);
    await page.locator("main .spinner").first().waitFor({ state: "detached" });
  } catch (error) {
    complain(error.message);
  }
  const isMissing = name === "nowhere";
  if ((await page.locator("main > .state.bad").count() > 0) !== isMissing) complain(isMissing ? "is no failed page" : "is a failed page");
  // A toast comes and goes.
  await page.locator(".toast").evaluateAll((toasts) => toasts.forEach((toast) => toast.remove()));
  for (const colorScheme of ["light", "dark"]) await look(page, `${name}-${colorScheme}-${width}`, colorScheme, complain);
  await page.close();
}

/** Two frames: whatever is drawn for the size of the window and its colours has been. */
function drawn(page) {
  return page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

async function look(page, stem, colorScheme, complain) {
  await page.emulateMedia({ colorScheme });
  await drawn(page);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (overflow > 0) complain(`is ${overflow} pixels wider than the screen`);
  const { violations } = await page.evaluate((runOnly) => globalThis.axe.run(document, { resultTypes: ["violations"], preload: false, ...runOnly }),
    // Light or dark makes a difference to nothing else.
    colorScheme === "dark" ? { runOnly: ["color-contrast"] } : {});
  for (const { id, help, nodes } of violations) {
    complain(`${colorScheme}, axe ${id}: ${help}: ${nodes.map((node) => node.html).join(" ").slice(0, 400)}`);
  }
  if (folder === "-") return;
  // The window becomes as high as the page, so that what sticks to its edges is where it belongs.
  const { width, height } = page.viewportSize();
  await page.setViewportSize({ width, height: Math.min(await page.evaluate(() => document.documentElement.scrollHeight), SHOT_HEIGHT_MAX[width]) });
  await page.evaluate(() => scrollTo(0, 0));
  await drawn(page);
  await page.screenshot({ path: join(folder, `${stem}.png`) });
  await page.setViewportSize({ width, height });
}
