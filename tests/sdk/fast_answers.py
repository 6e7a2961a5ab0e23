"""The blocking client of azure-messaging-webpubsubclient misses an ack that comes before it began to wait for it, and then
goes on only when its time-out is over. The service gives it time: python fast_answers.py <connection string>
"""

import sys
import threading

from azure.messaging.webpubsubclient import WebPubSubClient
from azure.messaging.webpubsubclient.models import WebPubSubDataType
from azure.messaging.webpubsubservice import WebPubSubServiceClient

REQUESTS = 200
# Nothing else waits for so long.
ACK_TIMEOUT_S = 1.25
# On a busy machine a thread may not run for a while. Without the service's help about every other one is missed.
MISSED_MAX = REQUESTS // 10

missed = 0
wait = threading.Condition.wait


def counting_wait(self, timeout=None):
    global missed
    is_notified = wait(self, timeout)
    if timeout == ACK_TIMEOUT_S and not is_notified:
        missed += 1
    return is_notified


threading.Condition.wait = counting_wait
service = WebPubSubServiceClient.from_connection_string(sys.argv[1], hub="chat")
token = service.get_client_access_token(roles=["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"])
client = WebPubSubClient(token["url"], ack_timeout=ACK_TIMEOUT_S)
client.open()
client.join_group("room")
for number in range(REQUESTS):
    client.send_to_group("room", str(number), WebPubSubDataType.TEXT)
    assert missed <= MISSED_MAX, f"{missed} acks of {number} requests were missed"
client.close()
print(f"ok {REQUESTS} requests, {missed} acks missed")
