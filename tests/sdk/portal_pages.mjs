// Visits the pages of the portal in headless Chromium, light and dark, narrow and wide, and looks for what can be seen
// without knowing them: violations that axe finds, errors in the console, calls to elsewhere, a page that is wider than
// the screen. A folder gets a screenshot of each.
// node portal_pages.mjs <path of Chromium> <origin, signed in by itself> <folder for screenshots, or -> [page…]
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { CHROMIUM_ARGUMENTS } from "./chromium.mjs";

const [executablePath, origin, folder, ...named] = process.argv.slice(2);
/** What is pressed on a page before it is looked at, in order; the address, where it is not the name. */
const STEPS = {
  "urls-made": { at: "urls?user=alice&send=some&sendGroup=room&sendPattern=team.*&group=room", press: ["Generate"] },
  "playground-used": { at: "playground", press: ["Connect", "Join", "Send to group"] },
  "shortcuts": { at: "overview", press: ["Shortcuts"] },
  "sign-in": { at: "overview", press: ["Sign out"] },
};
const ALL = ["overview", "trace", "connections", "logs", "urls", "urls-made", "playground", "playground-used", "hubs", "keys", "about", "shortcuts", "sign-in"];
const names = named.length > 0 ? named : ALL;
const FIRST_LOAD_BYTES_MAX = 150_000;
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
if (folder !== "-") await mkdir(folder, { recursive: true });

const browser = await chromium.launch({ executablePath, args: CHROMIUM_ARGUMENTS });
const problems = [];

for (const width of [1440, 360]) {
  for (const colorScheme of ["light", "dark"]) {
    // axe is put in from outside, which the policy of the page would refuse; portal.mjs runs with the policy in force.
    const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 }, reducedMotion: "reduce", bypassCSP: true });
    for (const name of names) await visit(await context.newPage(), name, width, colorScheme);
    await context.close();
  }
}
await theFirstLoad();
await browser.close();
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

async function visit(page, name, width, colorScheme) {
  const stem = `${name.replace(/\W+/g, "-")}-${colorScheme}-${width}`;
  const complain = (what) => problems.push(`${stem}: ${what}`);
  page.on("pageerror", (error) => complain(error.stack));
  page.on("console", (message) => message.type() === "error" && complain(message.text()));
  page.on("request", (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith("data:")) complain(`asks for ${request.url()}`);
  });
  const { at, press } = STEPS[name] ?? { at: name, press: [] };
  await page.goto(`${origin}/portal/#/${at}`);
  await page.locator("main h1, main .state.bad").first().waitFor();
  // On a narrow screen the navigation is behind a button.
  if (width < 992 && ["shortcuts", "sign-in"].includes(name)) await page.getByRole("button", { name: "Open the navigation" }).click();
  for (const button of press) await page.getByRole("button", { name: button, exact: true }).first().click();
  if (name === "sign-in") await page.getByRole("heading", { name: "Sign in" }).waitFor();
  if (name === "urls-made") await page.getByRole("heading", { name: "Client access URL" }).waitFor();
  if (name === "playground-used") await page.locator(".frames", { hasText: "hello from alice" }).waitFor();
  await page.locator("main .spinner").first().waitFor({ state: "detached" });
  // Two frames: whatever is drawn for the size of the window has been.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  if (await page.locator("main > .state.bad").count()) complain("is a failed page");
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (overflow > 0) complain(`is ${overflow} pixels wider than the screen`);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  for (const { id, help, nodes } of violations) complain(`axe ${id}: ${help}: ${nodes.map((node) => node.html).join(" ").slice(0, 400)}`);
  await page.evaluate(() => scrollTo(0, 0));
  if (folder !== "-") await page.screenshot({ path: join(folder, `${stem}.png`), fullPage: true });
  await page.close();
}
