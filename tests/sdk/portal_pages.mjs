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
const ALL = ["overview", "trace", "connections", "logs", "urls", "playground", "hubs", "keys", "about"];
const names = named.length > 0 ? named : ALL;
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
await browser.close();
for (const problem of problems) console.error(problem);
assert.equal(problems.length, 0, `${problems.length} problems`);
console.log(`ok ${names.length} pages, light and dark, 1440 and 360 pixels wide`);

async function visit(page, name, width, colorScheme) {
  const stem = `${name.replace(/\W+/g, "-")}-${colorScheme}-${width}`;
  const complain = (what) => problems.push(`${stem}: ${what}`);
  page.on("pageerror", (error) => complain(error.stack));
  page.on("console", (message) => message.type() === "error" && complain(message.text()));
  page.on("request", (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith("data:")) complain(`asks for ${request.url()}`);
  });
  await page.goto(`${origin}/portal/#/${name}`);
  await page.locator("main h1, main .state.bad").first().waitFor();
  await page.locator("main .spinner").first().waitFor({ state: "detached" });
  // Two frames: whatever is drawn for the size of the window has been.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  if (await page.locator("main > .state.bad").count()) complain("is a failed page");
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (overflow > 0) complain(`is ${overflow} pixels wider than the screen`);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  for (const { id, help, nodes } of violations) complain(`axe ${id}: ${help}: ${nodes.map((node) => node.html).join(" ").slice(0, 400)}`);
  if (folder !== "-") await page.screenshot({ path: join(folder, `${stem}.png`), fullPage: true });
  await page.close();
}
