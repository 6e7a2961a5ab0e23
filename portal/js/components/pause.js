// Pausing a list that goes on: what comes meanwhile waits, and is counted.
import { h, replace } from "../dom.js";
import { count } from "../format.js";
import { icon } from "../icons.js";
import { badge } from "./page.js";

/**
 * @template T
 * @param {{ keep: number, onContinue: (came: T[]) => void }} options keep: so many wait at most, the newest
 */
export function pauseControl({ keep, onContinue }) {
  /** What came while paused; null when not paused. @type {T[]|null} */
  let waiting = null;
  let isReached = true;
  const state = h("span", { role: "status" });
  const button = h("button", { class: "button", type: "button", on: { click: toggle } });

  function toggle() {
    const came = waiting;
    waiting = came ? null : [];
    draw();
    if (came) onContinue(came);
  }

  function draw() {
    replace(state, waiting ? badge("Paused", "warn") : isReached ? badge("Live", "good live") : badge("Trying again", "bad"));
    const more = waiting && waiting.length > 0 ? ` (${count(waiting.length)} new)` : "";
    replace(button, icon(waiting ? "play" : "pause"), waiting ? `Continue${more}` : "Pause");
  }

  draw();
  return {
    button,
    state,
    /** What to show of that which came. @param {T[]} came @returns {T[]} */
    pass(came) {
      isReached = true;
      if (waiting) waiting = waiting.concat(came).slice(-keep);
      draw();
      return waiting ? [] : came;
    },
    /** The service does not answer. */
    lose() {
      isReached = false;
      draw();
    },
    /** What waits. @returns {T[]} */
    waiting: () => waiting ?? [],
    /** Forgets what waits. */
    drop() {
      if (waiting) waiting = [];
      draw();
    },
  };
}
