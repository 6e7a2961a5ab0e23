// The service's own log, as it is written.
import { messageOf } from "../../api.js";
import { h, replace } from "../../dom.js";
import { clock, dateTime, plural } from "../../format.js";
import { follow } from "../../follow.js";
import { icon } from "../../icons.js";
import { copyButton } from "../../components/copy.js";
import { field, select, textInput } from "../../components/fields.js";
import { badge, facts } from "../../components/page.js";
import { pauseControl } from "../../components/pause.js";
import { empty, loading, notice } from "../../components/states.js";
import { streamTable } from "../../components/stream.js";

/**
 * @typedef {object} Line
 * @property {number} id
 * @property {string} time
 * @property {"ERROR"|"WARN"|"INFO"|"DEBUG"} level
 * @property {string} target
 * @property {string} message
 * @property {Record<string, unknown>} [fields]
 * @property {number} [gap] no line, but so many that are missing here
 */

const KEEP = 5_000;
const AT_FIRST = 500;
const TYPING_MS = 300;
/** @type {Record<string, ""|"note"|"warn"|"bad">} */
const TONES = { ERROR: "bad", WARN: "warn", INFO: "note", DEBUG: "" };

/** @param {import("../logs.js").TabContext} context */
export function logView({ params, signal, setParams }) {
  let run = new AbortController();
  signal.addEventListener("abort", () => run.abort());
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let timer;

  const level = select([
    ["", "All"], ["INFO", "Info and above"], ["WARN", "Warnings and errors"], ["ERROR", "Errors"],
  ], { value: params.get("level") ?? "", on: { change: changed } });
  const text = textInput({
    type: "search", value: params.get("text") ?? "", "data-search": true, placeholder: "in any field",
    on: { change: changed, input: () => { clearTimeout(timer); timer = setTimeout(changed, TYPING_MS); } },
  });
  const pause = pauseControl({ keep: KEEP, onContinue: (/** @type {Line[]} */ came) => { stream.append(came); say(); } });
  const held = h("span", { class: "quiet small" });
  const trouble = h("div", {});
  const detailBox = h("div", { class: "line-detail", hidden: true });
  const stream = streamTable({
    label: "Log lines", class: "logs", keep: KEEP, onSelect: open,
    columns: [
      { title: "Time", class: "time", cell: (line) => line.gap ? "" : clock(line.time) },
      { title: "Level", class: "level", cell: (line) => line.gap ? "" : badge(line.level, TONES[line.level] ?? "") },
      { title: "Message", class: "message", cell: message },
      { title: "Part", class: "target mono", cell: (line) => line.target },
    ],
    toneOf: (line) => line.gap ? "gap" : line.level === "ERROR" ? "bad" : line.level === "WARN" ? "warn" : "",
  });

  /** @param {Line|null} line @param {boolean} opened */
  function open(line, opened) {
    detailBox.hidden = line === null || line.gap !== undefined;
    if (!line || line.gap) return;
    const title = h("h2", { tabindex: "-1" }, line.message);
    const close = () => { stream.select(null); open(null, false); stream.focus(); };
    replace(detailBox, h("section", { class: "card", "aria-label": "The chosen line" }, h("div", { class: "card-body stack-s" },
      h("div", { class: "line-head" }, title,
        h("div", { class: "row" }, copyButton(() => JSON.stringify(line), { what: "line as JSON" }),
          h("button", { class: "button bare icon small", type: "button", "aria-label": "Close the line", on: { click: close } }, icon("close")))),
      facts([
        ["Time", dateTime(line.time)], ["Level", badge(line.level, TONES[line.level] ?? "")], ["Part", h("span", { class: "mono" }, line.target)],
        ...Object.entries(line.fields ?? {}).map(([name, value]) => /** @type {[string, Element]} */
          ([name, h("span", { class: "mono" }, typeof value === "string" ? value : JSON.stringify(value))])),
      ]))));
    if (opened) title.focus();
  }

  let last = "";
  function changed() {
    clearTimeout(timer);
    const now = { level: level.value, text: text.value.trim() };
    if (JSON.stringify(now) === last || signal.aborted) return;
    last = JSON.stringify(now);
    setParams(now);
    restart(now);
  }

  /** @param {{ level: string, text: string }} filters */
  function restart(filters) {
    run.abort();
    run = new AbortController();
    const { signal: mine } = run;
    pause.drop();
    stream.clear(loading("Asking for the log…"));
    open(null, false);
    follow("api/ext/logs", {
      query: filters, first: AT_FIRST, signal: mine,
      onAnswer: (/** @type {Line[]} */ value, lost) => {
        replace(trouble);
        stream.append(pause.pass(lost > 0 ? [gap(lost), ...value] : value));
        if (stream.rows().length === 0) stream.clear(empty("No line matches yet.", "The page goes on waiting. Loosen the filters to see more."));
        say();
      },
      onError: (error) => {
        pause.lose();
        replace(trouble, notice("bad", "The log cannot be loaded now.", messageOf(error)));
        if (stream.rows().length === 0) stream.clear(empty("No lines.", "They appear as soon as the service answers."));
      },
    });
    say();
  }

  function say() {
    held.textContent = `${plural(stream.rows().length, "line")} here`;
  }

  changed();
  return h("div", { class: "stack" },
    h("div", { class: "toolbar" }, field({ label: "Text", control: text }).element, field({ label: "Level", control: level }).element,
      h("div", { class: "row" }, pause.button, pause.state), held),
    trouble, h("div", { class: "card" }, stream.element), detailBox);
}

/** @param {number} lost @returns {Line} */
function gap(lost) {
  return { id: -1, time: "", level: "WARN", target: "", message: "", gap: lost };
}

/** The message, and on the same line its fields. @param {Line} line */
function message(line) {
  if (line.gap) return `${plural(line.gap, "line is", "lines are")} missing here: they came faster than this page could ask`;
  const fields = Object.entries(line.fields ?? {}).map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`).join(" ");
  return [line.message, fields ? h("code", {}, fields.slice(0, 300)) : null];
}
