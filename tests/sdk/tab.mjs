// A tab with examples/browser/index.html.
import assert from "node:assert/strict";

/** One tab. Everything it does goes through what a person sees. */
export class Tab {
  static async open(context, address) {
    const tab = new Tab();
    tab.page = await context.newPage();
    tab.page.on("pageerror", (error) => assert.fail(error));
    await tab.page.goto(address);
    return tab;
  }

  /** Connects; the group stays as it is, if none is named. */
  async connect(kind, url, group) {
    await this.page.getByLabel("Client URL").fill(url);
    await this.page.getByLabel(kind, { exact: true }).check();
    if (group !== undefined) await this.page.getByLabel("Group").fill(group);
    await this.page.getByRole("button", { name: "Connect", exact: true }).click();
  }

  async expectStatus(words) {
    await this.page.getByRole("status").filter({ hasText: words }).waitFor();
  }

  async say(words) {
    await this.page.getByLabel("Message").fill(words);
    await this.page.getByRole("button", { name: "Send" }).click();
  }

  /** Waits until the page shows exactly these messages. */
  async expectMessages(...expected) {
    await this.page.locator("#messages li").nth(expected.length - 1).waitFor();
    assert.deepEqual(await this.page.locator("#messages li").allInnerTexts(), expected);
  }
}
