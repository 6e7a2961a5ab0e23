// The frame of every page: who is signed in, where one can go.
import { h, replace } from "./dom.js";
import { icon, mark } from "./icons.js";
import { GROUPS } from "./routes.js";
import { nextTheme, theme } from "./appearance.js";
import { session } from "./session.js";
import { showShortcuts, startShortcuts } from "./shortcuts.js";
import { startRouter } from "./router.js";

/**
 * Puts frame and page into the application's element.
 * @param {HTMLElement} app
 * @param {{ signal: AbortSignal, onSignOut: () => void }} options
 */
export function showShell(app, { signal, onSignOut }) {
  const main = h("main", { id: "main", class: "content", tabindex: "-1" });
  const side = h("aside", { class: "side", "aria-label": "Portal" }, ...navigation(onSignOut));
  const drawer = h("dialog", { class: "drawer", "aria-label": "Navigation" },
    h("div", { class: "side" }, ...navigation(onSignOut)));
  // A click on the dark part closes, and so does going somewhere.
  drawer.addEventListener("click", (event) => {
    const target = /** @type {Element} */ (event.target);
    if (target === drawer || target.closest("a")) drawer.close();
  });
  const open = h("button", {
    class: "button bare icon", type: "button", "aria-label": "Open the navigation", on: { click: () => drawer.showModal() },
  }, icon("menu"));
  const where = h("span", { class: "quiet clip" });
  replace(app, h("div", { class: "frame" },
    h("header", { class: "bar" }, open, brand(), where), side, main), drawer);
  startShortcuts(signal);
  startRouter(main, (name) => {
    for (const link of app.querySelectorAll("nav a")) {
      const here = link.getAttribute("data-page") === name;
      if (here) {
        link.setAttribute("aria-current", "page");
        where.textContent = link.textContent;
      } else link.removeAttribute("aria-current");
    }
  }, signal);
}

export function brand() {
  return h("a", { class: "brand", href: "#/overview" }, mark(), "hublet");
}

/** @param {() => void} onSignOut */
function navigation(onSignOut) {
  const { name, access, endpoint, version, development } = session();
  return [
    brand(),
    h("nav", { "aria-label": "Pages" }, GROUPS.map((group) => h("div", {},
      h("h2", {}, group.title),
      h("ul", {}, group.routes.map((route) => h("li", {},
        h("a", { href: `#/${route.name}`, data: { page: route.name } }, icon(route.icon), route.title))))))),
    h("div", { class: "side-foot" },
      h("dl", {},
        h("div", {}, h("dt", {}, "Endpoint"), h("dd", { class: "mono clip", title: endpoint }, endpoint)),
        h("div", {}, h("dt", {}, "Signed in"), h("dd", { class: "clip" }, name ?? "", access === "read" ? " (may only read)" : ""))),
      h("div", { class: "row-between" },
        h("span", { class: "quiet small" }, `v${version}`, development && " · development"),
        h("div", { class: "row" },
          themeButton(),
          h("button", { class: "button bare icon small", type: "button", "aria-label": "Shortcuts", title: "Shortcuts (?)", on: { click: showShortcuts } }, icon("shortcuts")),
          h("button", { class: "button bare icon small", type: "button", "aria-label": "Sign out", title: "Sign out", on: { click: onSignOut } }, icon("out"))))),
  ];
}

/** A button that goes through the themes. */
export function themeButton() {
  const button = h("button", { class: "button bare icon small", type: "button", on: { click: () => show(nextTheme()) } });
  const show = (/** @type {string} */ now) => {
    replace(button, icon(now));
    button.setAttribute("aria-label", `Theme: ${now}. Change it`);
    button.title = `Theme: ${now}`;
  };
  show(theme());
  return button;
}
