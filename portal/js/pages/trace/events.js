// What happens in the service, as the admin API tells it.
import { get } from "../../api.js";
import { MOST, follow } from "../../follow.js";

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
 * @property {{ method: string, path: string, route?: string, status?: number, durationMs?: number }} [http] without an answer, as long as there is none
 * @property {{ event: string, urlTemplate: string, status?: number, durationMs: number, attempts: number, exchangeId?: string, canBeReplayed?: boolean }} [handler]
 * @property {string} [exception]
 * @property {number} [gap] no event, but so many that are missing here
 */

/** Filters by their names in the address. @typedef {Record<"hub"|"connection"|"user"|"group"|"category"|"level"|"text", string>} Filters */

export const FILTERS = /** @type {(keyof Filters)[]} */ (["hub", "connection", "user", "group", "category", "level", "text"]);
/** @type {Level[]} */
const LEVELS = ["Informational", "Warning", "Error"];

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
export function followTrace({ filters, signal, onEvents, onError }) {
  return follow("api/ext/trace", {
    query: queryOf(filters), first: filters.level ? MOST : AT_FIRST, signal, onError,
    onAnswer: (/** @type {TraceEvent[]} */ value, lost, { messages }) => {
      const events = ofLevel(value, filters);
      onEvents(lost > 0 ? [gap(lost), ...events] : events, messages);
    },
  });
}

/** @param {number} lost @returns {TraceEvent} */
function gap(lost) {
  return { id: -1, time: "", category: "", name: "", level: "Warning", message: "", gap: lost };
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
