// Buttons that copy.
import { messageOf } from "../api.js";
import { h, replace } from "../dom.js";
import { icon } from "../icons.js";
import { toast } from "./toast.js";

const DONE_MS = 1_600;

/**
 * Copies a text. Browsers give the clipboard only to pages on HTTPS or this machine; elsewhere a selection does it.
 * @param {string} text
 * @returns {Promise<boolean>}
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h("textarea", { class: "hush", "aria-hidden": "true", value: text });
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/**
 * @param {() => string|Promise<string>} text asked when the button is pressed; what it fails with is said
 * @param {{ label?: string, what?: string, class?: string }} [options] what: names the thing for those who hear the page
 */
export function copyButton(text, { label = "Copy", what = "", class: name = "small" } = {}) {
  const button = h("button", { class: `button copy ${name}`, type: "button", "aria-label": what ? `${label} ${what}` : null });
  const show = (/** @type {boolean} */ done) => replace(button, icon(done ? "check" : "copy"), done ? "Copied" : label);
  button.addEventListener("click", async () => {
    try {
      if (!await copyText(await text())) return toast("The browser did not allow copying. Select the text and copy it by hand.", "bad");
      show(true);
      setTimeout(() => show(false), DONE_MS);
    } catch (error) {
      toast(messageOf(error), "bad");
    }
  });
  show(false);
  return button;
}
