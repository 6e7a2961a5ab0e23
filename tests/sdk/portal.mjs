// What the tests of the portal share: the browser with the page's own policy in force, and a client to see effects at.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import WebSocket from "ws";
import { CHROMIUM_ARGUMENTS } from "./chromium.mjs";

const PATIENCE_MS = 20_000;

/** A browser that fails the test when a page has an error, breaks its policy, or asks for something from elsewhere. */
export async function openBrowser(executablePath, origin, moreArguments = []) {
  const browser = await chromium.launch({ executablePath, args: [...CHROMIUM_ARGUMENTS, ...moreArguments] });
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  context.setDefaultTimeout(PATIENCE_MS);
  /** A new tab on a page of the portal; an empty name is the front door. */
  const open = async (name) => {
    const page = await context.newPage();
    page.on("pageerror", (error) => assert.fail(error));
    page.on("request", (request) => assert.ok(request.url().startsWith(origin) || /^(data|blob):/.test(request.url()), request.url()));
    page.on("console", (message) => assert.ok(!message.text().includes("Security Policy"), message.text()));
    await page.goto(name === "" ? `${origin}/` : `${origin}/portal/#/${name}`);
    await page.locator("main h1").waitFor();
    return page;
  };
  return { context, open, close: () => browser.close() };
}

/** A JSON client outside of the page. */
export class Client {
  #frames = [];
  #wake = () => {};

  static async connect(url) {
    const client = new Client();
    client.socket = new WebSocket(url, "json.webpubsub.azure.v1");
    client.socket.on("message", (data) => {
      client.#frames.push(JSON.parse(data));
      client.#wake();
    });
    client.socket.on("close", () => client.#wake());
    client.id = (await client.next((frame) => frame.event === "connected")).connectionId;
    return client;
  }

  send(request) {
    this.socket.send(JSON.stringify(request));
  }

  /** The next frame of which this is true; those before it are forgotten. */
  async next(isIt) {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      while (this.#frames.length > 0) {
        const frame = this.#frames.shift();
        if (isIt(frame)) return frame;
      }
      assert.ok(Date.now() < end && this.socket.readyState <= WebSocket.OPEN, `no frame came: ${isIt}`);
      await new Promise((done) => {
        const timer = setTimeout(done, 1_000);
        this.#wake = () => { clearTimeout(timer); done(); };
      });
    }
  }
}

/** Waits until a question is answered with yes. */
export async function until(isSo) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await isSo())) {
    assert.ok(Date.now() < end, `it does not become so: ${isSo}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
