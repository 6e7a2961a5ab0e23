// What stands in place of content: nothing there, on its way, failed. Each says what happened and what to do.
import { messageOf } from "../api.js";
import { h } from "../dom.js";
import { icon } from "../icons.js";

/** @typedef {import("../dom.js").Child} Child */

/** @param {string} [what] */
export function loading(what = "Loading…") {
  return h("div", { class: "state", role: "status" }, h("span", { class: "spinner" }), h("p", {}, what));
}

/**
 * @param {string} title what is not there
 * @param {Child} advice what to do
 * @param {...Child} actions
 */
export function empty(title, advice, ...actions) {
  return h("div", { class: "state" }, icon("empty"), h("p", { class: "title" }, title), h("p", {}, advice), ...actions);
}

/**
 * @param {string} title what failed
 * @param {Child} advice why, and what to do
 * @param {...Child} actions
 */
export function failed(title, advice, ...actions) {
  return h("div", { class: "state bad", role: "alert" }, icon("error"), h("p", { class: "title" }, title), h("p", {}, advice), ...actions);
}

/**
 * What could not be loaded, with a button that tries again.
 * @param {string} title
 * @param {unknown} error
 * @param {() => void} again
 */
export function retry(title, error, again) {
  return failed(title, messageOf(error), h("button", { class: "button", type: "button", on: { click: again } }, "Try again"));
}

/**
 * A box in the flow of the page.
 * @param {"note"|"good"|"warn"|"bad"} tone
 * @param {string} title
 * @param {Child} [text]
 * @param {...Child} actions
 */
export function notice(tone, title, text, ...actions) {
  const icons = { note: "about", good: "check", warn: "warning", bad: "error" };
  return h("div", { class: `notice ${tone}`, role: tone === "bad" ? "alert" : null }, icon(icons[tone]),
    h("div", {}, h("p", { class: "title" }, title), text ? h("p", {}, text) : null),
    actions.length > 0 && h("div", { class: "row" }, ...actions));
}
