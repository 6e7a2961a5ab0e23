// What clients, the app server and event handlers do, as it happens.
import { messageOf } from "../api.js";
import { h, replace, useStyle } from "../dom.js";
import { clock, count, milliseconds, plural } from "../format.js";
import { icon } from "../icons.js";
import { page } from "../components/page.js";
import { pauseControl } from "../components/pause.js";
import { empty, loading, notice } from "../components/states.js";
import { streamTable } from "../components/stream.js";
import { toast } from "../components/toast.js";
import { eventDetail } from "./trace/detail.js";
import { FILTERS, followTrace, lookBack } from "./trace/events.js";
import { filterBar } from "./trace/filters.js";

/** @typedef {import("./trace/events.js").TraceEvent} TraceEvent */
/** @typedef {import("./trace/events.js").Filters} Filters */

/** Events that the page remembers. */
const KEEP = 5_000;

/** @param {import("../router.js").Context} context */
export async function render({ params, signal, setParams }) {
  await Promise.all([useStyle("stream"), useStyle("trace"), useStyle("exchange")]);
  let filters = /** @type {Filters} */ (Object.fromEntries(FILTERS.map((name) => [name, params.get(name) ?? ""])));
  /** Ends following with the filters of before. */
  let run = new AbortController();
  /** Ends looking back, whose list is another one by then. */
  let looking = new AbortController();
  /** All events until there were told. */
  let seen = "";
  /** So many older ones the service has that are not here, as far as somebody looked. */
  let left = 0;

  const held = h("span", { class: "quiet small" });
  const trouble = h("div", {});
  const recording = h("div", {});
  const pause = pauseControl({ keep: KEEP, onContinue: (/** @type {TraceEvent[]} */ came) => { stream.append(came); say(); } });
  const detailBox = h("div", { class: "detail-box", hidden: true });
  const bar = filterBar({ filters, signal, onChange: (to) => { filters = to; setParams({ ...to }); restart(); } });
  const stream = streamTable({
    label: "Events", class: "trace", keep: KEEP, onSelect: open,
    columns: [
      { title: "Time", class: "time", cell: (event) => event.gap ? "" : clock(event.time) },
      { title: "Event", class: "name", cell: (event) => event.gap ? "" : [levelMark(event), event.name] },
      { title: "Message", class: "message", cell: what },
      { title: "Hub", class: "hub", cell: (event) => only(event.hub, "hub") },
      { title: "Connection", class: "connection mono", cell: (event) => only(event.connectionId, "connection") },
      { title: "User", class: "user", cell: (event) => only(event.userId, "user") },
      { title: "Group", class: "group", cell: (event) => only(event.group, "group") },
    ],
    toneOf: (event) => event.gap ? "gap" : event.level === "Error" ? "bad" : event.level === "Warning" ? "warn" : "",
  });

  /**
   * A value that narrows the list when clicked. The event's own pane has the same for the keyboard.
   * @param {string|undefined} text
   * @param {keyof Filters} name
   */
  function only(text, name) {
    return text ? h("button", {
      class: "link", type: "button", tabindex: "-1", title: `Show only ${text}`,
      on: { click: (event) => { event.stopPropagation(); narrow({ [name]: text }); } },
    }, text) : "";
  }

  /** @param {Partial<Filters>} to */
  function narrow(to) {
    bar.set({ ...filters, ...to });
  }

  /** @param {TraceEvent|null} event @param {boolean} [opened] */
  function open(event, opened = false) {
    detailBox.hidden = event === null;
    replace(detailBox);
    if (!event) return;
    const detail = eventDetail(event, { signal: run.signal, narrow, onClose: () => { stream.select(null); open(null); stream.focus(); } });
    detailBox.append(detail.element);
    if (opened) detail.focus();
  }
  detailBox.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    stream.select(null);
    open(null);
    stream.focus();
  });

  function restart() {
    run.abort();
    run = new AbortController();
    const { signal: mine } = run;
    let silent = 0;
    clear(loading("Asking for events…"));
    seen = "";
    followTrace({
      filters, signal: mine,
      onEvents: (events, messages, next) => {
        seen = next;
        replace(trouble);
        // The first question is what begins the recording.
        silent = messages ? 0 : silent + 1;
        replace(recording, silent < 2 ? null : notice("note", "What clients send is not recorded.",
          "Connections and calls of event handlers are. Recording of messages costs a little, and is switched off in the configuration of the service."));
        stream.append(pause.pass(events));
        if (stream.rows().length === 0) stream.clear(nothing());
        say();
      },
      onError: (error) => {
        pause.lose();
        replace(trouble, notice("bad", "Events cannot be loaded now.", messageOf(error)));
        if (stream.rows().length === 0) stream.clear(empty("No events.", "They appear as soon as the service answers."));
      },
    });
    say();
  }
  signal.addEventListener("abort", () => { run.abort(); looking.abort(); });

  /** @param {Element} state what is shown until there are events */
  function clear(state) {
    looking.abort();
    left = 0;
    stream.clear(state);
    open(null);
    pause.drop();
    say();
  }

  function nothing() {
    const filtered = FILTERS.some((name) => filters[name]);
    return filtered
      ? empty("Nothing matches yet.", "The page goes on waiting. Loosen the filters, or make it happen.")
      : empty("Nothing has happened yet.", "Connect a client in the playground, or send a message: it appears here at once.",
        h("a", { class: "button", href: "#/playground" }, "Open the playground"));
  }

  function say() {
    held.textContent = `${plural(stream.rows().length, "event")} here${left > 0 ? `, ${count(left)} older ones not loaded` : ""}`;
  }

  async function older() {
    if (seen === "") return;
    looking = new AbortController();
    const { signal: mine } = looking;
    back.disabled = true;
    try {
      const first = [...stream.rows(), ...pause.waiting()].find((event) => !event.gap);
      const found = await lookBack({ filters, seen, first, room: KEEP - stream.rows().length, signal: mine });
      if (mine.aborted) return;
      const taken = found ? stream.prepend(found.events) : 0;
      if (taken > 0) stream.toStart();
      left = found ? found.left + found.events.length - taken : 0;
      toast([taken > 0 ? `${plural(taken, "older event")} loaded.` : "", whatIsOlder(found?.forgotten)].join(" ").trim());
      say();
    } catch (error) {
      if (!mine.aborted) toast(messageOf(error), "bad");
    } finally {
      back.disabled = false;
    }
  }

  /** What is not in the list after looking back. @param {number|undefined} forgotten undefined: the service was restarted */
  function whatIsOlder(forgotten) {
    if (forgotten === undefined) return "The service was restarted since the first event here. It remembers nothing older.";
    if (left > 0) {
      return `The service remembers ${plural(left, "older event")} more, for which there is no room: this list holds ${count(KEEP)}. Filter, or clear the list, and look back again.`;
    }
    return `The service ${forgotten > 0 ? "remembers" : "has recorded"} nothing older${FILTERS.some((name) => filters[name]) ? " that matches" : ""}.`;
  }

  /** The events of this page as a file. */
  function save() {
    const events = stream.rows().filter((event) => !event.gap);
    const text = events.map((event) => `${JSON.stringify(event)}\n`).join("");
    const url = URL.createObjectURL(new Blob([text], { type: "application/jsonl" }));
    h("a", { href: url, download: `trace-${new Date().toISOString().replaceAll(":", "-").slice(0, 19)}.jsonl` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1_000);
    toast(`${plural(events.length, "event")} saved as JSON lines.`);
  }

  const tool = (/** @type {string} */ name, /** @type {string} */ text, /** @type {() => void} */ click) =>
    h("button", { class: "button", type: "button", on: { click } }, icon(name), text);
  const back = tool("history", "Look back", older);
  restart();
  return page({
    title: "Live trace", lead: "What clients, your app and event handlers do, as it happens.", class: "trace-page",
    actions: [pause.state],
  },
  h("div", { class: "stack-s" },
    bar.element,
    h("div", { class: "row-between tools" },
      h("div", { class: "row" }, pause.button,
        tool("trash", "Clear", () => clear(nothing())), back, tool("download", "Export", save)),
      held)),
  trouble, recording,
  h("div", { class: "trace-split" }, h("div", { class: "card" }, stream.element), detailBox));
}

/** A warning or an error is seen by its shape, too. @param {TraceEvent} event */
function levelMark({ level }) {
  return level === "Informational" ? null
    : h("span", { class: `mark ${level === "Error" ? "bad" : "warn"}` },
      icon(level === "Error" ? "error" : "warning"), h("span", { class: "hush" }, `${level}: `));
}

/** What was said, or else the message and how long it took. @param {TraceEvent} event */
function what(event) {
  if (event.gap) return `${plural(event.gap, "event is", "events are")} missing here: they came faster than this page could ask`;
  const { payload, http, handler } = event;
  if (payload?.text) return [h("code", { class: "said" }, payload.text.slice(0, 160)), h("span", { class: "quiet" }, event.message)];
  const more = http?.durationMs !== undefined ? milliseconds(http.durationMs)
    : handler ? `${milliseconds(handler.durationMs)}${handler.attempts > 1 ? `, ${handler.attempts} attempts` : ""}` : "";
  return [event.message, more ? h("code", {}, more) : null];
}
