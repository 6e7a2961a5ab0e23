// Measures how long the portal's first load takes in headless Chromium, each time with an empty cache and no session:
// node portal_load.mjs <path of Chromium> <origin, signed in by itself> [rounds]
import { chromium } from "playwright-core";
import { CHROMIUM_ARGUMENTS } from "./chromium.mjs";

const [executablePath, origin, rounds = "21"] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: CHROMIUM_ARGUMENTS });
const samples = [];
// The first round warms up the browser, not the page.
for (let round = 0; round <= Number(rounds); round += 1) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  await context.addInitScript(() => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector(".tile .value")?.textContent) return;
      observer.disconnect();
      requestAnimationFrame(() => { globalThis.figuresAt = performance.now(); });
    }).observe(document, { childList: true, subtree: true, characterData: true });
  });
  const page = await context.newPage();
  await page.goto(`${origin}/portal/`);
  await page.waitForFunction(() => globalThis.figuresAt);
  const sample = await page.evaluate(() => ({
    load: performance.getEntriesByType("navigation")[0].loadEventEnd,
    paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN,
    figures: globalThis.figuresAt,
    requests: performance.getEntriesByType("resource").length + 1,
    bytes: performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation")).reduce((sum, each) => sum + each.transferSize, 0),
  }));
  if (round > 0) samples.push(sample);
  await context.close();
}
await browser.close();

const of = (name) => samples.map((sample) => sample[name]).sort((a, b) => a - b);
const said = (name) => {
  const sorted = of(name);
  return `${Math.round(sorted[Math.floor(sorted.length / 2)])} (${Math.round(sorted[0])}–${Math.round(sorted.at(-1))})`;
};
console.log(`median of ${samples.length} loads (range)`);
console.log(`loaded                ${said("load")} ms`);
console.log(`something is drawn    ${said("paint")} ms`);
console.log(`figures are drawn     ${said("figures")} ms, signed in and with the overview's answers`);
console.log(`requests, bytes       ${said("requests")}, ${said("bytes")} over the wire`);
