// The filters of the live trace.
import { page } from "../../api.js";
import { h } from "../../dom.js";
import { field, select, suggestions, textInput } from "../../components/fields.js";
import { FILTERS } from "./events.js";

/** @typedef {import("./events.js").Filters} Filters */

const TYPING_MS = 300;

/**
 * @param {{ filters: Filters, signal: AbortSignal, onChange: (filters: Filters) => void }} options
 * @returns {{ element: HTMLElement, set: (filters: Filters) => void }}
 */
export function filterBar({ filters, signal, onChange }) {
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let timer;
  const typed = () => {
    clearTimeout(timer);
    timer = setTimeout(changed, TYPING_MS);
  };
  const search = (/** @type {keyof Filters} */ name, /** @type {Record<string, unknown>} */ more = {}) =>
    textInput({ type: "search", value: filters[name], on: { input: typed, change: changed }, ...more });
  /** @type {Record<keyof Filters, HTMLInputElement|HTMLSelectElement>} */
  const controls = {
    text: search("text", { "data-search": true, placeholder: "in any field" }),
    hub: search("hub"),
    connection: search("connection", { class: "mono" }),
    user: search("user"),
    group: search("group"),
    category: select([["", "All"], ["ConnectivityLogs", "Connections"], ["MessagingLogs", "Messages"], ["HttpRequestLogs", "REST requests"]],
      { value: filters.category, on: { change: changed } }),
    level: select([["", "All"], ["Warning", "Warnings and errors"], ["Error", "Errors"]], { value: filters.level, on: { change: changed } }),
  };
  const hubs = suggestions(/** @type {HTMLInputElement} */ (controls.hub));
  page("api/ext/inventory", { size: 200, signal }).then(({ value }) => hubs.set(value.map(({ hub }) => hub)), () => { /* Typing works without. */ });

  const reset = h("button", {
    class: "button small", type: "button", on: { click: () => set(/** @type {Filters} */ (Object.fromEntries(FILTERS.map((name) => [name, ""])))) }
  }, "Clear filters");
  const summary = h("summary", {});
  const details = h("details", { class: "filters", open: matchMedia("(min-width: 62rem)").matches }, summary,
    h("div", { class: "toolbar" },
      field({ label: "Text", control: controls.text }).element,
      field({ label: "Hub", control: controls.hub }).element,
      field({ label: "Connection", control: controls.connection }).element,
      field({ label: "User", control: controls.user }).element,
      field({ label: "Group", control: controls.group }).element,
      field({ label: "Category", control: controls.category }).element,
      field({ label: "Level", control: controls.level }).element,
      reset, hubs.list));

  let last = JSON.stringify(filters);
  const now = () => /** @type {Filters} */ (Object.fromEntries(FILTERS.map((name) => [name, controls[name].value.trim()])));
  function changed() {
    clearTimeout(timer);
    const to = now();
    say(to);
    if (JSON.stringify(to) === last || signal.aborted) return;
    last = JSON.stringify(to);
    onChange(to);
  }

  /** @param {Filters} to */
  function say(to) {
    const used = FILTERS.filter((name) => to[name]).length;
    summary.textContent = used === 0 ? "Filters" : `Filters (${used})`;
    reset.hidden = used === 0;
  }

  /** @param {Filters} to */
  function set(to) {
    for (const name of FILTERS) controls[name].value = to[name];
    changed();
  }

  last = JSON.stringify(now());
  say(now());
  return { element: details, set };
}
