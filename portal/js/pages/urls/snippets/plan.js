// What a sample program does: join a group, greet it, print what arrives; as far as its token allows.

/**
 * @typedef {object} Plan
 * @property {string} url the client access URL
 * @property {string} protocol as in protocols.js
 * @property {string|null} subprotocol
 * @property {string} cli the protocol's name on the command line
 * @property {string} group
 * @property {boolean} mayJoin
 * @property {boolean} maySend
 */

/**
 * A language: `code` is the program, `run` how to start it in a shell; `file` names the program, "" when it is pasted.
 * @typedef {object} Language
 * @property {string} id
 * @property {string} title
 * @property {import("../../../components/code.js").Language} colours
 * @property {string} file
 * @property {string} [how] what to do with it, where `run` does not say it
 * @property {string} [run]
 * @property {(plan: Plan) => string} code
 */

export const isJson = (/** @type {Plan} */ plan) => plan.protocol.startsWith("json");
export const isReliable = (/** @type {Plan} */ plan) => plan.protocol.endsWith("reliable");
export const isSimple = (/** @type {Plan} */ plan) => plan.protocol === "simple";

/** The URL that the program opens: a simple client says there which group it sends to. @param {Plan} plan */
export function addressOf(plan) {
  if (!isSimple(plan) || !plan.maySend) return plan.url;
  return `${plan.url}&webpubsub_mode=sendToGroup&group=${encodeURIComponent(plan.group)}`;
}

/** The requests of a JSON client, in order. @param {Plan} plan @param {string} greeting @returns {Record<string, unknown>[]} */
export function requests(plan, greeting) {
  const { group } = plan;
  return [
    ...(plan.mayJoin ? [{ type: "joinGroup", group }] : []),
    ...(plan.maySend ? [{ type: "sendToGroup", group, dataType: "text", data: greeting }] : []),
  ];
}

/** The same as protobuf messages, with what they are. @param {Plan} plan @param {string} greeting @returns {{ what: string, base64: string }[]} */
export function frames(plan, greeting) {
  const group = field(1, utf8(plan.group));
  const data = field(3, field(1, utf8(greeting)));
  return [
    ...(plan.mayJoin ? [{ what: "join_group_message", base64: base64(field(6, group)) }] : []),
    ...(plan.maySend ? [{ what: "send_to_group_message", base64: base64(field(1, [...group, ...data])) }] : []),
  ];
}

/** @param {string} text */
const utf8 = (text) => [...new TextEncoder().encode(text)];

/** A field that has bytes, a text or a message. @param {number} number below 16 @param {number[]} content @returns {number[]} */
function field(number, content) {
  return [(number << 3) | 2, ...varint(content.length), ...content];
}

/** @param {number} value @returns {number[]} */
function varint(value) {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

/** @param {number[]} bytes */
const base64 = (bytes) => btoa(String.fromCharCode(...bytes));

/** A text as a literal of JavaScript, Python, Java and C#. @param {unknown} value */
export const literal = (value) => JSON.stringify(value);

/** A text in single quotes of a shell. @param {string} text */
export const shellQuoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** A program from its lines; `false` leaves one out. @param {...(string|false)} lines */
export const program = (...lines) => `${lines.filter((line) => line !== false).join("\n")}\n`;

/** An object as JavaScript people write it. @param {Record<string, unknown>} value */
export function objectLiteral(value) {
  return `{ ${Object.entries(value).map(([key, each]) => `${key}: ${literal(each)}`).join(", ")} }`;
}
