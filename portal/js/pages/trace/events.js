// What happens in the service, as the admin API tells it.
import { get } from "../../api.js";
import { poll } from "../../poll.js";

/** @typedef {"Informational"|"Warning"|"Error"} Level */
/**
 * One event; what is not known is absent.
 * @typedef {object} TraceEvent
 * @property {number} id
 * @property {string} time
 * @property {string} category
 * @property {string} name
 * @property {Level} level
 * @property {string} message
 * @property {string} [hub]
 * @property {string} [connectionId]
 * @property {string} [userId]
 * @property {string} [group]
 * @property {string} [remoteAddress]
 * @property {string} [traceId]
 * @property {{ type: string, bytes: number, text: string|null }} [payload] text: its beginning
 * @property {number} [receivers]
 * @property {{ method: string, path: string, route?: string, status: number, durationMs: number }} [http]
 * @property {{ event: string, urlTemplate: string, status?: number, durationMs: number, attempts: number, exchangeId?: string, canBeReplayed?: boolean }} [handler]
 * @property {string} [exception]
 * @property {number} [gap] no event, but so many that are missing here
 */

/** Filters by their names in the address. @typedef {Record<"hub"|"connection"|"user"|"group"|"category"|"level"|"text", string>} Filters */

export const FILTERS = /** @type {(keyof Filters)[]} */ (["hub", "connection", "user", "group", "category", "level", "text"]);
/** @type {Level[]} */
const LEVELS = ["Informational", "Warning", "Error"];

/** The longest that the service holds a question open, in seconds. */
const WAIT_S = 20;
/** Time between two questions, so that a flood comes in large parts and not in many small ones. */
const EVERY_MS = 250;
const MOST = 1_000;
const AT_FIRST = 200;

/** @param {Filters} filters */
function queryOf({ hub, connection, user, group, category, text }) {
  return { hub, connectionId: connection, userId: user, group, category, text };
}

/** The service has no filter for levels. @param {TraceEvent[]} events @param {Filters} filters */
function ofLevel(events, { level }) {
  const least = LEVELS.indexOf(/** @type {Level} */ (level));
  return least <= 0 ? events : events.filter((event) => LEVELS.indexOf(event.level) >= least);
}

/**
 * Tells of events as they happen, beginning with the newest that the service remembers.
 * @param {{
 *   filters: Filters, signal: AbortSignal, onError: (error: unknown) => void,
 *   onEvents: (events: TraceEvent[], messages: boolean) => void,
 * }} options messages: whether what clients send is recorded as well
 */
export function follow({ filters, signal, onEvents, onError }) {
  /** @type {string|undefined} */
  let cursor;
  let lastTime = new Date().toISOString();
  return poll(async () => {
    const query = { ...queryOf(filters), ...(cursor === undefined ? { top: filters.level ? MOST : AT_FIRST } : { after: cursor, wait: WAIT_S, top: MOST }) };
    const { value, next, lost, messages } = await get("api/ext/trace", { query, signal });
    if (signal.aborted) return;
    const events = ofLevel(value, filters);
    if (cursor !== undefined && lost > 0) events.unshift(gap(lost, value[0]?.time ?? lastTime));
    cursor = next;
    lastTime = value.at(-1)?.time ?? lastTime;
    onEvents(events, messages);
  }, { every: EVERY_MS, signal, onError });
}

/** @param {number} lost @param {string} time @returns {TraceEvent} */
function gap(lost, time) {
  return { id: -1, time, category: "", name: "", level: "Warning", message: "", gap: lost };
}

/**
 * What the service remembers of the time before an event.
 * @param {Filters} filters
 * @param {number} id
 * @param {AbortSignal} signal
 */
export async function lookBack(filters, id, signal) {
  const { value } = await get("api/ext/trace", { query: { ...queryOf(filters), top: MOST }, signal });
  return ofLevel(value, filters).filter((event) => event.id < id);
}
