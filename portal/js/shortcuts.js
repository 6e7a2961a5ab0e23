// Keys: `?` for the list, `g` and a letter for a page, `/` for the search of the page.
import { h } from "./dom.js";
import { openDialog } from "./components/dialog.js";
import { ROUTES } from "./routes.js";
import { linkTo } from "./router.js";

const KEY = "hublet.shortcuts";
const SEQUENCE_MS = 1_500;

/** Single keys get in the way of some who dictate or use switches, so they can be switched off. */
function enabled() {
  try {
    return localStorage.getItem(KEY) !== "off";
  } catch {
    return true;
  }
}

/** @param {boolean} on */
function enable(on) {
  try {
    localStorage.setItem(KEY, on ? "on" : "off");
  } catch {
    // It then holds until the page is closed.
  }
}

/** @param {AbortSignal} signal */
export function startShortcuts(signal) {
  let after = 0;
  addEventListener("keydown", (event) => {
    const target = /** @type {Element|null} */ (event.target instanceof Element ? event.target : null);
    if (event.ctrlKey || event.metaKey || event.altKey || !enabled()) return;
    if (target?.closest("input, textarea, select, dialog, [contenteditable]")) return;
    if (event.key === "?") showShortcuts();
    else if (event.key === "/") {
      const search = /** @type {HTMLElement|null} */ (document.querySelector("main [data-search]"));
      if (!search) return;
      search.focus();
      event.preventDefault();
    } else if (event.key === "g") after = event.timeStamp;
    else if (event.timeStamp - after < SEQUENCE_MS) {
      const route = ROUTES.find((each) => each.key === event.key);
      if (route) location.hash = linkTo(route.name);
      after = 0;
    }
  }, { signal });
}

export function showShortcuts() {
  const keys = /** @type {[string[], string][]} */ ([
    [["?"], "This list"],
    [["/"], "Search on the page"],
    ...ROUTES.map((route) => [["g", route.key], route.title]),
  ]);
  openDialog({
    title: "Shortcuts",
    body: [
      h("dl", { class: "facts" }, keys.flatMap(([parts, what]) => [
        h("dt", {}, parts.flatMap((part, index) => [index > 0 && " then ", h("kbd", {}, part)])),
        h("dd", {}, what),
      ])),
      h("label", { class: "check" },
        h("input", { type: "checkbox", checked: enabled(), on: { change: (event) => enable(event.target.checked) } }),
        "Use these keys"),
    ],
  });
}
