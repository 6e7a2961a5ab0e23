// A call of an event handler: what was sent, what came back, how long it took, and once more if wanted.
import { get, messageOf, pathOf, post } from "../api.js";
import { h, replace } from "../dom.js";
import { bytes, dateTime, milliseconds, plural } from "../format.js";
import { icon } from "../icons.js";
import { mayChange } from "../session.js";
import { jsonView } from "./json.js";
import { badge, facts } from "./page.js";
import { notice } from "./states.js";
import { tabs } from "./tabs.js";

/** @typedef {{ sentAfterMs: number, durationMs: number|null, status: number|null, error: string|null }} Attempt */
/** @typedef {{ url?: string, headers: Record<string, string[]>, body: string|null, bodyBytes: number }} Message */
/**
 * @typedef {object} Exchange
 * @property {string} id
 * @property {string} time
 * @property {string} event
 * @property {string} type
 * @property {string} connectionId
 * @property {string} urlTemplate
 * @property {number|null} status
 * @property {boolean} ok
 * @property {string} sentence
 * @property {number} durationMs
 * @property {Attempt[]} attempts
 * @property {Message|null} request
 * @property {Message|null} response
 * @property {boolean} canBeReplayed
 */

/** So many are kept for each handler. */
const KEPT = 100;
/** The longest that a handler may take with all its attempts, and some more, in seconds. */
export const HANDLERS_S = 610;

/**
 * @param {string} hub
 * @param {AbortSignal} signal
 * @returns {Promise<Exchange[]>} the oldest first
 */
export async function loadExchanges(hub, signal) {
  const { value } = await get(pathOf`api/ext/hubs/${hub}/exchanges`, { query: { top: KEPT }, signal });
  return value;
}

/** @param {Pick<Exchange, "status"|"ok">} exchange */
export function statusBadge({ status, ok }) {
  return badge(status === null ? "no answer" : String(status), ok ? "good" : "bad");
}

/**
 * @param {Exchange} exchange
 * @param {{ hub: string, signal: AbortSignal, onReplayed?: () => void }} options
 * @returns {HTMLElement}
 */
export function exchangeView(exchange, { hub, signal, onReplayed = () => {} }) {
  const result = h("div", { class: "stack-s", role: "status" });
  return h("div", { class: "exchange stack" },
    notice(exchange.ok ? "good" : "bad", exchange.sentence),
    facts([
      ["Event", [h("span", { class: "mono" }, exchange.event), h("span", { class: "quiet" }, ` (${exchange.type})`)]],
      ["When", dateTime(exchange.time)],
      ["Took", `${milliseconds(exchange.durationMs)} in ${plural(exchange.attempts.length, "attempt")}`],
    ]),
    exchange.attempts.length > 1 || !exchange.ok ? attempts(exchange) : null,
    tabs({
      label: "Request and answer",
      tabs: [
        { id: "request", title: "Request", render: () => message(exchange.request, "Request", "Nothing was sent.") },
        { id: "response", title: "Answer", render: () => message(exchange.response, "Answer", "No answer came.") },
      ],
    }).element,
    h("div", { class: "stack-s" }, replayButton(exchange, { hub, signal, result, onReplayed }), result));
}

/** When each attempt was made and how long it took, to scale. @param {Exchange} exchange */
function attempts({ attempts: all }) {
  const end = Math.max(1, ...all.map((each) => each.sentAfterMs + (each.durationMs ?? 0)));
  return h("ol", { class: "attempts", "aria-label": "Attempts" }, all.map((each, index) => {
    const bar = h("span", { class: each.status !== null && each.status < 300 ? "good" : "bad" });
    bar.style.setProperty("--from", `${(each.sentAfterMs / end) * 100}%`);
    bar.style.setProperty("--wide", `${((each.durationMs ?? 0) / end) * 100}%`);
    return h("li", {},
      h("span", {}, `${index + 1}. ${each.error ?? (each.status === null ? "no answer" : `status ${each.status}`)}`),
      h("span", { class: "quiet" },
        `${each.sentAfterMs === 0 ? "at once" : `after ${milliseconds(each.sentAfterMs)}`}${each.durationMs === null ? "" : `, took ${milliseconds(each.durationMs)}`}`),
      h("div", { class: "track" }, bar));
  }));
}

/** @param {Message|null} part @param {string} label @param {string} without */
function message(part, label, without) {
  if (!part) return h("p", { class: "quiet" }, without);
  const headers = Object.entries(part.headers).flatMap(([name, values]) => values.map((value) => /** @type {[string, string]} */ ([name, value])));
  return h("div", { class: "stack-s" },
    part.url ? h("p", { class: "mono small url" }, part.url) : null,
    h("div", { class: "headers", role: "region", tabindex: "0", "aria-label": `${label}, headers` }, facts(headers.map(([name, value]) => [name, h("span", { class: "mono" }, value)]))),
    part.body === null || part.body === ""
      ? h("p", { class: "quiet small" }, part.bodyBytes > 0 ? `${bytes(part.bodyBytes)} that are no text.` : "No body.")
      : jsonView(part.body, { label: `${label}, body` }),
    part.body !== null && part.bodyBytes > new TextEncoder().encode(part.body).length
      ? h("p", { class: "quiet small" }, `The beginning of ${bytes(part.bodyBytes)}.`) : null);
}

/** @param {Exchange} exchange @param {{ hub: string, signal: AbortSignal, result: HTMLElement, onReplayed: () => void }} options */
function replayButton(exchange, { hub, signal, result, onReplayed }) {
  if (!exchange.canBeReplayed) return h("p", { class: "quiet small" }, "This call cannot be replayed: its event was too large to be kept whole.");
  if (!mayChange()) return h("p", { class: "quiet small" }, "To replay this call, sign in with an access key.");
  const button = h("button", { class: "button", type: "button", on: { click: replay } }, icon("refresh"), "Replay to the handler");
  async function replay() {
    button.disabled = true;
    replace(result, h("p", { class: "quiet small" }, "Sending the event again…"));
    try {
      /** @type {Exchange} */
      const again = await post(pathOf`api/ext/hubs/${hub}/exchanges/${exchange.id}/:replay`, { signal, patience: HANDLERS_S });
      replace(result,
        notice(again.ok ? "good" : "bad",
          `Replayed: ${again.status === null ? "no answer" : `status ${again.status}`} in ${milliseconds(again.durationMs)}.`,
          again.sentence),
        again.response ? h("details", {}, h("summary", {}, "The new answer"), message(again.response, "New answer", "")) : null);
      onReplayed();
    } catch (error) {
      if (!signal.aborted) replace(result, notice("bad", "The call was not replayed.", messageOf(error)));
    } finally {
      button.disabled = false;
    }
  }
  return h("div", { class: "row" }, button, h("span", { class: "quiet small" }, "Once, to the same handler. No client gets the answer."));
}
