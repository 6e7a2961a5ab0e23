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

/** Called when the service no longer knows the session. @type {() => void} */
let onSignedOut = () => {};

/** @param {() => void} listener */
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
 * @property {string} [accept]
 */

/**
 * The URL of a path, with a query.
 * @param {string} path relative to the service, encoded: `api/ext/overview`
 * @param {Query} [query]
 */
export function urlOf(path, query = {}) {
  const url = new URL(path, base);
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === "") continue;
    for (const item of Array.isArray(value) ? value : [value]) url.searchParams.append(name, String(item));
  }
  if (path.startsWith("api/hubs/")) url.searchParams.set("api-version", API_VERSION);
  return url;
}

/**
 * Makes a call and gives the response; a status that is no success becomes an ApiError.
 * @param {string} method
 * @param {string} path
 * @param {Options} [options]
 */
export async function call(method, path, { query, body, type, signal, accept = "application/json" } = {}) {
  /** @type {Record<string, string>} */
  // On reads, too: over plain HTTP browsers say nothing else about where a request comes from.
  const headers = { Accept: accept, "X-Hublet-Portal": "1" };
  if (body !== undefined) headers["Content-Type"] = type ?? "application/json";
  const sent = type === undefined ? JSON.stringify(body) : /** @type {BodyInit} */ (body);
  let response;
  try {
    response = await fetch(urlOf(path, query), {
      method, headers, cache: "no-store", credentials: "same-origin",
      body: body === undefined ? null : sent, signal: signal ?? null,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "Unreachable", "The service does not answer. Check that it runs, then try again.");
  }
  if (response.ok) return response;
  const refused = await refusal(response);
  if (response.status === 401 && !path.startsWith("api/ext/session")) onSignedOut();
  throw refused;
}

/** @param {Response} response */
async function refusal(response) {
  let document;
  try {
    document = await response.json();
  } catch {
    // Not of the service itself, or without a body: the status says it.
  }
  const code = document?.code ?? `Http${response.status}`;
  const message = document?.message ?? fallback(response.status);
  return new ApiError(response.status, code, message, document?.target ?? "");
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
  const response = await call(method, path, options);
  const text = await response.text();
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
 * A path of parts, each encoded: `pathOf("api/hubs", hub, "groups", group)`.
 * @param {string} root
 * @param {...string} parts
 */
export function pathOf(root, ...parts) {
  return [root, ...parts.map((part) => (part.startsWith(":") ? part : encodeURIComponent(part)))].join("/");
}

/** What to show of a failure. @param {unknown} error */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
