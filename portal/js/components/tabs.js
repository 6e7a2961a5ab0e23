// Tabs: one of several panels, with the arrow keys.
import { h, replace, uniqueId } from "../dom.js";

/** @typedef {{ id: string, title: string, render: () => Element }} Tab render: makes the panel's content when it is shown */

/**
 * @param {{ label: string, tabs: Tab[], selected?: string, onSelect?: (id: string) => void }} options
 * @returns {{ element: HTMLElement, select: (id: string) => void, refresh: () => void }} refresh: makes the content anew
 */
export function tabs({ label, tabs: all, selected = all[0]?.id ?? "", onSelect = () => {} }) {
  const stem = uniqueId("tab");
  let current = all.some((tab) => tab.id === selected) ? selected : all[0]?.id ?? "";
  const panel = h("div", { class: "tab-panel", role: "tabpanel", id: `${stem}-panel` });
  const buttons = all.map((tab) => h("button", {
    type: "button", role: "tab", id: `${stem}-${tab.id}`, "aria-controls": panel.id, on: { click: () => choose(tab.id) },
  }, tab.title));
  const list = h("div", { class: "tabs", role: "tablist", "aria-label": label, on: { keydown: move } }, buttons);

  const refresh = () => replace(panel, all.find((tab) => tab.id === current)?.render());
  const select = (/** @type {string} */ id) => {
    current = id;
    all.forEach((tab, index) => {
      buttons[index]?.setAttribute("aria-selected", String(tab.id === id));
      buttons[index]?.setAttribute("tabindex", tab.id === id ? "0" : "-1");
    });
    panel.setAttribute("aria-labelledby", `${stem}-${id}`);
    refresh();
    // On a narrow screen the row of tabs scrolls.
    requestAnimationFrame(() => {
      const button = buttons[all.findIndex((tab) => tab.id === id)];
      if (button) list.scrollLeft = Math.min(button.offsetLeft - list.offsetLeft, Math.max(list.scrollLeft, button.offsetLeft - list.offsetLeft + button.offsetWidth - list.clientWidth));
    });
  };
  const choose = (/** @type {string} */ id) => {
    select(id);
    onSelect(id);
  };

  /** @param {KeyboardEvent} event */
  function move(event) {
    const at = all.findIndex((tab) => tab.id === current);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const index = (to + all.length) % all.length;
    const tab = all[index];
    if (!tab) return;
    choose(tab.id);
    buttons[index]?.focus();
  }

  select(current);
  return { element: h("div", {}, list, panel), select, refresh };
}
