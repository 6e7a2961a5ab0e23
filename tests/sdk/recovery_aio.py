"""As recovery.py, with the asynchronous client: python recovery_aio.py <connection string> <clients> <messages of each>"""

import asyncio
import sys

from azure.messaging.webpubsubclient.aio import WebPubSubClient
from azure.messaging.webpubsubclient.models import CallbackType
from azure.messaging.webpubsubservice import WebPubSubServiceClient

PATIENCE_S = 50
LOST_ACK_S = 1
FIRST_ACK_ID = 1_000_000

CLIENTS, MESSAGES = int(sys.argv[2]), int(sys.argv[3])
ROLES = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]
service = WebPubSubServiceClient.from_connection_string(sys.argv[1], hub="chat")


class Ledger:
    def __init__(self, number):
        self.number, self.group = number, f"g{number // 2}"
        self.complete, self.got, self.ids = asyncio.Event(), [], set()
        url = service.get_client_access_token(user_id=f"u{number}", roles=ROLES)["url"]
        self.sdk = WebPubSubClient(url, message_retry_total=0, ack_timeout=LOST_ACK_S)

    async def connected(self, event):
        self.ids.add(event.connection_id)

    async def note(self, event):
        self.got.append((event.sequence_id, event.data))
        if len(self.got) == 2 * MESSAGES:
            self.complete.set()

    async def start(self):
        await self.sdk.subscribe(CallbackType.CONNECTED, self.connected)
        await self.sdk.subscribe(CallbackType.GROUP_MESSAGE, self.note)
        await self.sdk.open()
        await self.again(self.sdk.join_group, self.group, ack_id=FIRST_ACK_ID - 1)

    async def run(self):
        for number in range(MESSAGES):
            text = f"{self.number} {number}"
            await self.again(self.sdk.send_to_group, self.group, text, "text", ack_id=FIRST_ACK_ID + number)
        await asyncio.wait_for(self.complete.wait(), PATIENCE_S)

    @staticmethod
    async def again(request, *args, ack_id):
        """The package takes a new id when it tries again; with the same id a message cannot be sent twice."""
        while True:
            try:
                return await request(*args, ack_id=ack_id)
            except Exception:
                await asyncio.sleep(0.02)

    def check(self):
        assert len(self.ids) == 1, "the connection is the same to the end"
        got = [data for _, data in sorted(self.got)]
        for sender in (self.number, self.number ^ 1):
            mine = [int(data.split()[1]) for data in got if data.split()[0] == str(sender)]
            assert mine == list(range(MESSAGES)), (self.number, sender, mine)


async def main():
    ledgers = [Ledger(number) for number in range(CLIENTS)]
    await asyncio.gather(*(ledger.start() for ledger in ledgers))
    await asyncio.gather(*(ledger.run() for ledger in ledgers))
    for ledger in ledgers:
        ledger.check()
        await ledger.sdk.close()


asyncio.run(main())
