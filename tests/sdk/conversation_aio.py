"""The conversation of conversation.py in short, through the asynchronous clients of the same packages:
python conversation_aio.py <connection string>
"""

import asyncio
import os
import sys

from azure.messaging.webpubsubclient.aio import WebPubSubClient
from azure.messaging.webpubsubclient.models import (
    CallbackType,
    OpenClientError,
    SendMessageError,
    WebPubSubDataType,
    WebPubSubProtocolType,
)
from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient

PATIENCE_S = 20
# As the package has it unless it is told otherwise, or a client that ends with its socket.
IS_RELIABLE = os.environ.get("RELIABLE") == "1"
PROTOCOL = WebPubSubProtocolType.JSON_RELIABLE if IS_RELIABLE else WebPubSubProtocolType.JSON
TEXT = {"content_type": "text/plain"}
ALL_ROLES = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]


class Client:
    """A client whose events can be awaited one after another."""

    def __init__(self, url):
        self.events = asyncio.Queue()
        self.sdk = WebPubSubClient(
            url, protocol_type=PROTOCOL, reconnect_retry_total=0, message_retry_total=0
        )

    @staticmethod
    async def start(service, user, **options):
        token = await service.get_client_access_token(user_id=user, **options)
        client = Client(token["url"])
        for kind in (
            CallbackType.CONNECTED,
            CallbackType.DISCONNECTED,
            CallbackType.STOPPED,
            CallbackType.SERVER_MESSAGE,
            CallbackType.GROUP_MESSAGE,
        ):

            async def note(event=None, kind=kind):
                await client.events.put((kind, event))

            await client.sdk.subscribe(kind, note)
        await client.sdk.open()
        client.id = (await client.next(CallbackType.CONNECTED)).connection_id
        return client

    async def next(self, kind):
        found, event = await asyncio.wait_for(self.events.get(), PATIENCE_S)
        assert found == kind, (found, kind, event and vars(event))
        return event

    async def expect(self, kind, data_type, data):
        event = await self.next(kind)
        found = bytes(event.data) if event.data_type == WebPubSubDataType.BINARY else event.data
        assert (event.data_type, found) == (data_type, data), (event.data_type, found)


async def refusal(kind, attempt):
    try:
        await attempt
    except kind as error:
        return error
    raise AssertionError("it should have been refused")


async def conversation(service):
    ann = await Client.start(service, "ann", roles=ALL_ROLES)
    bob = await Client.start(service, "bob", roles=ALL_ROLES, groups=["lobby"])
    await ann.sdk.join_group("lobby")

    contents = (
        # ASCII: this package counts characters where HTTP counts bytes, and cuts longer texts off.
        ("plain", TEXT, WebPubSubDataType.TEXT),
        ({"a": [1, None, "ü 👋"]}, {}, WebPubSubDataType.JSON),
        (bytes([0, 1, 254, 255]), {"content_type": "application/octet-stream"}, WebPubSubDataType.BINARY),
    )
    for content, options, data_type in contents:
        await service.send_to_all(content, **options)
        await service.send_to_user("bob", content, **options)
        await service.send_to_connection(ann.id, content, **options)
        for receiver in (ann, ann, bob, bob):
            await receiver.expect(CallbackType.SERVER_MESSAGE, data_type, content)
        await service.send_to_group("lobby", content, **options)
        is_bytes = data_type == WebPubSubDataType.BINARY
        await ann.sdk.send_to_group("lobby", memoryview(content) if is_bytes else content, data_type)
        for receiver in (ann, ann, bob, bob):
            await receiver.expect(CallbackType.GROUP_MESSAGE, data_type, content)

    await ann.sdk.leave_group("lobby")
    await bob.sdk.send_to_group("lobby", "for those who stayed", WebPubSubDataType.TEXT)
    await bob.expect(CallbackType.GROUP_MESSAGE, WebPubSubDataType.TEXT, "for those who stayed")
    await service.send_to_connection(ann.id, "mark", **TEXT)
    await ann.expect(CallbackType.SERVER_MESSAGE, WebPubSubDataType.TEXT, "mark")

    assert await service.user_exists("ann") and not await service.user_exists("nobody")
    await service.close_user_connections("ann", reason="go to bed")
    disconnected = await ann.next(CallbackType.DISCONNECTED)
    assert disconnected.message == "Application server closed the connection. Reason: go to bed", disconnected.message
    await ann.next(CallbackType.STOPPED)
    await bob.sdk.close()


async def refusals(service):
    eve = await Client.start(service, "eve")
    error = await refusal(SendMessageError, eve.sdk.join_group("secret"))
    assert error.error_detail.name == "Forbidden", error.error_detail.name
    error = await refusal(SendMessageError, eve.sdk.send_event("order", "1", WebPubSubDataType.TEXT))
    assert error.error_detail.name == "InternalServerError", error.error_detail.name
    await eve.sdk.close()
    url = (await service.get_client_access_token(user_id="eve"))["url"]
    await refusal(OpenClientError, Client(url[:-4] + "AAAA").sdk.open())


async def main():
    async with WebPubSubServiceClient.from_connection_string(sys.argv[1], hub="chat") as service:
        for step in (conversation, refusals):
            await step(service)
            print(f"ok {step.__name__}", flush=True)


asyncio.run(main())
