// Two people in two tabs of examples/chat, in headless Chromium: node chat.mjs <path of Chromium> <address of the app>
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { CHROMIUM_ARGUMENTS } from "./chromium.mjs";

const [executablePath, address] = process.argv.slice(2);

const browser = await chromium.launch({ executablePath, args: CHROMIUM_ARGUMENTS });

/** Somebody in front of a browser of their own. */
class Person {
  static async arrive(name) {
    const person = new Person();
    const context = await browser.newContext();
    context.setDefaultTimeout(20_000);
    person.page = await context.newPage();
    person.page.on("pageerror", (error) => assert.fail(error));
    await person.page.goto(address);
    await person.join(name);
    return person;
  }

  async join(name) {
    await this.page.getByLabel("Name").fill(name);
    await this.page.getByRole("button", { name: "Join" }).click();
  }

  async expectStatus(words) {
    await this.page.getByRole("status").filter({ hasText: words }).waitFor();
  }

  async say(words) {
    await this.page.getByLabel("Message").fill(words);
    await this.page.getByRole("button", { name: "Send" }).click();
  }

  /** Waits until a line is the last one. */
  async reads(line) {
    await this.page.locator("#messages li:last-child").filter({ hasText: line }).waitFor();
  }

  async hasRead(...lines) {
    const texts = await this.page.locator("#messages li").allInnerTexts();
    assert.deepEqual(texts.map((text) => text.replace("\n", ": ")), lines);
  }
}

const ann = await Person.arrive("Ann");
await ann.expectStatus("You are Ann.");
await ann.reads("Ann joined");
const bob = await Person.arrive("Bøb <b>");
await bob.reads("Bøb <b> joined");
await ann.reads("Bøb <b> joined");

await ann.say("hello <i>Bob</i>, ü 👋");
await bob.reads("hello <i>Bob</i>, ü 👋");
await bob.say("hello Ann");
await ann.reads("hello Ann");
await bob.reads("hello Ann");
await ann.hasRead("Ann joined", "Bøb <b> joined", "Ann: hello <i>Bob</i>, ü 👋", "Bøb <b>: hello Ann");
await bob.hasRead("Bøb <b> joined", "Ann: hello <i>Bob</i>, ü 👋", "Bøb <b>: hello Ann");
console.log("ok two people talk");

await bob.page.close();
await ann.reads("Bøb <b> left");
console.log("ok one leaves");

const nobody = await Person.arrive(" ");
await nobody.expectStatus("You cannot join under this name");
await nobody.join("Carol");
await nobody.expectStatus("You are Carol.");
await ann.reads("Carol joined");
console.log("ok nobody comes in without a name");

await browser.close();
