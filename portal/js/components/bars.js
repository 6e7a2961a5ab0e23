// Amounts side by side, the largest first.
import { h, replace } from "../dom.js";

/** @typedef {{ name: import("../dom.js").Child, amount: number, shown: string }} Bar */

/**
 * @param {{ label: string, empty: import("../dom.js").Child }} options empty: what to say when there is nothing
 * @returns {{ element: HTMLElement, update: (bars: Bar[]) => void }}
 */
export function barList({ label, empty }) {
  const element = h("div", {});
  return {
    element,
    update: (bars) => {
      if (bars.length === 0) {
        replace(element, h("p", { class: "quiet small" }, empty));
        return;
      }
      const most = Math.max(...bars.map((bar) => bar.amount), 1);
      const sorted = [...bars].sort((a, b) => b.amount - a.amount);
      replace(element, h("ul", { class: "bars", "aria-label": label }, sorted.map((bar) => {
        const fill = h("span");
        fill.style.setProperty("--part", `${(bar.amount / most) * 100}%`);
        return h("li", {}, h("span", { class: "clip" }, bar.name), h("span", { class: "amount" }, bar.shown), h("div", { class: "track" }, fill));
      })));
    },
  };
}
