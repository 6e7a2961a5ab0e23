// Operations of REST about groups and users, and how they are addressed. A browser cannot send names such as `..` in a
// path; a filter names the same connections.
import { isPart, pathOf } from "./api.js";

/** @typedef {import("./api.js").Query} Query */
/** @typedef {{ path: string, query?: Query }} Address */
/** @typedef {{ method: string, path: string, query?: Query, body?: unknown }} Request */
/** Whom a message is for. @typedef {{ kind: "all"|"group"|"user"|"connection", name: string }} Receiver name: "" for all */

/**
 * Where a message is sent to.
 * @param {string} hub @param {Receiver} receiver
 * @returns {Address}
 * @throws {import("./api.js").ApiError} it cannot be said
 */
export function sendingTo(hub, { kind, name }) {
  if (kind === "all") return { path: pathOf`api/hubs/${hub}/:send` };
  if (kind === "connection") return { path: pathOf`api/hubs/${hub}/connections/${name}/:send` };
  const isGroup = kind === "group";
  if (name !== "" && !isPart(name)) return { path: pathOf`api/hubs/${hub}/:send`, query: { filter: isGroup ? `${quoted(name)} in groups` : `userId eq ${quoted(name)}` } };
  return { path: isGroup ? pathOf`api/hubs/${hub}/groups/${name}/:send` : pathOf`api/hubs/${hub}/users/${name}/:send` };
}

/**
 * Puts a connection into a group, or takes it out.
 * @param {string} hub @param {string} group @param {string} connection @param {boolean} isMember from then on
 * @returns {Request}
 * @throws {import("./api.js").ApiError} it cannot be said
 */
export function membership(hub, group, connection, isMember) {
  if (group === "" || isPart(group)) {
    return { method: isMember ? "PUT" : "DELETE", path: pathOf`api/hubs/${hub}/groups/${group}/connections/${connection}` };
  }
  const body = { groups: [group], filter: `connectionId eq ${quoted(connection)}` };
  return { method: "POST", path: isMember ? pathOf`api/hubs/${hub}/:addToGroups` : pathOf`api/hubs/${hub}/:removeFromGroups`, body };
}

/** A text in a filter. @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "''")}'`;
