// The settings of a hub while somebody changes them: as a form and as JSON, saved at once.
import { ApiError, messageOf, pathOf, put } from "../../api.js";
import { h, replace } from "../../dom.js";
import { guard } from "../../leaving.js";
import { mayChange } from "../../session.js";
import { copyButton } from "../../components/copy.js";
import { confirm } from "../../components/dialog.js";
import { HANDLERS_S } from "../../components/exchange.js";
import { checkbox, field } from "../../components/fields.js";
import { jsonView as shownJson } from "../../components/json.js";
import { card } from "../../components/page.js";
import { notice } from "../../components/states.js";
import { toast } from "../../components/toast.js";
import { places as makePlaces } from "./fields.js";
import { settingsForm } from "./form.js";
import { loadIfThere, parseSettings } from "./settings.js";

/** @typedef {import("./settings.js").Hub} Hub */
/** @typedef {import("./settings.js").Settings} Settings */

/** @param {Settings} settings */
const textOf = (settings) => JSON.stringify(settings, null, 2);
/** Somebody else was faster. @param {boolean} isThere they changed the settings; else they deleted them */
const mayReplace = (isThere) => confirm({
  title: isThere ? "Somebody else has changed these settings" : "Somebody else has deleted these settings", action: "Save mine",
  text: isThere
    ? "They are no longer what this page began with. Saving puts yours in the place of theirs. To see theirs first, cancel, keep a copy of your JSON, and reload the page."
    : "Saving makes them anew, as they are on this page.",
});
/** @param {Settings} settings @returns {Settings} */
const copyOf = (settings) => JSON.parse(JSON.stringify(settings));

/**
 * @param {Hub} hub
 * @param {{
 *   signal: AbortSignal, isNew?: boolean, isStored?: boolean, onSaved: (hub: Hub) => void,
 *   nameOf?: () => string, onNameError?: (text: string) => void,
 * }} options isStored: the service has these settings; nameOf: asked for the name of a new hub; an empty one means that it is wrong
 */
export function editor(hub, { signal, isNew = false, isStored = !isNew, onSaved, nameOf = () => hub.name, onNameError }) {
  const readOnly = hub.source === "file" || !mayChange();
  let saved = textOf(hub.properties);
  let draft = copyOf(hub.properties);
  /** Why the text of the JSON view is not taken, or "". */
  let broken = "";
  let places = makePlaces();
  const trouble = h("div", {});
  const text = h("span", { class: "grow", role: "status" });
  const ask = checkbox({ label: "Only if the handlers agree", hint: "Asks each handler first whether it wants events of this service." });
  const discard = h("button", { class: "button", type: "button", on: { click: reset } }, "Discard");
  const save = h("button", { class: "button primary", type: "button", on: { click: store } }, isNew ? "Make hub" : "Save");
  const saveBar = h("div", { class: "save-bar", hidden: !isNew }, trouble,
    h("div", { class: "row-between" }, text, ask.element, h("div", { class: "row" }, isNew ? null : discard, save)));
  const view = h("div", {});
  /** Makes the view that is shown anew. */
  let redraw = () => {};

  const isDirty = () => !readOnly && (broken !== "" || textOf(draft) !== saved);

  function changed() {
    replace(trouble);
    saveBar.hidden = !isDirty() && !isNew;
    save.disabled = broken !== "";
    text.textContent = broken || (isNew ? "" : "There are changes that are not saved.");
  }

  function reset() {
    draft = copyOf(JSON.parse(saved));
    broken = "";
    redraw();
    changed();
  }

  async function store() {
    const name = nameOf();
    if (name === "") return;
    places.clear();
    save.disabled = true;
    try {
      const there = await loadIfThere(name, signal);
      if (isNew && there) {
        return onNameError?.("This hub has settings already. Choose another name, or change them on the hub's own page.");
      }
      const theirs = there && textOf(there.properties);
      if (theirs !== (isStored ? saved : null) && !await mayReplace(theirs !== null)) return;
      const validate = ask.control.checked;
      /** @type {Hub} */
      const now = await put(pathOf`api/ext/hubs/${name}`, { body: draft, query: { validate: validate || null }, signal, ...(validate && { patience: HANDLERS_S }) });
      isStored = true;
      saved = textOf(now.properties);
      draft = copyOf(now.properties);
      redraw();
      changed();
      toast(`The settings of ${now.name} are saved and in effect.`);
      onSaved(now);
    } catch (error) {
      if (!signal.aborted) refuse(error);
    } finally {
      save.disabled = false;
    }
  }

  /** Says what is wrong where it is wrong. @param {unknown} error */
  function refuse(error) {
    const target = error instanceof ApiError ? error.target : "";
    const message = messageOf(error);
    // The message begins with the property, which is in sight where the form shows it.
    const short = message.startsWith(`\`${target}\`: `) ? message.slice(target.length + 4) : message;
    if (target === "hub" && onNameError) return onNameError(short);
    const isPlaced = target !== "" && places.show(target, short);
    replace(trouble, notice("bad", "The settings were not saved.", isPlaced ? "What is wrong stands at its field." : message));
  }

  function formView() {
    redraw = () => {
      places = makePlaces();
      replace(view,
        broken ? notice("warn", "The JSON has an error, so the form shows what was before it.", broken) : null,
        settingsForm({ places, changed }, draft, readOnly));
    };
    redraw();
    return view;
  }

  function jsonView() {
    redraw = () => {
      places = makePlaces();
      if (readOnly) return replace(view, shownJson(draft, { label: "Settings as JSON" }));
      const area = h("textarea", { class: "mono json", spellcheck: "false", rows: 24, value: textOf(draft), on: { input: take } });
      const made = field({
        label: "Settings as JSON", control: area,
        hint: "All settings; what is left out has its default. Paste the JSON of a cloud resource, or of az webpubsub hub show: its properties are taken.",
      });
      places.add("", () => {}, area);
      for (const each of ["eventHandlers", "eventListeners", "anonymousConnectPolicy", "webSocketKeepAliveIntervalInSeconds", "chat"]) {
        places.add(each, (message) => made.setError(message), area);
      }
      function take() {
        try {
          const { settings, isResource } = parseSettings(area.value);
          draft = settings;
          broken = "";
          if (isResource) {
            area.value = textOf(settings);
            toast("Took the settings out of the resource.");
          }
        } catch (error) {
          broken = messageOf(error);
        }
        made.setError(broken);
        changed();
      }
      replace(view, card({ foot: copyButton(() => area.value, { label: "Copy JSON" }) }, made.element));
    };
    redraw();
    return view;
  }

  guard(isDirty, signal);
  changed();
  return { formView, jsonView, saveBar, isDirty, reset };
}
