// A PubSub client: speaks json.webpubsub.azure.v1. It joins a group, sends each line you type to the group, and
// prints what arrives.
//
//   node pubsub.mjs "<client access URL>" [group]
import { createInterface } from "node:readline";
import WebSocket from "ws";

const [url, group = "lobby"] = process.argv.slice(2);
if (!url) {
  console.error('usage: node pubsub.mjs "<client access URL>" [group]');
  process.exit(2);
}

const socket = new WebSocket(url, "json.webpubsub.azure.v1");
const send = (message) => socket.send(JSON.stringify(message));

const JOIN = 1; // the ackId of the join; the lines that follow count up from it
let lastAckId = JOIN;

socket.on("message", (frame) => {
  const message = JSON.parse(frame);
  switch (message.type) {
    case "system":
      if (message.event === "connected") {
        console.log(`connected as ${message.userId}, connection ${message.connectionId}`);
        send({ type: "joinGroup", group, ackId: JOIN });
      } else if (message.event === "disconnected") {
        console.log(`disconnected: ${message.message}`);
      }
      break;
    case "ack":
      if (!message.success) console.log(`refused: ${message.error.name}: ${message.error.message}`);
      else if (message.ackId === JOIN) readLines();
      break;
    case "message": {
      const data = message.dataType === "json" ? JSON.stringify(message.data) : message.data;
      console.log(`${message.fromUserId ?? message.from}: ${data}`);
      break;
    }
  }
});
socket.on("error", (error) => console.error(error.message));
socket.on("close", (code, reason) => {
  console.log(`closed: ${code} ${reason}`.trimEnd());
  process.exit(code === 1000 ? 0 : 1);
});

function readLines() {
  console.log(`joined ${group}`);
  createInterface({ input: process.stdin })
    .on("line", (line) => {
      lastAckId += 1;
      send({ type: "sendToGroup", group, dataType: "text", data: line, ackId: lastAckId });
    })
    .on("close", () => socket.close(1000));
}
