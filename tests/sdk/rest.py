"""Every method of the official package azure-messaging-webpubsubservice, and what it does to connected clients:

    python rest.py sync|aio methods <connection string> [CA file]
    python rest.py sync|aio proxy <connection string with the public endpoint> <URL that reaches the service>
    python rest.py sync|aio throttled <connection string>     (the service allows few requests in a second)
"""

import asyncio
import inspect
import json
import re
import ssl
import sys
import time
import uuid

import jwt
import websockets
from azure.core.credentials import AccessToken, AzureKeyCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.messaging.webpubsubservice import WebPubSubServiceClient
from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient as AsyncWebPubSubServiceClient

KIND, MODE, CONNECTION_STRING, *MORE = sys.argv[1:]
ENDPOINT, KEY = (re.search(name + "=([^;]+)", CONNECTION_STRING)[1] for name in ("Endpoint", "AccessKey"))
IS_SECURE = ENDPOINT.startswith("https:")
SDK = WebPubSubServiceClient if KIND == "sync" else AsyncWebPubSubServiceClient
PATIENCE_S = 20
TEXT = {"content_type": "text/plain"}
CLOSED = "Application server closed the connection."

uncalled = {name for name, _ in inspect.getmembers(SDK, inspect.isfunction) if not name.startswith("_")}


class Service:
    """Both clients with methods to await: the blocking one blocks."""

    def __init__(self, sdk):
        self.sdk = sdk

    def __getattr__(self, name):
        method = getattr(self.sdk, name)
        uncalled.discard(name)

        async def call(*args, **kwargs):
            outcome = method(*args, **kwargs)
            return await outcome if inspect.isawaitable(outcome) else outcome

        return call

    async def connections(self, group, **options):
        return [member.connection_id for page in await self.pages(group, **options) for member in page]

    async def pages(self, group, **options):
        uncalled.discard("list_connections")
        pages = self.sdk.list_connections(group=group, **options).by_page()
        if KIND == "sync":
            return [list(page) for page in pages]
        return [[member async for member in page] if hasattr(page, "__aiter__") else list(page) async for page in pages]


def connect(connection_string=CONNECTION_STRING, **options):
    if IS_SECURE:
        options["connection_verify"] = MORE[0]
    return SDK.from_connection_string(connection_string, hub="chat", **{"retry_total": 0, **options})


service = None


class Client:
    """A client that speaks the JSON subprotocol by itself."""

    @staticmethod
    async def start(**options):
        client = Client()
        token = await service.get_client_access_token(**options)
        assert token["url"] == f"{token['baseUrl']}?access_token={token['token']}"
        await client.open(token["url"])
        return client

    async def open(self, url):
        context = {"ssl": ssl.create_default_context(cafile=MORE[0])} if IS_SECURE else {}
        self.socket = await websockets.connect(url, subprotocols=["json.webpubsub.azure.v1"], **context)
        self.connected = await self.next()
        self.id, self.acks = self.connected["connectionId"], 0

    async def next(self):
        return json.loads(await asyncio.wait_for(self.socket.recv(), PATIENCE_S))

    async def expect(self, **expected):
        message = await self.next()
        assert {name: message.get(name) for name in expected} == expected, message

    async def expect_silence(self):
        mark = str(uuid.uuid4())
        await service.send_to_connection(self.id, mark, **TEXT)
        await self.expect(type="message", data=mark)

    async def expect_closed(self, message):
        await self.expect(event="disconnected", message=message)
        await self.socket.wait_closed()
        assert self.socket.close_code == 1000, self.socket.close_code

    async def may(self, request, group):
        self.acks += 1
        data = {"data": 1, "noEcho": True} if request == "sendToGroup" else {}
        await self.socket.send(json.dumps({"type": request, "group": group, "ackId": self.acks, **data}))
        ack = await self.next()
        assert ack["ackId"] == self.acks, ack
        assert ack["success"] or ack["error"]["name"] == "Forbidden", ack
        return ack["success"]


async def refused(attempt, kind, status, code=None):
    try:
        await attempt
    except HttpResponseError as error:
        assert type(error) is kind and error.status_code == status, (error, type(error), error.status_code)
        assert (error.error and error.error.code) == code, error
        return error
    raise AssertionError("it should have been refused")


async def sends():
    ann = await Client.start(user_id="ann", groups=["room"])
    bob = await Client.start(user_id="O'Brien", groups=["room"])
    nobody = await Client.start(groups=["room", "a/b + ü?#%"])
    every = [ann, bob, nobody]
    document = {"a": [1, 2.5, None, "ü 👋"]}
    # azure-core with aiohttp counts characters for the length of a body, so that text beyond ASCII is cut off; bytes
    # are sent whole.
    plain = "plain ü" if KIND == "sync" else "plain ü".encode()
    for message, options, data_type, data in (
        (plain, TEXT, "text", "plain ü"),
        ("ascii", TEXT, "text", "ascii"),
        ("plain", {}, "json", "plain"),
        (document, {}, "json", document),
        (b"\x00\xff", {"content_type": "application/octet-stream"}, "binary", "AP8="),
    ):
        for send, receivers in (
            (lambda **o: service.send_to_all(message, **o), every),
            (lambda **o: service.send_to_all(message, excluded=[ann.id, bob.id], **o), [nobody]),
            (lambda **o: service.send_to_all(message, filter="userId eq 'O''Brien'", **o), [bob]),
            (lambda **o: service.send_to_all(message, filter="userId ne null", excluded=[ann.id], **o), [bob]),
            (lambda **o: service.send_to_group("room", message, filter="userId eq null", **o), [nobody]),
            (lambda **o: service.send_to_group("room", message, excluded=[ann.id], **o), [bob, nobody]),
            (lambda **o: service.send_to_group("a/b + ü?#%", message, **o), [nobody]),
            (lambda **o: service.send_to_user("O'Brien", message, filter="'room' in groups", **o), [bob]),
            (lambda **o: service.send_to_user("O'Brien", message, filter="'other' in groups", **o), []),
            (lambda **o: service.send_to_connection(ann.id, message, **o), [ann]),
        ):
            await send(**options)
            for receiver in receivers:
                await receiver.expect(type="message", dataType=data_type, data=data)
    error = await refused(service.send_to_all("x", filter="userId", **TEXT), HttpResponseError, 400, "Error.BadRequest")
    assert error.error.message.startswith("Invalid syntax for 'userId': "), error
    assert error.error.target == "Request", error
    for client in every:
        await client.expect_silence()
    await service.close_all_connections()
    for client in every:
        await client.expect_closed(CLOSED)


async def groups():
    ann, bob = await Client.start(user_id="ann"), await Client.start(user_id="bob")
    await service.add_connection_to_group("room", ann.id)
    await service.add_user_to_group("room", "bob")
    assert await service.connections("room") == sorted([ann.id, bob.id])
    await service.remove_connection_from_group("room", ann.id)
    await service.remove_user_from_group("room", "bob")
    await service.remove_user_from_group("room", "nobody")
    await service.remove_connection_from_group("room", "nowhere")
    assert not await service.group_exists("room")
    missing = await refused(
        service.add_connection_to_group("room", "nowhere"), ResourceNotFoundError, 404, "Error.Connection.NotExisted"
    )
    assert missing.error.message == "Connection `nowhere` is not found." and missing.error.target == "Connection"
    await refused(service.add_user_to_group("room", "nobody"), ResourceNotFoundError, 404, "Warning.User.NotExisted")
    await refused(service.add_user_to_group(" ", "ann"), HttpResponseError, 400, "Error.BadRequest")

    for group in ("a", "b"):
        await service.add_connection_to_group(group, ann.id)
        await service.add_connection_to_group(group, bob.id)
    await service.remove_connection_from_all_groups(ann.id)
    assert await service.connections("a") == await service.connections("b") == [bob.id]
    await service.remove_user_from_all_groups("bob")
    await service.remove_connection_from_all_groups("nowhere")
    await service.remove_user_from_all_groups("nobody")
    assert not await service.group_exists("a") and not await service.group_exists("b")
    assert await service.user_exists("bob") and await service.connection_exists(ann.id)
    assert not await service.user_exists("BOB") and not await service.connection_exists("nowhere")
    for client in (ann, bob):
        await client.expect_silence()
        await client.socket.close()


async def lists():
    assert await service.connections("empty") == []
    members = [await Client.start(user_id=name, groups=["list"]) for name in "abcdef"]
    nobody = await Client.start(groups=["list"])
    every = sorted(member.id for member in [*members, nobody])
    assert await service.connections("list") == every
    for options, sizes in (
        ({"maxpagesize": 2, "top": 5}, [2, 2, 1]),
        ({"maxpagesize": 3}, [3, 3, 1]),
        ({"top": 3}, [3]),
        ({}, [7]),
    ):
        pages = await service.pages("list", **options)
        assert [len(page) for page in pages] == sizes, (options, pages)
        found = [member.connection_id for page in pages for member in page]
        assert found == every[: len(found)], options
    users = {member.connection_id: member.user_id for page in await service.pages("list") for member in page}
    assert users == {**{member.id: name for member, name in zip(members, "abcdef")}, nobody.id: None}
    await service.close_group_connections("list", excluded=[nobody.id], reason="done")
    for member in members:
        await member.expect_closed(f"{CLOSED} Reason: done")
    await nobody.expect_silence()
    await nobody.socket.close()


async def permissions():
    eve = await Client.start(user_id="eve")
    for permission, request in (("sendToGroup", "sendToGroup"), ("joinLeaveGroup", "joinGroup")):
        room = {"connection_id": eve.id, "target_name": "room"}
        assert not await service.has_permission(permission, **room) and not await eve.may(request, "room")
        await service.grant_permission(permission, **room)
        assert await service.has_permission(permission, **room) and await eve.may(request, "room")
        assert not await service.has_permission(permission, eve.id, target_name="other")
        await service.revoke_permission(permission, **room)
        await service.revoke_permission(permission, **room)
        assert not await service.has_permission(permission, **room) and not await eve.may(request, "room")
    await refused(
        service.grant_permission("sendToGroup", "nowhere", target_name="room"),
        ResourceNotFoundError, 404, "Info.Connection.NotExisted",
    )
    await service.revoke_permission("sendToGroup", "nowhere", target_name="room")
    assert not await service.has_permission("sendToGroup", "nowhere", target_name="room")
    await refused(service.grant_permission("sendToGroup", eve.id), HttpResponseError, 400, "Error.BadRequest")
    for number in range(1_000):
        await service.grant_permission("sendToGroup", eve.id, target_name=f"group {number}")
    await refused(
        service.grant_permission("sendToGroup", eve.id, target_name="one more"),
        ResourceExistsError, 409, "Error.Connection.Conflict",
    )
    assert not await eve.may("sendToGroup", "one more") and await eve.may("sendToGroup", "group 999")
    await eve.socket.close()


async def closing():
    first, second, third = [await Client.start(user_id=user) for user in ("u", "u", "v")]
    await service.close_user_connections("u", excluded=[second.id], reason="bye & ünï")
    await first.expect_closed(f"{CLOSED} Reason: bye & ünï")
    assert not await service.connection_exists(first.id) and await service.user_exists("u")
    await service.close_connection(second.id)
    await second.expect_closed(CLOSED)
    await service.close_connection(second.id, reason="again")
    kept = await Client.start(user_id="w")
    await service.close_all_connections(excluded=[kept.id], reason="all")
    await third.expect_closed(f"{CLOSED} Reason: all")
    await kept.expect_silence()
    await kept.socket.close()


async def tokens():
    roles = ["webpubsub.sendToGroup.room"]
    token = await service.get_client_access_token(user_id="a/b ü+", roles=roles, groups=["room"], minutes_to_expire=5)
    claims = jwt.decode(token["token"], options={"verify_signature": False})
    assert 295 < claims["exp"] - time.time() <= 300, claims
    client = Client()
    await client.open(token["url"])
    assert client.connected["userId"] == "a/b ü+" and await client.may("sendToGroup", "room")
    await client.socket.close()
    response = await service.send_request(http_request("HEAD", f"{ENDPOINT}/api/health"))
    assert response.status_code == 200, response

    verify = {"connection_verify": MORE[0]} if IS_SECURE else {}
    stranger = Service(SDK(ENDPOINT, "chat", AzureKeyCredential(KEY + "x"), **verify))
    await refused(stranger.user_exists("ann"), ClientAuthenticationError, 401)
    bad_hub = Service(SDK(ENDPOINT, "1bad", AzureKeyCredential(KEY), **verify))
    await refused(bad_hub.send_to_all("x", **TEXT), HttpResponseError, 400, "Error.BadRequest")
    for other in (stranger, bad_hub):
        await other.close()

    # With another credential than the key the service makes the token; the SDK wants TLS for that.
    if IS_SECURE:
        path = f"{ENDPOINT}/api/hubs/chat/:generateToken"
        signed = jwt.encode({"aud": path, "exp": int(time.time()) + 600}, KEY, algorithm="HS256")

        class Credential:
            def get_token(self, *_, **__):
                token = AccessToken(signed, int(time.time()) + 600)
                if KIND == "sync":
                    return token
                return asyncio.sleep(0, token)

        remote = Service(SDK(ENDPOINT, "chat", Credential(), **verify))
        token = await remote.get_client_access_token(
            user_id="ann", roles=["webpubsub.joinLeaveGroup"], groups=["tea & talk", "b"], minutes_to_expire=5
        )
        claims = jwt.decode(token["token"], options={"verify_signature": False})
        assert (claims["sub"], claims["webpubsub.group"]) == ("ann", ["tea & talk", "b"]), claims
        client = Client()
        await client.open(token["url"])
        assert await client.may("joinGroup", "c") and await service.group_exists("tea & talk")
        await refused(remote.get_client_access_token(client_protocol="MQTT"), HttpResponseError, 400, "Error.BadRequest")
        await client.socket.close()
        await remote.close()


def http_request(method, url):
    from azure.core.rest import HttpRequest

    return HttpRequest(method, url)


async def methods():
    for step in (sends, groups, lists, permissions, closing, tokens):
        await step()
        print(f"ok {step.__name__}", flush=True)
    await service.close()
    # `from_connection_string` made the client; the rest was called through it.
    assert uncalled <= {"from_connection_string"}, uncalled


async def proxy():
    behind = Service(connect(reverse_proxy_endpoint=MORE[0]))
    assert not await behind.user_exists("nobody")
    await behind.send_to_all("x", **TEXT)
    # Links lead to the public endpoint, and the SDK takes them to the proxy again.
    assert [len(page) for page in await behind.pages("room", maxpagesize=2)] == [2, 2, 1]
    await refused(
        behind.add_connection_to_group("room", "nowhere"), ResourceNotFoundError, 404, "Error.Connection.NotExisted"
    )
    await behind.close()


async def throttled():
    """Sent again after as long as it was told to wait."""
    patient = Service(connect(retry_total=10))
    answers = []
    hook = {"raw_response_hook": lambda response: answers.append(response.http_response)}
    for _ in range(60):
        await patient.send_to_all("x", **TEXT, **hook)
        if any(answer.status_code == 429 for answer in answers):
            break
    first = next(at for at, answer in enumerate(answers) if answer.status_code == 429)
    assert answers[first].headers["Retry-After"] == "1" and answers[-1].status_code == 202, answers
    attempts = 0
    while attempts < 60:
        attempts += 1
        try:
            await service.send_to_all("x", **TEXT)
        except HttpResponseError as error:
            assert (error.status_code, error.error.code) == (429, "Error.TooManyRequests"), error
            break
    assert attempts < 60, "no request was refused"
    await patient.close()
    await service.close()


async def main():
    global service
    service = Service(connect())
    await {"methods": methods, "proxy": proxy, "throttled": throttled}[MODE]()


asyncio.run(main())
