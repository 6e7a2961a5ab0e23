// A service with something going on, for looking at the portal: hubs with settings, an event handler, clients of all
// kinds in groups, and traffic. Prints "ready" when everybody is connected, and goes on until it is ended.
// node portal_demo.mjs <connection string>
import { createServer } from "node:http";
import { WebPubSubServiceClient } from "@azure/web-pubsub";
import WebSocket from "ws";
import { adminOf } from "./admin.mjs";

const [connectionString] = process.argv.slice(2);
const [, endpoint] = /Endpoint=([^;]*)/.exec(connectionString);
const services = Object.fromEntries(["chat", "orders", "sensors", "quiz"].map((hub) => [hub, new WebPubSubServiceClient(connectionString, hub, { allowInsecureConnection: true })]));
const JSON_CLIENT = "json.webpubsub.azure.v1";
const RELIABLE = "json.reliable.webpubsub.azure.v1";
const ALL = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];
const TICK_MS = 125;

/** The same every time, so that two runs can be compared. */
let seed = 7;
const random = () => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
  return seed / 2_147_483_648;
};
const oneOf = (list) => list[Math.floor(random() * list.length)];

const call = adminOf(connectionString);
async function set(hub, settings) {
  const { status, text } = await call("PUT", `api/ext/hubs/${hub}`, settings);
  if (status >= 300) throw new Error(`${hub}: ${status} ${text}`);
}

/** What answers events: mostly fast, sometimes slow, now and then wrong. */
const handler = createServer((request, response) => {
  request.resume().on("end", () => {
    if (request.url === "/unwilling") return response.writeHead(404).end();
    if (request.method === "OPTIONS") return response.setHeader("WebHook-Allowed-Origin", "*").end();
    const event = request.headers["ce-eventname"];
    const late = event === "connect" ? 3 : random() < 0.1 ? 60 + random() * 90 : 4 + random() * 12;
    setTimeout(() => {
      if (event === "checkout" && random() < 0.006) response.writeHead(500).end("the stock could not be read");
      else if (event === "checkout") response.setHeader("Content-Type", "application/json").end('{"order":"A-1042","state":"paid"}');
      else response.writeHead(event === "connect" ? 204 : 200).end();
    }, late);
  });
});
await new Promise((resolve) => handler.listen(0, "127.0.0.1", resolve));
const app = `http://127.0.0.1:${handler.address().port}`;

await set("chat", { eventHandlers: [{ urlTemplate: `${app}/chat/{event}`, userEventPattern: "typing,read", systemEvents: ["connect", "disconnected"] }] });
await set("orders", {
  eventHandlers: [
    { urlTemplate: `${app}/orders/{event}`, userEventPattern: "checkout", timeoutInSeconds: 10 },
    { urlTemplate: `${app}/audit`, userEventPattern: "*", systemEvents: ["connected", "disconnected"] },
  ],
});
await set("quiz", { anonymousConnectPolicy: "allow", eventHandlers: [{ urlTemplate: "builtin:echo", userEventPattern: "*" }] });

// Nobody is there yet, so that this can be seen in peace: one handler works, the other one does not.
await set("billing", { eventHandlers: [
  { urlTemplate: `${app}/billing/{event}`, userEventPattern: "invoice", systemEvents: ["connect"] },
  { urlTemplate: `${app}/unwilling`, userEventPattern: "*" },
] });

/** A connected client. */
async function client({ hub, user, protocol, groups = [], roles = ALL, simpleGroup }) {
  const { url } = await services[hub].getClientAccessToken({ userId: user, roles, groups });
  const query = simpleGroup ? `&webpubsub_mode=sendToGroup&group=${encodeURIComponent(simpleGroup)}` : "";
  const socket = new WebSocket(url + query, protocol ?? []);
  const made = { hub, user, protocol, socket, groups };
  let sequence = 0;
  socket.on("message", (data) => {
    if (protocol !== RELIABLE) return;
    const message = JSON.parse(data);
    if (message.sequenceId > sequence) socket.send(JSON.stringify({ type: "sequenceAck", sequenceId: (sequence = message.sequenceId) }));
  });
  await new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject));
  return made;
}

const PEOPLE = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "mallory", "niaj", "olivia", "peggy", "rupert", "sybil", "trent", "victor", "wendy", "yusuf"];
const ROOMS = ["lobby", "team.red", "team.blue", "support", "room.42"];
const chatters = await Promise.all(PEOPLE.map((user, index) => client({
  hub: "chat", user, protocol: index % 3 === 0 ? RELIABLE : JSON_CLIENT,
  groups: ["lobby", ROOMS[1 + (index % 4)], ...(index % 5 === 0 ? ["room.42", "announcements"] : [])],
})));
const shoppers = await Promise.all(PEOPLE.slice(0, 9).map((user, index) => client({ hub: "orders", user, protocol: index % 2 ? JSON_CLIENT : RELIABLE, groups: [`customer.${user}`, "offers"] })));
const sensors = await Promise.all(Array.from({ length: 12 }, (_, index) => client({
  hub: "sensors", user: `meter-${String(index + 1).padStart(2, "0")}`, groups: [index < 6 ? "floor.1" : "floor.2"], simpleGroup: index < 6 ? "floor.1" : "floor.2",
})));
console.log("ready");

const LINES = ["Good morning!", "Has anybody seen the new release notes?", "On my way.", "The build is green again.", "Can you look at ticket 4711?", "Tea is ready.", "Let us meet at three.", "Thanks, that helped."];
const send = ({ socket }, request) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(request));
/** What happens, and how often in a hundred ticks. */
const HAPPENS = [
  [60, () => { const who = oneOf(chatters); send(who, { type: "sendToGroup", group: oneOf(who.groups), dataType: "text", data: oneOf(LINES), noEcho: true }); }],
  [35, () => send(oneOf(chatters), { type: "event", event: oneOf(["typing", "read"]), dataType: "json", data: { room: oneOf(ROOMS) } })],
  [14, () => send(oneOf(shoppers), { type: "event", event: "checkout", dataType: "json", data: { basket: [{ sku: "tea-green", pieces: 1 + Math.floor(random() * 4) }] } })],
  [80, () => { const meter = oneOf(sensors); if (meter.socket.readyState === WebSocket.OPEN) meter.socket.send(JSON.stringify({ celsius: Math.round((19 + random() * 5) * 10) / 10 })); }],
  [8, () => services.chat.group(oneOf(ROOMS)).sendToAll({ kind: "presence", online: chatters.length })],
  [5, () => services.orders.sendToUser(oneOf(PEOPLE.slice(0, 9)), { order: "A-1042", state: "shipped" })],
  [2, () => { const at = Math.floor(random() * chatters.length); const { socket, ...who } = chatters[at]; socket.close(1000); return client(who).then((back) => { chatters[at] = back; }); }],
  [0.4, () => new Promise((done) => new WebSocket(`${endpoint.replace("http", "ws")}/client/hubs/chat?access_token=expired`).on("error", done))],
];
let tick = 0;
setInterval(() => {
  tick += 1;
  // The day has its hours: traffic swells and falls over a few minutes.
  const busy = 0.65 + 0.35 * Math.sin(tick / 260);
  for (const [often, happen] of HAPPENS) if (random() * 100 < often * busy) Promise.resolve(happen()).catch(() => { /* The service stops; so will this. */ });
}, TICK_MS);
