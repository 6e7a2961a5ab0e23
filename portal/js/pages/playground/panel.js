// One client as a card.
import { h, replace } from "../../dom.js";
import { icon } from "../../icons.js";
import { messageOf } from "../../api.js";
import { linkTo } from "../../router.js";
import { mayChange } from "../../session.js";
import { checkbox, choice, field, textInput } from "../../components/fields.js";
import { badge, facts } from "../../components/page.js";
import { toast } from "../../components/toast.js";
import { actions } from "./actions.js";
import { frameList } from "./frames.js";

/** @typedef {import("./client.js").PlaygroundClient} Client */
/** @typedef {import("./client.js").PlayProtocol} PlayProtocol */

/** @type {Record<import("./client.js").ClientState, [string, ""|"good live"|"warn"]>} */
const STATES = {
  closed: ["Not connected", ""],
  connecting: ["Connecting…", "warn"],
  open: ["Connected", "good live"],
  away: ["Away", "warn"],
};

/**
 * @param {Client} client
 * @param {{ makeUrl: (client: Client) => Promise<string>, signal: AbortSignal }} options
 */
export function clientPanel(client, { makeUrl, signal }) {
  const state = h("span", { role: "status" });
  const body = h("div", {});
  const list = frameList(client);
  /** What the body was made for: it is made anew only when that changes, so that what is typed stays. */
  let shown = "";
  /** @type {{ update: () => void }|undefined} */
  let inner;

  function update() {
    const [text, tone] = STATES[client.state];
    if (state.textContent !== text) replace(state, badge(text, tone));
    const phase = client.state === "closed" || client.state === "connecting" ? "before" : "during";
    if (shown !== phase) {
      shown = phase;
      const made = phase === "before" ? before(client, makeUrl) : during(client);
      inner = made;
      replace(body, made.element);
    }
    inner?.update();
    list.update();
  }

  client.addEventListener("change", update, { signal });
  const element = h("section", { class: "card client", "aria-label": `Client ${client.name}` },
    h("div", { class: "client-head" }, h("h2", {}, `Client ${client.name}`), state),
    h("div", { class: "card-body" }, body, list.element));
  update();
  return element;
}

/** @param {Client} client @param {(client: Client) => Promise<string>} makeUrl */
function before(client, makeUrl) {
  const url = field({
    label: "Client access URL",
    control: textInput({ class: "mono", value: client.url, placeholder: "made for you when you connect", on: { input: () => {
      client.url = url.control.value.trim();
      client.isMade = false;
      url.setError("");
    } } }),
    behind: h("button", { class: "button", type: "button", disabled: !mayChange(), on: { click: () => trying(makeAnew) } }, "New URL"),
    hint: mayChange()
      ? h("span", {}, "Paste one, or leave it empty: it is then made with all roles. For other roles use the page ", h("a", { href: linkTo("urls") }, "Client URL"), ".")
      : "Paste one. This session may only read, so it makes none.",
  });
  const user = field({ label: "User id of a new URL", optional: true, control: textInput({ value: client.user, on: { input: () => {
    client.user = user.control.value.trim();
    client.forget();
  } } }) });
  const group = field({
    label: "Publish each frame to", optional: true, hint: "Without a group each frame is an event.",
    control: textInput({ value: client.publishTo, placeholder: "a group", on: { input: () => { client.publishTo = group.control.value.trim(); } } }),
  });
  const simple = h("div", {});
  const show = () => replace(simple, client.protocol === "simple" && group.element);
  const button = h("button", { class: "button primary", type: "submit" }, "Connect");
  show();
  const element = h("form", { class: "stack", novalidate: true, on: { submit: connect } },
    choice({
      legend: "Protocol", value: client.protocol,
      options: [{ value: "simple", title: "Simple" }, { value: "json", title: "JSON" }, { value: "json-reliable", title: "Reliable JSON" }],
      onChange: (value) => {
        client.protocol = /** @type {PlayProtocol} */ (value);
        show();
      },
    }),
    url.element, user.element, simple, h("div", { class: "row" }, button));

  async function makeAnew() {
    url.setError("");
    client.take(await makeUrl(client));
  }

  /** @param {Event} event */
  function connect(event) {
    event.preventDefault();
    if (client.url === "" && !mayChange()) return url.setError("This session may only read, so it makes no URL. Paste one.");
    return trying(async () => {
      if (client.url === "") await makeAnew();
      client.connect();
    });
  }

  /** @param {() => Promise<void>} task */
  async function trying(task) {
    button.disabled = true;
    try {
      await task();
    } catch (error) {
      toast(messageOf(error), "bad");
    } finally {
      button.disabled = client.state === "connecting";
    }
  }

  function update() {
    button.disabled = client.state === "connecting";
    if (url.control.value.trim() !== client.url) url.control.value = client.url;
  }

  return { element, update };
}

/** @param {Client} client */
function during(client) {
  const who = h("div", {});
  const reliable = client.protocol === "json-reliable";
  const drop = h("button", { class: "button", type: "button", on: { click: () => client.drop() } }, icon("unplug"), "Drop socket");
  const ack = h("button", { class: "button", type: "button", on: { click: () => client.acknowledge() } }, "Acknowledge now");
  const acknowledges = checkbox({
    label: "Acknowledge what arrives", checked: client.acknowledges, hint: "sequenceAck after each message; without it messages come again after a recovery",
    onChange: (checked) => {
      client.acknowledges = checked;
      update();
    },
  });
  const element = h("div", { class: "stack" },
    h("div", { class: "top" }, who, h("div", { class: "row" },
      reliable && drop,
      h("button", { class: "button", type: "button", on: { click: () => client.disconnect() } }, "Disconnect"))),
    reliable && h("div", { class: "top" }, acknowledges.element, ack),
    actions(client));

  function update() {
    const { connectionId, userId, groups, sequence } = client;
    drop.disabled = client.state !== "open";
    ack.disabled = client.acknowledges || client.state !== "open" || sequence.received === sequence.acknowledged;
    replace(who, client.protocol === "simple"
      ? h("p", { class: "who" }, "A simple client is told nothing about itself: it gets payloads only.")
      : facts([
        ["Connection", connectionId ? h("a", { class: "mono small", href: linkTo("connections", { search: connectionId }) }, connectionId) : "–"],
        ["User", userId || "anonymous"],
        ["Joined", groups.size === 0 ? "no group that this page knows of" : [...groups].join(", ")],
        ...(reliable ? /** @type {[string, string][]} */ ([["Sequence", `received ${sequence.received}, acknowledged ${sequence.acknowledged}`]]) : []),
      ]));
  }
  return { element, update };
}
