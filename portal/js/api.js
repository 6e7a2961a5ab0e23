// Calls to the service that the page came from. The session's cookie goes along by itself.

/** Where the service is; the page may be served below a path of a proxy. */
export const base = new URL("../", document.baseURI);

const API_VERSION = "2024-12-01";

/** A call that failed. The message says what happened and what to do. */
export class ApiError extends Error {
  /**
   * @param {number} status 0 when there was no answer
   * @param {string} code
   * @param {string} message
   * @param {string} [target] which part of the request was wrong: a parameter, or a property of the body
   */
  constructor(status, code, message, target = "") {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.target = target;
  }
}

/** Until an answer, in seconds: longer than the service takes over anything that it does itself. */
const PATIENCE_S = 15;

/** Called when the service no longer knows the session. @type {(sentAt: number) => Promise<boolean>} */
let onSignedOut = async () => false;

/**
 * @param {(sentAt: number) => Promise<boolean>} listener gets when the refused call was sent (`performance.now()`); says
 *   whether there is a session again, with which the call is made once more
 */
export function whenSignedOut(listener) {
  onSignedOut = listener;
}

/** @typedef {Record<string, string|number|boolean|readonly string[]|null|undefined>} Query */
/**
 * @typedef {object} Options
 * @property {Query} [query] empty values are left out, lists are repeated
 * @property {unknown} [body] sent as JSON, unless `type` says otherwise
 * @property {string} [type] the content type of a body that is sent as it is
 * @property {AbortSignal} [signal]
 * @property {number} [patience] seconds until the service counts as not answering; more than it is asked to wait
 */

/**
 * The URL of a path, with a query.
 * @param {string} path relative to the service, encoded: `api/ext/overview`
 * @param {Query} [query]
 * @throws {ApiError} the browser makes another path of it
 */
export function urlOf(path, query = {}) {
  const url = new URL(path, base);
  if (url.pathname !== base.pathname + path) throw unsendable(path);
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === "") continue;
    for (const item of Array.isArray(value) ? value : [value]) url.searchParams.append(name, String(item));
  }
  if (path.startsWith("api/hubs/")) url.searchParams.set("api-version", API_VERSION);
  return url;
}

/** @typedef {{ status: number, text: string }} Answer */

/**
 * Makes a call and gives its answer; a status that is no success becomes an ApiError.
 * @param {string} method
 * @param {string} path
 * @param {Options} [options]
 */
export async function call(method, path, options = {}) {
  const ask = async () => {
    const sentAt = performance.now();
    const answer = await exchange(method, path, options);
    const isRefused = answer.status === 401 && path !== "api/ext/session";
    return { answer, mayTryAgain: isRefused && await onSignedOut(sentAt) };
  };
  let { answer, mayTryAgain } = await ask();
  // Nothing was done, so it can be asked for once more.
  if (mayTryAgain) ({ answer } = await ask());
  if (answer.status >= 200 && answer.status < 300) return answer;
  throw refusal(answer);
}

/**
 * @param {string} method @param {string} path @param {Options} options
 * @returns {Promise<Answer>}
 */
async function exchange(method, path, { query, body, type, signal, patience = PATIENCE_S }) {
  // On reads, too: over plain HTTP browsers say nothing else about where a request comes from.
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json", "X-Hublet-Portal": "1" };
  if (body !== undefined) headers["Content-Type"] = type ?? "application/json";
  const sent = type === undefined ? JSON.stringify(body) : /** @type {BodyInit} */ (body);
  const url = urlOf(path, query);
  const late = AbortSignal.timeout(patience * 1_000);
  try {
    const response = await fetch(url, {
      method, headers, cache: "no-store", credentials: "same-origin",
      body: body === undefined ? null : sent, signal: signal ? AbortSignal.any([signal, late]) : late,
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    if (signal?.aborted) throw error;
    if (!late.aborted) throw new ApiError(0, "Unreachable", "The service does not answer. Check that it runs, then try again.");
    const advice = method === "GET" ? "Check that it runs and is not stuck, then try again." : "It may do this all the same: look before you try again.";
    throw new ApiError(0, "Late", `The service did not answer in ${patience} seconds. ${advice}`);
  }
}

/** @param {Answer} answer */
function refusal({ status, text }) {
  let document;
  try {
    document = JSON.parse(text);
  } catch {
    // Not of the service itself, or without a body: the status says it.
  }
  const code = document?.code ?? `Http${status}`;
  return new ApiError(status, code, document?.message ?? fallback(status), document?.target ?? "");
}

/** @param {number} status */
function fallback(status) {
  if (status === 401) return "You are not signed in. Sign in again.";
  if (status === 403) return "This session may not do that. Sign in with an access key, which has full access.";
  if (status === 404) return "The service has nothing at this address. Check the name, or reload the list.";
  if (status === 429) return "The service is asked too often. Wait a moment, then try again.";
  if (status === 503) return "The service is stopping or overloaded. Try again in a moment.";
  return `The service answered with status ${status}. Its log, on the page “Logs”, says why.`;
}

/**
 * Makes a call and reads its JSON; null when the answer has no body.
 * @param {string} method
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<any>}
 */
export async function json(method, path, options) {
  const { text } = await call(method, path, options);
  return text === "" ? null : JSON.parse(text);
}

/** @param {string} path @param {Options} [options] */
export const get = (path, options) => json("GET", path, options);
/** @param {string} path @param {Options} [options] */
export const post = (path, options) => json("POST", path, options);
/** @param {string} path @param {Options} [options] */
export const put = (path, options) => json("PUT", path, options);
/** @param {string} path @param {Options} [options] */
export const remove = (path, options) => json("DELETE", path, options);

/**
 * One page of a paged list, and how to ask for the next one.
 * @template T
 * @typedef {{ value: T[], next: string|null }} Page
 */

/**
 * Reads one page of a list. Of `nextLink` only the token is used, since the link may name another host than this page.
 * @param {string} path
 * @param {Options & { token?: string|null, size?: number }} [options] size: entries a page, 1 to 200
 * @returns {Promise<Page<any>>}
 */
export async function page(path, { token, size = 50, query, ...options } = {}) {
  const document = await get(path, { ...options, query: { ...query, maxpagesize: size, continuationToken: token } });
  const next = document.nextLink ? new URL(document.nextLink, base).searchParams.get("continuationToken") : null;
  return { value: document.value, next };
}

/**
 * The only way from names to a path: the text is the page's own, and each name in it is encoded, whatever it looks like.
 *
 *     pathOf`api/hubs/${hub}/groups/${group}/:send`
 * @param {TemplateStringsArray} texts
 * @param {...string} names
 * @throws {ApiError} no path can have the name as a part
 */
export function pathOf(texts, ...names) {
  return String.raw(texts, ...names.map(partOf));
}

/** Browsers take the parts `.` and `..` out of a path, encoded too, and what is left is another operation. @param {string} name */
export function isPart(name) {
  return name !== "" && name !== "." && name !== "..";
}

/** @param {string} name */
function partOf(name) {
  if (!isPart(name)) throw unsendable(name);
  return encodeURIComponent(name);
}

/** @param {string} name */
function unsendable(name) {
  return new ApiError(0, "Unsendable", name === ""
    ? "A name is missing. Enter one."
    : `Nothing was sent: a browser cannot ask for anything about “${name}”, since it changes addresses with this name. The command line can; see hublet --help.`);
}

/** What to show of a failure. @param {unknown} error */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
