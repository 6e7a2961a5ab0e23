// Lines over time, as SVG.
import { h, replace, s } from "../dom.js";
import { axisTicks, timeTicks } from "./scale.js";

/** One moment; a null is a gap. @typedef {{ time: number, values: (number|null)[] }} Point time: milliseconds since 1970 */
/**
 * @typedef {object} ChartOptions
 * @property {string} label what the chart shows
 * @property {string[]} series their names, at most five
 * @property {(value: number) => string} format
 * @property {number} windowMs how much time is shown
 * @property {number} [base] 1024 where values are sizes
 * @property {boolean} [area] fills below the lines
 */

const LEFT = 52;
const RIGHT = 6;
const TOP = 8;
const BOTTOM = 20;

/**
 * @param {ChartOptions} options
 * @returns {{ element: HTMLElement, update: (points: Point[]) => void }} update: the whole window, oldest first
 */
export function lineChart(options) {
  /** @type {Point[]} */
  let points = [];
  /** @type {View} */
  let view = { width: 0, height: 0, from: 0, to: 1, top: 1 };
  const svg = s("svg", { role: "img", "aria-label": options.label });
  const grid = s("g");
  const lines = s("g");
  const pointer = s("g");
  svg.append(grid, lines, pointer);
  const tip = h("div", { class: "tip", hidden: true });
  const legend = h("ul", { class: "legend" });
  const chart = h("div", { class: "chart" }, svg, tip);
  const element = h("div", { class: "stack-s" }, legend, chart);

  function draw() {
    const { width, height } = chart.getBoundingClientRect();
    if (width === 0) return;
    const to = points.at(-1)?.time ?? Date.now();
    const highest = points.reduce((most, point) => Math.max(most, ...point.values.map((value) => value ?? 0)), 0);
    const ticks = axisTicks(highest, options.base ?? 10);
    view = { width, height: svg.getBoundingClientRect().height || height, from: to - options.windowMs, to, top: ticks.at(-1) ?? 1 };
    svg.setAttribute("viewBox", `0 0 ${view.width} ${view.height}`);
    replace(grid, gridOf(view, ticks, options.format));
    replace(lines, options.series.flatMap((_, index) => [
      options.area ? s("path", { class: `area s${index + 1}`, d: pathOf(points, index, view, true) }) : null,
      s("path", { class: `series s${index + 1}`, d: pathOf(points, index, view, false) }),
    ]));
    say(points.at(-1));
  }

  /** The newest values, beside the names and for those who hear the page. @param {Point|undefined} last */
  function say(last) {
    const texts = options.series.map((name, index) => {
      const value = last?.values[index];
      return { name, text: value === null || value === undefined ? "–" : options.format(value) };
    });
    replace(legend, texts.map(({ name, text }, index) =>
      h("li", {}, h("span", { class: `swatch s${index + 1}` }), name, h("b", {}, text))));
    svg.setAttribute("aria-label", `${options.label}. Now: ${texts.map(({ name, text }) => `${name} ${text}`).join(", ")}.`);
  }

  /** @param {PointerEvent} event */
  function point(event) {
    const box = svg.getBoundingClientRect();
    const time = view.from + ((event.clientX - box.left - LEFT) / (view.width - LEFT - RIGHT)) * (view.to - view.from);
    const near = nearest(points, time);
    if (!near) return leave();
    const x = xOf(near.time, view);
    replace(pointer,
      s("line", { class: "cursor", x1: x, x2: x, y1: TOP, y2: view.height - BOTTOM }),
      near.values.map((value, index) => value === null ? null
        : s("circle", { class: `dot s${index + 1}`, cx: x, cy: yOf(value, view), r: 4 })));
    replace(tip,
      h("p", { class: "quiet" }, new Date(near.time).toLocaleTimeString("en-GB")),
      h("ul", {}, options.series.map((name, index) => {
        const value = near.values[index];
        return h("li", {}, h("span", { class: `swatch s${index + 1}` }), name,
          h("b", {}, value === null || value === undefined ? "–" : options.format(value)));
      })));
    tip.hidden = false;
    const right = x > view.width / 2;
    tip.style.left = right ? "auto" : `${x + 12}px`;
    tip.style.right = right ? `${view.width - x + 12}px` : "auto";
  }

  function leave() {
    tip.hidden = true;
    replace(pointer);
  }

  svg.addEventListener("pointermove", point);
  svg.addEventListener("pointerleave", leave);
  // Drawn when the element is in the page and whenever its width changes.
  new ResizeObserver(draw).observe(chart);
  say(undefined);
  return {
    element,
    update: (all) => {
      points = all;
      draw();
    },
  };
}

/** @typedef {{ width: number, height: number, from: number, to: number, top: number }} View */

/** @param {number} time @param {View} view */
function xOf(time, view) {
  return round(LEFT + ((time - view.from) / (view.to - view.from)) * (view.width - LEFT - RIGHT));
}

/** @param {number} value @param {View} view */
function yOf(value, view) {
  return round(view.height - BOTTOM - (value / view.top) * (view.height - TOP - BOTTOM));
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 10) / 10;
}

/**
 * @param {View} view
 * @param {number[]} ticks
 * @param {(value: number) => string} format
 */
function gridOf(view, ticks, format) {
  return [
    ...ticks.flatMap((value) => {
      const y = Math.round(yOf(value, view)) + 0.5;
      return [
        s("line", { class: "grid-line", x1: LEFT, x2: view.width - RIGHT, y1: y, y2: y }),
        s("text", { class: "axis", x: LEFT - 8, y: y + 3.5, "text-anchor": "end" }, value === 0 ? "0" : format(value)),
      ];
    }),
    ...timeTicks(view.from, view.to, (view.width - LEFT) / 72).map((time) => {
      const x = xOf(time, view);
      return x < LEFT + 14 || x > view.width - 14 ? null
        : s("text", { class: "axis", x, y: view.height - 4, "text-anchor": "middle" },
          new Date(time).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" }));
    }),
  ];
}

/**
 * @param {Point[]} points
 * @param {number} index which series
 * @param {View} view
 * @param {boolean} area closes each part down to zero
 */
function pathOf(points, index, view, area) {
  const floor = yOf(0, view);
  /** @type {string[]} */
  const parts = [];
  /** @type {[number, number][]} */
  let run = [];
  const end = () => {
    const [first] = run;
    const last = run.at(-1);
    if (first && last) {
      const line = run.map(([x, y]) => `${x} ${y}`).join("L");
      parts.push(area ? `M${first[0]} ${floor}L${line}L${last[0]} ${floor}Z` : `M${line}${run.length === 1 ? "h0" : ""}`);
    }
    run = [];
  };
  for (const point of points) {
    const value = point.values[index];
    if (value === null || value === undefined) end();
    else if (point.time >= view.from) run.push([xOf(point.time, view), yOf(value, view)]);
  }
  end();
  return parts.join("");
}

/** @param {Point[]} points @param {number} time */
function nearest(points, time) {
  let best = points[0];
  for (const point of points) {
    if (best && Math.abs(point.time - time) < Math.abs(best.time - time)) best = point;
  }
  return best;
}

/**
 * A line without axes, for tiles.
 * @returns {{ element: SVGElement, update: (values: (number|null)[]) => void }}
 */
export function sparkline() {
  const area = s("path", { class: "area s1" });
  const line = s("path", { class: "series s1", "vector-effect": "non-scaling-stroke" });
  const element = s("svg", { class: "sparkline", viewBox: "0 0 100 24", preserveAspectRatio: "none", "aria-hidden": "true" }, area, line);
  return {
    element,
    update: (values) => {
      const known = values.map((value) => value ?? 0);
      const top = Math.max(...known, 1e-9);
      const step = 100 / Math.max(1, known.length - 1);
      const path = known.map((value, index) => `${round(index * step)} ${round(23 - (value / top) * 21)}`).join("L");
      line.setAttribute("d", known.length > 1 ? `M${path}` : "");
      area.setAttribute("d", known.length > 1 ? `M0 24L${path}L100 24Z` : "");
    },
  };
}
