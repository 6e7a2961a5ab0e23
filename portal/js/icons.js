// The icons: strokes on a field of 20 by 20, drawn for this portal.
import { s } from "./dom.js";

/** @type {Record<string, string>} */
const PATHS = {
  overview: "M3 16.5h14M5 13.5V9M10 13.5v-10M15 13.5V7",
  url: "M8.5 11.5a3.5 3.5 0 0 0 5 0l2.7-2.7a3.5 3.5 0 0 0-5-5l-1 1M11.5 8.5a3.5 3.5 0 0 0-5 0l-2.7 2.7a3.5 3.5 0 0 0 5 5l1-1",
  playground: "M3 4.5h8v6H6.5L4 12.8v-2.3H3zM9 13v2h4.5l2.5 2.3V15h1V8.5h-3",
  trace: "M2.5 10h3l2-5.5 4 11 2.2-5.5h3.8",
  connections: "M7 3v4M13 3v4M4.5 7h11v2.5a5.5 5.5 0 0 1-11 0zM10 15v2.5",
  hubs: "M10 10m-2.3 0a2.3 2.3 0 1 0 4.6 0a2.3 2.3 0 1 0-4.6 0M10 7.7V3.5M8 11.2l-3.7 2.6M12 11.2l3.7 2.6M10 3.5m-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0M3.8 14.2m-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0M16.2 14.2m-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0",
  keys: "M7 13m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0M9.5 10.5L16.5 3.5M13.5 6.5l2.5 2.5",
  logs: "M4 4.5h12M4 8.2h8M4 11.8h12M4 15.5h6",
  about: "M10 10m-7 0a7 7 0 1 0 14 0a7 7 0 1 0-14 0M10 9v4.5M10 6.3v.1",
  menu: "M3 5.5h14M3 10h14M3 14.5h14",
  close: "M5 5l10 10M15 5L5 15",
  copy: "M7.5 7.5h8.5v8.5H7.5zM4.5 12.5H4V4h8.5v.5",
  check: "M4 10.5l4 4 8-9",
  light: "M10 10m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0M10 2.5v1.5M10 16v1.5M2.5 10H4M16 10h1.5M4.7 4.7l1 1M14.3 14.3l1 1M4.7 15.3l1-1M14.3 5.7l1-1",
  dark: "M16.5 11.7A7 7 0 0 1 8.3 3.5a7 7 0 1 0 8.2 8.2z",
  system: "M3 4h14v9.5H3zM7.5 16.5h5M10 13.5v3",
  warning: "M10 3.5l7.5 13h-15zM10 8.3v3.7M10 14.2v.1",
  error: "M10 10m-7 0a7 7 0 1 0 14 0a7 7 0 1 0-14 0M7.5 7.5l5 5M12.5 7.5l-5 5",
  empty: "M3.5 11.5l2-7h9l2 7v4.5h-13zM3.5 11.5h4l1 2h3l1-2h4",
  search: "M9 9m-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0M12.8 12.8l4 4",
  play: "M6 4l10 6-10 6z",
  pause: "M7 4.5v11M13 4.5v11",
  download: "M10 3.5v9M6 9l4 4 4-4M3.5 16.5h13",
  refresh: "M16 10a6 6 0 1 1-1.7-4.2M16 3v3.5h-3.5",
  back: "M12.5 4.5L7 10l5.5 5.5",
  forward: "M7.5 4.5L13 10l-5.5 5.5",
  send: "M3.5 10l13-6-4.5 13-2.5-5zM9.5 12l7-8",
  plus: "M10 4v12M4 10h12",
  up: "M10 16V4.5M5.5 9L10 4.5 14.5 9",
  down: "M10 4v11.5M5.5 11l4.5 4.5 4.5-4.5",
  eye: "M2.5 10s2.7-5 7.5-5 7.5 5 7.5 5-2.7 5-7.5 5-7.5-5-7.5-5zM10 10m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0",
  history: "M4 10a6 6 0 1 0 1.7-4.2M4 3v3.5h3.5M10 6.5V10l2.5 1.5",
  trash: "M4 5.5h12M8 5.5V3.5h4v2M5.5 5.5l.7 11h7.6l.7-11",
  out: "M8 4H4v12h4M8.5 10H17M13.5 6.5L17 10l-3.5 3.5",
  unplug: "M6.5 3.5v3M12 3.5v2M4.5 6.5h5M4.5 6.5v2.5a5.5 5.5 0 0 0 7.5 5M15 7.5v2M10 15v2.5M3 3l14 14",
  shortcuts: "M2.5 5.5h15v9h-15zM5.5 8.5h.1M8.5 8.5h.1M11.5 8.5h.1M14.5 8.5h.1M6.5 11.7h7",
};

/**
 * An icon that means nothing by itself: a text or a label stands beside it.
 * @param {string} name
 */
export function icon(name) {
  return s("svg", { viewBox: "0 0 20 20", "aria-hidden": "true", focusable: "false" },
    s("path", {
      d: PATHS[name] ?? "", fill: "none", stroke: "currentColor",
      "stroke-width": 1.6, "stroke-linecap": "round", "stroke-linejoin": "round",
    }));
}

/** The mark of the portal: an h whose ends are nodes. */
export function mark() {
  return s("svg", { viewBox: "0 0 32 32", "aria-hidden": "true", focusable: "false" },
    s("rect", { class: "plate", width: 32, height: 32, rx: 8 }),
    s("path", { class: "stroke", d: "M10 7.5v17M10 18.5c0-3.6 2.6-5.8 6-5.8s6 2.2 6 5.8v6" }),
    s("circle", { class: "pulse", cx: 10, cy: 7.5, r: 3 }),
    s("circle", { class: "node", cx: 10, cy: 24.5, r: 3 }),
    s("circle", { class: "node", cx: 22, cy: 24.5, r: 3 }));
}
