// Clients of the official package on a network that breaks: they all send to groups of two and keep a ledger of what
// arrives. SDK=<package> node recovery.mjs <connection string> <clients> <messages of each>
import assert from "node:assert/strict";
import { WebPubSubServiceClient } from "@azure/web-pubsub";

const [connectionString, clients, messages] = process.argv.slice(2);
const { WebPubSubClient } = await import(process.env.SDK);
const service = new WebPubSubServiceClient(connectionString, "chat", { allowInsecureConnection: true });
const roles = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];
const COUNT = Number(messages);
// Beyond the ids that the client chooses for its own requests.
const FIRST_ACK_ID = 1_000_000;

class Ledger {
  constructor(id) {
    this.id = id;
    this.group = `g${Math.floor(id / 2)}`;
    this.next = new Map();
    this.ids = new Set();
    this.complete = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
  }

  async start() {
    const { url } = await service.getClientAccessToken({ userId: `u${this.id}`, roles });
    this.sdk = new WebPubSubClient(url, { messageRetryOptions: { maxRetries: 10_000, retryDelayInMs: 20 } });
    this.sdk.on("connected", ({ connectionId }) => this.ids.add(connectionId));
    this.sdk.on("stopped", () => this.reject(new Error(`client ${this.id} gave up`)));
    this.sdk.on("group-message", ({ message }) => {
      const [sender, number] = message.data.split(" ").map(Number);
      const expected = this.next.get(sender) ?? 0;
      if (number !== expected) {
        this.reject(new Error(`client ${this.id} got ${number} instead of ${expected} of ${sender}`));
      }
      this.next.set(sender, number + 1);
      if (this.next.size === 2 && [...this.next.values()].every((next) => next === COUNT)) {
        this.resolve();
      }
    });
    await this.sdk.start();
    await this.sdk.joinGroup(this.group);
  }

  /** The same id for the same message, however often it must be sent. */
  async send() {
    for (let number = 0; number < COUNT; number += 1) {
      await this.sdk.sendToGroup(this.group, `${this.id} ${number}`, "text", { ackId: FIRST_ACK_ID + number });
    }
  }
}

const ledgers = Array.from({ length: Number(clients) }, (_, id) => new Ledger(id));
await Promise.all(ledgers.map((ledger) => ledger.start()));
await Promise.all(ledgers.map((ledger) => Promise.all([ledger.send(), ledger.complete])));
for (const ledger of ledgers) {
  assert.equal(ledger.ids.size, 1, "the connection is the same to the end");
}
process.exit(0);
