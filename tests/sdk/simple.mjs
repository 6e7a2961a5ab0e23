// The simple client of examples/browser/index.html in headless Chromium, talking to an app:
// node simple.mjs <path of Chromium> <path of the page> <client access URL> <what it says> <what the app answers>
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { CHROMIUM_ARGUMENTS } from "./chromium.mjs";
import { Tab } from "./tab.mjs";

const [executablePath, page, url, words, answer] = process.argv.slice(2);

const browser = await chromium.launch({ executablePath, args: CHROMIUM_ARGUMENTS });
const context = await browser.newContext();
context.setDefaultTimeout(20_000);

const tab = await Tab.open(context, pathToFileURL(page).href);
await tab.connect("PubSub", url, "");
await tab.expectStatus("A PubSub client needs a group to join.");
await tab.connect("simple", url, "");
await tab.expectStatus("Connected, sending to the app.");
await tab.say(words);
await tab.expectMessages(answer);
await tab.page.getByRole("button", { name: "Disconnect" }).click();
await tab.expectStatus("Closed: 1000");
await browser.close();
