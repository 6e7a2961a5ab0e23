// Tables, also of lists that come in pages.
import { h, replace } from "../dom.js";
import { icon } from "../icons.js";
import { loading, retry } from "./states.js";

/** @typedef {import("../dom.js").Child} Child */
/**
 * @template T
 * @typedef {{ title: string, cell: (row: T) => Child|Child[], class?: string, hidden?: boolean }} Column
 *   class: `num` for numbers, `mono` for ids; hidden: the title is only for those who hear it
 */

/**
 * @template T
 * @param {{ label: string, columns: Column<T>[], rows: T[], empty?: Element }} options label: what the table has
 */
export function table({ label, columns, rows, empty }) {
  if (rows.length === 0 && empty) return empty;
  return h("div", { class: "table-box", role: "region", "aria-label": label, tabindex: "0" },
    h("table", {},
      h("caption", { class: "hush" }, label),
      h("thead", {}, h("tr", {}, columns.map((column) =>
        h("th", { scope: "col", class: column.class?.replace("mono", "") }, column.hidden ? h("span", { class: "hush" }, column.title) : column.title)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, columns.map((column) =>
        h("td", { class: column.class }, ...[column.cell(row)].flat())))))));
}

/**
 * A table that shows one page at a time. `reload` starts at the first page again, `refresh` asks for the same page.
 * @template T
 * @param {{
 *   label: string, columns: Column<T>[], empty: () => Element, signal: AbortSignal,
 *   load: (token: string|null) => Promise<{ value: T[], next: string|null }>,
 * }} options
 */
export function pagedTable({ label, columns, empty, signal, load }) {
  /** Tokens of the pages up to the one that is shown. @type {(string|null)[]} */
  let tokens = [null];
  /** Of several questions only the last one's answer counts. */
  let asked = 0;
  /** @type {string|null} */
  let next = null;
  const box = h("div", {}, loading());
  const where = h("span", { class: "quiet small", role: "status" });
  const back = h("button", { class: "button small", type: "button", on: { click: () => go(tokens.slice(0, -1)) } }, icon("back"), "Previous");
  const forward = h("button", { class: "button small", type: "button", on: { click: () => go([...tokens, next]) } }, "Next", icon("forward"));
  const pager = h("div", { class: "card-foot pager", hidden: true }, where, h("div", { class: "row" }, back, forward));

  async function go(/** @type {(string|null)[]} */ to) {
    asked += 1;
    const mine = asked;
    try {
      const page = await load(to.at(-1) ?? null);
      if (signal.aborted || mine !== asked) return;
      tokens = to;
      next = page.next;
      const many = tokens.length > 1 || next !== null;
      pager.hidden = !many;
      back.disabled = tokens.length === 1;
      forward.disabled = next === null;
      where.textContent = many ? `Page ${tokens.length}` : "";
      replace(box, table({ label, columns, rows: page.value, empty: empty() }));
    } catch (error) {
      if (signal.aborted || mine !== asked) return;
      replace(box, retry("The list could not be loaded.", error, () => go(to)));
    }
  }

  const reload = () => go([null]);
  reload();
  return { element: h("div", {}, box, pager), reload, refresh: () => go(tokens) };
}
