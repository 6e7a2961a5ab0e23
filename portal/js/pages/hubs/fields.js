// Fields of settings that know where a refusal of the service belongs.
import { h, uniqueId } from "../../dom.js";
import { checkbox, choice, field, textInput } from "../../components/fields.js";
import { tagField } from "../../components/tags.js";
import { assign } from "./settings.js";

/**
 * The places of a form by the paths of properties, as `target` of an error names them: `eventHandlers[0].urlTemplate`.
 * @typedef {object} Places
 * @property {(path: string, setError: (text: string) => void, element: HTMLElement) => void} add
 * @property {(target: string, message: string) => boolean} show at the place, or the nearest one around it; false: there is none
 * @property {() => void} clear
 */

/** @returns {Places} */
export function places() {
  /** @type {Map<string, { setError: (text: string) => void, element: HTMLElement }>} */
  const all = new Map();
  return {
    add: (path, setError, element) => all.set(path, { setError, element }),
    show: (target, message) => {
      const found = [...all.keys()].filter((path) => target === path || target.startsWith(`${path}.`) || target.startsWith(`${path}[`))
        .sort((a, b) => b.length - a.length)[0];
      const place = found === undefined ? undefined : all.get(found);
      if (!place) return false;
      place.setError(message);
      for (let box = place.element.parentElement; box; box = box.parentElement) if (box instanceof HTMLDetailsElement) box.open = true;
      const control = place.element.matches("input, select, textarea") ? place.element
        : /** @type {HTMLElement|null} */ (place.element.querySelector("input, select, textarea"));
      control?.focus();
      place.element.scrollIntoView({ block: "center" });
      return true;
    },
    clear: () => all.forEach(({ setError }) => setError("")),
  };
}

/** The form that fields belong to. @typedef {{ places: Places, changed: () => void }} Form */

/**
 * Gives a group of controls a place for its error.
 * @param {Form} form
 * @param {string} path
 * @param {HTMLElement} element
 */
export function placed(form, path, element) {
  const error = h("p", { class: "error", role: "alert", hidden: true });
  element.append(error);
  form.places.add(path, (text) => {
    error.textContent = text;
    error.hidden = text === "";
  }, element);
  return element;
}

/**
 * A text or a number of an object.
 * @template {object} O
 * @param {Form} form
 * @param {string} path of the object
 * @param {O} of
 * @param {keyof O & string} name
 * @param {{ label: string, hint?: import("../../dom.js").Child, optional?: boolean, number?: [number, number], [attribute: string]: unknown }} options
 */
export function property(form, path, of, name, { label, hint, optional = false, number, ...attributes }) {
  const control = textInput({
    ...(number ? { type: "number", min: number[0], max: number[1] } : {}), value: of[name] ?? "", ...attributes,
    on: {
      input: () => {
        const text = control.value.trim();
        assign(of, name, /** @type {any} */ (number && text !== "" ? Number(text) : text));
        made.setError("");
        form.changed();
      },
    },
  });
  const made = field({ label, control, optional, ...(hint ? { hint } : {}) });
  form.places.add(path === "" ? name : `${path}.${name}`, made.setError, control);
  return made.element;
}

/**
 * Some of a few names.
 * @param {Form} form
 * @param {string} path
 * @param {{ legend: string, options: [value: string, hint: string][], values: string[], onChange: (values: string[]) => void }} options
 */
export function several(form, path, { legend, options, values, onChange }) {
  // A name that is not among the options stays what it is.
  const others = values.filter((value) => !options.some(([each]) => each === value));
  const boxes = options.map(([value, hint]) => ({
    value,
    ...checkbox({ label: h("span", { class: "mono" }, value), hint, checked: values.includes(value), onChange: () => take() }),
  }));
  const take = () => {
    onChange([...boxes.filter((box) => box.control.checked).map((box) => box.value), ...others]);
    form.changed();
  };
  return placed(form, path, h("fieldset", { class: "several" }, h("legend", {}, legend), boxes.map((box) => box.element)));
}

/**
 * Which events of clients: none, all, or named ones.
 * @template {{ userEventPattern?: string }} O
 * @param {Form} form
 * @param {string} path of the object
 * @param {O} of
 */
export function userEvents(form, path, of) {
  const kindOf = (/** @type {string|undefined} */ pattern) => pattern === undefined || pattern === "" ? "none" : pattern.trim() === "*" ? "all" : "named";
  let names = kindOf(of.userEventPattern) === "named" ? (of.userEventPattern ?? "").split(",").map((name) => name.trim()).filter(Boolean) : [];
  const set = (/** @type {string} */ pattern) => {
    assign(of, "userEventPattern", pattern);
    form.changed();
  };
  const tags = tagField({
    label: "Names of events", values: names, placeholder: "order",
    hint: "Enter or a comma adds one. The event of a simple client is called message.",
    onChange: (values) => { names = values; set(values.join(",")); },
  });
  const select = (/** @type {string} */ kind) => { tags.element.hidden = kind !== "named"; };
  const kind = kindOf(of.userEventPattern);
  select(kind);
  return placed(form, `${path}.userEventPattern`, h("div", { class: "stack-s", id: uniqueId("user-events") },
    choice({
      legend: "Events that clients send", value: kind,
      options: [{ value: "none", title: "None" }, { value: "all", title: "All" }, { value: "named", title: "Named" }],
      onChange: (to) => { select(to); set(to === "all" ? "*" : to === "none" ? "" : names.join(",")); },
    }),
    tags.element));
}
