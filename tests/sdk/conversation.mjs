// A first conversation through the official packages @azure/web-pubsub (the app server's side) and
// @azure/web-pubsub-client (the client's side): node conversation.mjs <connection string>
import assert from "node:assert/strict";
import { WebPubSubServiceClient } from "@azure/web-pubsub";
import { SendMessageError } from "@azure/web-pubsub-client";
import { clientsOf, isReliable, rejection } from "./client.mjs";

const text = { contentType: "text/plain" };

const service = new WebPubSubServiceClient(process.argv[2], "chat", { allowInsecureConnection: true });

const Client = clientsOf(service);

const steps = {
  async "token, connect, join, both ways, leave"() {
    const roles = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];
    const ann = await Client.start({ userId: "ann", roles });
    const bob = await Client.start({ userId: "bob", roles, groups: ["lobby"] });
    assert.notEqual(ann.id, bob.id);
    const lobby = service.group("lobby");

    assert.equal((await ann.sdk.joinGroup("lobby")).isDuplicated, false);

    // The app server sends: text, JSON and bytes, to everybody, a group, a user, a connection.
    const json = { a: [1, 2.5, null, "ü"], b: { c: true } };
    const bytes = [0, 1, 254, 255];
    const binary = { contentType: "application/octet-stream" };
    const sends = [
      ["server-message", (...args) => service.sendToAll(...args), [ann, bob]],
      ["group-message", (...args) => lobby.sendToAll(...args), [ann, bob]],
      ["server-message", (...args) => service.sendToUser("ann", ...args), [ann]],
      ["server-message", (...args) => service.sendToConnection(bob.id, ...args), [bob]],
    ];
    for (const [event, send, receivers] of sends) {
      await send("plain ü", text);
      await send(json);
      await send(new Uint8Array(bytes), binary);
      for (const receiver of receivers) {
        await receiver.expectMessage(event, { dataType: "text", data: "plain ü" });
        await receiver.expectMessage(event, { dataType: "json", data: json });
        await receiver.expectMessage(event, { dataType: "binary", data: bytes });
      }
    }
    await service.sendToAll("not for ann", { ...text, excludedConnections: [ann.id] });
    await bob.expectMessage("server-message", { data: "not for ann" });
    await ann.expectSilence();

    // The client sends to the group.
    const from = { group: "lobby", fromUserId: "ann" };
    await ann.sdk.sendToGroup("lobby", "hello", "text");
    await ann.sdk.sendToGroup("lobby", json, "json", { noEcho: true });
    await ann.sdk.sendToGroup("lobby", new Uint8Array(bytes).buffer, "binary", { noEcho: true, fireAndForget: true });
    await ann.expectMessage("group-message", { ...from, dataType: "text", data: "hello" });
    await bob.expectMessage("group-message", { ...from, dataType: "text", data: "hello" });
    await bob.expectMessage("group-message", { ...from, dataType: "json", data: json });
    await bob.expectMessage("group-message", { ...from, dataType: "binary", data: bytes });
    await ann.expectSilence();

    // An ack id that was used before is told, and does no harm.
    assert.equal((await ann.sdk.sendToGroup("lobby", "once", "text", { ackId: 4711 })).isDuplicated, false);
    assert.equal((await ann.sdk.sendToGroup("lobby", "twice", "text", { ackId: 4711 })).isDuplicated, true);
    await ann.expectMessage("group-message", { data: "once" });
    await bob.expectMessage("group-message", { data: "once" });
    await ann.expectSilence();

    // After leaving nothing comes from the group.
    await ann.sdk.leaveGroup("lobby");
    await lobby.sendToAll("for those who stayed", text);
    await bob.sdk.sendToGroup("lobby", "for those who stayed, too", "text");
    await bob.expectMessage("group-message", { data: "for those who stayed" });
    await bob.expectMessage("group-message", { data: "for those who stayed, too" });
    await ann.expectSilence();

    // The app server puts members in and takes them out.
    await lobby.addConnection(ann.id);
    await lobby.sendToAll("welcome back", text);
    await ann.expectMessage("group-message", { data: "welcome back" });
    await bob.expectMessage("group-message", { data: "welcome back" });
    await lobby.removeConnection(ann.id);
    await lobby.removeUser("bob");
    await lobby.sendToAll("nobody listens", text);
    await ann.expectSilence();
    await bob.expectSilence();
    await lobby.addUser("bob");
    await lobby.sendToAll("bob listens", text);
    await bob.expectMessage("group-message", { data: "bob listens" });

    // What exists.
    assert.equal(await service.userExists("ann"), true);
    assert.equal(await service.userExists("nobody"), false);
    assert.equal(await service.groupExists("lobby"), true);
    assert.equal(await service.groupExists("empty"), false);
    assert.equal(await service.connectionExists(ann.id), true);
    assert.equal(await service.connectionExists("nowhere"), false);

    // The app server closes one; the client closes the other.
    await service.closeConnection(ann.id, { reason: "go to bed" });
    const { message } = await ann.next("disconnected");
    assert.equal(message.message, "Application server closed the connection. Reason: go to bed");
    await ann.next("stopped");
    bob.sdk.stop();
    await bob.next("disconnected");
    await bob.next("stopped");
    assert.equal(await service.connectionExists(ann.id), false);
  },

  async "permissions"() {
    const eve = await Client.start({ userId: "eve", roles: ["webpubsub.joinLeaveGroup.open", "webpubsub.sendToGroup.op*n"] });
    await eve.sdk.joinGroup("open");
    for (const [attempt, verb] of [
      [() => eve.sdk.joinGroup("secret"), "join"],
      [() => eve.sdk.leaveGroup("secret"), "leave"],
      [() => eve.sdk.sendToGroup("secret", "hello", "text"), "send to"],
    ]) {
      const error = await rejection(attempt());
      assert.ok(error instanceof SendMessageError, String(error));
      assert.equal(error.errorDetail.name, "Forbidden");
      assert.equal(error.errorDetail.message, `The client does not have permission to ${verb} group 'secret'.`);
    }
    await service.sendToUser("eve", "still here", text);
    await eve.expectMessage("server-message", { data: "still here" });
    eve.sdk.stop();
  },

  async "an event that nobody handles"() {
    const dan = await Client.start({ userId: "dan" });
    const error = await rejection(dan.sdk.sendEvent("order", { id: 1 }, "json"));
    assert.ok(error instanceof SendMessageError, String(error));
    assert.equal(error.errorDetail.name, "InternalServerError");
    await dan.expectSilence();
    dan.sdk.stop();
  },

  async "refused tokens and requests"() {
    const { url } = await service.getClientAccessToken({ userId: "ann" });
    for (const bad of [`${url.slice(0, -4)}AAAA`, url.replace("/hubs/chat", "/hubs/other"), url.split("?")[0]]) {
      await rejection(new Client(bad).sdk.start());
    }
    const stranger = new WebPubSubServiceClient(process.argv[2].replace(/AccessKey=.{8}/, "AccessKey=ZZZZZZZZ"), "chat", {
      allowInsecureConnection: true,
      retryOptions: { maxRetries: 0 },
    });
    for (const attempt of [
      () => stranger.sendToAll("x", text),
      () => stranger.userExists("ann"),
      () => stranger.closeAllConnections(),
    ]) {
      const error = await rejection(attempt());
      assert.equal(error.name, "RestError", String(error));
      assert.equal(error.statusCode, 401);
    }
  },
};

for (const [name, step] of Object.entries(steps)) {
  await step();
  console.log(`ok ${name}`);
}
process.exit(0);
