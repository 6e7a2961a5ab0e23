// What a connected client can do, as tabs.
import { h } from "../../dom.js";
import { icon } from "../../icons.js";
import { checkbox, field, select, textInput } from "../../components/fields.js";
import { tabs } from "../../components/tabs.js";
import { toast } from "../../components/toast.js";

/** @typedef {import("./client.js").PlaygroundClient} Client */

const TYPES = /** @type {[string, string][]} */ ([["text", "text"], ["json", "json"], ["binary", "binary (base64)"]]);

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** @param {Client} client */
export function actions(client) {
  if (client.protocol === "simple") return rawForm(client, client.publishTo === "" ? "as an event" : `to the group “${client.publishTo}”`, "hello");
  return tabs({
    label: `What client ${client.name} does`,
    tabs: [
      { id: "group", title: "Group", render: () => groupForm(client) },
      { id: "event", title: "Event", render: () => eventForm(client) },
      { id: "raw", title: "Raw frame", render: () => rawForm(client, "as it is", '{"type":"ping"}') },
    ],
  }).element;
}

/** @param {string} label @param {string} value */
function area(label, value) {
  return field({ label, control: h("textarea", { class: "mono", rows: 2, spellcheck: "false", value }) });
}

/** The data of a request, or null when it is none of its type. @param {string} type @param {ReturnType<typeof area>} message */
function dataOf(type, message) {
  message.setError("");
  const text = message.control.value;
  if (type === "binary" && !BASE64.test(text)) {
    message.setError("This is not base64, and the service would close the connection. Correct it: four characters stand for three bytes, with = at the end.");
    return null;
  }
  if (type !== "json") return { dataType: type, data: text };
  try {
    return { dataType: type, data: JSON.parse(text) };
  } catch {
    message.setError("This is not JSON. Correct it, or send it as text.");
    return null;
  }
}

/** @param {Client} client */
function groupForm(client) {
  const named = (/** @type {(group: string) => void} */ act) => () => {
    if (client.group.trim() === "") group.setError("A group is needed. Enter its name.");
    else {
      group.setError("");
      act(client.group);
    }
  };
  const group = field({
    label: "Group",
    control: textInput({ value: client.group, on: { input: () => { client.group = group.control.value; } } }),
    behind: h("div", { class: "row" },
      h("button", { class: "button", type: "button", on: { click: named((name) => client.join(name)) } }, "Join"),
      h("button", { class: "button", type: "button", on: { click: named((name) => client.leave(name)) } }, "Leave")),
  });
  const type = field({ label: "Type", control: select(TYPES) });
  const message = area("Message", `hello from ${client.userId || `client ${client.name}`}`);
  const noEcho = checkbox({ label: "Not to myself", hint: "noEcho: other members get it, this client does not" });
  const send = named((name) => {
    const data = dataOf(type.control.value, message);
    if (data) client.request({ type: "sendToGroup", group: name, ...(noEcho.control.checked && { noEcho: true }), ...data });
  });
  return form(send,
    group.element,
    h("div", { class: "pair" }, message.element, type.element),
    h("div", { class: "row-between" }, noEcho.element, submit("Send to group")));
}

/** @param {Client} client */
function eventForm(client) {
  const name = field({ label: "Event", control: textInput({ value: "order" }), hint: "It goes to the event handler of the hub; see the page “Hubs”." });
  const type = field({ label: "Type", control: select(TYPES) });
  const message = area("Data", "two teas");
  return form(() => {
    const data = dataOf(type.control.value, message);
    if (data) client.request({ type: "event", event: name.control.value, ...data });
  },
  name.element,
  h("div", { class: "pair" }, message.element, type.element),
  h("div", { class: "row-between" }, h("span"), submit("Send event")));
}

/** @param {Client} client @param {string} how @param {string} text */
function rawForm(client, how, text) {
  const message = area(`Frame, sent ${how}`, text);
  return form(() => client.send(message.control.value), message.element, h("div", { class: "row-between" }, h("span"), submit("Send frame")));
}

/** @param {string} text */
const submit = (text) => h("button", { class: "button primary", type: "submit" }, icon("send"), text);

/** @param {() => void} onSubmit @param {...Element} content */
function form(onSubmit, ...content) {
  return h("form", { class: "stack", novalidate: true, on: { submit: (event) => {
    event.preventDefault();
    try {
      onSubmit();
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error), "bad");
    }
  } } }, ...content);
}
