// Every method of the official package @azure/web-pubsub, and what it does to connected clients:
//   node rest.mjs methods <connection string>
//   node rest.mjs proxy <connection string with the public endpoint> <URL that reaches the service>
//   node rest.mjs throttled <connection string>     (the service allows few requests in a second)
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { once } from "node:events";
import { AzureKeyCredential, odata, WebPubSubServiceClient } from "@azure/web-pubsub";
import { SendMessageError } from "@azure/web-pubsub-client";
import { clientsOf, rejection } from "./client.mjs";

const [mode, connectionString, proxy] = process.argv.slice(2);
const [endpoint, key] = [/Endpoint=([^;]+)/, /AccessKey=([^;]+)/].map((part) => connectionString.match(part)[1]);
const isSecure = endpoint.startsWith("https:");
const text = { contentType: "text/plain" };
// Under TLS the SDK needs to be told nothing: the authority is trusted by the process.
const common = { allowInsecureConnection: !isSecure, retryOptions: { maxRetries: 0 } };
const service = new WebPubSubServiceClient(connectionString, "chat", common);
const Client = clientsOf(service);

// What was not called yet.
const uncalled = new Set();
for (const prototype of [WebPubSubServiceClient.prototype, Object.getPrototypeOf(service.group("g"))]) {
  for (const name of Object.getOwnPropertyNames(prototype).filter((name) => name !== "constructor")) {
    const method = prototype[name];
    const shown = `${prototype.constructor.name}.${name}`;
    uncalled.add(shown);
    prototype[name] = function (...args) {
      uncalled.delete(shown);
      return method.apply(this, args);
    };
  }
}

async function refused(promise, statusCode, code) {
  const error = await rejection(promise);
  assert.equal(error.name, "RestError", String(error));
  assert.deepEqual([error.statusCode, error.code], [statusCode, code], error.message);
  return error;
}

async function forbidden(promise) {
  const error = await rejection(promise);
  assert.ok(error instanceof SendMessageError, String(error));
  assert.equal(error.errorDetail.name, "Forbidden");
}

async function idsOf(group, options) {
  const ids = [];
  // It has to be awaited before the iteration, unlike the lists of other packages.
  for await (const member of await service.group(group).listConnections(options)) ids.push(member.connectionId);
  return ids;
}

const methods = {
  async "sends to some"() {
    const ann = await Client.start({ userId: "ann", groups: ["room"] });
    const obrien = await Client.start({ userId: "O'Brien", groups: ["room"] });
    const nobody = await Client.start({ groups: ["room", "a/b + ü?#%"] });
    const all = [ann, obrien, nobody];
    const user = "O'Brien";
    const room = service.group("room");
    for (const [send, event, receivers] of [
      [(o) => service.sendToAll("x", { ...o, filter: odata`userId eq ${user}` }), "server-message", [obrien]],
      [(o) => service.sendToAll("x", { ...o, filter: odata`userId eq ${null}` }), "server-message", [nobody]],
      [(o) => service.sendToAll("x", { ...o, filter: odata`length(groups) gt ${1} and ${true}` }), "server-message", [nobody]],
      [(o) => service.sendToAll("x", { ...o, filter: "" }), "server-message", all],
      [(o) => service.sendToAll("x", { ...o, excludedConnections: [ann.id, obrien.id] }), "server-message", [nobody]],
      [(o) => service.sendToAll("x", { ...o, filter: "userId ne null", excludedConnections: [ann.id] }), "server-message", [obrien]],
      [(o) => room.sendToAll("x", { ...o, filter: "userId ne null", excludedConnections: [ann.id] }), "group-message", [obrien]],
      [(o) => service.group("a/b + ü?#%").sendToAll("x", o), "group-message", [nobody]],
      [(o) => service.sendToUser(user, "x", { ...o, filter: "'room' in groups" }), "server-message", [obrien]],
      [(o) => service.sendToUser(user, "x", { ...o, filter: "'other' in groups" }), "server-message", []],
      [(o) => service.sendToConnection(ann.id, "x", { ...o, messageTtlSeconds: 300 }), "server-message", [ann]],
    ]) {
      await send({ ...text, messageTtlSeconds: 5 });
      for (const receiver of receivers) await receiver.expectMessage(event, { dataType: "text", data: "x" });
      for (const client of all) await client.expectSilence();
    }
    // What the SDK makes of values that are not text.
    for (const value of ["plain", "", 4, true, { a: [null] }, [1]]) {
      await service.sendToConnection(ann.id, value);
      await ann.expectMessage("server-message", { dataType: "json", data: value });
    }
    await service.sendToConnection(ann.id, new ArrayBuffer(2), { contentType: "application/octet-stream" });
    await ann.expectMessage("server-message", { dataType: "binary", data: [0, 0] });
    const invalid = await refused(service.sendToAll("x", { ...text, filter: "userId" }), 400, "Error.BadRequest");
    assert.match(invalid.message, /^Invalid syntax for 'userId': .* \(Parameter 'filter'\)/);
    await refused(service.sendToAll("x", { ...text, messageTtlSeconds: 301 }), 400, "Error.BadRequest");
    for (const client of all) await client.expectSilence();
    await service.closeAllConnections();
    for (const client of all) await client.expectClosed("Application server closed the connection.");
  },

  async "groups"() {
    const ann = await Client.start({ userId: "ann" });
    const bob = await Client.start({ userId: "bob" });
    const room = service.group("room");
    await room.addConnection(ann.id);
    await room.addConnection(ann.id);
    await room.addUser("bob");
    assert.deepEqual((await idsOf("room")).sort(), [ann.id, bob.id].sort());
    await room.removeConnection(ann.id);
    await room.removeUser("bob");
    await room.removeUser("nobody");
    await room.removeConnection("nowhere");
    assert.equal(await service.groupExists("room"), false);

    const missing = await refused(room.addConnection("nowhere"), 404, "Error.Connection.NotExisted");
    assert.match(missing.message, /^Connection `nowhere` is not found\./);
    await refused(room.addUser("nobody"), 404, "Warning.User.NotExisted");
    await refused(service.group(" ").addConnection(ann.id), 400, "Error.BadRequest");

    await service.addConnectionsToGroups(["a", "b"], odata`userId eq ${"ann"}`);
    await service.addConnectionsToGroups(["c"], "");
    assert.deepEqual([await idsOf("a"), await idsOf("b"), (await idsOf("c")).length], [[ann.id], [ann.id], 2]);
    await service.removeConnectionsFromGroups(["a", "c"], "'a' in groups");
    assert.deepEqual([await idsOf("a"), await idsOf("b"), await idsOf("c")], [[], [ann.id], [bob.id]]);
    await refused(service.addConnectionsToGroups([], "true"), 400, "Error.BadRequest");
    await refused(service.removeConnectionsFromGroups(["b"], "userId"), 400, "Error.BadRequest");

    await service.removeConnectionFromAllGroups(ann.id);
    await service.removeUserFromAllGroups("bob");
    await service.removeConnectionFromAllGroups("nowhere");
    await service.removeUserFromAllGroups("nobody");
    assert.deepEqual([await service.groupExists("b"), await service.groupExists("c")], [false, false]);
    assert.deepEqual([await service.userExists("bob"), await service.connectionExists(ann.id)], [true, true]);
    await ann.expectSilence();
    ann.sdk.stop();
    bob.sdk.stop();
  },

  async "lists"() {
    assert.deepEqual(await idsOf("empty"), []);
    const members = await Promise.all([..."abcdef"].map((name) => Client.start({ userId: name, groups: ["list"] })));
    const nobody = await Client.start({ groups: ["list"] });
    const all = [...members, nobody].map((member) => member.id).sort();
    assert.deepEqual(await idsOf("list"), all);
    for (const [options, sizes] of [
      [{ maxPageSize: 2, top: 5 }, [2, 2, 1]],
      [{ top: 3 }, [3]],
      [{}, [7]],
    ]) {
      const found = [];
      const pages = (await service.group("list").listConnections(options)).byPage();
      for await (const page of pages) found.push(page.length);
      assert.deepEqual(found, sizes, JSON.stringify(options));
    }
    assert.deepEqual(await idsOf("list", { maxPageSize: 3 }), all);
    assert.deepEqual(await idsOf("list", { continuationToken: all[3] }), all.slice(4));
    const users = {};
    for await (const member of await service.group("list").listConnections()) users[member.connectionId] = member.userId ?? null;
    const expected = members.map((member, at) => [member.id, "abcdef"[at]]);
    assert.deepEqual(users, Object.fromEntries([...expected, [nobody.id, null]]));
    await service.group("list").closeAllConnections({ reason: "done", excluded: [nobody.id] });
    for (const member of members) await member.expectClosed("Application server closed the connection. Reason: done");
    await nobody.expectSilence();
    nobody.sdk.stop();
  },

  async "permissions"() {
    const eve = await Client.start({ userId: "eve" });
    for (const [permission, attempt] of [
      ["sendToGroup", () => eve.sdk.sendToGroup("room", "x", "text", { noEcho: true })],
      ["joinLeaveGroup", () => eve.sdk.joinGroup("room")],
    ]) {
      const target = { targetName: "room" };
      assert.equal(await service.hasPermission(eve.id, permission, target), false);
      await forbidden(attempt());
      await service.grantPermission(eve.id, permission, target);
      assert.equal(await service.hasPermission(eve.id, permission, target), true);
      assert.equal(await service.hasPermission(eve.id, permission, { targetName: "other" }), false);
      await attempt();
      await service.revokePermission(eve.id, permission, target);
      await service.revokePermission(eve.id, permission, target);
      assert.equal(await service.hasPermission(eve.id, permission, target), false);
      await forbidden(attempt());
    }
    const room = { targetName: "room" };
    await refused(service.grantPermission("nowhere", "sendToGroup", room), 404, "Info.Connection.NotExisted");
    await service.revokePermission("nowhere", "sendToGroup", room);
    assert.equal(await service.hasPermission("nowhere", "sendToGroup", room), false);
    await refused(service.grantPermission(eve.id, "sendToGroup"), 400, "Error.BadRequest");
    await refused(service.grantPermission(eve.id, "fly", room), 400, "Error.BadRequest");

    for (let from = 0; from < 1_000; from += 50) {
      const some = Array.from({ length: 50 }, (_, at) => ({ targetName: `group ${from + at}` }));
      await Promise.all(some.map((target) => service.grantPermission(eve.id, "sendToGroup", target)));
    }
    const one = { targetName: "one more" };
    await refused(service.grantPermission(eve.id, "sendToGroup", one), 409, "Error.Connection.Conflict");
    assert.equal(await service.hasPermission(eve.id, "sendToGroup", one), false);
    eve.sdk.stop();
  },

  async "closing"() {
    const start = (userId) => Client.start({ userId });
    const [first, second, third] = [await start("u"), await start("u"), await start("v")];
    await service.closeUserConnections("u", { reason: "bye & ünï", excluded: [second.id] });
    await first.expectClosed("Application server closed the connection. Reason: bye & ünï");
    assert.deepEqual([await service.connectionExists(first.id), await service.userExists("u")], [false, true]);
    await service.closeConnection(second.id);
    await second.expectClosed("Application server closed the connection.");
    await service.closeConnection(second.id, { reason: "again" });
    const kept = await start("w");
    await service.closeAllConnections({ reason: "all", excluded: [kept.id] });
    await third.expectClosed("Application server closed the connection. Reason: all");
    await kept.expectSilence();
    kept.sdk.stop();
  },

  async "tokens"() {
    const token = await service.getClientAccessToken({
      userId: "a/b ü+", roles: ["webpubsub.sendToGroup.room"], groups: ["room"], expirationTimeInMinutes: 5,
    });
    assert.equal(token.url, `${token.baseUrl}?access_token=${token.token}`);
    const claims = JSON.parse(Buffer.from(token.token.split(".")[1], "base64url"));
    assert.equal(claims.exp - claims.iat, 300);
    const client = new Client(token.url);
    await client.sdk.start();
    assert.equal((await client.next("connected")).userId, "a/b ü+");
    await client.sdk.sendToGroup("room", "hello", "text");
    await client.expectMessage("group-message", { group: "room", fromUserId: "a/b ü+" });
    client.sdk.stop();

    const byKey = new WebPubSubServiceClient(endpoint, new AzureKeyCredential(key), "other", common);
    assert.equal(await byKey.userExists("a/b ü+"), false);
    assert.deepEqual([byKey.hubName, byKey.group("g").hubName, byKey.group("g").groupName], ["other", "other", "g"]);
    const stranger = new WebPubSubServiceClient(endpoint, new AzureKeyCredential(`${key}x`), "chat", common);
    await refused(stranger.userExists("ann"), 401, undefined);
    const badHub = new WebPubSubServiceClient(endpoint, new AzureKeyCredential(key), "1bad", common);
    await refused(badHub.sendToAll("x", text), 400, "Error.BadRequest");

    // With another credential than the key the service makes the token; the SDK wants TLS for that.
    if (isSecure) {
      const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
      const path = "/api/hubs/chat/:generateToken";
      const body = `${part({ alg: "HS256" })}.${part({ aud: endpoint + path, exp: Date.now() / 1000 + 600 | 0 })}`;
      const signed = `${body}.${createHmac("sha256", key).update(body).digest("base64url")}`;
      const credential = { getToken: async () => ({ token: signed, expiresOnTimestamp: Date.now() + 600_000 }) };
      const remote = new WebPubSubServiceClient(endpoint, credential, "chat", common);
      const made = await remote.getClientAccessToken({ userId: "ann", roles: ["webpubsub.joinLeaveGroup"], groups: ["tea & talk", "b"], expirationTimeInMinutes: 5 });
      const claims = JSON.parse(Buffer.from(made.token.split(".")[1], "base64url"));
      assert.deepEqual([claims.sub, claims["webpubsub.group"], claims.aud], ["ann", ["tea & talk", "b"], `${endpoint}/client/hubs/chat`]);
      const client = new Client(made.url);
      await client.sdk.start();
      await client.next("connected");
      await client.sdk.joinGroup("c");
      assert.deepEqual([await service.groupExists("tea & talk"), await service.groupExists("c")], [true, true]);
      for (const clientProtocol of ["mqtt", "socketio"]) {
        await refused(remote.getClientAccessToken({ clientProtocol }), 400, "Error.BadRequest");
      }
      client.sdk.stop();
    }
  },
};

const proxied = {
  async "the audience keeps the public endpoint"() {
    const behind = new WebPubSubServiceClient(connectionString, "chat", { ...common, reverseProxyEndpoint: proxy });
    assert.equal(await behind.userExists("nobody"), false);
    await behind.sendToAll("x", text);
    // Links lead to the public endpoint, and the SDK takes them to the proxy again.
    const pages = (await behind.group("room").listConnections({ maxPageSize: 2 })).byPage();
    const sizes = [];
    for await (const page of pages) sizes.push(page.length);
    assert.deepEqual(sizes, [2, 2, 1]);
    await refused(behind.group("room").addConnection("nowhere"), 404, "Error.Connection.NotExisted");
  },
};

const throttled = {
  async "a request beyond the rate is sent again"() {
    const statuses = [];
    const counting = { name: "counting", async sendRequest(request, next) {
      const response = await next(request);
      statuses.push(response.status);
      return response;
    } };
    const patient = new WebPubSubServiceClient(connectionString, "chat", {
      allowInsecureConnection: true,
      additionalPolicies: [{ policy: counting, position: "perRetry" }],
    });
    for (let turn = 0; turn < 20 && !statuses.includes(429); turn++) {
      await Promise.all([1, 2, 3, 4].map(() => patient.sendToAll("x", text)));
    }
    assert.ok(statuses.includes(429), String(statuses));
    await refused(
      Promise.all(Array.from({ length: 20 }, () => service.sendToAll("x", text))), 429, "Error.TooManyRequests");
  },

  async "and again after as long as it was told to wait"() {
    // 115: a server that refuses twice.
    const times = [];
    const server = createServer((request, response) => {
      times.push(performance.now());
      request.resume();
      response.writeHead(times.length < 3 ? 429 : 202, times.length < 3 ? { "Retry-After": "1" } : {}).end();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const fake = `http://127.0.0.1:${server.address().port}`;
    const patient = new WebPubSubServiceClient(fake, new AzureKeyCredential(key), "chat", { allowInsecureConnection: true });
    await patient.sendToAll("x", text);
    assert.equal(times.length, 3);
    assert.ok(times[1] - times[0] > 900 && times[2] - times[1] > 900, String(times));
    server.closeAllConnections();
    server.close();
  },
};

for (const [name, step] of Object.entries({ methods, proxy: proxied, throttled }[mode])) {
  await step();
  console.log(`ok ${name}`);
}
if (mode === "methods") assert.deepEqual([...uncalled], [], "methods that were not called");
process.exit(0);
