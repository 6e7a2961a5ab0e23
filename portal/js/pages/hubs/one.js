// One hub: its settings, the webhook doctor, and the last calls of its handlers.
import { messageOf, pathOf, remove } from "../../api.js";
import { h, replace } from "../../dom.js";
import { icon } from "../../icons.js";
import { linkTo } from "../../router.js";
import { mayChange } from "../../session.js";
import { confirm } from "../../components/dialog.js";
import { field, textInput } from "../../components/fields.js";
import { card, page } from "../../components/page.js";
import { empty, loading, notice, retry } from "../../components/states.js";
import { tabs } from "../../components/tabs.js";
import { toast } from "../../components/toast.js";
import { callList } from "./calls.js";
import { doctor } from "./doctor.js";
import { editor } from "./editor.js";
import { newHandler } from "./handler.js";
import { sourceBadge } from "./list.js";
import { loadIfThere } from "./settings.js";

/** @typedef {import("../../router.js").Context} Context */
/** @typedef {import("./settings.js").Hub} Hub */

const back = { href: linkTo("hubs"), title: "Hubs" };

/** @param {string} name @param {Context} context */
export async function oneHub(name, { params, signal, setParams }) {
  const box = h("div", {}, loading());
  const actions = h("div", { class: "row" });
  const load = async () => {
    try {
      const hub = await loadIfThere(name, signal);
      if (hub) show(hub, true);
      else replace(box, without());
    } catch (error) {
      if (!signal.aborted) replace(box, retry("The hub could not be loaded.", error, load));
    }
  };
  const links = [
    h("a", { class: "button", href: linkTo("connections", { hub: name }) }, icon("connections"), "Connections"),
    h("a", { class: "button", href: linkTo("trace", { hub: name }) }, icon("trace"), "Live trace"),
  ];

  function without() {
    const start = h("button", {
      class: "button primary", type: "button", on: { click: () => show({ name, source: "api", properties: {} }, false) }
    }, icon("plus"), "Make settings");
    return card({}, empty("This hub has no settings.", "Clients can use it all the same. With settings their events go to your app.", mayChange() && start));
  }

  let form = /** @type {ReturnType<typeof editor>|undefined} */ (undefined);

  /** @param {Hub} hub @param {boolean} isStored */
  function show(hub, isStored) {
    const isFile = hub.source === "file";
    replace(actions, ...links,
      !isFile && mayChange() && h("button", { class: "button danger", type: "button", on: { click: erase } }, icon("trash"), "Delete settings"));
    const made = editor(hub, { signal, isStored, onSaved: (saved) => { hub = saved; } });
    form = made;
    const all = tabs({
      label: "Hub", selected: params.get("tab") ?? "settings", onSelect: (tab) => setParams({ tab: tab === "settings" ? null : tab }),
      tabs: [
        { id: "settings", title: "Settings", render: () => made.formView() },
        { id: "json", title: "JSON", render: () => made.jsonView() },
        { id: "test", title: "Test handlers", render: () => doctor(name, { signal, isDirty: made.isDirty }) },
        { id: "calls", title: "Last calls", render: () => callList(name, signal) },
      ],
    });
    replace(box, h("div", { class: "stack" },
      isFile ? notice("note", "This hub can be changed in the configuration file only.",
        "The file is read again when it changes. What is in it goes before what is made here.")
        : mayChange() ? null : notice("note", "This session may only read.", "Sign in with an access key to change settings."),
      all.element, made.saveBar));
    replace(state, sourceBadge(hub.source, true));
  }

  async function erase() {
    const yes = await confirm({
      title: `Delete the settings of ${name}?`, action: "Delete settings",
      text: "Events of this hub go nowhere from then on, and clients come in by their tokens alone. Clients stay connected.",
    });
    if (!yes) return;
    try {
      await remove(pathOf`api/ext/hubs/${name}`, { signal });
      toast(`The settings of ${name} are deleted.`);
      form?.reset();
      location.hash = linkTo("hubs");
    } catch (error) {
      if (!signal.aborted) toast(messageOf(error), "bad");
    }
  }

  const state = h("span", {});
  replace(actions, ...links);
  load();
  return page({ title: name, lead: state, actions: [actions], class: "hub", back }, box);
}

/** @param {Context} context */
export function newHub({ signal }) {
  if (!mayChange()) {
    return page({ title: "New hub", back }, notice("note", "This session may only read.", "Sign in with an access key to make a hub."));
  }
  const name = textInput({ class: "mono", placeholder: "chat", autofocus: true, maxlength: 128 });
  const named = field({ label: "Name", control: name, hint: "A letter first, then letters, digits and _ ` , . [ ]. It is part of the clients' address." });
  const form = editor({
    name: "", source: "api", properties: { eventHandlers: [newHandler()] },
  }, {
    signal, isNew: true,
    nameOf: () => {
      const text = name.value.trim();
      named.setError(text === "" ? "The hub needs a name." : "");
      if (text === "") name.focus();
      return text;
    },
    onNameError: (text) => { named.setError(text); name.focus(); },
    onSaved: (hub) => { location.hash = linkTo("hubs", {}, hub.name); },
  });
  const all = tabs({
    label: "Settings of the new hub",
    tabs: [
      { id: "settings", title: "Settings", render: () => form.formView() },
      { id: "json", title: "JSON", render: () => form.jsonView() },
    ],
  });
  return page({ title: "New hub", lead: "A hub needs settings only to send events to your app, or to let clients in without a token.", class: "hub", back },
    card({}, h("div", { class: "narrow" }, named.element)), all.element, form.saveBar);
}
