// What the service counted, as rates over time.

/** @typedef {import("../../types.js").Sample} Sample */
/** @typedef {import("../../types.js").Totals} Totals */

/** Moments that are closer tell nothing of a rate. */
const APART_MS = 500;

/**
 * A moment with what happened a second since the moment before; null where that is not known.
 * @typedef {object} Moment
 * @property {number} time milliseconds since 1970
 * @property {Sample} sample
 * @property {Record<keyof Totals, number>|null} perSecond
 */

/**
 * The moments of the last while. A total that went down means that the service was started again: the line has a gap.
 * @param {number} windowMs
 */
export function samples(windowMs) {
  /** @type {Moment[]} */
  let moments = [];
  return {
    /** @param {Sample} sample */
    add(sample) {
      const time = Date.parse(sample.time);
      const before = moments.at(-1);
      if (before && time - before.time < APART_MS) return;
      moments.push({ time, sample, perSecond: before ? rates(before, sample, time) : null });
      moments = moments.filter((moment) => moment.time >= time - windowMs);
    },
    all: () => moments,
    last: () => moments.at(-1),
  };
}

/** @param {Moment} before @param {Sample} sample @param {number} time */
function rates(before, sample, time) {
  const seconds = (time - before.time) / 1000;
  const names = /** @type {(keyof Totals)[]} */ (Object.keys(sample.totals));
  if (names.some((name) => sample.totals[name] < before.sample.totals[name])) return null;
  return /** @type {Record<keyof Totals, number>} */ (Object.fromEntries(
    names.map((name) => [name, (sample.totals[name] - before.sample.totals[name]) / seconds])));
}
