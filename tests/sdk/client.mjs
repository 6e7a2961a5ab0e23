// The client's side of the conversations: the official client, whose events can be awaited one after another.
import assert from "node:assert/strict";
import { WebPubSubClient, WebPubSubJsonProtocol, WebPubSubJsonReliableProtocol } from "@azure/web-pubsub-client";

const PATIENCE_MS = 20_000;
const text = { contentType: "text/plain" };

/** Whether the clients are reliable, as the package has them unless it is told otherwise. */
export const isReliable = process.env.RELIABLE === "1";

/** The class of clients of a service. */
export function clientsOf(service) {
  return class Client {
    #events = [];
    #waiting = null;

    constructor(url) {
      this.sdk = new WebPubSubClient(url, {
        protocol: isReliable ? WebPubSubJsonReliableProtocol() : WebPubSubJsonProtocol(),
        autoReconnect: false,
        messageRetryOptions: { maxRetries: 0 },
      });
      for (const name of ["connected", "disconnected", "stopped", "server-message", "group-message"]) {
        this.sdk.on(name, (event) => {
          this.#events.push({ name, ...event });
          this.#waiting?.();
        });
      }
    }

    static async start(options) {
      const { url } = await service.getClientAccessToken(options);
      const client = new Client(url);
      await client.sdk.start();
      const connected = await client.next("connected");
      assert.equal(connected.userId ?? undefined, options.userId);
      client.id = connected.connectionId;
      return client;
    }

    /** The next event, which must have this name. */
    async next(name) {
      if (this.#events.length === 0) {
        let timer;
        await new Promise((resolve, reject) => {
          this.#waiting = resolve;
          timer = setTimeout(() => reject(new Error(`no ${name} came`)), PATIENCE_MS);
        });
        clearTimeout(timer);
      }
      const event = this.#events.shift();
      assert.equal(event.name, name, JSON.stringify(event));
      return event;
    }

    async expectMessage(name, expected) {
      const { message } = await this.next(name);
      for (const [key, value] of Object.entries(expected)) {
        const found = message[key] instanceof ArrayBuffer ? [...new Uint8Array(message[key])] : message[key];
        assert.deepEqual(found, value, key);
      }
    }

    /** Everything sent to this client before this call has arrived, and was expected. */
    async expectSilence() {
      const mark = `mark ${Math.random()}`;
      await service.sendToConnection(this.id, mark, text);
      await this.expectMessage("server-message", { dataType: "text", data: mark });
      assert.equal(this.#events.length, 0);
    }

    /** The app server closes it with this text. */
    async expectClosed(message) {
      assert.equal((await this.next("disconnected")).message.message, message);
      await this.next("stopped");
    }
  };
}

export async function rejection(promise) {
  return promise.then(() => assert.fail("it should have been refused"), (error) => error);
}
