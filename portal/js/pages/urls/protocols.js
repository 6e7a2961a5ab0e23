// What a client may speak.

/**
 * @typedef {object} ClientProtocol
 * @property {string} id as in the page's address
 * @property {string} title
 * @property {string|null} subprotocol of the WebSocket; null for none
 * @property {string} cli what `hublet connect --protocol` calls it
 * @property {string} about
 */

/** @type {ClientProtocol[]} */
export const PROTOCOLS = [
  { id: "simple", title: "Simple", subprotocol: null, cli: "raw", about: "Plain WebSocket frames: payloads alone, for devices and tools that know nothing of Web PubSub." },
  { id: "json", title: "JSON", subprotocol: "json.webpubsub.azure.v1", cli: "json", about: "Requests, acks and messages as JSON in text frames." },
  { id: "json-reliable", title: "Reliable JSON", subprotocol: "json.reliable.webpubsub.azure.v1", cli: "json-reliable", about: "As JSON, and the connection survives its socket: what was missed comes later, nothing twice." },
  { id: "protobuf", title: "Protobuf", subprotocol: "protobuf.webpubsub.azure.v1", cli: "protobuf", about: "Requests, acks and messages as protobuf in binary frames." },
  { id: "protobuf-reliable", title: "Reliable protobuf", subprotocol: "protobuf.reliable.webpubsub.azure.v1", cli: "protobuf-reliable", about: "As protobuf, and the connection survives its socket." },
];

/** @param {string|null|undefined} id @returns {ClientProtocol} */
export function protocolOf(id) {
  return /** @type {ClientProtocol} */ (PROTOCOLS.find((each) => each.id === id) ?? PROTOCOLS[1]);
}
