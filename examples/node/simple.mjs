// A simple client: no subprotocol. Each line you type is sent as plain text, and each frame that arrives is printed.
// With a group, the lines are published to it; which groups it receives from is said in the token (`hublet token
// --group …`). Without a group, each line is an event for the app's event handler, whose answer is printed.
//
//   node simple.mjs "<client access URL>" [group]
import { createInterface } from "node:readline";
import WebSocket from "ws";

const [address, group] = process.argv.slice(2);
if (!address) {
  console.error('usage: node simple.mjs "<client access URL>" [group]');
  process.exit(2);
}

const url = new URL(address);
if (group) {
  url.searchParams.set("webpubsub_mode", "sendToGroup");
  url.searchParams.set("group", group);
}

const socket = new WebSocket(url);

socket.on("open", () => {
  console.log("connected");
  createInterface({ input: process.stdin })
    .on("line", (line) => socket.send(line))
    .on("close", () => socket.close(1000));
});
socket.on("message", (data, isBinary) => {
  console.log(isBinary ? `(${data.length} bytes) ${data.toString("hex")}` : data.toString());
});
socket.on("error", (error) => console.error(error.message));
socket.on("close", (code, reason) => {
  console.log(`closed: ${code} ${reason}`.trimEnd());
  process.exit(code === 1000 ? 0 : 1);
});
