// The tables of connections, users and groups.
import { page as pageOf, pathOf } from "../../api.js";
import { h } from "../../dom.js";
import { bytes, count, protocolName, relative } from "../../format.js";
import { icon } from "../../icons.js";
import { linkTo } from "../../router.js";
import { mayChange } from "../../session.js";
import { badge, time } from "../../components/page.js";
import { empty } from "../../components/states.js";
import { pagedTable } from "../../components/table.js";
import { openComposer } from "./send.js";

/** @typedef {import("../../types.js").Connection} Connection */
/** @typedef {import("./lists.js").View} View */
/** @typedef {{ signal: AbortSignal, go: (to: Partial<View>) => void }} Options go: shows something else */

const GROUPS_SHOWN = 3;
const GONE = { search: "", user: "", group: "", protocol: "" };

/** @param {string} text @param {string} title @param {() => void} click */
function link(text, title, click) {
  return h("button", { class: "link", type: "button", title, on: { click } }, text);
}

/** @param {View} view @param {Options} options */
export function connectionTable(view, { signal, go }) {
  return pagedTable({
    label: `Connections of ${view.hub}`, signal,
    load: (token) => pageOf(pathOf`api/ext/hubs/${view.hub}/connections`, {
      token, signal, query: { search: view.search, user: view.user, group: view.group, protocol: view.protocol },
    }),
    columns: /** @type {import("../../components/table.js").Column<Connection>[]} */ ([
      { title: "Connection", class: "mono",
        cell: ({ connectionId: id }) => h("a", { class: "id clip", href: linkTo("connections", {}, view.hub, id), title: id }, id) },
      { title: "User", cell: (row) => row.userId === null
        ? h("span", { class: "quiet" }, "anonymous")
        : link(row.userId, "Only this user", () => go({ ...GONE, user: row.userId ?? "" })) },
      { title: "Protocol", cell: (row) => h("span", { class: "nowrap" }, protocolName(row.protocol), row.state === "detached" ? [" ", badge("Away", "warn")] : null) },
      { title: "Groups", class: "groups", cell: (row) => groups(row, go) },
      { title: "Since", cell: (row) => h("span", { class: "nowrap" }, time(row.connectedAt, relative(row.connectedAt))) },
      { title: "Queued", class: "num", cell: (row) => h("span", { class: "nowrap" }, row.queuedBytes === 0 ? "0" : bytes(row.queuedBytes)) },
      { title: "Unacked", class: "num", cell: (row) => row.unackedMessages === null ? "" : count(row.unackedMessages) },
      { title: "Address", class: "mono", cell: (row) => row.remoteAddress ?? "" },
    ]),
    empty: () => empty("No connection matches.", "Loosen the filters, or connect a client in the playground."),
  });
}

/** The first groups and how many more there are. @param {Connection} row @param {Options["go"]} go */
function groups({ groups: first, groupCount }, go) {
  const shown = first.slice(0, GROUPS_SHOWN);
  const more = groupCount - shown.length;
  return h("span", { class: "row nowrap" },
    shown.map((group) => h("button", {
      class: "pill clip", type: "button", title: `Only the group ${group}`, on: { click: () => go({ ...GONE, group }) }
    }, group)),
    more > 0 ? h("span", { class: "quiet" }, `and ${count(more)} more`) : null);
}

/** @param {string} hub @param {"user"|"group"} name @param {string} id @param {AbortSignal} signal */
function rowActions(hub, name, id, signal) {
  return h("span", { class: "row nowrap end" },
    h("a", { class: "button bare small", href: linkTo("trace", { hub, [name]: id }) }, icon("trace"), "Trace", h("span", { class: "hush" }, ` of ${id}`)),
    mayChange() && h("button", {
      class: "button bare small", type: "button",
      on: { click: () => openComposer(hub, { kind: name, name: id }, { signal, to: `${name} ${id}` }) },
    }, icon("send"), "Send", h("span", { class: "hush" }, ` to ${id}`)));
}

/** @param {View} view @param {Options} options */
export function userTable(view, { signal, go }) {
  return pagedTable({
    label: `Users of ${view.hub}`, signal,
    load: (token) => pageOf(pathOf`api/ext/hubs/${view.hub}/users`, { token, signal, query: { search: view.search, group: view.group } }),
    columns: /** @type {import("../../components/table.js").Column<{ userId: string, connections: number }>[]} */ ([
      { title: "User", class: "wide", cell: (row) => link(row.userId, "Connections of this user", () => go({ ...GONE, tab: "connections", user: row.userId })) },
      { title: "Connections", class: "num", cell: (row) => count(row.connections) },
      { title: "Act", hidden: true, class: "num", cell: (row) => rowActions(view.hub, "user", row.userId, signal) },
    ]),
    empty: () => empty("No user matches.", "Clients have a user if their token has a subject. Loosen the filter, or connect one."),
  });
}

/** @param {View} view @param {Options} options */
export function groupTable(view, { signal, go }) {
  return pagedTable({
    label: `Groups of ${view.hub}`, signal,
    load: (token) => pageOf(pathOf`api/ext/hubs/${view.hub}/groups`, { token, signal, query: { search: view.search } }),
    columns: /** @type {import("../../components/table.js").Column<{ group: string, connections: number }>[]} */ ([
      { title: "Group", class: "wide", cell: (row) => link(row.group, "Connections in this group", () => go({ ...GONE, tab: "connections", group: row.group })) },
      { title: "Connections", class: "num", cell: (row) => count(row.connections) },
      { title: "Users", hidden: true, cell: (row) => link("Users", `Users in ${row.group}`, () => go({ ...GONE, tab: "users", group: row.group })) },
      { title: "Act", hidden: true, class: "num", cell: (row) => rowActions(view.hub, "group", row.group, signal) },
    ]),
    empty: () => empty("No group matches.", "A group is there as long as somebody is in it. Loosen the filter, or add a connection to one."),
  });
}
