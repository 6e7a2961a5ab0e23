// Form fields with their labels, hints and errors.
import { h, uniqueId } from "../dom.js";

/** @typedef {import("../dom.js").Child} Child */
/** @typedef {HTMLInputElement|HTMLSelectElement|HTMLTextAreaElement} Control */

/**
 * A control with its label. `setError` shows what is wrong, or with an empty text that nothing is.
 * @template {Control} C
 * @param {{ label: string, control: C, hint?: Child, optional?: boolean, behind?: Child }} options behind: stands beside the control
 * @returns {{ element: HTMLElement, control: C, setError: (text: string) => void }}
 */
export function field({ label, control, hint, optional = false, behind }) {
  control.id ||= uniqueId("field");
  const hintId = `${control.id}-hint`;
  const error = h("p", { class: "error", id: `${control.id}-error`, hidden: true, role: "alert" });
  control.setAttribute("aria-describedby", hint ? `${hintId} ${error.id}` : error.id);
  const element = h("div", { class: "field" },
    h("label", { for: control.id }, label, optional && h("span", { class: "optional" }, " (optional)")),
    behind ? h("div", { class: "joined" }, control, behind) : control,
    hint ? h("p", { class: "hint", id: hintId }, hint) : null,
    error);
  return {
    element,
    control,
    setError: (text) => {
      error.textContent = text;
      error.hidden = text === "";
      if (text === "") control.removeAttribute("aria-invalid");
      else control.setAttribute("aria-invalid", "true");
    },
  };
}

/**
 * @param {Record<string, unknown> & { on?: Record<string, (event: any) => void>, class?: string }} [properties] attributes of the input
 */
export function textInput(properties = {}) {
  return h("input", { type: "text", autocomplete: "off", spellcheck: "false", ...properties });
}

/**
 * @param {[value: string, title: string][]} options
 * @param {Record<string, unknown> & { on?: Record<string, (event: any) => void>, value?: string }} [properties]
 */
export function select(options, { value, ...properties } = {}) {
  const control = h("select", properties, options.map(([each, title]) => h("option", { value: each }, title)));
  if (value !== undefined) control.value = value;
  return control;
}

/**
 * @param {{ label: Child, checked?: boolean, hint?: string, onChange?: (checked: boolean) => void, disabled?: boolean }} options
 * @returns {{ element: HTMLElement, control: HTMLInputElement }}
 */
export function checkbox({ label, checked = false, hint, onChange = () => {}, disabled = false }) {
  const control = h("input", { type: "checkbox", checked, disabled, on: { change: () => onChange(control.checked) } });
  const element = h("label", { class: "check" }, control, h("span", {}, label, hint ? h("span", { class: "hint" }, hint) : null));
  return { element, control };
}

/**
 * One of a few, all of them in sight.
 * @param {{ legend: string, options: { value: string, title: string, disabled?: boolean, hint?: string }[], value: string, onChange: (value: string) => void }} options
 */
export function choice({ legend, options, value, onChange }) {
  const name = uniqueId("choice");
  return h("fieldset", { class: "field" }, h("legend", {}, legend),
    h("div", { class: "choice" }, options.map((option) => h("label", { title: option.hint },
      h("input", {
        type: "radio", name, value: option.value, checked: option.value === value, disabled: option.disabled ?? false,
        on: { change: () => onChange(option.value) },
      }),
      option.title))));
}

/**
 * Gives an input suggestions; anything else may be typed as well.
 * @param {HTMLInputElement} control
 * @returns {{ list: HTMLDataListElement, set: (values: string[]) => void }} the list has to be in the page
 */
export function suggestions(control) {
  const list = h("datalist", { id: uniqueId("list") });
  control.setAttribute("list", list.id);
  return { list, set: (values) => list.replaceChildren(...values.map((value) => h("option", { value }))) };
}
