"""The option reverse_proxy_endpoint of azure-messaging-webpubsubservice: requests go to a proxy with a path of its own,
tokens stay made out for the service: python proxy.py <connection string> <address of the proxy>
"""

import sys

from azure.messaging.webpubsubservice import WebPubSubServiceClient

connection_string, proxy = sys.argv[1:]
service = WebPubSubServiceClient.from_connection_string(
    connection_string, hub="chat", reverse_proxy_endpoint=proxy, retry_total=0
)
service.send_to_all("hello", content_type="text/plain")
assert service.user_exists("nobody") is False
assert "/client/hubs/chat" in service.get_client_access_token(user_id="u")["baseUrl"]
