// One event, whole.
import { messageOf } from "../../api.js";
import { h, replace } from "../../dom.js";
import { bytes, dateTime, clock, milliseconds, plural } from "../../format.js";
import { icon } from "../../icons.js";
import { linkTo } from "../../router.js";
import { codeBlock } from "../../components/code.js";
import { copyButton } from "../../components/copy.js";
import { exchangeView, loadExchanges } from "../../components/exchange.js";
import { jsonView } from "../../components/json.js";
import { badge, facts } from "../../components/page.js";
import { loading, notice } from "../../components/states.js";

/** @typedef {import("./events.js").TraceEvent} TraceEvent */
/** @typedef {import("./events.js").Filters} Filters */
/** @typedef {(filters: Partial<Filters>) => void} Narrow shows only what has these values */

/**
 * @param {TraceEvent} event
 * @param {{ signal: AbortSignal, narrow: Narrow, onClose: () => void }} options
 */
export function eventDetail(event, { signal, narrow, onClose }) {
  const title = h("h2", { tabindex: "-1" }, event.gap ? "Events are missing here" : event.name);
  const element = h("section", { class: "detail", "aria-label": "The chosen event" },
    h("div", { class: "detail-head" }, title,
      h("button", { class: "button bare icon small", type: "button", "aria-label": "Close the event", on: { click: onClose } }, icon("close"))),
    h("div", { class: "detail-body stack" }, event.gap ? missing(event.gap) : content(event, { signal, narrow })));
  return { element, focus: () => title.focus({ preventScroll: true }) };
}

/** @param {number} amount */
function missing(amount) {
  return h("p", {}, `${plural(amount, "event")} happened here that the service no longer remembers: they came faster than this page could ask. `,
    "Filter by hub, connection or user, so that fewer events have to be told.");
}

/** @param {TraceEvent} event @param {{ signal: AbortSignal, narrow: Narrow }} options */
function content(event, { signal, narrow }) {
  const { hub, connectionId, userId, group } = event;
  const value = (/** @type {string} */ text) => h("span", { class: "mono" }, text);
  const only = (/** @type {string} */ what, /** @type {string} */ text, /** @type {Partial<Filters>} */ filters) =>
    h("button", { class: "link mono", type: "button", title: `Show only this ${what}`, on: { click: () => narrow(filters) } }, text);
  /** @type {[string, import("../../dom.js").Child|import("../../dom.js").Child[]][]} */
  const entries = [["Time", [value(clock(event.time)), h("span", { class: "quiet" }, ` ${dateTime(event.time).split(",")[0]}`)]]];
  if (hub) entries.push(["Hub", only("hub", hub, { hub })]);
  if (connectionId) {
    entries.push(["Connection", [only("connection", connectionId, { connection: connectionId }), " ",
      hub ? h("a", { class: "small", href: linkTo("connections", {}, hub, connectionId) }, "open") : null]]);
  }
  if (userId) entries.push(["User", only("user", userId, { user: userId })]);
  if (group) entries.push(["Group", only("group", group, { group })]);
  if (event.receivers !== undefined) entries.push(["Receivers", plural(event.receivers, "connection")]);
  if (event.remoteAddress) entries.push(["From", value(event.remoteAddress)]);
  if (event.http) {
    const { method, path, route, status, durationMs } = event.http;
    entries.push(["Request", value(`${method} ${path}`)]);
    if (status !== undefined) entries.push(["Status", badge(String(status), status < 400 ? "good" : "bad")]);
    if (durationMs !== undefined) entries.push(["Took", milliseconds(durationMs)]);
    if (route) entries.push(["Route", value(route)]);
  }
  if (event.traceId) entries.push(["Trace id", only("trace", event.traceId, { text: event.traceId })]);
  entries.push(["Category", event.category]);
  return [
    h("div", { class: "stack-s" },
      event.level === "Informational" ? null : h("div", {}, badge(event.level, event.level === "Error" ? "bad" : "warn")),
      h("p", {}, event.message),
      event.exception ? notice("bad", event.exception) : null),
    facts(entries),
    event.payload ? payload(event.payload) : null,
    event.handler ? handlerCall(event, signal) : null,
    h("details", {}, h("summary", {}, "As JSON"), codeBlock(JSON.stringify(event, null, 2), { language: "json", label: "Event as JSON", wrap: true })),
  ];
}

/** @param {NonNullable<TraceEvent["payload"]>} part */
function payload({ type, bytes: size, text }) {
  const cut = text !== null && new TextEncoder().encode(text).length < size;
  return h("div", { class: "stack-s" },
    h("h3", {}, "Payload ", h("span", { class: "quiet small" }, `${type}, ${bytes(size)}${cut ? ", its beginning" : ""}`)),
    text === null ? h("p", { class: "quiet small" }, "It is no text, so it is not kept.") : jsonView(text, { label: "Payload" }));
}

/** @param {TraceEvent} event @param {AbortSignal} signal */
function handlerCall(event, signal) {
  const { handler, hub } = event;
  if (!handler) return null;
  const box = h("div", {});
  const { exchangeId } = handler;
  const load = async () => {
    if (!exchangeId || !hub) return;
    replace(box, loading("Loading the call…"));
    try {
      const exchange = (await loadExchanges(hub, signal)).find(({ id }) => id === exchangeId);
      replace(box, exchange
        ? exchangeView(exchange, { hub, signal })
        : notice("note", "The call is no longer kept.", "The service keeps the last 100 calls of each handler. Newer ones can be opened."));
    } catch (error) {
      if (!signal.aborted) {
        replace(box, notice("bad", "The call could not be loaded.", messageOf(error),
          h("button", { class: "button small", type: "button", on: { click: load } }, "Try again")));
      }
    }
  };
  load();
  return h("div", { class: "stack-s" },
    h("h3", {}, "Event handler ", h("span", { class: "quiet small" }, `${milliseconds(handler.durationMs)}, ${plural(handler.attempts, "attempt")}`)),
    h("div", { class: "row-between" }, h("span", { class: "mono small url" }, handler.urlTemplate), copyButton(() => handler.urlTemplate, { what: "URL of the handler" })),
    box);
}
