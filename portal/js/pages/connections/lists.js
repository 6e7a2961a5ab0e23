// Connections, users and groups of a hub, a page at a time.
import { page as pageOf } from "../../api.js";
import { h, replace } from "../../dom.js";
import { count, plural } from "../../format.js";
import { icon } from "../../icons.js";
import { mayChange } from "../../session.js";
import { field, select, suggestions, textInput } from "../../components/fields.js";
import { card, page } from "../../components/page.js";
import { empty, loading, retry } from "../../components/states.js";
import { tabs } from "../../components/tabs.js";
import { openComposer } from "./send.js";
import { connectionTable, groupTable, userTable } from "./tables.js";

/** @typedef {import("../../types.js").HubSummary} HubSummary */
/** @typedef {Record<"hub"|"tab"|"search"|"user"|"group"|"protocol", string>} View what is shown, as the address has it */

const TYPING_MS = 300;
const HUBS_AT_ONCE = 200;
/** @type {[string, string][]} */
const PROTOCOLS = [
  ["", "All"], ["simple", "Simple"], ["json.webpubsub.azure.v1", "JSON"], ["json.reliable.webpubsub.azure.v1", "Reliable JSON"],
  ["protobuf.webpubsub.azure.v1", "Protobuf"], ["protobuf.reliable.webpubsub.azure.v1", "Reliable protobuf"],
];

/** @param {import("../../router.js").Context} context */
export function lists({ params, signal, setParams }) {
  const part = (/** @type {string} */ name) => params.get(name) ?? "";
  /** @type {View} */
  const view = {
    hub: part("hub"), tab: ["users", "groups"].includes(part("tab")) ? part("tab") : "connections",
    search: part("search"), user: part("user"), group: part("group"), protocol: part("protocol"),
  };
  const body = h("div", {}, loading());
  const actions = h("div", { class: "row" });

  async function load() {
    try {
      /** @type {{ value: HubSummary[], next: string|null }} */
      const { value, next } = await pageOf("api/ext/inventory", { size: HUBS_AT_ONCE, signal });
      const largest = value.toSorted((a, b) => b.connections - a.connections)[0];
      view.hub ||= largest?.hub ?? "";
      if (signal.aborted) return;
      if (view.hub !== "") return show(value, next !== null);
      replace(body, card({}, empty("No client is connected.", "Make a client URL and connect in the playground.",
        h("a", { class: "button", href: "#/urls" }, "Make a client URL"))));
    } catch (error) {
      if (!signal.aborted) replace(body, retry("The hubs could not be loaded.", error, load));
    }
  }

  /** @param {HubSummary[]} hubs @param {boolean} thereAreMore */
  function show(hubs, thereAreMore) {
    let table = /** @type {{ reload: () => void, refresh: () => void }|undefined} */ (undefined);
    const write = () => setParams({ ...view, tab: view.tab === "connections" ? "" : view.tab });
    const choose = (/** @type {string} */ hub) => {
      if (hub === "" || hub === view.hub) return;
      Object.assign(view, { hub, search: "", user: "", group: "", protocol: "" });
      write();
      show(hubs, thereAreMore);
    };
    const summary = hubs.find(({ hub }) => hub === view.hub);
    const titled = (/** @type {string} */ title, /** @type {number|undefined} */ amount) => amount === undefined ? title : `${title} (${count(amount)})`;
    const render = (/** @type {string} */ tab) => {
      // A tab that somebody chooses shows its list whole; what narrowed another one is gone.
      if (view.tab !== tab) Object.assign(view, { tab, search: "", user: "", group: "", protocol: "" });
      const made = tableOf(view, { signal, go: (to) => { Object.assign(view, to); write(); all.select(view.tab); } });
      table = made;
      const filters = filterBar(view, () => { write(); made.reload(); });
      return h("div", { class: "stack" }, filters, card({ class: "flush" }, made.element));
    };
    const all = tabs({
      label: "What is listed", selected: view.tab,
      onSelect: write,
      tabs: [
        { id: "connections", title: titled("Connections", summary?.connections), render: () => render("connections") },
        { id: "users", title: titled("Users", summary?.users), render: () => render("users") },
        { id: "groups", title: titled("Groups", summary?.groups), render: () => render("groups") },
      ],
    });
    replace(actions,
      h("button", { class: "button", type: "button", on: { click: () => table?.refresh() } }, icon("refresh"), "Refresh"),
      mayChange() && h("button", {
        class: "button", type: "button", on: { click: () => openComposer(view.hub, { kind: "all", name: "" }, { signal, to: `everyone in ${view.hub}` }) }
      }, icon("send"), "Send to everyone"));
    replace(body, h("div", { class: "stack" }, hubChooser(hubs, thereAreMore, view.hub, choose), all.element));
  }

  load();
  return page({ title: "Connections", lead: "Who is connected, as whom and in which groups.", actions: [actions], class: "connections" }, body);
}

/** @param {HubSummary[]} hubs @param {boolean} thereAreMore @param {string} hub @param {(hub: string) => void} choose */
function hubChooser(hubs, thereAreMore, hub, choose) {
  if (thereAreMore) {
    const control = textInput({ value: hub, on: { change: () => choose(control.value.trim()) } });
    const known = suggestions(control);
    known.set(hubs.map((each) => each.hub));
    return h("div", { class: "chooser" }, field({ label: "Hub", control, hint: "There are many: type its name." }).element, known.list);
  }
  const options = hubs.map((each) => /** @type {[string, string]} */ ([each.hub, `${each.hub} – ${plural(each.connections, "connection")}`]));
  if (!hubs.some((each) => each.hub === hub)) options.unshift([hub, hub]);
  const control = select(options, { value: hub, on: { change: () => choose(control.value) } });
  return h("div", { class: "chooser" }, field({ label: "Hub", control }).element);
}

/** @param {View} view @param {() => void} changed */
function filterBar(view, changed) {
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let timer;
  const input = (/** @type {string} */ label, /** @type {"search"|"user"|"group"} */ name, /** @type {Record<string, unknown>} */ more = {}) => {
    const take = () => {
      clearTimeout(timer);
      if (view[name] === control.value.trim()) return;
      view[name] = control.value.trim();
      changed();
    };
    const control = textInput({
      type: "search", value: view[name], ...more,
      on: { change: take, input: () => { clearTimeout(timer); timer = setTimeout(take, TYPING_MS); } },
    });
    return field({ label, control }).element;
  };
  const find = (/** @type {string} */ placeholder) => input("Search", "search", { "data-search": true, placeholder });
  if (view.tab === "groups") return h("div", { class: "toolbar" }, find("part of the group"));
  if (view.tab === "users") return h("div", { class: "toolbar" }, find("part of the user id"), input("In group", "group"));
  const protocol = select(PROTOCOLS.some(([each]) => each === view.protocol) ? PROTOCOLS : [...PROTOCOLS, [view.protocol, view.protocol]], {
    value: view.protocol, on: { change: () => { view.protocol = protocol.value; changed(); } },
  });
  return h("div", { class: "toolbar" }, find("part of an id"), input("User", "user"), input("Group", "group"), field({ label: "Protocol", control: protocol }).element);
}

/** @param {View} view @param {{ signal: AbortSignal, go: (to: Partial<View>) => void }} options */
function tableOf(view, options) {
  if (view.tab === "users") return userTable(view, options);
  if (view.tab === "groups") return groupTable(view, options);
  return connectionTable(view, options);
}
