// Short words about what was just done. Failures that need reading belong into the page instead.
import { h } from "../dom.js";

const SHOWN_MS = 5_000;
const AT_MOST = 4;

/** @type {HTMLElement|undefined} */
let box;

/**
 * @param {string} text
 * @param {"good"|"bad"} [tone]
 */
export function toast(text, tone = "good") {
  if (!box) {
    box = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
    document.body.append(box);
  }
  const shown = h("p", { class: `toast ${tone}` }, text);
  box.append(shown);
  while (box.childElementCount > AT_MOST) box.firstElementChild?.remove();
  setTimeout(() => shown.remove(), SHOWN_MS);
}
