// The app server's side: a message by REST, and the command that does the same.
import { call, messageOf, pathOf } from "../../api.js";
import { h, replace } from "../../dom.js";
import { icon } from "../../icons.js";
import { milliseconds } from "../../format.js";
import { codeBlock } from "../../components/code.js";
import { choice, field, select, textInput } from "../../components/fields.js";
import { card } from "../../components/page.js";
import { notice } from "../../components/states.js";
import { shellQuoted } from "../urls/snippets/plan.js";

/** @typedef {"all"|"group"|"user"|"connection"} Target */

/** @type {Record<Target, { path: string, label: string, example: string }>} */
const TARGETS = {
  all: { path: "", label: "", example: "" },
  group: { path: "groups", label: "Group", example: "room" },
  user: { path: "users", label: "User id", example: "alice" },
  connection: { path: "connections", label: "Connection id", example: "" },
};

const TYPES = /** @type {[string, string][]} */ ([["text/plain", "text"], ["application/json", "json"]]);

/** @param {{ hub: () => string, signal: AbortSignal }} options */
export function sender({ hub, signal }) {
  /** @type {Target} */
  let target = "all";
  const name = field({ label: "Group", control: textInput({ value: "", on: { input: show } }) });
  const type = field({ label: "Type", control: select(TYPES, { on: { change: show } }) });
  const message = field({ label: "Message", control: h("textarea", { class: "mono", rows: 2, spellcheck: "false", value: "hello from the app server", on: { input: show } }) });
  const where = h("div", {});
  const command = h("div", {});
  const answer = h("div", { class: "answer" });
  const button = h("button", { class: "button primary", type: "submit" }, icon("send"), "Send");

  function show() {
    const quoted = target === "all" ? "" : ` ${shellQuoted(name.control.value)}`;
    const json = type.control.value === "application/json" ? " --type json" : "";
    replace(command, codeBlock(`hublet send ${target}${quoted} ${shellQuoted(message.control.value)}${json} --hub ${hub()}`, { language: "sh", label: "The same on the command line", wrap: true }));
  }

  /** @param {string} value */
  function aim(value) {
    target = /** @type {Target} */ (value);
    const { label, example } = TARGETS[target];
    replace(where, target !== "all" && name.element);
    const title = name.element.querySelector("label");
    if (title) title.textContent = label;
    name.control.value = example;
    name.setError("");
    show();
  }

  /** @param {Event} event */
  async function send(event) {
    event.preventDefault();
    message.setError("");
    const to = name.control.value;
    if (target !== "all" && to === "") return name.setError(`A ${TARGETS[target].label.toLowerCase()} is needed. Enter one.`);
    if (type.control.value === "application/json" && !isJson(message.control.value)) return message.setError("This is not JSON. Correct it, or send it as text.");
    const path = target === "all" ? pathOf("api/hubs", hub(), ":send") : pathOf("api/hubs", hub(), TARGETS[target].path, to, ":send");
    button.disabled = true;
    const start = performance.now();
    try {
      const response = await call("POST", path, { body: message.control.value, type: type.control.value, signal });
      replace(answer, notice("good", `Answered ${response.status} after ${milliseconds(performance.now() - start)}.`, "Whoever is there has it; that nobody is there is no failure."));
    } catch (error) {
      if (!signal.aborted) replace(answer, notice("bad", "The message was not sent.", messageOf(error)));
    } finally {
      button.disabled = false;
    }
  }

  aim("all");
  const element = card({ title: "The app server", note: "sends by REST, as your backend would" },
    h("form", { class: "stack", novalidate: true, on: { submit: send } },
      choice({
        legend: "Send to", value: "all", onChange: aim,
        options: [{ value: "all", title: "All clients" }, { value: "group", title: "A group" }, { value: "user", title: "A user" }, { value: "connection", title: "A connection" }],
      }),
      where,
      h("div", { class: "pair" }, message.element, type.element),
      h("div", { class: "row" }, button),
      answer, command));
  return { element, refresh: show };
}

/** @param {string} text */
function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
