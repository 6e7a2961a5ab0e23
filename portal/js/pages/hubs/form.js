// All settings of a hub as a form.
import { h, replace } from "../../dom.js";
import { icon } from "../../icons.js";
import { choice } from "../../components/fields.js";
import { card } from "../../components/page.js";
import { placed, property } from "./fields.js";
import { handlerForm, newHandler } from "./handler.js";
import { listenerForm } from "./listener.js";
import { assign } from "./settings.js";

/** @typedef {import("./fields.js").Form} Form */
/** @typedef {import("./settings.js").Settings} Settings */

/** What the service takes at most. */
const HANDLERS_MAX = 32;
const LISTENERS_MAX = 10;

/**
 * @param {Form} form
 * @param {Settings} settings changed as somebody types
 * @param {boolean} readOnly
 */
export function settingsForm(form, settings, readOnly) {
  const handlers = entries(form, {
    title: "Event handlers", one: "handler", note: "the first that names an event gets it", most: HANDLERS_MAX, ordered: true, path: "eventHandlers",
    without: "Without a handler nobody hears of events, and clients come in by their tokens alone.",
    all: () => settings.eventHandlers ?? [], set: (all) => assign(settings, "eventHandlers", all),
    create: newHandler,
    render: (handler, index) => handlerForm(form, handler, index), readOnly,
  });
  const listeners = entries(form, {
    title: "Event listeners", one: "listener", note: "every one that matches gets a copy", most: LISTENERS_MAX, ordered: false, path: "eventListeners",
    without: "A listener gets copies of events, for analytics or an audit, and cannot answer.",
    all: () => settings.eventListeners ?? [], set: (all) => assign(settings, "eventListeners", all),
    create: () => ({ filter: { type: "EventName", userEventPattern: "*" }, endpoint: { type: "Nats", url: "" } }),
    render: (listener, index) => listenerForm(form, listener, index), readOnly,
  });
  return h("fieldset", { class: "settings", disabled: readOnly },
    h("legend", { class: "hush" }, "Settings"),
    handlers, listeners, clients(form, settings));
}

/** @param {Form} form @param {Settings} settings */
function clients(form, settings) {
  return card({ title: "Clients" }, h("div", { class: "grid grid-2" },
    placed(form, "anonymousConnectPolicy", h("div", { class: "stack-s" },
      choice({
        legend: "Without a token clients are", value: settings.anonymousConnectPolicy ?? "deny",
        options: [{ value: "deny", title: "Refused" }, { value: "allow", title: "Let in" }],
        onChange: (value) => { assign(settings, "anonymousConnectPolicy", value === "allow" ? "allow" : undefined); form.changed(); },
      }),
      h("p", { class: "quiet small" }, "Whoever is let in without a token has no user and no roles; the handler of connect can still refuse."))),
    property(form, "", settings, "webSocketKeepAliveIntervalInSeconds", {
      label: "Seconds between pings", optional: true, number: [1, 120], hint: "Left out: as the service has it.",
    })));
}

/**
 * A list of settings that can grow, shrink and be put in order.
 * @template T
 * @param {Form} form
 * @param {{
 *   title: string, one: string, note: string, without: string, most: number, ordered: boolean, path: string, readOnly: boolean,
 *   all: () => T[], set: (all: T[]) => void, create: () => T, render: (entry: T, index: number) => Element,
 * }} options
 */
function entries(form, { title, one, note, without, most, ordered, path, readOnly, all, set, create, render }) {
  const list = h("ol", { class: "entries" });
  const button = (/** @type {string} */ shape, /** @type {string} */ label, /** @type {boolean} */ works, /** @type {() => void} */ click) =>
    h("button", { class: "button bare icon small", type: "button", "aria-label": label, title: label, disabled: !works, on: { click } }, icon(shape));

  /** Makes the list anew, and puts the focus where somebody goes on. @param {number} [at] @param {string} [label] */
  function draw(at, label) {
    const now = all();
    replace(list, now.map((entry, index) => h("li", {},
      h("div", { class: "entry-head" },
        h("h3", {}, h("span", { class: "order" }, index + 1), `Event ${one}`),
        readOnly ? null : h("div", { class: "row" },
          ordered ? [
            button("up", `Move ${one} ${index + 1} up`, index > 0, () => move(index, index - 1)),
            button("down", `Move ${one} ${index + 1} down`, index < now.length - 1, () => move(index, index + 1)),
          ] : [],
          button("trash", `Remove ${one} ${index + 1}`, true, () => { change(now.filter((_, each) => each !== index)); draw(); add.focus(); }))),
      render(entry, index))));
    nothing.hidden = now.length > 0;
    add.disabled = now.length >= most;
    if (at === undefined) return;
    const here = list.children[at];
    const target = label ? [...(here?.querySelectorAll("button") ?? [])].find((each) => each.title.startsWith(label) && !each.disabled) : null;
    (target ?? /** @type {HTMLElement|null|undefined} */ (here?.querySelector(".entry-head button:not(:disabled), input, select")))?.focus();
  }

  /** @param {T[]} to */
  function change(to) {
    set(to);
    form.changed();
  }

  /** @param {number} from @param {number} to */
  function move(from, to) {
    const now = [...all()];
    const [moved] = now.splice(from, 1);
    now.splice(to, 0, /** @type {T} */ (moved));
    change(now);
    draw(to, to < from ? `Move ${one} ${to + 1} up` : `Move ${one} ${to + 1} down`);
  }

  const nothing = h("p", { class: "quiet small" }, without);
  const add = h("button", {
    class: "button small", type: "button",
    on: {
      click: () => {
        change([...all(), create()]);
        draw();
        /** @type {HTMLElement|null|undefined} */ (list.lastElementChild?.querySelector("input, select"))?.focus();
      },
    },
  }, icon("plus"), `Add a ${one}`);
  draw();
  return placed(form, path, card({ title, note }, h("div", { class: "stack" }, nothing, list, readOnly ? null : h("div", {}, add))));
}
