// An app server: makes a client access URL, waits for a client to use it, and talks to it through the official
// server SDK.
//
//   node app-server.mjs [connection string]
import { setTimeout } from "node:timers/promises";
import { WebPubSubServiceClient } from "@azure/web-pubsub";

const connectionString =
  process.argv[2] ?? "Endpoint=http://localhost:8080;AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;Version=1.0;";

// The SDK refuses plain HTTP unless it is told that this is meant.
const service = new WebPubSubServiceClient(connectionString, "chat", { allowInsecureConnection: true });

const { url } = await service.getClientAccessToken({
  userId: "ann",
  roles: ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"],
});
console.log(`Connect a client with this URL:\n${url}`);

while (!(await service.userExists("ann"))) {
  await setTimeout(250);
}
console.log("ann is here");

await service.sendToAll("hello, everybody", { contentType: "text/plain" });
await service.sendToUser("ann", { hello: "ann" }); // anything but text and bytes is sent as JSON

const news = service.group("news");
await news.addUser("ann");
await news.sendToAll("hello, readers of the news", { contentType: "text/plain" });
console.log(`somebody reads the news: ${await service.groupExists("news")}`);

await service.closeUserConnections("ann", { reason: "that was all" });
console.log("ann was sent home");
