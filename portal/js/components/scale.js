// Round numbers for the axes of charts.

const STEPS = [1, 2, 2.5, 5, 10];
const LINES = 4;

/**
 * Values for grid lines from 0 to at least the highest one, at most five of them.
 * @param {number} highest
 * @param {number} base 10, or 1024 for sizes
 * @returns {number[]}
 */
export function axisTicks(highest, base) {
  if (!(highest > 0)) return [0, 1];
  const unit = base === 10 ? 1 : base ** Math.max(0, Math.floor(Math.log(highest) / Math.log(base)));
  const rough = highest / unit / LINES;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = (STEPS.find((each) => each * power >= rough) ?? 10) * power * unit;
  const count = Math.max(1, Math.ceil(highest / step - 1e-9));
  return Array.from({ length: count + 1 }, (_, index) => index * step);
}

const MINUTE_MS = 60_000;
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60].map((minutes) => minutes * MINUTE_MS);

/**
 * Whole minutes between two times, at most so many.
 * @param {number} from milliseconds since 1970
 * @param {number} to
 * @param {number} most
 * @returns {number[]}
 */
export function timeTicks(from, to, most) {
  const step = TIME_STEPS.find((each) => (to - from) / each <= most) ?? 60 * MINUTE_MS;
  const ticks = [];
  for (let time = Math.ceil(from / step) * step; time <= to; time += step) ticks.push(time);
  return ticks;
}
