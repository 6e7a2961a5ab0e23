// All hubs that have settings or connections.
import { get, page as pageOf } from "../../api.js";
import { h } from "../../dom.js";
import { count } from "../../format.js";
import { icon } from "../../icons.js";
import { linkTo } from "../../router.js";
import { mayChange } from "../../session.js";
import { badge, card, page } from "../../components/page.js";
import { empty } from "../../components/states.js";
import { pagedTable } from "../../components/table.js";

/** @typedef {import("../../types.js").HubSummary} HubSummary */

/** @param {import("../../router.js").Context} context */
export function hubList({ signal }) {
  /** Where settings come from, by name. @type {Promise<Map<string, string>>|undefined} */
  let sources;
  const load = async (/** @type {string|null} */ token) => {
    sources ??= get("api/ext/hubs", { signal })
      .then(({ value }) =>
        new Map(value.map((/** @type {{ name: string, source: string }} */ hub) => [hub.name, hub.source])));
    const [{ value, next }, known] = await Promise.all([
      pageOf("api/ext/inventory", { token, signal }),
      sources.catch(() => { sources = undefined; return new Map(); }),
    ]);
    return { value: value.map((/** @type {HubSummary} */ hub) => ({ ...hub, source: known.get(hub.hub) })), next };
  };
  const create = h("a", { class: "button primary", href: linkTo("hubs", { new: "1" }) }, icon("plus"), "New hub");
  /** @typedef {HubSummary & { source: string|undefined }} Row */
  const { element } = pagedTable({
    label: "Hubs", signal, load,
    columns: /** @type {import("../../components/table.js").Column<Row>[]} */ ([
      { title: "Hub", cell: (row) => h("a", { class: "strong", href: linkTo("hubs", {}, row.hub) }, row.hub) },
      { title: "Settings", cell: (row) => sourceBadge(row.source, row.hasSettings) },
      { title: "Connections", class: "num",
        cell: (row) => row.connections === 0 ? "0" : h("a", { href: linkTo("connections", { hub: row.hub }) }, count(row.connections)) },
      { title: "Users", class: "num", cell: (row) => count(row.users) },
      { title: "Groups", class: "num", cell: (row) => count(row.groups) },
      { title: "Look", hidden: true, class: "num",
        cell: (row) => h("a", { class: "nowrap", href: linkTo("trace", { hub: row.hub }) },
          "Live trace", h("span", { class: "hush" }, ` of ${row.hub}`)) },
    ]),
    empty: () => empty("No hub has settings or clients.", "A hub needs no settings: clients can come to any name. Settings send their events to your app."),
  });
  return page({
    title: "Hubs", lead: "A hub is a room of its own: clients, users and groups of one app. Its settings say where events go and who may come in.",
    actions: mayChange() ? [create] : [],
  }, card({ class: "flush" }, element));
}

/** @param {string|undefined} source @param {boolean} has */
export function sourceBadge(source, has) {
  if (source === "file") return badge("Configuration file", "note");
  if (source === "api" || has) return badge("Made here", "accent");
  return h("span", { class: "quiet" }, "none");
}
