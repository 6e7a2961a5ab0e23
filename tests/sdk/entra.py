"""azure-messaging-webpubsubservice with a credential of Entra instead of an access key:
python entra.py <endpoint> <token>
"""

import sys
import time

import websocket
from azure.core.credentials import AccessToken
from azure.messaging.webpubsubservice import WebPubSubServiceClient

endpoint, token = sys.argv[1:]
scopes = []


class Credential:
    def get_token(self, *asked, **_):
        scopes.extend(asked)
        return AccessToken(token, int(time.time()) + 600)


service = WebPubSubServiceClient(endpoint, "chat", Credential(), retry_total=0)
assert service.user_exists("u") is False
assert scopes == ["https://webpubsub.azure.com/.default"], scopes

# This asks the service for the token.
client = websocket.create_connection(service.get_client_access_token(user_id="u")["url"])
assert service.user_exists("u") is True
service.send_to_user("u", "hello", content_type="text/plain")
assert client.recv() == "hello"
client.close()
