// JSON as people read it.
import { codeBlock, colour } from "./code.js";
import { h } from "../dom.js";

/** So much is coloured and indented; more would make the page slow. */
const SHOWN_CHARACTERS = 64 * 1024;

/**
 * Indents a text if it is JSON, else leaves it as it is.
 * @param {string} text
 * @returns {{ text: string, isJson: boolean }}
 */
export function pretty(text) {
  if (!/^\s*[[{"]/.test(text)) return { text, isJson: false };
  try {
    return { text: JSON.stringify(JSON.parse(text), null, 2), isJson: true };
  } catch {
    return { text, isJson: false };
  }
}

/** @param {string} text */
function bounded(text) {
  const rest = text.length - SHOWN_CHARACTERS;
  return rest > 0 ? `${text.slice(0, SHOWN_CHARACTERS)}\n… ${rest} more characters` : text;
}

/**
 * A value, or a text that may be JSON, as a block.
 * @param {unknown} value
 * @param {{ label: string, copy?: boolean }} options
 */
export function jsonView(value, { label, copy = true }) {
  const { text, isJson } = typeof value === "string" ? pretty(value) : { text: JSON.stringify(value, null, 2), isJson: true };
  return codeBlock(bounded(text), { language: isJson ? "json" : "text", label, copy, wrap: true });
}

/** JSON on one line, coloured, for tables and lists. @param {string} text */
export function jsonLine(text) {
  return h("code", {}, ...(/^\s*[[{]/.test(text) ? colour(text, "json") : [text]));
}
