// Browser and Node: the same program, since the package `ws` has the interface of the browser.
import { addressOf, frames, isJson, isReliable, isSimple, literal, objectLiteral, program, requests } from "./plan.js";

/** @typedef {import("./plan.js").Plan} Plan */

/** @param {Plan} plan @param {string} greeting */
function body(plan, greeting) {
  if (isSimple(plan)) return simple(plan, greeting);
  if (plan.protocol === "json-reliable") return reliable(plan, greeting);
  return isJson(plan) ? json(plan, greeting) : protobuf(plan, greeting);
}

const CLOSED = 'ws.onclose = ({ code, reason }) => console.log("closed", code, reason);';

/** @param {Plan} plan @param {string} greeting */
function simple(plan, greeting) {
  return program(
    `const ws = new WebSocket(${literal(addressOf(plan))});`,
    'ws.onmessage = ({ data }) => console.log(data);',
    plan.maySend && `ws.onopen = () => ws.send(${literal(greeting)}); // every frame goes to the group`,
    CLOSED);
}

/** @param {Plan} plan @param {string} greeting */
function json(plan, greeting) {
  return program(
    `const ws = new WebSocket(${literal(plan.url)}, ${literal(plan.subprotocol)});`,
    'ws.onmessage = ({ data }) => console.log(data);',
    "ws.onopen = () => {",
    ...requests(plan, greeting).map((request) => `  ws.send(JSON.stringify(${objectLiteral(request)}));`),
    "};",
    CLOSED);
}

/** @param {Plan} plan @param {string} greeting */
function reliable(plan, greeting) {
  return program(
    `const url = ${literal(plan.url)};`,
    "let recovery; // leads back to the connection when its socket is lost",
    "let seen = 0;",
    "",
    "function connect(address) {",
    `  const ws = new WebSocket(address, ${literal(plan.subprotocol)});`,
    "  const send = (request) => ws.send(JSON.stringify(request));",
    "  ws.onmessage = ({ data }) => {",
    "    const message = JSON.parse(data);",
    '    if (message.event === "connected") {',
    "      if (!recovery) greet(send);",
    "      recovery = new URL(url);",
    "      recovery.search = new URLSearchParams({",
    "        awps_connection_id: message.connectionId,",
    "        awps_reconnection_token: message.reconnectionToken,",
    "      }).toString();",
    "    }",
    "    if (message.sequenceId) {",
    '      send({ type: "sequenceAck", sequenceId: message.sequenceId });',
    "      if (message.sequenceId <= seen) return; // came again after a recovery",
    "      seen = message.sequenceId;",
    "    }",
    "    console.log(data);",
    "  };",
    "  ws.onerror = () => {}; // a close follows",
    "  ws.onclose = ({ code, reason }) => {",
    '    if (!recovery || code === 1000 || code === 1008) console.log("closed", code, reason);',
    "    else setTimeout(connect, 1000, recovery);",
    "  };",
    "}",
    "",
    "function greet(send) {",
    ...requests(plan, greeting).map((request) => `  send(${objectLiteral(request)});`),
    "}",
    "",
    "connect(url);");
}

/** @param {Plan} plan @param {string} greeting */
function protobuf(plan, greeting) {
  return program(
    `const ws = new WebSocket(${literal(plan.url)}, ${literal(plan.subprotocol)});`,
    'ws.binaryType = "arraybuffer";',
    "const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));",
    isReliable(plan) && "const varint = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >>> 7)]);",
    isReliable(plan) && "let received = 0;",
    "ws.onopen = () => {",
    ...frames(plan, greeting).map(({ what, base64 }) => `  ws.send(bytes(${literal(base64)})); // ${what}`),
    "};",
    "ws.onmessage = ({ data }) => {",
    isReliable(plan) && "  if (new Uint8Array(data)[0] === 0x12) { // data_message: the next number; sequence_ack_message says that it is here",
    isReliable(plan) && "    const id = varint((received += 1));",
    isReliable(plan) && "    ws.send(Uint8Array.of(0x42, id.length + 1, 0x08, ...id));",
    isReliable(plan) && "  }",
    "  // Its texts; decode the whole with the schema of the protocol.",
    '  console.log(new TextDecoder().decode(data).replace(/[\\x00-\\x1f\\ufffd]+/g, " "));',
    "};",
    CLOSED);
}

/** @type {import("./plan.js").Language} */
export const browser = {
  id: "browser",
  title: "Browser",
  colours: "js",
  file: "",
  how: "Paste it into the console of a page on this machine, or into a module of yours.",
  code: (plan) => body(plan, "hello from a browser"),
};

/** @type {import("./plan.js").Language} */
export const node = {
  id: "node",
  title: "Node",
  colours: "js",
  file: "client.mjs",
  run: "npm install ws\nnode client.mjs",
  code: (plan) => `import WebSocket from "ws";\n\n${body(plan, "hello from Node")}`,
};
