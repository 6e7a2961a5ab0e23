// The form of the generator. It changes the state that it is given.
import { h, replace } from "../../dom.js";
import { icon } from "../../icons.js";
import { mayChange } from "../../session.js";
import { choice, field, select, suggestions, textInput } from "../../components/fields.js";
import { card } from "../../components/page.js";
import { tagField } from "../../components/tags.js";
import { PROTOCOLS, protocolOf } from "./protocols.js";
import { DEFAULT_MINUTES, MINUTES_MAX } from "./state.js";

/** @typedef {import("./state.js").UrlForm} UrlForm */
/** @typedef {import("./state.js").Allowed} Allowed */

const UNITS = /** @type {[string, string][]} */ ([["1", "minutes"], ["60", "hours"], ["1440", "days"]]);
/** A token that names more would not fit into a URL. */
const GROUP_CHARACTERS_MAX = 1024;

/**
 * @param {UrlForm} form
 * @param {{ onChange: () => void, onGenerate: () => void }} handlers
 */
export function formCard(form, { onChange, onGenerate }) {
  const change = (/** @type {() => void} */ set) => () => {
    set();
    onChange();
  };
  const hub = field({
    label: "Hub",
    control: textInput({ value: form.hub, class: "mono", required: true, on: { input: change(() => {
      form.hub = hub.control.value.trim();
      hub.setError("");
    }) } }),
  });
  const hubs = suggestions(hub.control);
  const user = field({
    label: "User id", optional: true, hint: "Without one the client is anonymous.",
    control: textInput({ value: form.user, on: { input: change(() => { form.user = user.control.value.trim(); }) } }),
  });
  const join = extent("May join and leave", form.join, onChange);
  const send = extent("May send to", form.send, onChange);
  const groups = tagField({
    label: "In these groups at once", optional: true, values: form.groups, check: groupProblem,
    onChange: (values) => { form.groups = values; onChange(); },
  });
  const lists = [groups, join.groups, send.groups].map((each) => suggestions(each.input));

  const about = h("p", { class: "hint" }, protocolOf(form.protocol).about);
  const protocol = choice({
    legend: "Client protocol", value: protocolOf(form.protocol).id,
    options: [
      ...PROTOCOLS.map(({ id, title }) => ({ value: id, title })),
      { value: "mqtt", title: "MQTT", disabled: true, hint: "Not in this version" },
      { value: "socketio", title: "Socket.IO", disabled: true, hint: "Not in this version" },
    ],
    onChange: (id) => {
      form.protocol = id;
      about.textContent = protocolOf(id).about;
      onChange();
    },
  });
  protocol.append(about, h("p", { class: "hint" }, "The sample programs speak it; the URL is good for each of them. MQTT and Socket.IO are not in this version."));

  const button = h("button", { class: "button primary", type: "submit", disabled: !mayChange() }, icon("url"), "Generate");
  const element = h("form", {
    class: "form", novalidate: true,
    on: { submit: (event) => {
      event.preventDefault();
      for (const each of [groups, join.groups, join.patterns, send.groups, send.patterns]) each.take();
      onGenerate();
    } },
  }, card({},
    h("div", { class: "pair" }, hub.element, user.element),
    join.element, send.element, groups.element,
    expiry(form, onChange), protocol,
    h("div", { class: "actions" }, button, h("span", { class: "quiet small" }, mayChange()
      ? "The address of this page keeps the form, never the token." : "This session may only read. Sign in with an access key to make URLs.")),
    hubs.list, ...lists.map((each) => each.list)));

  return {
    element,
    showHubProblem: (/** @type {string} */ text) => {
      hub.setError(text);
      if (text) hub.control.focus();
    },
    offerHubs: hubs.set,
    offerGroups: (/** @type {string[]} */ names) => lists.forEach((each) => each.set(names)),
    busy: (/** @type {boolean} */ busy) => { button.disabled = busy; },
  };
}

/** To how many groups something is allowed. @param {string} legend @param {Allowed} what @param {() => void} onChange */
function extent(legend, what, onChange) {
  const groups = tagField({
    label: "Groups", values: what.groups, check: groupProblem,
    onChange: (values) => { what.groups = values; onChange(); },
  });
  const patterns = tagField({
    label: "Patterns", values: what.patterns, optional: true, check: groupProblem,
    hint: "* is any part without a dot, ** any text, ? one character: room.*",
    onChange: (values) => { what.patterns = values; onChange(); },
  });
  const some = h("div", { class: "some" }, groups.element, patterns.element);
  const box = h("div", {});
  const show = () => replace(box, what.extent === "some" && some);
  const element = choice({
    legend, value: what.extent,
    options: [{ value: "all", title: "All groups" }, { value: "some", title: "Some groups" }, { value: "none", title: "None" }],
    onChange: (value) => {
      what.extent = /** @type {import("./state.js").Extent} */ (value);
      show();
      onChange();
    },
  });
  element.append(box);
  show();
  return { element, groups, patterns };
}

/** @param {UrlForm} form @param {() => void} onChange */
function expiry(form, onChange) {
  const unit = form.minutes % 1440 === 0 ? "1440" : form.minutes % 60 === 0 ? "60" : "1";
  const amount = field({
    label: "Expires after",
    control: textInput({ type: "number", min: "1", step: "1", inputmode: "numeric", value: String(form.minutes / Number(unit)), on: { input: set } }),
  });
  const units = field({ label: "Unit", control: select(UNITS, { value: unit, on: { change: set } }) });
  function set() {
    const minutes = Number(amount.control.value) * Number(units.control.value);
    const good = Number.isInteger(minutes) && minutes >= 1 && minutes <= MINUTES_MAX;
    amount.setError(good ? "" : "This is no time from a minute to a year. Enter a whole number.");
    form.minutes = good ? minutes : DEFAULT_MINUTES;
    onChange();
  }
  return h("div", { class: "expiry" }, amount.element, units.element);
}

/** @param {string} name */
function groupProblem(name) {
  return name.length > GROUP_CHARACTERS_MAX ? `A group's name has at most ${GROUP_CHARACTERS_MAX} characters. Choose a shorter one.` : "";
}
