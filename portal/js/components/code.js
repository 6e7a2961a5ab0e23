// Code with a little colour.
import { h } from "../dom.js";
import { copyButton } from "./copy.js";

/** @typedef {"js"|"json"|"python"|"java"|"csharp"|"rust"|"sh"|"toml"|"text"} Language */

const COMMENTS = { slash: "//[^\\n]*|/\\*[\\s\\S]*?\\*/", hash: "#[^\\n]*" };
const STRING = "\"(?:[^\"\\\\\\n]|\\\\.)*\"";
const QUOTED = `${STRING}|'(?:[^'\\\\\\n]|\\\\.)*'`;

/** What is a comment, a string and a keyword. @type {Record<string, [string, string, string]>} */
const LANGUAGES = {
  js: [COMMENTS.slash, `${QUOTED}|\`(?:[^\`\\\\]|\\\\.)*\``, "async await break const else false for from function if import let new null of return true typeof while"],
  python: [COMMENTS.hash, `[fb]?(?:"""[\\s\\S]*?"""|${QUOTED})`, "and as async await break def elif else except False for from if import in is lambda None not or pass return True try while with"],
  java: [COMMENTS.slash, QUOTED, "boolean break byte class else extends final for if implements import int long new null private public return static String super this throws true try var void while"],
  csharp: [COMMENTS.slash, `\\$?@?${QUOTED}`, "async await bool break byte class else false for foreach if in int long new null private public return static string true try using var void while"],
  rust: [COMMENTS.slash, `b?${STRING}`, "as async await break crate else enum Err fn for if impl in let loop match mut Ok pub return self Some struct use while"],
  sh: [COMMENTS.hash, QUOTED, "cargo cd dotnet hublet java node npm pip python"],
  toml: [COMMENTS.hash, QUOTED, "true false"],
  json: ["(?!)", STRING, "true false null"],
};

/** @type {Map<string, { pattern: RegExp, words: Set<string> }>} */
const compiled = new Map();

/** @param {string} language */
function rules(language) {
  const known = compiled.get(language);
  if (known) return known;
  const [comment, string, words] = LANGUAGES[language] ?? ["(?!)", "(?!)", ""];
  const made = {
    pattern: new RegExp(`(${comment})|(${string})|(\\b\\d[\\d_.]*(?:[eE][+-]?\\d+)?\\b)|([A-Za-z_]\\w*)(?=(\\s*\\()?)`, "g"),
    words: new Set(words.split(" ")),
  };
  compiled.set(language, made);
  return made;
}

/**
 * The parts of a code text: texts, and spans for what has a colour.
 * @param {string} text
 * @param {Language} language
 * @returns {(Node|string)[]}
 */
export function colour(text, language) {
  if (!(language in LANGUAGES)) return [text];
  const { pattern, words } = rules(language);
  const parts = [];
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    const [, comment, string, number, name, call] = match;
    const kind = comment ? "c" : string ? stringKind(text, match, language) : number ? "n" : words.has(name ?? "") ? "k" : call !== undefined ? "f" : null;
    if (!kind) continue;
    parts.push(text.slice(at, match.index), h("span", { class: `tok-${kind}` }, comment ?? string ?? number ?? name));
    at = match.index + (comment ?? string ?? number ?? name ?? "").length;
  }
  parts.push(text.slice(at));
  return parts.filter((part) => part !== "");
}

/** In JSON a string before a colon is a name. @param {string} text @param {RegExpMatchArray} match @param {string} language */
function stringKind(text, match, language) {
  const end = (match.index ?? 0) + match[0].length;
  return language === "json" && /^\s*:/.test(text.slice(end, end + 8)) ? "f" : "s";
}

/**
 * A block of code that can be copied.
 * @param {string} text
 * @param {{ language?: Language, label: string, copy?: boolean, wrap?: boolean }} options label: what it is, for those who hear it
 */
export function codeBlock(text, { language = "text", label, copy = true, wrap = false }) {
  return h("div", { class: `code ${wrap ? "wrap" : ""}` },
    h("pre", { tabindex: "0", role: "region", "aria-label": label, data: { language } }, h("code", {}, ...colour(text, language))),
    copy && copyButton(() => text, { what: label }));
}
