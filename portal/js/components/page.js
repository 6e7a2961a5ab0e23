// The parts that pages are put together from.
import { h } from "../dom.js";
import { icon } from "../icons.js";

/** @typedef {import("../dom.js").Child} Child */

/**
 * A whole page: its head and what is below it.
 * @param {{ title: string, lead?: Child, actions?: Child[], class?: string, back?: { href: string, title: string } }} head back: the page above this one
 * @param {...(Child|Child[])} content
 */
export function page({ title, lead, actions = [], class: name = "", back }, ...content) {
  return h("div", { class: `page ${name}` },
    back ? h("a", { class: "back", href: back.href }, icon("back"), back.title) : null,
    h("header", { class: "page-head" },
      h("div", {}, h("h1", {}, title), lead ? h("p", {}, lead) : null),
      actions.length > 0 && h("div", { class: "row" }, actions)),
    ...content);
}

/**
 * A card with a heading.
 * @param {{ title?: string, note?: Child, class?: string, foot?: Child, level?: 2|3 }} head
 * @param {...(Child|Child[])} content
 */
export function card({ title, note, class: name = "", foot, level = 2 }, ...content) {
  return h("section", { class: `card ${name}` },
    title ? h("div", { class: "card-head" }, h(level === 2 ? "h2" : "h3", {}, title), note ? h("p", {}, note) : null) : null,
    h("div", { class: "card-body" }, ...content),
    foot ? h("div", { class: "card-foot" }, foot) : null);
}

/**
 * A word of state.
 * @param {string} text
 * @param {""|"good"|"warn"|"bad"|"note"|"accent"|"plain"|"good live"} [tone]
 */
export function badge(text, tone = "") {
  return h("span", { class: `badge ${tone}` }, text);
}

/**
 * Names and values.
 * @param {[string, Child|Child[]][]} entries
 */
export function facts(entries) {
  return h("dl", { class: "facts" }, entries.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/**
 * A time, short, with the whole of it when pointed at.
 * @param {string} iso
 * @param {string} shown
 */
export function time(iso, shown) {
  return h("time", { datetime: iso, title: iso }, shown);
}
