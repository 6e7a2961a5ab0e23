// The app server's side: a message by REST, and the command that does the same.
import { call, get, messageOf } from "../../api.js";
import { h, replace } from "../../dom.js";
import { icon } from "../../icons.js";
import { milliseconds } from "../../format.js";
import { sendingTo } from "../../rest.js";
import { linkTo } from "../../router.js";
import { codeBlock } from "../../components/code.js";
import { choice, field, select, textInput } from "../../components/fields.js";
import { card } from "../../components/page.js";
import { notice } from "../../components/states.js";
import { mayChange, session } from "../../session.js";
import { shellQuoted } from "../urls/snippets/plan.js";

/** @typedef {"all"|"group"|"user"|"connection"} Target */

/** @type {Record<Target, { label: string, example: string }>} */
const TARGETS = {
  all: { label: "", example: "" },
  group: { label: "Group", example: "room" },
  user: { label: "User id", example: "alice" },
  connection: { label: "Connection id", example: "" },
};

/** The connection string with the key that everybody knows; others are secrets. @type {Promise<string>|undefined} */
let wellKnown;

/** A word for a shell, in quotes where it needs them. @param {string} text */
const word = (text) => (/^[\w.]+$/.test(text) ? text : shellQuoted(text));

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
  const button = h("button", { class: "button primary", type: "submit", disabled: !mayChange() }, icon("send"), "Send");
  let connection = "";

  function show() {
    const words = [...(target === "all" ? [] : [name.control.value]), message.control.value];
    const line = [
      "hublet", "send", target, "--hub", word(hub()),
      ...(connection ? ["--connection-string", shellQuoted(connection)] : []),
      ...(type.control.value === "application/json" ? ["--type", "json"] : []),
      // What begins with a dash is no option behind this.
      ...(words.some((each) => each.startsWith("-")) ? ["--"] : []),
      ...words.map(shellQuoted),
    ].join(" ");
    replace(command,
      codeBlock(line, { language: "sh", label: "The same on the command line", wrap: true }),
      connection ? null : h("p", { class: "hint" }, "It finds the service by the variable ", h("code", {}, "WebPubSubConnectionString"), " of the shell; the page ",
        h("a", { href: linkTo("keys") }, "Keys"), " has its value."));
  }

  async function findService() {
    if (!session().development || !mayChange()) return;
    try {
      wellKnown ??= get("api/ext/keys").then((keys) => keys.primaryConnectionString);
      connection = await wellKnown;
      show();
    } catch {
      wellKnown = undefined; // The variable will do.
    }
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
    button.disabled = true;
    const start = performance.now();
    try {
      const { path, query = {} } = sendingTo(hub(), { kind: target, name: to });
      const response = await call("POST", path, { query, body: message.control.value, type: type.control.value, signal });
      replace(answer, notice("good", `Answered ${response.status} after ${milliseconds(performance.now() - start)}.`, "Whoever is there has it; that nobody is there is no failure."));
    } catch (error) {
      if (!signal.aborted) replace(answer, notice("bad", "The message was not sent.", messageOf(error)));
    } finally {
      button.disabled = false;
    }
  }

  aim("all");
  findService();
  const element = card({ title: "The app server", note: "sends by REST, as your backend would" },
    h("form", { class: "stack", novalidate: true, on: { submit: send } },
      choice({
        legend: "Send to", value: "all", onChange: aim,
        options: [{ value: "all", title: "All clients" }, { value: "group", title: "A group" }, { value: "user", title: "A user" }, { value: "connection", title: "A connection" }],
      }),
      where,
      h("div", { class: "pair" }, message.element, type.element),
      h("div", { class: "row" }, button, mayChange() ? null : h("span", { class: "quiet small" }, "This session may only read. Sign in with an access key to send.")),
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
