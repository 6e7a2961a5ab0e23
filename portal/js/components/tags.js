// A field for several values: each becomes a chip on Enter or a comma.
import { h, replace, uniqueId } from "../dom.js";
import { icon } from "../icons.js";

/**
 * @param {{
 *   label: string, values?: string[], hint?: string, placeholder?: string, optional?: boolean,
 *   onChange: (values: string[]) => void, check?: (value: string) => string,
 * }} options check: says what is wrong with a value, or ""
 */
export function tagField({ label, values = [], hint, placeholder = "", optional = false, onChange, check = () => "" }) {
  let current = [...values];
  const id = uniqueId("tags");
  const list = h("ul", { "aria-label": label });
  const error = h("p", { class: "error", id: `${id}-error`, role: "alert", hidden: true });
  const input = h("input", {
    type: "text", id, autocomplete: "off", spellcheck: "false", placeholder,
    "aria-describedby": `${id}-hint ${id}-error`,
    on: { keydown: onKey, blur: () => take(), input: () => complain("") },
  });

  const complain = (/** @type {string} */ text) => {
    error.textContent = text;
    error.hidden = text === "";
  };
  const draw = () => replace(list, current.map((value) => h("li", {}, h("span", { title: value }, value),
    h("button", { type: "button", "aria-label": `Remove ${value}`, on: { click: () => drop(value) } }, icon("close")))));
  const change = (/** @type {string[]} */ to) => {
    current = to;
    draw();
    onChange([...current]);
  };
  const drop = (/** @type {string} */ value) => {
    change(current.filter((each) => each !== value));
    input.focus();
  };

  /** Makes a chip of what was typed. */
  function take() {
    const value = input.value.trim();
    if (value === "") return;
    const wrong = check(value);
    complain(wrong);
    if (wrong) return;
    input.value = "";
    if (!current.includes(value)) change([...current, value]);
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if ((event.key === "Enter" || event.key === ",") && !event.isComposing) {
      if (event.key === "," || input.value.trim() !== "") event.preventDefault();
      take();
    } else if (event.key === "Backspace" && input.value === "" && current.length > 0) {
      change(current.slice(0, -1));
    }
  }

  draw();
  const element = h("div", { class: "field" },
    h("label", { for: id }, label, optional && h("span", { class: "optional" }, " (optional)")),
    h("div", { class: "tags" }, list, input),
    h("p", { class: "hint", id: `${id}-hint` }, hint ?? "Enter or a comma adds one."),
    error);
  return { element, values: () => [...current], take, input };
}
