// The last calls of a hub's handlers, each to be opened and sent again.
import { get, pathOf } from "../../api.js";
import { h, replace, useStyle } from "../../dom.js";
import { clock, count, milliseconds, plural } from "../../format.js";
import { icon } from "../../icons.js";
import { linkTo } from "../../router.js";
import { openDialog } from "../../components/dialog.js";
import { exchangeView, statusBadge } from "../../components/exchange.js";
import { badge, card, time } from "../../components/page.js";
import { empty, loading, retry } from "../../components/states.js";
import { table } from "../../components/table.js";

/** @typedef {import("../../components/exchange.js").Exchange} Exchange */
/** @typedef {{ urlTemplate: string, handled: number, failed: number, dropped: number, isGone: boolean }} Status */

/** @param {string} hub @param {AbortSignal} signal */
export function callList(hub, signal) {
  const box = h("div", { class: "stack" }, loading());
  async function load() {
    try {
      /** @type {[{ value: Exchange[], handlers: Status[] }, unknown]} */
      const [{ value, handlers }] = await Promise.all([
        get(pathOf`api/ext/hubs/${hub}/exchanges`, { query: { top: 100 }, signal }),
        useStyle("exchange"),
      ]);
      if (signal.aborted) return;
      const again = h("button", { class: "button small", type: "button", on: { click: load } }, icon("refresh"), "Refresh");
      replace(box,
        handlers.length > 0 ? card({ title: "Handlers", note: "since their settings were loaded", class: "flush" }, statusTable(handlers)) : null,
        card({ title: "Calls", note: again, class: "flush calls" }, callTable(hub, value.reverse(), signal, load)));
    } catch (error) {
      if (!signal.aborted) replace(box, retry("The calls could not be loaded.", error, load));
    }
  }
  load();
  return box;
}

/** @param {Status[]} rows */
function statusTable(rows) {
  return table({
    label: "Handlers", rows,
    columns: [
      { title: "Handler", class: "mono url", cell: (row) => row.urlTemplate },
      { title: "State", cell: (row) => row.isGone ? badge("Nobody is there", "bad") : badge("In use", "good") },
      { title: "Handled", class: "num", cell: (row) => count(row.handled) },
      { title: "Failed", class: "num", cell: (row) => row.failed > 0 ? badge(count(row.failed), "warn") : "0" },
      { title: "Dropped", class: "num", cell: (row) => row.dropped > 0 ? badge(count(row.dropped), "warn") : "0" },
    ],
  });
}

/** @param {string} hub @param {Exchange[]} rows @param {AbortSignal} signal @param {() => void} reload */
function callTable(hub, rows, signal, reload) {
  return table({
    label: "Calls of event handlers, the newest first", rows,
    columns: [
      { title: "Time",
        cell: (row) => h("button", { class: "link mono nowrap", type: "button", on: { click: () => open(hub, row, signal, reload) } },
          time(row.time, clock(row.time))) },
      { title: "Event", class: "mono", cell: (row) => row.event },
      { title: "Answer", cell: (row) => statusBadge(row) },
      { title: "Took", class: "num",
        cell: (row) => h("span", { class: "nowrap" }, milliseconds(row.durationMs),
          row.attempts.length > 1 ? h("span", { class: "quiet" }, ` (${plural(row.attempts.length, "attempt")})`) : null) },
      { title: "Result", class: "wide", cell: (row) => row.sentence },
      { title: "Connection", class: "mono",
        cell: ({ connectionId: id }) =>
          h("a", { class: "id clip", href: linkTo("trace", { hub, connection: id }), title: `${id}, in the live trace` }, id) },
    ],
    empty: empty("No handler was called yet.", "Connect a client in the playground, or test the handlers."),
  });
}

/** @param {string} hub @param {Exchange} exchange @param {AbortSignal} signal @param {() => void} reload */
function open(hub, exchange, signal, reload) {
  let replayed = false;
  openDialog({
    title: `Call of ${exchange.event}`, wide: true,
    body: exchangeView(exchange, { hub, signal, onReplayed: () => { replayed = true; } }),
    onClose: () => { if (replayed && !signal.aborted) reload(); },
  });
}
