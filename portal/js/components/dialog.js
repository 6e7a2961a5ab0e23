// Dialogs on the element of the same name, which keeps the focus inside and gives it back.
import { h, uniqueId } from "../dom.js";
import { icon } from "../icons.js";

/** @typedef {import("../dom.js").Child} Child */

/**
 * Opens a dialog; it is gone once closed (Escape, its button, or `close`).
 * @param {{ title: string, body: Child|Child[], foot?: Child[], wide?: boolean, onClose?: () => void }} options
 * @returns {{ dialog: HTMLDialogElement, close: () => void }}
 */
export function openDialog({ title, body, foot = [], wide = false, onClose = () => {} }) {
  const id = uniqueId("dialog");
  const dialog = h("dialog", { "aria-labelledby": id, class: wide ? "wide" : "" },
    h("div", { class: "dialog-head" }, h("h2", { id }, title),
      h("button", { class: "button bare icon", type: "button", "aria-label": "Close", on: { click: () => dialog.close() } }, icon("close"))),
    h("div", { class: "dialog-body" }, body),
    foot.length > 0 && h("div", { class: "dialog-foot" }, foot));
  dialog.addEventListener("close", () => {
    dialog.remove();
    onClose();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog && outside(dialog, event)) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, close: () => dialog.close() };
}

/**
 * @param {HTMLDialogElement} dialog
 * @param {MouseEvent} event
 */
function outside(dialog, event) {
  const box = dialog.getBoundingClientRect();
  return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
}

/**
 * Asks before something that cannot be undone.
 * @param {{ title: string, text: Child|Child[], action: string, danger?: boolean }} question
 * @returns {Promise<boolean>}
 */
export function confirm({ title, text, action, danger = true }) {
  return new Promise((resolve) => {
    let yes = false;
    const { close } = openDialog({
      title,
      body: h("p", {}, ...[text].flat()),
      foot: [
        h("button", { class: "button", type: "button", autofocus: true, on: { click: () => close() } }, "Cancel"),
        h("button", {
          class: `button ${danger ? "danger" : "primary"}`, type: "button",
          on: { click: () => { yes = true; close(); } },
        }, action),
      ],
      onClose: () => resolve(yes),
    });
  });
}
