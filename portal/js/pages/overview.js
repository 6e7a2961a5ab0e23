// What the service is doing, as it does it.
import { ApiError, get, messageOf } from "../api.js";
import { h, replace, useStyle } from "../dom.js";
import { brief, bytes, count, duration, milliseconds, plural, protocolName } from "../format.js";
import { poll } from "../poll.js";
import { linkTo } from "../router.js";
import { barList } from "../components/bars.js";
import { lineChart, sparkline } from "../components/chart.js";
import { badge, card, facts, page } from "../components/page.js";
import { loading, notice } from "../components/states.js";
import { samples } from "./overview/samples.js";

/** @typedef {import("../types.js").Overview} Overview */
/** @typedef {import("./overview/samples.js").Moment} Moment */

const WINDOW_MS = 10 * 60_000;
const EVERY_MS = 2_000;

/** @param {import("../router.js").Context} context */
export async function render({ signal }) {
  const styled = useStyle("overview");
  const state = h("div", { class: "row" });
  const trouble = h("div", {});
  const body = h("div", { class: "stack" }, loading());
  const past = samples(WINDOW_MS);
  /** @type {ReturnType<typeof dashboard>|undefined} */
  let board;

  const task = async () => {
    /** @type {[Overview, { value: Overview[] }|null]} */
    const [now, history] = await Promise.all([
      get("api/ext/overview", { signal }), board ? null : get("api/ext/overview/history", { signal }),
    ]);
    if (signal.aborted) return;
    for (const sample of history?.value ?? []) past.add(sample);
    past.add(now);
    if (!board) {
      board = dashboard();
      replace(body, ...board.elements);
    }
    body.classList.remove("stale");
    replace(trouble);
    replace(state, ...health(now));
    board.update(now, past.all());
  };
  poll(task, {
    every: EVERY_MS,
    signal,
    onError: (error) => {
      body.classList.toggle("stale", board !== undefined);
      replace(state, badge(error instanceof ApiError && error.status === 0 ? "Does not answer" : "Not known", "bad"));
      if (!board) replace(body);
      replace(trouble, notice("bad", "The figures could not be loaded.", messageOf(error)));
    },
  });
  const head = { title: "Overview", lead: "What the service is doing right now, and over the last 10 minutes.", actions: [state], class: "overview" };
  await styled;
  return page(head, trouble, body);
}

/** @param {Overview} now */
function health(now) {
  return [
    now.state === "serving" ? badge("Serving", "good live") : badge("Stopping", "warn"),
    h("span", { class: "quiet small" }, `up ${duration(now.uptimeSeconds)} · v${now.version}`),
  ];
}

/**
 * A tile: a figure, what it means, and its line.
 * @param {string} title
 * @param {(moment: Moment) => number|null} pick
 */
function tile(title, pick) {
  const value = h("p", { class: "value" });
  const under = h("p", { class: "under" });
  const line = sparkline();
  return {
    element: h("section", { class: "tile" }, h("h2", {}, title), value, under, line.element),
    /** @param {string} text @param {string} unit @param {string} more @param {Moment[]} moments */
    update(text, unit, more, moments) {
      replace(value, text, unit && h("small", {}, unit));
      under.textContent = more;
      line.update(moments.map(pick));
    },
  };
}

/** @param {string} label @param {string[]} series @param {(value: number) => string} format @param {{ base?: number, area?: boolean }} [more] */
const chart = (label, series, format, more = { area: true }) => lineChart({ label, series, format, windowMs: WINDOW_MS, ...more });

/** @param {number|null|undefined} value */
const orNull = (value) => value ?? null;

function dashboard() {
  const connections = tile("Connections", (moment) => moment.sample.connections);
  const incoming = tile("Messages in", (moment) => orNull(moment.perSecond?.messagesIn));
  const outgoing = tile("Messages out", (moment) => orNull(moment.perSecond?.messagesOut));
  const traffic = tile("Traffic out", (moment) => orNull(moment.perSecond?.bytesOut));
  const handlers = tile("Handler latency, p95", (moment) => orNull(moment.sample.handlerLatency?.p95Ms));
  const memory = tile("Memory", (moment) => moment.sample.memoryBytes);

  const rate = (/** @type {number} */ value) => `${brief(value)}/s`;
  const flow = (/** @type {number} */ value) => `${bytes(value)}/s`;
  const messageChart = chart("Messages", ["in", "out"], rate);
  const connectionChart = chart("Connections", ["open"], brief);
  const trafficChart = chart("Traffic", ["in", "out"], flow, { base: 1024, area: true });
  const latencyChart = chart("Event handler latency", ["p50", "p95", "p99"], milliseconds, {});

  const protocols = barList({ label: "Connections by protocol", empty: h("span", {}, "No client is connected. Connect one in the ", h("a", { href: linkTo("playground") }, "playground"), ".") });
  const hubs = barList({ label: "Connections by hub", empty: "No hub has clients." });
  const closed = barList({ label: "Closed connections by reason", empty: "No connection has ended." });
  const totals = h("div");
  const node = h("p", { class: "quiet small" });

  const elements = [
    h("div", { class: "tiles" }, [connections, incoming, outgoing, traffic, handlers, memory].map((each) => each.element)),
    h("div", { class: "grid grid-2" },
      card({ title: "Messages", note: "per second" }, messageChart.element),
      card({ title: "Connections", note: "open or waiting to come back" }, connectionChart.element),
      card({ title: "Traffic", note: "per second" }, trafficChart.element),
      card({ title: "Event handlers", note: "time to their answer" }, latencyChart.element)),
    h("div", { class: "grid lists" },
      card({ title: "By protocol" }, protocols.element),
      card({ title: "By hub" }, hubs.element),
      card({ title: "Close reasons", note: "since the start" }, closed.element),
      card({ title: "Since the start" }, totals)),
    node,
  ];

  /** @param {Overview} now @param {Moment[]} moments */
  function update(now, moments) {
    const rates = moments.at(-1)?.perSecond;
    const a = (/** @type {number|undefined} */ value) => (value === undefined ? "–" : brief(value));
    connections.update(count(now.connections), "", `${plural(now.users, "user")}, ${plural(now.groups, "group")}`, moments);
    incoming.update(a(rates?.messagesIn), "/s", `${brief(now.totals.messagesIn)} in all`, moments);
    outgoing.update(a(rates?.messagesOut), "/s", `${brief(now.totals.messagesOut)} in all`, moments);
    traffic.update(rates ? bytes(rates.bytesOut) : "–", "/s", `${rates ? bytes(rates.bytesIn) : "–"}/s in`, moments);
    handlers.update(now.handlerLatency ? milliseconds(now.handlerLatency.p95Ms) : "–", "",
      now.totals.handlerCalls === 0 ? "no handler was called" : `${a(rates?.handlerCalls)} calls/s, ${count(now.totals.handlerFailures)} failed`, moments);
    memory.update(now.memoryBytes === null ? "–" : bytes(now.memoryBytes), "", `${bytes(now.queuedBytes)} queued for clients`, moments);

    const line = (/** @type {(moment: Moment) => (number|null)[]} */ pick) => moments.map((moment) => ({ time: moment.time, values: pick(moment) }));
    messageChart.update(line(({ perSecond }) => [orNull(perSecond?.messagesIn), orNull(perSecond?.messagesOut)]));
    connectionChart.update(line(({ sample }) => [sample.connections]));
    trafficChart.update(line(({ perSecond }) => [orNull(perSecond?.bytesIn), orNull(perSecond?.bytesOut)]));
    latencyChart.update(line(({ sample: { handlerLatency: each } }) => [orNull(each?.p50Ms), orNull(each?.p95Ms), orNull(each?.p99Ms)]));

    protocols.update(Object.entries(now.byProtocol).filter(([, amount]) => amount > 0)
      .map(([name, amount]) => ({ name: protocolName(name), amount, shown: count(amount) })));
    hubs.update(now.hubs.filter((hub) => hub.connections > 0).map(({ hub, connections: amount }) =>
      ({ name: h("a", { href: linkTo("connections", { hub }) }, hub), amount, shown: count(amount) })));
    closed.update(Object.entries(now.closed).filter(([, amount]) => amount > 0)
      .map(([name, amount]) => ({ name, amount, shown: count(amount) })));
    replace(totals, facts([
      ["Connections opened", count(now.totals.connectionsOpened)],
      ["REST requests", count(now.totals.restRequests)],
      ["REST errors", warned(now.totals.restErrors)],
      ["Handler calls", count(now.totals.handlerCalls)],
      ["Handler failures", warned(now.totals.handlerFailures)],
      ["Clients cut for reading too slowly", warned(now.totals.slowConsumers)],
    ]));
    node.textContent = `One node: ${now.node.name}, ${plural(now.node.shards, "shard")}.`;
  }
  return { elements, update };
}

/** A count that should be zero. @param {number} value */
function warned(value) {
  return value === 0 ? "0" : badge(count(value), "warn");
}
