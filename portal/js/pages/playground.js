// Two clients in the page, and the app server's side, to see messages go to and fro.
import { get } from "../api.js";
import { h, useStyle } from "../dom.js";
import { takeOffer } from "../handover.js";
import { field, suggestions, textInput } from "../components/fields.js";
import { page } from "../components/page.js";
import { PlaygroundClient } from "./playground/client.js";
import { clientPanel } from "./playground/panel.js";
import { sender } from "./playground/sender.js";
import { makeUrl } from "./urls.js";
import { hubProblem, readForm } from "./urls/state.js";

const clients = [new PlaygroundClient("A", "alice"), new PlaygroundClient("B", "bob")];
/** Kept as the clients are. */
let hub = "chat";

/** @param {import("../router.js").Context} context */
export async function render({ params, signal, setParams }) {
  await useStyle("playground");
  hub = params.get("hub") ?? hub;
  takeOffers();

  const hubField = field({
    label: "Hub of new URLs and of the app server",
    control: textInput({ class: "mono", value: hub, on: { input: () => {
      hub = hubField.control.value.trim();
      hubField.setError(hubProblem(hub));
      setParams({ hub });
      for (const client of clients) client.forget();
      rest.refresh();
    } } }),
  });
  const hubs = suggestions(hubField.control);
  const rest = sender({ hub: () => hub, signal });
  const newUrl = async (/** @type {PlaygroundClient} */ client) => {
    const problem = hubProblem(hub);
    if (problem) throw new Error(problem);
    const made = await makeUrl({ ...readForm(new URLSearchParams()), hub, user: client.user }, signal);
    return made.url;
  };
  offerHubs(hubs.set, signal);

  return page({
    title: "Playground",
    lead: "Connect as two clients, and see each frame that goes to and fro. They stay connected while you look at other pages.",
    class: "playground",
  },
  h("div", { class: "toolbar" }, hubField.element, hubs.list),
  h("div", { class: "clients" }, clients.map((client) => clientPanel(client, { makeUrl: newUrl, signal }))),
  rest.element);
}

/** What the generator handed over goes to clients that are not connected; others are let go first. */
function takeOffers() {
  clients.forEach((client, index) => {
    const offered = takeOffer(/** @type {0|1} */ (index));
    if (!offered) return;
    client.disconnect();
    client.url = offered.url;
    client.isMade = false;
    client.protocol = /** @type {import("./playground/client.js").PlayProtocol} */ (offered.protocol);
    client.group = offered.group;
    client.publishTo = client.protocol === "simple" ? offered.group : "";
  });
}

/** @param {(names: string[]) => void} set @param {AbortSignal} signal */
async function offerHubs(set, signal) {
  try {
    const { value } = await get("api/ext/inventory", { query: { maxpagesize: 200 }, signal });
    set(value.map((/** @type {import("../types.js").HubSummary} */ each) => each.hub));
  } catch {
    // Names can be typed.
  }
}
