// The settings of a hub, as the admin API has them.
import { ApiError, get, pathOf } from "../../api.js";

/** @typedef {{ type?: string, managedIdentity?: { resource?: string }, header?: { name?: string, value?: string } }} Auth */
/** @typedef {{ eventNames?: string[], groupFilters?: string[] }} GroupEvents */
/**
 * @typedef {object} Handler
 * @property {string} urlTemplate
 * @property {string} [userEventPattern]
 * @property {string[]} [systemEvents]
 * @property {Auth} [auth]
 * @property {GroupEvents} [groupPresenceEvents]
 * @property {boolean} [durable]
 * @property {number} [timeoutInSeconds]
 * @property {number} [maxConcurrency]
 */
/**
 * @typedef {object} Listener
 * @property {{ type?: string, systemEvents?: string[], userEventPattern?: string }} [filter]
 * @property {Record<string, unknown> & { type?: string }} endpoint
 */
/**
 * Settings may have properties that this page does not know; they are kept as they are.
 * @typedef {object} Settings
 * @property {"allow"|"deny"} [anonymousConnectPolicy]
 * @property {number} [webSocketKeepAliveIntervalInSeconds]
 * @property {Handler[]} [eventHandlers]
 * @property {Listener[]} [eventListeners]
 */
/** @typedef {{ name: string, source: "file"|"api", properties: Settings }} Hub */

/** @param {string} name @param {AbortSignal} signal @returns {Promise<Hub>} */
export function loadHub(name, signal) {
  return get(pathOf`api/ext/hubs/${name}`, { signal });
}

/** @param {string} name @param {AbortSignal} signal @returns {Promise<Hub|null>} null: the hub has no settings */
export async function loadIfThere(name, signal) {
  try {
    return await loadHub(name, signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

/** Shown in place of a secret; sent back it means the one of before. */
export const MASK = "***";

/**
 * Sets a property, or takes it away where its value says nothing.
 * @template {object} O
 * @template {keyof O} K
 * @param {O} of
 * @param {K} name
 * @param {O[K]|undefined|null|""} value
 */
export function assign(of, name, value) {
  if (value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0)) delete of[name];
  else of[name] = /** @type {O[K]} */ (value);
}

/**
 * Settings of a pasted text: they themselves, or the resource around them. What is null is left out.
 * @param {string} text
 * @returns {{ settings: Settings, isResource: boolean }}
 * @throws {Error} with a sentence for people
 */
export function parseSettings(text) {
  let document;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new Error(`This is no JSON: ${error instanceof Error ? error.message : error}.`);
  }
  if (!isObject(document)) throw new Error("Settings are a JSON object, {…}.");
  const isResource = isObject(document.properties);
  return { settings: without(isResource ? document.properties : document), isResource };
}

/** @param {unknown} value @returns {value is Record<string, any>} */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Resources of the cloud have null for what is not set. @param {any} value @returns {any} */
function without(value) {
  if (Array.isArray(value)) return value.map(without);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== null).map(([name, each]) => [name, without(each)]));
}
