"""A first conversation through the official packages azure-messaging-webpubsubservice (the app server's side) and
azure-messaging-webpubsubclient (the client's side), blocking: python conversation.py <connection string>
"""

import os
import queue
import sys
import uuid

from azure.core.exceptions import ClientAuthenticationError
from azure.messaging.webpubsubclient import WebPubSubClient
from azure.messaging.webpubsubclient.models import (
    CallbackType,
    OpenClientError,
    SendMessageError,
    WebPubSubDataType,
    WebPubSubProtocolType,
)
from azure.messaging.webpubsubservice import WebPubSubServiceClient

PATIENCE_S = 20
# The client misses an answer that comes before it began to wait for it, and goes on only when this time is over.
MISSED_ANSWER_S = 2
# As the package has it unless it is told otherwise, or a client that ends with its socket.
IS_RELIABLE = os.environ.get("RELIABLE") == "1"
PROTOCOL = WebPubSubProtocolType.JSON_RELIABLE if IS_RELIABLE else WebPubSubProtocolType.JSON
TEXT = {"content_type": "text/plain"}
BINARY = {"content_type": "application/octet-stream"}
ALL_ROLES = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]

service = WebPubSubServiceClient.from_connection_string(sys.argv[1], hub="chat", retry_total=0)


class Client:
    """A client whose events can be awaited one after another."""

    def __init__(self, url):
        self.events = queue.Queue()
        self.sdk = WebPubSubClient(
            url,
            protocol_type=PROTOCOL,
            reconnect_retry_total=0,
            message_retry_total=0,
            ack_timeout=MISSED_ANSWER_S,
            start_timeout=MISSED_ANSWER_S,
        )
        for kind in (
            CallbackType.CONNECTED,
            CallbackType.DISCONNECTED,
            CallbackType.STOPPED,
            CallbackType.SERVER_MESSAGE,
            CallbackType.GROUP_MESSAGE,
        ):
            self.sdk.subscribe(kind, lambda event=None, kind=kind: self.events.put((kind, event)))

    @staticmethod
    def start(user, **options):
        client = Client(service.get_client_access_token(user_id=user, **options)["url"])
        client.sdk.open()
        connected = client.next(CallbackType.CONNECTED)
        assert connected.user_id == user, connected.user_id
        client.id = connected.connection_id
        return client

    def next(self, kind):
        found, event = self.events.get(timeout=PATIENCE_S)
        assert found == kind, (found, kind, event and vars(event))
        return event

    def expect(self, kind, data_type, data, **more):
        event = self.next(kind)
        assert event.data_type == data_type, event.data_type
        found = bytes(event.data) if data_type == WebPubSubDataType.BINARY else event.data
        assert found == data, found
        for key, value in more.items():
            assert getattr(event, key) == value, (key, getattr(event, key))

    def expect_silence(self):
        """Everything sent to this client before this call has arrived, and was expected."""
        mark = str(uuid.uuid4())
        service.send_to_connection(self.id, mark, **TEXT)
        self.expect(CallbackType.SERVER_MESSAGE, WebPubSubDataType.TEXT, mark)
        assert self.events.empty()


def refusal(kind, attempt, *args, **kwargs):
    try:
        attempt(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError("it should have been refused")


def both_ways():
    ann = Client.start("ann", roles=ALL_ROLES)
    bob = Client.start("bob", roles=ALL_ROLES, groups=["lobby"])
    assert ann.id != bob.id
    ann.sdk.join_group("lobby")

    document = {"a": [1, 2.5, None, "ü 👋"], "b": {"c": True}}
    data = bytes([0, 1, 254, 255])
    sends = [
        (CallbackType.SERVER_MESSAGE, lambda *args, **kwargs: service.send_to_all(*args, **kwargs), [ann, bob]),
        (CallbackType.GROUP_MESSAGE, lambda *args, **kwargs: service.send_to_group("lobby", *args, **kwargs), [ann, bob]),
        (CallbackType.SERVER_MESSAGE, lambda *args, **kwargs: service.send_to_user("ann", *args, **kwargs), [ann]),
        (CallbackType.SERVER_MESSAGE, lambda *args, **kwargs: service.send_to_connection(bob.id, *args, **kwargs), [bob]),
    ]
    for kind, send, receivers in sends:
        for content, options, data_type in (
            ("plain ü 👋", TEXT, WebPubSubDataType.TEXT),
            (document, {}, WebPubSubDataType.JSON),
            (data, BINARY, WebPubSubDataType.BINARY),
        ):
            send(content, **options)
            for receiver in receivers:
                receiver.expect(kind, data_type, content)
    ann.expect_silence()

    ann.sdk.send_to_group("lobby", "hello ü 👋", WebPubSubDataType.TEXT)
    for receiver in (ann, bob):
        receiver.expect(
            CallbackType.GROUP_MESSAGE, WebPubSubDataType.TEXT, "hello ü 👋", group="lobby", from_user_id="ann"
        )
    ann.sdk.send_to_group("lobby", document, WebPubSubDataType.JSON, no_echo=True)
    bob.expect(CallbackType.GROUP_MESSAGE, WebPubSubDataType.JSON, document, from_user_id="ann")
    ann.sdk.send_to_group("lobby", memoryview(data), WebPubSubDataType.BINARY, no_echo=True, ack=False)
    bob.expect(CallbackType.GROUP_MESSAGE, WebPubSubDataType.BINARY, data, from_user_id="ann")
    ann.expect_silence()

    ann.sdk.leave_group("lobby")
    service.send_to_group("lobby", "for those who stayed", **TEXT)
    bob.expect(CallbackType.GROUP_MESSAGE, WebPubSubDataType.TEXT, "for those who stayed", from_user_id=None)
    ann.expect_silence()

    service.add_connection_to_group("lobby", ann.id)
    service.remove_user_from_group("lobby", "bob")
    service.send_to_group("lobby", "for ann", **TEXT)
    ann.expect(CallbackType.GROUP_MESSAGE, WebPubSubDataType.TEXT, "for ann")
    bob.expect_silence()
    service.remove_connection_from_group("lobby", ann.id)
    service.add_user_to_group("lobby", "bob")
    service.send_to_group("lobby", "for bob", **TEXT)
    bob.expect(CallbackType.GROUP_MESSAGE, WebPubSubDataType.TEXT, "for bob")
    ann.expect_silence()

    assert service.user_exists("ann") and not service.user_exists("nobody")
    assert service.group_exists("lobby") and not service.group_exists("empty")
    assert service.connection_exists(ann.id) and not service.connection_exists("nowhere")

    service.close_connection(ann.id, reason="go to bed")
    disconnected = ann.next(CallbackType.DISCONNECTED)
    assert disconnected.message == "Application server closed the connection. Reason: go to bed", disconnected.message
    ann.next(CallbackType.STOPPED)
    bob.sdk.close()
    bob.next(CallbackType.DISCONNECTED)
    bob.next(CallbackType.STOPPED)


def permissions():
    eve = Client.start("eve", roles=["webpubsub.joinLeaveGroup.open"])
    eve.sdk.join_group("open")
    for attempt, verb in (
        (lambda: eve.sdk.join_group("secret"), "join"),
        (lambda: eve.sdk.leave_group("secret"), "leave"),
        (lambda: eve.sdk.send_to_group("open", "hello", WebPubSubDataType.TEXT), "send to"),
    ):
        error = refusal(SendMessageError, attempt)
        assert error.error_detail.name == "Forbidden", error.error_detail.name
        assert f"does not have permission to {verb} group" in error.error_detail.message, error.error_detail.message
    eve.expect_silence()
    eve.sdk.close()


def an_event_that_nobody_handles():
    dan = Client.start("dan")
    error = refusal(SendMessageError, dan.sdk.send_event, "order", {"id": 1}, WebPubSubDataType.JSON)
    assert error.error_detail.name == "InternalServerError", error.error_detail.name
    dan.expect_silence()
    dan.sdk.close()


def refused_tokens_and_requests():
    url = service.get_client_access_token(user_id="ann")["url"]
    for bad in (url[:-4] + "AAAA", url.replace("/hubs/chat", "/hubs/other"), url.split("?")[0]):
        refusal(OpenClientError, Client(bad).sdk.open)
    forged = sys.argv[1].replace("AccessKey=", "AccessKey=Z")
    stranger = WebPubSubServiceClient.from_connection_string(forged, hub="chat")
    refusal(ClientAuthenticationError, stranger.send_to_all, "x", **TEXT)
    refusal(ClientAuthenticationError, stranger.user_exists, "ann")


for step in (both_ways, permissions, an_event_that_nobody_handles, refused_tokens_and_requests):
    step()
    print(f"ok {step.__name__}", flush=True)
