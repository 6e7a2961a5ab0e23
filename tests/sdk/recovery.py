"""Clients of the official package, blocking, on a network that breaks: they all send to groups of two and keep a ledger
of what arrives. python recovery.py <connection string> <clients> <messages of each>
"""

import sys
import threading
import time

from azure.messaging.webpubsubclient import WebPubSubClient
from azure.messaging.webpubsubclient.models import CallbackType
from azure.messaging.webpubsubservice import WebPubSubServiceClient

PATIENCE_S = 50
# The client misses what comes before it began to wait for it, and goes on only when this time is over.
MISSED_ANSWER_S = 1
# Beyond the ids that the client chooses for its own requests.
FIRST_ACK_ID = 1_000_000

CLIENTS, MESSAGES = int(sys.argv[2]), int(sys.argv[3])
ROLES = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]
service = WebPubSubServiceClient.from_connection_string(sys.argv[1], hub="chat")


class Ledger:
    def __init__(self, number):
        self.number, self.group = number, f"g{number // 2}"
        self.lock, self.complete = threading.Lock(), threading.Event()
        self.got, self.ids, self.is_stopped = [], set(), False
        url = service.get_client_access_token(user_id=f"u{number}", roles=ROLES)["url"]
        self.sdk = WebPubSubClient(url, message_retry_total=0, ack_timeout=MISSED_ANSWER_S, start_timeout=MISSED_ANSWER_S)
        self.sdk.subscribe(CallbackType.CONNECTED, lambda event: self.ids.add(event.connection_id))
        self.sdk.subscribe(CallbackType.GROUP_MESSAGE, self.note)
        self.sdk.subscribe(CallbackType.STOPPED, lambda *_: self.complete.set())

    def note(self, event):
        # The package calls back in a thread for each message, so these come in any order; the numbers of the messages say
        # in which the client had them.
        with self.lock:
            self.got.append((event.sequence_id, event.data))
            if len(self.got) == 2 * MESSAGES:
                self.complete.set()

    def run(self):
        self.sdk.open()
        self.again(self.sdk.join_group, self.group, ack_id=FIRST_ACK_ID - 1)
        everybody_is_here.wait()
        for number in range(MESSAGES):
            text = f"{self.number} {number}"
            self.again(self.sdk.send_to_group, self.group, text, "text", ack_id=FIRST_ACK_ID + number)
        assert self.complete.wait(PATIENCE_S), f"client {self.number} has {len(self.got)} messages"

    @staticmethod
    def again(request, *args, ack_id):
        """The package takes a new id when it tries again; with the same id a message cannot be sent twice."""
        while True:
            try:
                return request(*args, ack_id=ack_id)
            except Exception:
                time.sleep(0.02)

    def check(self):
        assert len(self.ids) == 1, "the connection is the same to the end"
        got = [data for _, data in sorted(self.got)]
        partner = self.number ^ 1
        for sender in (self.number, partner):
            mine = [int(data.split()[1]) for data in got if data.split()[0] == str(sender)]
            assert mine == list(range(MESSAGES)), (self.number, sender, mine)


everybody_is_here = threading.Barrier(CLIENTS)
ledgers = [Ledger(number) for number in range(CLIENTS)]
failures = []


def run(ledger):
    try:
        ledger.run()
        ledger.check()
    except BaseException as failure:
        failures.append(failure)
        everybody_is_here.abort()


threads = [threading.Thread(target=run, args=[ledger]) for ledger in ledgers]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for failure in failures:
    raise failure
