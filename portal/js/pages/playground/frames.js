// The list of what went to and fro.
import { h, replace } from "../../dom.js";
import { bytes, clock } from "../../format.js";
import { icon } from "../../icons.js";
import { jsonView } from "../../components/json.js";
import { essence } from "./essence.js";

/** @typedef {import("./client.js").Entry} Entry */

/** @param {import("./client.js").PlaygroundClient} client */
export function frameList(client) {
  const none = h("p", {}, "What is sent and what arrives is listed here.");
  const list = h("ol");
  const box = h("div", { class: "frames", tabindex: "0", role: "log", "aria-label": `Frames of client ${client.name}` }, none, list);
  const shown = h("span", { class: "quiet small" });
  const clear = h("button", { class: "button small bare", type: "button", on: { click: () => client.clear() } }, icon("trash"), "Clear");
  /** The number of the newest entry that the list has. */
  let newest = 0;

  function update() {
    const { entries } = client;
    if (entries.length === 0) {
      newest = 0;
      replace(list);
    } else {
      const follows = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
      for (const entry of entries) if (entry.id > newest) list.append(row(entry));
      newest = entries.at(-1)?.id ?? 0;
      while (list.childElementCount > entries.length) list.firstElementChild?.remove();
      if (follows) box.scrollTop = box.scrollHeight;
    }
    none.hidden = entries.length > 0;
    shown.textContent = entries.length === 0 ? "" : `the last ${entries.length}`;
  }

  return {
    element: h("div", { class: "stack-s" }, h("div", { class: "frames-head" }, h("h3", {}, "Frames ", shown), clear), box),
    update,
  };
}

/** @param {Entry} entry */
function row(entry) {
  const { kind, text } = entry;
  const meta = h("span", { class: "meta" }, kind === "in" || kind === "out" ? h("span", { class: "size" }, `${bytes(entry.bytes)} · `) : null, clock(entry.time));
  if (kind === "note" || kind === "bad") {
    return h("li", {}, h("div", { class: `note ${kind}` }, h("span", { class: "arrow", "aria-hidden": "true" }, "·"), h("span", {}, text), meta));
  }
  const details = h("details", { class: kind },
    h("summary", {},
      h("span", { class: "arrow", role: "img", "aria-label": kind === "in" ? "received" : "sent" }, kind === "in" ? "↓" : "↑"),
      h("span", { class: "line" }, essence(text)), meta));
  // The whole is made when somebody wants to see it.
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) details.append(jsonView(text, { label: "Frame" }));
  });
  return h("li", {}, details);
}
