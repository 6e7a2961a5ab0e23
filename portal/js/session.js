// Who is signed in.
import { base, get, messageOf, post, remove } from "./api.js";

/** @typedef {import("./types.js").Session} Session */

/** Set when somebody signed out here, so that a service in development mode does not sign in again at once. */
const STAYS_OUT = "hublet.signed-out";
/** Signing in by itself is not repeated sooner: two services that share the cookies of one host would take turns for ever. */
const RENEWED_MS = 10_000;

/** Tells the other tabs that somebody signed out, or in: they stay out as well. */
const tabs = new BroadcastChannel(`hublet ${base.href}`);
tabs.addEventListener("message", ({ data }) => stayOut(data === "out"));

/** @type {Session} */
let current = { signedIn: false, development: false, issuers: [], endpoint: "", version: "" };

export function session() {
  return current;
}

/** When somebody signed in here last. */
let signedInAt = -Infinity;
/** When the page did so by itself, since a session had ended. */
let renewedAt = -Infinity;
/** @type {Promise<boolean>|undefined} */
let renewing;

/** @param {boolean} yes */
function stayOut(yes) {
  if (yes) sessionStorage.setItem(STAYS_OUT, "1");
  else sessionStorage.removeItem(STAYS_OUT);
}

/** Whether what needs full access can work. */
export function mayChange() {
  return current.access === "all";
}

/**
 * Asks who is signed in; in development mode signs in.
 * @returns {Promise<string|undefined>} why that was refused, as through a proxy: then a key is needed
 */
export async function loadSession() {
  current = await get("api/ext/session");
  if (current.signedIn || !current.development || sessionStorage.getItem(STAYS_OUT) !== null) return undefined;
  try {
    await signIn({ development: true });
    return undefined;
  } catch (error) {
    current = { ...current, development: false };
    return messageOf(error);
  }
}

/** @typedef {{ accessKey: string }|{ connectionString: string }|{ token: string }|{ development: true }} Credential */

/** @param {Credential} credential */
export async function signIn(credential) {
  current = await post("api/ext/session", { body: credential });
  signedInAt = performance.now();
  tell(false);
  return current;
}

export async function signOut() {
  // First, or another tab would find its session ended and sign in again.
  tell(true);
  try {
    await remove("api/ext/session");
  } catch (error) {
    tell(false);
    throw error;
  }
  current = { ...current, signedIn: false };
}

/** Here and in the other tabs. @param {boolean} isOut */
function tell(isOut) {
  stayOut(isOut);
  tabs.postMessage(isOut ? "out" : "in");
}

/**
 * A call was refused since the service no longer knows the session, as after its restart. In development mode the page
 * signs in again, once for all calls that this happens to.
 * @param {number} sentAt when the call was sent
 * @returns {Promise<boolean>} whether somebody is signed in
 */
export function renew(sentAt) {
  if (current.signedIn && sentAt < signedInAt) return Promise.resolve(true);
  renewing ??= signInAgain().finally(() => { renewing = undefined; });
  return renewing;
}

async function signInAgain() {
  const mayBe = current.signedIn && current.development && performance.now() - renewedAt > RENEWED_MS;
  current = { ...current, signedIn: false };
  if (!mayBe) return false;
  renewedAt = performance.now();
  try {
    await loadSession();
  } catch {
    // The sign-in page is shown, and says what the service answers.
  }
  return current.signedIn;
}

/**
 * What a pasted text is. Nothing of it is judged here; the service does that.
 * @param {string} text
 * @returns {{ kind: string, credential: Credential }}
 */
export function credentialOf(text) {
  const pasted = text.trim();
  if (/^\w+=.*;/s.test(pasted) || /^endpoint=/i.test(pasted)) {
    return { kind: "a connection string", credential: { connectionString: pasted } };
  }
  if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(pasted)) return { kind: "a token", credential: { token: pasted } };
  return { kind: "an access key", credential: { accessKey: pasted } };
}
