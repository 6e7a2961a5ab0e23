// Rows that keep coming, the newest at the end. Only those in sight are in the page, so many of them cost nothing.
import { h, replace, uniqueId } from "../dom.js";
import { icon } from "../icons.js";
import { count } from "../format.js";

/** @typedef {import("../dom.js").Child} Child */
/**
 * @template T
 * @typedef {{ title: string, cell: (row: T) => Child|Child[], class: string }} StreamColumn class: also its place in the grid
 */

const BEYOND = 8; // rows drawn above and below those in sight

/**
 * While its end is in sight it follows; who scrolls up or chooses a row stays where they are.
 * @template {object} T
 * @param {{
 *   label: string, columns: StreamColumn<T>[], keep: number, class: string,
 *   toneOf: (row: T) => ""|"warn"|"bad"|"gap", onSelect: (row: T|null, opened: boolean) => void,
 * }} options keep: so many rows at most; onSelect: `opened` when somebody wants to go there with the keyboard
 */
export function streamTable({ label, columns, keep, class: name, toneOf, onSelect }) {
  const stem = uniqueId("stream");
  /** @type {T[]} */
  let rows = [];
  /** @type {Map<T, { element: HTMLElement, id: string }>} */
  const drawn = new Map();
  /** @type {T|null} */
  let selected = null;
  let made = 0;
  let rowHeight = 32;
  let height = 0;
  let following = true;
  let unseen = 0;
  let planned = false;

  const probe = h("div", { class: "stream-row probe", "aria-hidden": "true" });
  const body = h("div", { class: "stream-body", role: "rowgroup" });
  const head = h("div", { class: "stream-head", role: "rowgroup" },
    h("div", { class: "stream-row", role: "row" }, columns.map((column) => h("span", { role: "columnheader", class: column.class }, column.title))));
  const grid = h("div", { class: "stream-grid", role: "grid", tabindex: "0", "aria-label": label, on: { keydown: onKey, scroll: onScroll } }, head, body);
  const jump = h("button", { class: "button small jump", type: "button", hidden: true, on: { click: toEnd } });
  const rest = h("div", { class: "stream-rest", hidden: true });
  const element = h("div", { class: `stream ${name}` }, grid, rest, jump, probe);

  function onScroll() {
    plan();
    if (grid.clientHeight !== height) return; // The box has another size now; nobody scrolled.
    const atEnd = grid.scrollTop + grid.clientHeight >= grid.scrollHeight - rowHeight / 2;
    if (atEnd) unseen = 0;
    following = atEnd && (following || selected === null);
  }

  function plan() {
    if (planned) return;
    planned = true;
    requestAnimationFrame(() => {
      planned = false;
      draw();
    });
  }

  function draw() {
    const before = rowHeight;
    rowHeight = probe.getBoundingClientRect().height || rowHeight;
    const isResized = height !== grid.clientHeight || before !== rowHeight;
    height = grid.clientHeight;
    const full = rows.length * rowHeight;
    body.style.height = `${full}px`;
    if (following) grid.scrollTop = grid.scrollHeight;
    else if (isResized && selected) show(rows.indexOf(selected));
    else if (before !== rowHeight) grid.scrollTop *= rowHeight / before;
    const from = Math.max(0, Math.floor(grid.scrollTop / rowHeight) - BEYOND);
    const to = Math.min(rows.length, Math.ceil((grid.scrollTop + grid.clientHeight) / rowHeight) + BEYOND);
    const wanted = rows.slice(from, to);
    const keepDrawn = new Set(wanted);
    for (const [row, { element: old }] of drawn) {
      if (keepDrawn.has(row)) continue;
      old.remove();
      drawn.delete(row);
    }
    wanted.forEach((row, index) => {
      let known = drawn.get(row);
      if (!known) {
        known = make(row);
        drawn.set(row, known);
      }
      if (body.children[index] !== known.element) body.insertBefore(known.element, body.children[index] ?? null);
      known.element.setAttribute("aria-rowindex", String(from + index + 2));
      known.element.setAttribute("aria-selected", String(row === selected));
    });
    body.style.setProperty("--above", `${from * rowHeight}px`);
    grid.setAttribute("aria-rowcount", String(rows.length + 1));
    const active = selected && drawn.get(selected);
    if (active) grid.setAttribute("aria-activedescendant", active.id);
    else grid.removeAttribute("aria-activedescendant");
    jump.hidden = following || rows.length === 0;
    if (!jump.hidden) replace(jump, icon("down"), unseen > 0 ? `${count(unseen)} newer` : "To the newest");
  }

  /** @param {T} row */
  function make(row) {
    made += 1;
    const id = `${stem}-${made}`;
    const line = h("div", { class: `stream-row ${toneOf(row)}`, role: "row", id, on: { click: () => choose(row, false) } },
      columns.map((column) => h("span", { role: "gridcell", class: column.class }, ...[column.cell(row)].flat())));
    return { element: line, id };
  }

  /** @param {T|null} row @param {boolean} opened */
  function choose(row, opened) {
    selected = row;
    if (row) following = false; // It stays where it is while somebody reads it.
    plan();
    onSelect(row, opened);
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (event.target !== grid || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = selected ? rows.indexOf(selected) : rows.length;
    const leap = Math.max(1, Math.floor(grid.clientHeight / rowHeight) - 2);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, PageUp: at - leap, PageDown: at + leap, Home: 0, End: rows.length - 1 }[event.key];
    if (event.key === "Enter" && selected) choose(selected, true);
    else if (event.key === "Escape" && selected) choose(null, false);
    else if (to !== undefined && rows.length > 0) {
      const index = Math.min(rows.length - 1, Math.max(0, to));
      show(index);
      choose(rows[index] ?? null, false);
    } else return;
    event.preventDefault();
  }

  /** Scrolls so that a row is in sight. @param {number} index */
  function show(index) {
    const top = index * rowHeight;
    const room = grid.clientHeight - head.offsetHeight;
    if (top < grid.scrollTop) grid.scrollTop = top;
    else if (top + rowHeight > grid.scrollTop + room) grid.scrollTop = top + rowHeight - room;
  }

  function toEnd() {
    following = true;
    unseen = 0;
    draw();
    grid.focus();
  }

  function filled() {
    rest.hidden = true;
    replace(rest);
  }

  new ResizeObserver(plan).observe(grid);
  return {
    element,
    rows: () => rows,
    /** @param {T[]} more newer ones */
    append(more) {
      if (more.length === 0) return;
      rows = rows.concat(more);
      if (!following) unseen += more.length;
      const over = rows.length - keep;
      if (over > 0) {
        rows = rows.slice(over);
        if (!following) grid.scrollTop -= over * rowHeight;
      }
      filled();
      plan();
    },
    /** @param {T[]} more older ones @returns {number} how many there was room for */
    prepend(more) {
      const taken = more.slice(Math.max(0, more.length - Math.max(0, keep - rows.length)));
      rows = taken.concat(rows);
      draw();
      if (!following) grid.scrollTop += taken.length * rowHeight;
      if (rows.length > 0) filled();
      return taken.length;
    },
    /** Takes all rows away. @param {Element} state shown until there are rows */
    clear(state) {
      rows = [];
      following = true;
      unseen = 0;
      selected = null;
      replace(rest, state);
      rest.hidden = false;
      plan();
    },
    /** @param {T|null} row */
    select(row) {
      selected = row;
      plan();
    },
    focus: () => grid.focus(),
    /** Stops to follow, and shows the first row. */
    toStart() {
      following = false;
      grid.scrollTop = 0;
      plan();
    },
  };
}
