// Uses the page that describes the REST API in headless Chromium, as a person would, and calls the API from a page of
// another site:
// node api_page.mjs <path of Chromium> <origin> <path prefix> <access key> <port of the other, allowed site>
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { WebPubSubServiceClient } from "@azure/web-pubsub";
import { chromium } from "playwright-core";
import { CHROMIUM_ARGUMENTS } from "./chromium.mjs";

const [executablePath, origin, prefix, accessKey, allowedPort] = process.argv.slice(2);
const connectionString = `Endpoint=${origin};AccessKey=${accessKey};Version=1.0;`;

const browser = await chromium.launch({ executablePath, args: CHROMIUM_ARGUMENTS });
const context = await browser.newContext();
context.setDefaultTimeout(20_000);

/** Nothing may come from elsewhere, and the page may not ask for what its own policy forbids. */
async function open(address) {
  const page = await context.newPage();
  page.on("pageerror", (error) => assert.fail(error));
  page.on("request", (request) => assert.ok(request.url().startsWith(`${origin}${prefix}/api`), request.url()));
  page.on("console", (message) => assert.ok(!message.text().includes("Security Policy"), message.text()));
  await page.goto(address);
  return page;
}

/** Fills in an operation, executes it, and returns status and body of the answer. */
async function execute(page, operation, parameters) {
  const block = page.locator(`#operations-${operation}`);
  await block.locator(".opblock-summary").click();
  for (const [name, value] of Object.entries(parameters)) {
    await block.getByPlaceholder(name, { exact: true }).fill(value);
  }
  await block.getByRole("button", { name: "Execute" }).click();
  const answer = block.locator(".live-responses-table tbody").first();
  await answer.waitFor();
  const body = answer.locator(".highlight-code");
  return [
    await answer.locator(".response-col_status").first().innerText(),
    (await body.count()) > 0 ? await body.first().innerText() : "",
  ];
}

// As behind a proxy: everything on the page is relative.
const page = await open(`${origin}${prefix}/api`);
assert.equal(page.url(), `${origin}${prefix}/api/`);
const [refused] = await execute(page, "connections-userExists", { hub: "chat", userId: "ann" });
assert.equal(refused, "401");
await page.getByLabel("Access key").fill(accessKey);
const [sent] = await execute(page, "send-sendToGroup", { hub: "chat", group: "a/b ü" });
assert.equal(sent, "202");
const [made, body] = await execute(page, "tokens-generateClientToken", { hub: "chat", userId: "ann" });
assert.equal(made, "200");
assert.match(body, /"token": "ey/);
console.log("ok calls from the page are signed");

const web = createServer((_, response) => response.setHeader("content-type", "text/html").end("<!doctype html>"));
await new Promise((resolve) => web.listen(Number(allowedPort), "127.0.0.1", resolve));
const other = createServer((_, response) => response.setHeader("content-type", "text/html").end("<!doctype html>"));
await new Promise((resolve) => other.listen(0, "127.0.0.1", resolve));

/** The status and two headers of a call, as a page of this site sees them. */
async function callFrom(server) {
  const site = await context.newPage();
  await site.goto(`http://127.0.0.1:${server.address().port}/`);
  const url = `${origin}/api/hubs/chat/groups/g/connections/nobody`;
  // The SDK signs; the browser sends.
  let authorization;
  const service = new WebPubSubServiceClient(connectionString, "chat", { allowInsecureConnection: true });
  await service.group("g").addConnection("nobody", {
    onResponse: (response) => { authorization = response.request.headers.get("authorization"); },
  }).catch(() => {});
  return site.evaluate(async ({ url, authorization }) => {
    const headers = { Authorization: authorization, "x-ms-client-request-id": "1" };
    const response = await fetch(url, { method: "PUT", headers }).catch((error) => error.name);
    return typeof response === "string"
      ? response
      : [response.status, response.headers.get("x-ms-error-code"), (await response.json()).target];
  }, { url, authorization });
}

assert.deepEqual(await callFrom(web), [404, "Error.Connection.NotExisted", "Connection"]);
assert.equal(await callFrom(other), "TypeError");
console.log("ok an allowed site calls, another one does not");

await browser.close();
web.close();
other.close();
