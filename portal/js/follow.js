// Lists that the service tells as they grow: the live trace and the log. A cursor says where the last answer ended.
import { get } from "./api.js";
import { poll } from "./poll.js";

/** The longest that the service holds a question open, in seconds. */
const WAIT_S = 20;
/** It answers when that is over, or it is stuck. */
const PATIENCE_S = WAIT_S + 5;
/** Time between two questions, so that a flood comes in few large parts. */
const EVERY_MS = 250;
/** The most that one answer has. */
export const MOST = 1_000;

/**
 * Begins with the newest entries that the service remembers, then tells of each one that comes.
 * @template T
 * @param {string} path
 * @param {{
 *   query: import("./api.js").Query, first: number, signal: AbortSignal, onError: (error: unknown) => void,
 *   onAnswer: (value: T[], lost: number, answer: any) => void,
 * }} options first: how many at the beginning; lost: so many came in between that the service no longer has
 */
export function follow(path, { query, first, signal, onAnswer, onError }) {
  /** @type {string|undefined} */
  let cursor;
  return poll(async () => {
    const place = cursor === undefined ? { top: first } : { after: cursor, wait: WAIT_S, top: MOST };
    const answer = await get(path, { query: { ...query, ...place }, signal, patience: PATIENCE_S });
    if (signal.aborted) return;
    const lost = cursor === undefined ? 0 : answer.lost;
    cursor = answer.next;
    onAnswer(answer.value, lost, answer);
  }, { every: EVERY_MS, signal, onError });
}
