// Pastes a script into the console of a tab and prints what the tab logs:
// node paste.mjs <path of Chromium> <address of the tab> <script>
import { chromium } from "playwright-core";
import { CHROMIUM_ARGUMENTS } from "./chromium.mjs";

const [executablePath, address, script] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: CHROMIUM_ARGUMENTS });
const page = await browser.newPage();
page.on("console", (message) => message.type() === "log" && console.log(message.text()));
await page.goto(address);
// As the console does it: the page's policy says nothing about scripts there. It goes on until this process is ended.
const devtools = await page.context().newCDPSession(page);
const { exceptionDetails } = await devtools.send("Runtime.evaluate", { expression: script, replMode: true });
if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
