// Numbers, sizes and times as people read them. English, as the rest of the portal.

const integer = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** @param {number} value 12345 becomes 12,345 */
export function count(value) {
  return integer.format(value);
}

/** @param {number} value 12345 becomes 12.3K; small values keep a digit after the point */
export function brief(value) {
  if (Math.abs(value) < 10 && !Number.isInteger(value)) return value.toFixed(1);
  return Math.abs(value) < 10_000 ? integer.format(value) : short.format(value);
}

/** @param {number} value a number of bytes, shown in powers of 1,024 */
export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let rest = value;
  while (Math.abs(rest) >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  return `${rest < 10 && unit > 0 ? rest.toFixed(1) : Math.round(rest)} ${units[unit]}`;
}

/** @param {number} value milliseconds */
export function milliseconds(value) {
  if (value === 0) return "< 1 ms";
  if (value < 1) return `${value.toFixed(2)} ms`;
  if (value < 10) return `${value.toFixed(1)} ms`;
  return value < 1_000 ? `${Math.round(value)} ms` : `${Number((value / 1000).toFixed(1))} s`;
}

/** @param {number} seconds 11520 becomes 3 h 12 min: the two largest parts that are not zero */
export function duration(seconds) {
  const rest = Math.max(0, Math.floor(seconds));
  const parts = /** @type {[number, string][]} */ ([
    [Math.floor(rest / 86_400), "d"],
    [Math.floor(rest / 3_600) % 24, "h"],
    [Math.floor(rest / 60) % 60, "min"],
    [rest % 60, "s"],
  ]).filter(([amount]) => amount > 0);
  return parts.slice(0, 2).map(([amount, unit]) => `${amount} ${unit}`).join(" ") || "0 s";
}

/**
 * @param {string|number|Date} time
 * @returns {string} the time of day with milliseconds, local: 14:03:07.250
 */
export function clock(time) {
  const date = new Date(time);
  const pad = (/** @type {number} */ value, width = 2) => String(value).padStart(width, "0");
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`;
}

const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** @param {string|number|Date} time local date and time to the second */
export function dateTime(time) {
  return full.format(new Date(time));
}

/**
 * @param {string|number|Date} time
 * @param {number} [now] milliseconds since 1970
 * @returns {string} "5 min ago", "in 59 min", "now"
 */
export function relative(time, now = Date.now()) {
  const seconds = (new Date(time).getTime() - now) / 1000;
  if (Math.abs(seconds) < 2) return "now";
  const whole = Math.abs(seconds) > 120 ? Math.round(Math.abs(seconds) / 60) * 60 : Math.abs(seconds);
  const first = duration(whole).split(" ").slice(0, 2).join(" ");
  return seconds < 0 ? `${first} ago` : `in ${first}`;
}

/** How subprotocols are called on the page. @type {Record<string, string>} */
const PROTOCOLS = {
  simple: "Simple",
  "json.webpubsub.azure.v1": "JSON",
  "json.reliable.webpubsub.azure.v1": "Reliable JSON",
  "protobuf.webpubsub.azure.v1": "Protobuf",
  "protobuf.reliable.webpubsub.azure.v1": "Reliable protobuf",
};

/** @param {string} protocol a WebSocket subprotocol, or "simple" */
export function protocolName(protocol) {
  return PROTOCOLS[protocol] ?? protocol;
}

/**
 * @param {number} amount
 * @param {string} one
 * @param {string} [many]
 */
export function plural(amount, one, many = `${one}s`) {
  return `${count(amount)} ${amount === 1 ? one : many}`;
}
