// What somebody would lose by leaving a page: they are asked first.
import { confirm } from "./components/dialog.js";

/** @type {() => boolean} */
let isUnsaved = () => false;

/**
 * Asks before the page is left, the browser's tab closed or reloaded.
 * @param {() => boolean} isDirty whether something would be lost now
 * @param {AbortSignal} signal of the page
 */
export function guard(isDirty, signal) {
  isUnsaved = isDirty;
  signal.addEventListener("abort", () => { if (isUnsaved === isDirty) isUnsaved = () => false; });
  addEventListener("beforeunload", (event) => { if (isDirty()) event.preventDefault(); }, { signal });
}

/** Whether the page may be left: true, or asked for. @returns {true|Promise<boolean>} */
export function mayLeave() {
  if (!isUnsaved()) return true;
  return confirm({
    title: "Leave without saving?", action: "Leave",
    text: "What was changed on this page is not saved, and would be lost.",
  });
}
