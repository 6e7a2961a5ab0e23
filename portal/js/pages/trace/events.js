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

const PATH = "api/ext/trace";
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
 *   onEvents: (events: TraceEvent[], messages: boolean, seen: string) => void,
 * }} options messages: whether what clients send is recorded as well; seen: all events until there were told
 */
export function followTrace({ filters, signal, onEvents, onError }) {
  return follow(PATH, {
    query: queryOf(filters), first: filters.level ? MOST : AT_FIRST, signal, onError,
    onAnswer: (/** @type {TraceEvent[]} */ value, lost, { messages, next }) => {
      const events = mark(ofLevel(value, filters), next.split("-")[0]);
      onEvents(lost > 0 ? [gap(lost), ...events] : events, messages, next);
    },
  });
}

/** @param {number} lost @returns {TraceEvent} */
function gap(lost) {
  return { id: -1, time: "", category: "", name: "", level: "Warning", message: "", gap: lost };
}

/**
 * Reads what the service remembers of the time before an event, as much as there is room for. It tells forwards only, so
 * with a filter all of it is read. Numbers have no holes: without a filter the reading begins where it has to.
 * @param {{
 *   filters: Filters, seen: string, first: TraceEvent|undefined, room: number, signal: AbortSignal,
 * }} options seen: where the following is, as `next` of its last answer; first: the event, or undefined for all that was seen
 * @returns {Promise<{ events: TraceEvent[], left: number, forgotten: number }|null>} left: so many more there are;
 *   forgotten: so many of all kinds the service no longer has; null: it was restarted since that event
 */
export async function lookBack({ filters, seen, first, room, signal }) {
  const [epoch = "", newest] = seen.split("-");
  if (first && epochs.get(first) !== epoch) return null;
  const before = first?.id ?? Number(newest) + 1;
  const ask = (/** @type {number} */ from, /** @type {import("../../api.js").Query} */ more) =>
    get(PATH, { query: { ...more, after: `${epoch}-${from}` }, signal });
  const forgotten = (await ask(0, { top: 1 })).lost;
  const isFiltered = FILTERS.some((name) => filters[name]);
  let from = Math.max(forgotten, isFiltered ? 0 : before - 1 - room);
  let left = from - forgotten;
  /** @type {TraceEvent[]} */
  let events = [];
  while (from < before - 1) {
    /** @type {{ value: TraceEvent[], next: string, lost: number }} */
    const { value, next, lost } = await ask(from, { ...queryOf(filters), top: MOST });
    const [now, reached] = next.split("-");
    if (now !== epoch) return null;
    if (lost > 0 && events.length > 0) events.push(gap(lost));
    events = events.concat(mark(ofLevel(value.filter(({ id }) => id < before), filters), epoch));
    left += Math.max(0, events.length - room);
    events = room > 0 ? events.slice(-room) : [];
    if (Number(reached) <= from) break;
    from = Number(reached);
  }
  return { events, left, forgotten };
}

/** Which process of the service an event is of: each begins to count anew. @type {WeakMap<TraceEvent, string>} */
const epochs = new WeakMap();

/** @param {TraceEvent[]} events @param {string} epoch */
function mark(events, epoch) {
  for (const event of events) epochs.set(event, epoch);
  return events;
}
