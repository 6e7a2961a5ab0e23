// Who is signed in.
import { get, messageOf, post, remove } from "./api.js";

/** @typedef {import("./types.js").Session} Session */

/** Set when somebody signed out here, so that a service in development mode does not sign in again at once. */
const STAYS_OUT = "hublet.signed-out";

/** @type {Session} */
let current = { signedIn: false, development: false, issuers: [], endpoint: "", version: "" };

export function session() {
  return current;
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
  sessionStorage.removeItem(STAYS_OUT);
  return current;
}

export async function signOut() {
  await remove("api/ext/session");
  sessionStorage.setItem(STAYS_OUT, "1");
  current = { ...current, signedIn: false };
}

/** The service no longer knows the session. */
export function forget() {
  current = { ...current, signedIn: false };
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
