// What a token says. Nothing is verified here: the service does that.
import { h } from "../../dom.js";
import { dateTime, relative } from "../../format.js";
import { facts } from "../../components/page.js";
import { jsonView } from "../../components/json.js";

/** @typedef {{ header: Record<string, any>, claims: Record<string, any> }} Decoded */

/** @param {string} token @returns {Decoded|null} null when it is no JWT */
export function decode(token) {
  const [header, claims, , more] = token.split(".");
  if (!header || !claims || more !== undefined) return null;
  try {
    return { header: part(header), claims: part(claims) };
  } catch {
    return null;
  }
}

/** The groups that a client access URL puts its client into at once; none where it has no token that can be read. @param {string} url */
export function groupsOf(url) {
  if (!URL.canParse(url)) return [];
  const decoded = decode(new URL(url).searchParams.get("access_token") ?? "");
  return list(decoded?.claims["webpubsub.group"]);
}

/** @param {string} text in base64url */
function part(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(binary, (each) => each.charCodeAt(0))));
}

/** @param {unknown} claim a string or a list of them @returns {string[]} */
const list = (claim) => (claim === undefined ? [] : [claim].flat().map(String));

/** @param {Decoded} decoded */
export function tokenView({ header, claims }) {
  const roles = list(claims["role"]);
  const groups = list(claims["webpubsub.group"]);
  const code = (/** @type {string} */ text) => h("code", {}, text);
  const at = (/** @type {unknown} */ seconds) => (typeof seconds === "number" ? `${dateTime(seconds * 1000)} (${relative(seconds * 1000)})` : "–");
  return h("div", { class: "stack" },
    facts([
      ["User", claims["sub"] ? code(claims["sub"]) : "anonymous"],
      ["May", roles.length === 0 ? "only receive" : h("ul", {}, roles.map((role) => h("li", {}, meaning(role))))],
      ["In groups at once", groups.length === 0 ? "none" : groups.map((group, index) => h("span", {}, index > 0 ? ", " : "", code(group)))],
      ["Expires", at(claims["exp"])],
      ["Issued", at(claims["iat"])],
      ["For", code(list(claims["aud"]).join(", "))],
      ["Signed with", `${header["alg"] ?? "?"}${header["kid"] ? `, key ${header["kid"]}` : ""}`],
    ]),
    jsonView({ header, claims }, { label: "Header and claims" }));
}

/** A role in words. @param {string} role */
export function meaning(role) {
  const match = /^webpubsub\.(joinLeaveGroup|sendToGroup)(s?)(?:\.(.*))?$/s.exec(role);
  if (!match) return h("span", {}, h("code", {}, role), ", which this service does not know");
  const verb = match[1] === "sendToGroup" ? "send to" : "join and leave";
  if (match[3] === undefined) return `${verb} any group`;
  return h("span", {}, match[2] ? `${verb} groups like ` : `${verb} `, h("code", {}, match[3]));
}
