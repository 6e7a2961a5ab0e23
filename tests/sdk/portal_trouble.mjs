// What the page does while the service does not answer, has forgotten the session, or loses connections.
// node portal_trouble.mjs <path of Chromium> <origin, signed in by itself> <process id of the service>
import assert from "node:assert/strict";
import { openBrowser, until } from "./portal.mjs";

const [executablePath, origin, pid] = process.argv.slice(2);
const { context, open, close } = await openBrowser(executablePath, origin);
/** Longer than the page waits for an answer. */
const timeout = 60_000;
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();

await forgotten();
await lost();
await stuck();
await away();
await close();

/** As after a restart: in development mode the page signs in again and stays what it is; not over and over. */
async function forgotten() {
  const page = await open("hubs?new=1");
  await page.getByLabel("Name", { exact: true }).fill("kept");
  await page.getByLabel("URL template").fill("builtin:echo");
  const cookie = async () => (await context.cookies()).find(({ name }) => name === "hublet_session").value;
  const forget = async () => {
    const headers = { Cookie: `hublet_session=${await cookie()}`, "X-Hublet-Portal": "1" };
    assert.equal((await fetch(`${origin}/api/ext/session`, { method: "DELETE", headers })).status, 204);
  };
  const before = await cookie();
  await forget();
  await press(page, "Make hub");
  await page.getByRole("heading", { name: "kept", level: 1 }).waitFor();
  assert.notEqual(await cookie(), before);
  await forget();
  await page.getByRole("tab", { name: "Last calls" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await press(page, "Sign in without a key");
  await page.getByRole("heading", { name: "kept", level: 1 }).waitFor();
  await page.close();
  console.log("ok a session that is gone is made anew once, and nothing that was typed is lost");
}

/** A reliable client tries for a minute, and says so. */
async function lost() {
  const page = await open("about");
  let refuses = false;
  let socket;
  await page.routeWebSocket(/\/client\//, (route) => {
    if (refuses) return route.close({ code: 1011 });
    socket = route;
    return route.connectToServer();
  });
  await page.clock.install();
  await page.evaluate(() => { location.hash = "#/playground?hub=chat"; });
  const client = page.getByRole("region", { name: "Client A" });
  const state = (text) => client.getByRole("status").filter({ hasText: text }).waitFor();
  await client.getByText("Reliable JSON").click();
  await press(client, "Connect");
  await state(/^Connected$/);
  await press(client, "Join");
  await client.locator("dd", { hasText: /^room$/ }).waitFor();

  /** Time goes on, one attempt after the other. */
  const wait = async (seconds) => {
    for (let gone = 0; gone < seconds; gone += 2) {
      await page.clock.runFor(2_000);
      await page.evaluate(() => fetch("../api/health").then((response) => response.text()));
    }
  };
  refuses = true;
  await socket.close({ code: 1011 });
  await state("Away");
  await wait(40);
  await state("Away");
  refuses = false;
  await wait(4);
  await state(/^Connected$/);
  await client.locator("dd", { hasText: /^room$/ }).waitFor();
  refuses = true;
  await socket.close({ code: 1011 });
  await state("Away");
  await wait(70);
  await client.getByText("The connection could not be taken up again for a minute").waitFor();
  await state("Not connected");
  assert.equal(await client.getByText("did not accept").count(), 0);
  await page.close();
  console.log("ok a reliable client tries to come back for a minute");
}

/** A service that takes connections and never answers. */
async function stuck() {
  const [overview, trace, urls] = [await open("overview"), await open("trace"), await open("urls?hub=chat")];
  await overview.getByText("Serving").waitFor();
  await trace.getByText("Live", { exact: true }).waitFor();
  process.kill(Number(pid), "SIGSTOP");
  try {
    await press(urls, "Generate");
    await urls.getByText(/The service did not answer in \d+ seconds/).waitFor({ timeout });
    assert.ok(await urls.getByRole("button", { name: "Generate" }).isEnabled());
    await overview.getByText("Does not answer").waitFor({ timeout });
    assert.equal(await overview.getByText("Serving").count(), 0);
    await trace.getByText("Trying again").waitFor({ timeout });
  } finally {
    process.kill(Number(pid), "SIGCONT");
  }
  await overview.getByText("Serving").waitFor({ timeout });
  await trace.getByText("Live", { exact: true }).waitFor({ timeout });
  await press(urls, "Generate");
  await urls.getByRole("region", { name: "Client access URL" }).waitFor();
  for (const page of [overview, trace, urls]) await page.close();
  console.log("ok a service that does not answer is seen, and so is one that does again");
}

/** No page that could not be loaded speaks of modules. */
async function away() {
  const page = await open("about");
  await context.setOffline(true);
  await page.getByRole("link", { name: "Keys" }).first().click();
  const failed = page.getByRole("alert").filter({ hasText: "The page could not be shown." });
  await failed.filter({ hasText: "the service does not answer" }).waitFor();
  await context.setOffline(false);
  await until(async () => {
    await failed.getByRole("button", { name: "Try again" }).click({ timeout: 1_000 }).catch(() => {});
    return await page.getByRole("heading", { name: "Keys", exact: true }).count() > 0;
  });
  await page.close();
  console.log("ok a page that cannot be loaded says why");
}
