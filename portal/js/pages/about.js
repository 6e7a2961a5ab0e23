// What this service is and how it is set up.
import { base, get } from "../api.js";
import { h, replace } from "../dom.js";
import { dateTime, duration } from "../format.js";
import { icon } from "../icons.js";
import { showShortcuts } from "../shortcuts.js";
import { codeBlock } from "../components/code.js";
import { badge, card, facts, page } from "../components/page.js";
import { loading, retry } from "../components/states.js";

/**
 * @typedef {object} About
 * @property {string} version
 * @property {string} startedAt
 * @property {string} platform
 * @property {string[]} features
 * @property {string} dataFolder
 * @property {{ address: string, tls: boolean }[]} listeners
 * @property {string[]} publicEndpoints
 * @property {string} configuration
 */

/** What else the service serves. */
const PAGES = [
  { path: "api/", title: "REST API", what: "every operation, with a page to read it and openapi.json" },
  { path: "metrics", title: "Metrics", what: "for Prometheus" },
  { path: "health", title: "Health", what: "whether the process is alive" },
  { path: "ready", title: "Readiness", what: "whether it takes clients" },
];

/** @param {import("../router.js").Context} context */
export function render({ signal }) {
  const body = h("div", { class: "stack" }, loading());
  async function load() {
    try {
      show(await get("api/ext/about", { signal }));
    } catch (error) {
      if (!signal.aborted) replace(body, retry("What the service is could not be loaded.", error, load));
    }
  }

  /** @param {About} about */
  function show(about) {
    const mono = (/** @type {string} */ text) => h("span", { class: "mono" }, text);
    const lines = (/** @type {Element[]} */ parts, /** @type {string} */ none) =>
      parts.length === 0 ? h("span", { class: "quiet" }, none) : h("ul", {}, parts.map((part) => h("li", {}, part)));
    replace(body,
      h("div", { class: "grid grid-2" },
        card({ title: "Service" }, facts([
          ["Version", about.version],
          ["Running for", [duration((Date.now() - Date.parse(about.startedAt)) / 1000), h("span", { class: "quiet" }, ` since ${dateTime(about.startedAt)}`)]],
          ["Platform", about.platform],
          ["Features",
            about.features.length === 0
              ? h("span", { class: "quiet" }, "none besides the basic ones")
              : h("span", { class: "row" }, about.features.map((feature) => badge(feature, "plain")))],
          ["Listens on", lines(about.listeners.map(({ address, tls }) =>
            h("span", { class: "row" }, mono(address), tls ? badge("TLS", "good") : badge("plain", "plain"))), "nothing")],
          ["Public endpoints", lines(about.publicEndpoints.map(mono), "none are configured; clients use the name that they reach the service by")],
          ["Data folder", mono(about.dataFolder)],
        ])),
        card({ title: "Elsewhere" }, h("div", { class: "stack" },
          facts([
            ...PAGES.map(({ path, title, what }) => /** @type {[string, import("../dom.js").Child[]]} */ (
              [title, [
                h("a", { href: new URL(path, base).href, target: "_blank", rel: "noopener" }, `/${path}`),
                h("span", { class: "quiet" }, `, ${what}`),
              ]])),
            ["Documentation", h("span", {}, "the folder docs of the project, and ", h("code", {}, "hublet --help"))],
          ]),
          h("div", {}, h("button", { class: "button", type: "button", on: { click: showShortcuts } }, icon("shortcuts"), "Keyboard shortcuts"))))),
      card({ title: "Configuration", note: "in effect now, secrets masked" }, h("div", { class: "stack-s" },
        h("p", { class: "quiet small" },
          "From the configuration file, the environment and the command line. ",
          h("code", {}, "hublet check-config"), " prints the same, and says what is wrong with a file."),
        codeBlock(about.configuration, { language: "toml", label: "Configuration" }))));
  }
  load();
  return page({ title: "About", lead: "What this service is, and how it is set up." }, body);
}
