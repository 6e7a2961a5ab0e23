"""An app server: makes a client access URL, waits for a client to use it, and talks to it through the official
server SDK.

    python app_server.py [connection string]
"""

import sys
import time

from azure.messaging.webpubsubservice import WebPubSubServiceClient

connection_string = (
    sys.argv[1]
    if len(sys.argv) > 1
    else "Endpoint=http://localhost:8080;AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;Version=1.0;"
)
service = WebPubSubServiceClient.from_connection_string(connection_string, hub="chat")

token = service.get_client_access_token(
    user_id="ann", roles=["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]
)
print(f"Connect a client with this URL:\n{token['url']}", flush=True)

while not service.user_exists(user_id="ann"):
    time.sleep(0.25)
print("ann is here", flush=True)

service.send_to_all("hello, everybody", content_type="text/plain")
service.send_to_user("ann", {"hello": "ann"})  # anything but text and bytes is sent as JSON

service.add_user_to_group("news", "ann")
service.send_to_group("news", "hello, readers of the news", content_type="text/plain")
print(f"somebody reads the news: {service.group_exists('news')}", flush=True)

service.close_user_connections("ann", reason="that was all")
print("ann was sent home", flush=True)
