// A client of the playground, without its looks. It lives as long as the page of the browser, so that going to the live
// trace and back does not end its connection.
import { base } from "../../api.js";
import { session } from "../../session.js";
import { groupsOf } from "../urls/token.js";

/** @typedef {"simple"|"json"|"json-reliable"} PlayProtocol */
/** @typedef {"closed"|"connecting"|"open"|"away"} ClientState away: a reliable one without its socket */
/**
 * Something in the list: a frame, or a word about the connection.
 * @typedef {object} Entry
 * @property {number} id
 * @property {number} time milliseconds since 1970
 * @property {"in"|"out"|"note"|"bad"} kind
 * @property {string} text
 * @property {number} bytes
 */

/** @type {Record<PlayProtocol, string|null>} */
export const SUBPROTOCOLS = {
  simple: null,
  json: "json.webpubsub.azure.v1",
  "json-reliable": "json.reliable.webpubsub.azure.v1",
};

/** So many entries are kept. */
export const ENTRIES_MAX = 300;
/** What is kept of one frame; the rest is counted. */
const ENTRY_CHARACTERS_MAX = 64 * 1024;
const AWAY_MS = 2_000;
/** A reliable client tries for so long to come back (operations.md §6). */
const RECOVERY_MS = 60_000;
/** A service that has not accepted a connection by then is stuck. */
const CONNECT_MS = 15_000;
/** Any code but 1000 leaves a reliable connection to be recovered. */
const DROPPED = 3001;
/** It was closed for good. */
const NORMAL = 1000;
/** Codes behind which there is nothing to come back to (client-protocols.md §5.7). */
const FINAL = new Set([NORMAL, 1002, 1003, 1007, 1008, 1009]);

export class PlaygroundClient extends EventTarget {
  /** @type {WebSocket|undefined} */
  #socket;
  #nextAck = 1;
  #nextEntry = 1;
  #recovery = "";
  /** When the socket was lost, in milliseconds since 1970; 0: it was not. */
  #lostAt = 0;
  #attempts = 0;
  /** Its URL was for another hub or user; the next one is made anew. */
  #forgets = false;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;
  /** What to do when an ack comes. @type {Map<number, () => void>} */
  #acks = new Map();

  /** @param {string} name @param {string} user whom a new URL is for */
  constructor(name, user) {
    super();
    this.name = name;
    this.user = user;
    this.url = "";
    /** The page made the URL, and may make another one. */
    this.isMade = false;
    /** Simple clients: the group that each frame goes to, or "". */
    this.publishTo = "";
    this.group = "room";
    /** @type {PlayProtocol} */
    this.protocol = "json";
    /** @type {ClientState} */
    this.state = "closed";
    /** @type {Entry[]} */
    this.entries = [];
    /** Those of its token and those that it joined; others may have put it into more. @type {Set<string>} */
    this.groups = new Set();
    this.connectionId = "";
    this.userId = "";
    this.acknowledges = true;
    this.sequence = { received: 0, acknowledged: 0 };
  }

  /** Opens the connection, or says in the list why it cannot be. */
  connect() {
    this.#recovery = "";
    this.#forgets = false;
    this.#recovered();
    this.#acks.clear();
    this.groups = new Set(groupsOf(this.url));
    this.sequence = { received: 0, acknowledged: 0 };
    this.connectionId = "";
    this.userId = "";
    const address = reachable(this.url);
    if (typeof address === "string") {
      this.#note(address, "bad");
      return;
    }
    if (this.protocol === "simple" && this.publishTo !== "") {
      address.searchParams.set("webpubsub_mode", "sendToGroup");
      address.searchParams.set("group", this.publishTo);
    }
    this.#open(address.href);
  }

  /** Takes a URL that the page made. @param {string} url */
  take(url) {
    this.url = url;
    this.isMade = true;
    this.#changed();
  }

  /** Lets go of a URL that the page made: the next one is for another user or hub. A connection stays what it is. */
  forget() {
    if (!this.isMade) return;
    this.#forgets = this.state !== "closed";
    if (this.#forgets) return;
    this.url = "";
    this.isMade = false;
    this.#changed();
  }

  /** Ends the connection for good. */
  disconnect() {
    clearTimeout(this.#timer);
    this.#recovery = "";
    if (this.#socket) this.#socket.close(NORMAL);
    else this.#to("closed");
  }

  /** Loses the socket, as a bad network would; a reliable client comes back after a while. */
  drop() {
    this.#socket?.close(DROPPED);
  }

  /** @param {Record<string, unknown>} request @param {() => void} [done] when it was acknowledged */
  request(request, done) {
    const ackId = this.#nextAck;
    this.#nextAck += 1;
    if (done) this.#acks.set(ackId, done);
    this.send(JSON.stringify({ ...request, ackId }));
  }

  /** @param {string} group */
  join(group) {
    this.request({ type: "joinGroup", group }, () => this.groups.add(group));
  }

  /** @param {string} group */
  leave(group) {
    this.request({ type: "leaveGroup", group }, () => this.groups.delete(group));
  }

  /** Sends a frame as it is. @param {string} text */
  send(text) {
    if (this.#socket?.readyState !== WebSocket.OPEN) {
      this.#note("There is no connection. Connect first.", "bad");
      return;
    }
    this.#socket.send(text);
    this.#add("out", text);
  }

  /** Says that everything that came has arrived. */
  acknowledge() {
    const { received } = this.sequence;
    this.send(JSON.stringify({ type: "sequenceAck", sequenceId: received }));
    this.sequence.acknowledged = received;
    this.#changed();
  }

  clear() {
    this.entries = [];
    this.#changed();
  }

  /** @param {string} address */
  #open(address) {
    const subprotocol = SUBPROTOCOLS[this.protocol];
    const socket = subprotocol ? new WebSocket(address, subprotocol) : new WebSocket(address);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    let opened = false;
    const late = setTimeout(() => socket.close(), CONNECT_MS);
    socket.addEventListener("open", () => {
      opened = true;
      clearTimeout(late);
      // The others are told by the service.
      if (this.protocol !== "simple") return;
      this.#note("Connected.");
      this.#to("open");
    });
    socket.addEventListener("message", ({ data }) => this.#received(data));
    socket.addEventListener("close", ({ code, reason }) => {
      clearTimeout(late);
      this.#closed(opened, code, reason);
    });
    this.#to(this.#recovery === "" ? "connecting" : "away");
  }

  /** @param {string|ArrayBuffer} data */
  #received(data) {
    if (typeof data !== "string") {
      this.#add("in", `(binary) ${hex(new Uint8Array(data))}`, data.byteLength);
      return;
    }
    this.#add("in", data);
    if (this.protocol !== "simple") this.#understand(data);
  }

  /** What the client itself has to know of a message. @param {string} text */
  #understand(text) {
    /** @type {Record<string, any>} */
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    if (message["type"] === "system" && message["event"] === "connected") {
      this.#recovered();
      this.connectionId = message["connectionId"];
      this.userId = message["userId"] ?? "";
      if (message["reconnectionToken"]) this.#recovery = recoveryUrl(this.url, this.connectionId, message["reconnectionToken"]);
      this.#to("open");
    } else if (message["type"] === "ack") {
      // Duplicate: the request was carried out before the socket was lost.
      if (message["success"] || message["error"]?.name === "Duplicate") this.#acks.get(message["ackId"])?.();
      this.#acks.delete(message["ackId"]);
      this.#changed();
    }
    if (typeof message["sequenceId"] === "number") {
      this.sequence.received = Math.max(this.sequence.received, message["sequenceId"]);
      if (this.acknowledges) this.acknowledge();
      else this.#changed();
    }
  }

  /** @param {boolean} opened @param {number} code @param {string} reason */
  #closed(opened, code, reason) {
    this.#socket = undefined;
    if (this.#recovery !== "" && !FINAL.has(code)) {
      this.#lostAt ||= Date.now();
      this.#attempts += 1;
      if (Date.now() - this.#lostAt < RECOVERY_MS) return this.#tryAgain(code);
      this.#note("The connection could not be taken up again for a minute, and is given up. Connect anew.", "bad");
    } else if (opened) {
      const why = reason ? `${code} ${reason.replace(/\.$/, "")}` : code;
      this.#note(`Closed: ${why}.`, code === NORMAL ? "note" : "bad");
    } else {
      this.#forgets = true;
      this.#note(`The connection was not made: the service did not accept it, or does not answer. ${this.isMade
        ? "Connect again with a new URL" : "Make a new URL"}, or see on the page “Live trace” why.`, "bad");
    }
    this.#recovery = "";
    this.groups.clear();
    this.#to("closed");
    if (this.#forgets) this.forget();
  }

  /** @param {number} code */
  #tryAgain(code) {
    if (this.#attempts === 1) this.#note(`The socket is lost (${code}). The connection is taken up again in ${AWAY_MS / 1000} seconds.`);
    if (this.#attempts === 2) this.#note(`The service does not take it up yet. It is tried for ${RECOVERY_MS / 1000} seconds.`);
    this.#to("away");
    this.#timer = setTimeout(() => this.#open(this.#recovery), AWAY_MS);
  }

  #recovered() {
    this.#lostAt = 0;
    this.#attempts = 0;
  }

  /** @param {ClientState} state */
  #to(state) {
    this.state = state;
    this.#changed();
  }

  /** @param {string} text @param {"note"|"bad"} [kind] */
  #note(text, kind = "note") {
    this.#add(kind, text);
  }

  /** @param {Entry["kind"]} kind @param {string} text @param {number} [size] */
  #add(kind, text, size) {
    const bytes = size ?? new TextEncoder().encode(text).length;
    const kept = text.length > ENTRY_CHARACTERS_MAX ? `${text.slice(0, ENTRY_CHARACTERS_MAX)}…` : text;
    this.entries.push({ id: this.#nextEntry, time: Date.now(), kind, text: kept, bytes });
    this.#nextEntry += 1;
    if (this.entries.length > ENTRIES_MAX) this.entries.splice(0, this.entries.length - ENTRIES_MAX);
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * The URL under which this page reaches the service, or a sentence why it cannot: pages may connect only to where they
 * came from.
 * @param {string} text
 * @returns {URL|string}
 */
function reachable(text) {
  /** @type {URL} */
  let url;
  try {
    url = new URL(text.trim());
  } catch {
    return "This is not a URL. Paste a client access URL, or let one be made.";
  }
  if (!/^(wss?|https?):$/.test(url.protocol) || !url.pathname.includes("/client/")) {
    return "This is not a client access URL. It looks like ws://…/client/hubs/chat?access_token=….";
  }
  const endpoint = new URL(session().endpoint || base);
  const here = url.host === base.host || url.host === endpoint.host
    || (LOOPBACK.has(url.hostname) && LOOPBACK.has(base.hostname) && url.port === base.port);
  if (!here) return `The URL is of another service, ${url.host}. This page may only connect to its own, ${base.host}.`;
  const rest = url.pathname.slice(url.pathname.indexOf("/client/") + 1);
  const address = new URL(rest + url.search, base);
  address.protocol = base.protocol === "https:" ? "wss:" : "ws:";
  return address;
}

/** @param {string} url @param {string} id @param {string} token */
function recoveryUrl(url, id, token) {
  const address = reachable(url);
  if (typeof address === "string") return "";
  address.search = new URLSearchParams({ awps_connection_id: id, awps_reconnection_token: token }).toString();
  return address.href;
}

/** @param {Uint8Array} bytes */
function hex(bytes) {
  const shown = [...bytes.subarray(0, 256)].map((each) => each.toString(16).padStart(2, "0")).join(" ");
  return bytes.length > 256 ? `${shown} …` : shown;
}
