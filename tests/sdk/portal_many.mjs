// A hub with very many connections in the portal: nothing is asked for or shown but pages of bounded size.
// node portal_many.mjs <path of Chromium> <origin, signed in by itself> <connection string> <hub> <connections>
import assert from "node:assert/strict";
import { adminOf } from "./admin.mjs";
import { openBrowser, until } from "./portal.mjs";

const [executablePath, origin, connectionString, hub, count] = process.argv.slice(2);
const PAGE = 50;
const ENTRIES_MAX = 200;
const ELEMENTS_MAX = 2_500;
const admin = adminOf(connectionString);
const get = async (path) => JSON.parse((await admin("GET", `api/ext/${path}`)).text);
const said = Number(count).toLocaleString("en");

await until(async () => (await get("inventory")).value.some((each) => each.hub === hub && each.connections === Number(count)));
/** Somebody who is far behind the first page. */
const token = new URL((await get(`hubs/${hub}/users?maxpagesize=200`)).nextLink).searchParams.get("continuationToken");
const { userId } = (await get(`hubs/${hub}/users?maxpagesize=200&continuationToken=${encodeURIComponent(token)}`)).value[77];

const { open, close } = await openBrowser(executablePath, origin);
const page = await open("about");
/** Of each answer that has a list: how many entries. */
const lists = [];
const late = [];
page.on("response", (response) => {
  if (!response.url().includes("/api/ext/")) return;
  late.push(response.json().then((body) => Array.isArray(body.value) && lists.push({ url: response.url(), entries: body.value.length }), () => {}));
});
const rows = page.locator("tbody tr");
const go = (address) => page.goto(`${origin}/portal/#/${address}`);
const first = () => rows.first().locator("td").first().innerText();

/** What the page has is bounded, whatever the service has. */
async function isBounded(expected) {
  await until(async () => (await rows.count()) === expected);
  assert.ok((await page.locator("*").count()) < ELEMENTS_MAX);
}

await go(`connections?hub=${hub}`);
await page.getByRole("tab", { name: `Connections (${said})` }).waitFor();
await isBounded(PAGE);
const before = await first();
await page.getByRole("button", { name: "Next" }).click();
await page.getByText("Page 2").waitFor();
await isBounded(PAGE);
assert.notEqual(await first(), before);
await page.getByRole("button", { name: "Previous" }).click();
await page.getByText("Page 1").waitFor();
assert.equal(await first(), before);
console.log("ok connections come page by page");

await page.getByLabel("Search").fill(userId);
await rows.filter({ hasText: userId }).first().waitFor();
assert.ok((await rows.count()) <= PAGE);
await rows.filter({ hasText: userId }).first().getByRole("link").click();
await page.locator("dd", { hasText: userId }).waitFor();
console.log("ok one of them is found");

for (const [tab, title] of [["users", "Users"], ["groups", "Groups"]]) {
  await go(`connections?hub=${hub}&tab=${tab}`);
  await page.getByRole("tab", { name: title, selected: true }).waitFor();
  await isBounded(PAGE);
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("Page 2").waitFor();
  await isBounded(PAGE);
}
console.log("ok so do users and groups");

await go("hubs");
await page.getByRole("link", { name: said }).waitFor();
await go("overview");
await page.locator(".tile", { hasText: said }).first().waitFor();
await go(`trace?hub=${hub}`);
await page.locator(".stream-body .stream-row").first().waitFor();
assert.ok((await page.locator(".stream-body .stream-row").count()) < 100);
await Promise.all(late);
assert.ok(lists.filter(({ url }) => url.includes(`/hubs/${hub}/`)).length >= 7, "it looked at the lists");
for (const { url, entries } of lists) {
  assert.ok(entries <= (url.includes("/trace") ? 1_000 : ENTRIES_MAX), `${entries} entries from ${url}`);
  if (/\/(connections|users|groups)\?/.test(url)) assert.equal(new URL(url).searchParams.get("maxpagesize"), String(PAGE), url);
}
console.log("ok no list was larger than a page");
await close();
