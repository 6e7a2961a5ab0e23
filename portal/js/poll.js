// Asking again and again, while somebody looks.

const LONGEST_PAUSE_MS = 30_000;
const FIRST_PAUSE_MS = 1_000;

/**
 * Runs the task, and again `every` milliseconds after it ended, while the page is visible and until the signal. After a
 * failure it waits longer each time. With `every: 0` it is the loop of a long poll.
 * @param {() => Promise<void>} task
 * @param {{ every: number, signal: AbortSignal, onError?: (error: unknown) => void }} options
 */
export async function poll(task, { every, signal, onError = () => {} }) {
  let failures = 0;
  while (!signal.aborted) {
    try {
      await task();
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      onError(error);
    }
    const pause = failures === 0 ? every : Math.min(LONGEST_PAUSE_MS, Math.max(every, FIRST_PAUSE_MS * 2 ** (failures - 1)));
    await wait(pause, signal);
    await visible(signal);
  }
}

/**
 * @param {number} time milliseconds
 * @param {AbortSignal} signal ends the wait early
 * @returns {Promise<void>}
 */
export function wait(time, signal) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, time);
    signal.addEventListener("abort", done);
  });
}

/** @param {AbortSignal} signal @returns {Promise<void>} */
function visible(signal) {
  return new Promise((resolve) => {
    if (signal.aborted || document.visibilityState === "visible") return resolve();
    const done = () => {
      if (!signal.aborted && document.visibilityState !== "visible") return;
      document.removeEventListener("visibilitychange", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    document.addEventListener("visibilitychange", done);
    signal.addEventListener("abort", done);
  });
}
