// Signs in to the portal of a service with keys of its own, and as somebody who may only read:
// node portal_access.mjs keys <path of Chromium> <origin> <connection string of the primary key>
// node portal_access.mjs reader <path of Chromium> <origin> <token of an issuer, for a reader>
import assert from "node:assert/strict";
import { WebPubSubServiceClient } from "@azure/web-pubsub";
import { adminOf } from "./admin.mjs";
import { openBrowser, until } from "./portal.mjs";

const [mode, executablePath, origin, credential] = process.argv.slice(2);
const { open, close } = await openBrowser(executablePath, origin);
const page = await open("");

/** @param {string} text @param {import("playwright-core").Page} [where] */
async function signIn(text, where = page) {
  await where.getByRole("heading", { name: "Sign in" }).waitFor();
  await where.getByLabel("Access key, connection string or token").fill(text);
  await where.getByRole("button", { name: "Sign in", exact: true }).click();
}

if (mode === "keys") await keys();
else await reader();
await close();

async function keys() {
  const admin = adminOf(credential);
  const audit = async () => JSON.parse((await admin("GET", "api/ext/audit")).text).value.filter(({ via }) => via === "portal").map(({ action }) => action);
  await signIn("not-the-key-of-this-service-0123456789");
  await page.getByRole("alert").filter({ visible: true }).waitFor();
  const key = /AccessKey=([^;]*)/.exec(credential)[1];
  await signIn(key);
  await page.locator("dd", { hasText: "primary key" }).first().waitFor();
  console.log("ok a wrong key is refused, the right one signs in");

  await page.getByRole("link", { name: "Keys" }).click();
  await page.getByRole("button", { name: "Show Primary key" }).waitFor();
  assert.ok(!(await page.locator("main").innerText()).includes(key));
  assert.deepEqual(await audit(), ["session.create", "session.refused"], "who only looks at the page has seen no key");
  await page.getByRole("button", { name: "Show Primary key" }).click();
  await page.getByText(key, { exact: true }).waitFor();
  await page.getByRole("button", { name: "Show Secondary connection string" }).click();
  const shown = () => page.locator("code.secret", { hasText: "Endpoint=" }).filter({ hasNotText: "•" }).innerText();
  const old = await shown();
  assert.deepEqual((await audit()).slice(0, -2), ["keys.show"]);
  const service = (connection) => new WebPubSubServiceClient(connection, "chat", { allowInsecureConnection: true });
  await service(old).sendToAll("good", { contentType: "text/plain" });

  await page.getByRole("button", { name: "Renew the secondary key" }).click();
  await page.getByRole("button", { name: "Renew key" }).click();
  await until(async () => (await shown()) !== old);
  await service(await shown()).sendToAll("good", { contentType: "text/plain" });
  await assert.rejects(service(old).sendToAll("old"), ({ statusCode }) => statusCode === 401);
  assert.equal((await audit())[0], "keys.regenerate");
  console.log("ok keys are shown on demand and renewed, and the old one is refused at once");

  // Whoever renews the key that they signed in with sees the new one, and is out then.
  await page.getByRole("button", { name: "Renew the primary key" }).click();
  await page.getByRole("button", { name: "Renew key" }).click();
  await page.getByText("You are signed out: the key that you signed in with is no longer good.").waitFor();
  await page.getByText(key, { exact: true }).waitFor({ state: "detached" });
  const renewed = await page.locator("code.secret").first().innerText();
  await page.getByRole("button", { name: "Sign in" }).click();
  await signIn(renewed);
  await page.getByRole("heading", { name: "Keys", exact: true }).waitFor();
  console.log("ok a session ends with its key");

  // Another machine over plain HTTP: the browser says of no request where it is from.
  const { port } = new URL(origin);
  const elsewhere = `http://hublet.test:${port}`;
  const other = await openBrowser(executablePath, elsewhere, ["--host-resolver-rules=MAP hublet.test 127.0.0.1"]);
  const far = await other.open("");
  await signIn(renewed, far);
  await far.locator(".tile").first().waitFor();
  assert.equal(await far.evaluate(() => isSecureContext), false);
  await far.getByRole("link", { name: "Playground", exact: true }).click();
  const client = far.getByRole("region", { name: "Client A" });
  await client.getByRole("button", { name: "Connect" }).click();
  await client.getByRole("status").filter({ hasText: "Connected" }).waitFor();
  await other.close();
  console.log("ok all of it works over plain HTTP from elsewhere");
}

/** Looks at every page, and can change nothing. */
async function reader() {
  await signIn(credential);
  await page.getByText("ann (may only read)").first().waitFor();
  await page.locator(".tile").first().waitFor();
  const go = async (address, heading) => {
    await page.goto(`${origin}/portal/#/${address}`);
    await page.getByRole("heading", { name: heading, level: 1 }).waitFor();
  };
  const offers = (name) => page.getByRole("button", { name }).count();

  await go("hubs", "Hubs");
  await page.getByRole("link", { name: "mirror", exact: true }).waitFor();
  assert.equal(await page.getByRole("link", { name: "New hub" }).count(), 0);
  await go("hubs/mirror", "mirror");
  await page.getByText("This session may only read.").waitFor();
  assert.ok(await page.getByLabel("URL template").isDisabled());
  assert.equal(await offers("Delete settings"), 0);
  await page.getByRole("tab", { name: "Test handlers" }).click();
  assert.ok(await page.getByRole("button", { name: "Test the handlers" }).isDisabled());
  await go("hubs?new=1", "New hub");
  assert.equal(await offers("Make hub"), 0);
  await go("connections?hub=mirror", "Connections");
  await page.getByText("No connection matches.").waitFor();
  assert.equal(await offers("Send to everyone"), 0);
  await go("keys", "Keys");
  await page.getByText("it does not see the keys").waitFor();
  await go("urls?hub=mirror", "Client URL");
  assert.ok(await page.getByRole("button", { name: "Generate" }).isDisabled());
  await page.getByText("This session may only read. Sign in with an access key to make URLs.").waitFor();
  await go("playground", "Playground");
  await page.getByRole("region", { name: "Client A" }).getByRole("button", { name: "Connect" }).click();
  await page.getByText("This session may only read, so it makes no URL. Paste one.").waitFor();
  assert.ok(await page.getByRole("button", { name: "Send", exact: true }).isDisabled());
  for (const [address, heading] of [["trace", "Live trace"], ["logs?tab=audit", "Logs"], ["about", "About"]]) {
    await go(address, heading);
    await page.locator("main .spinner").first().waitFor({ state: "detached" });
    assert.equal(await page.locator("main .state.bad").count(), 0, address);
  }

  // Nor can somebody who leaves the page's buttons aside.
  const statuses = await page.evaluate(async () => {
    const headers = { "X-Hublet-Portal": "1", "Content-Type": "application/json" };
    const call = async (method, path, body) => (await fetch(`../${path}`, { method, headers, body })).status;
    return [
      await call("PUT", "api/ext/hubs/mirror", "{}"), await call("DELETE", "api/ext/hubs/mirror"), await call("GET", "api/ext/keys"),
      await call("POST", "api/hubs/mirror/:send", "{}"), await call("POST", "api/hubs/mirror/:generateToken"),
    ];
  });
  assert.deepEqual(statuses, [403, 403, 403, 403, 403]);
  console.log("ok a reader sees every page and changes nothing");
}
