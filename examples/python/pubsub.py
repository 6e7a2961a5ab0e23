"""A PubSub client: speaks json.webpubsub.azure.v1. It joins a group, sends each line you type to the group, and
prints what arrives.

    python pubsub.py "<client access URL>" [group]
"""

import json
import sys
import threading

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

if len(sys.argv) < 2:
    sys.exit('usage: python pubsub.py "<client access URL>" [group]')
url = sys.argv[1]
group = sys.argv[2] if len(sys.argv) > 2 else "lobby"

JOIN = 1  # the ackId of the join; the lines that follow count up from it


def send(socket, **message):
    socket.send(json.dumps(message))


def read_lines(socket):
    print(f"joined {group}", flush=True)
    for ack_id, line in enumerate(sys.stdin, JOIN + 1):
        send(socket, type="sendToGroup", group=group, dataType="text", data=line.rstrip("\n"), ackId=ack_id)
    socket.close()


def show(socket, message):
    match message["type"], message.get("event"):
        case "system", "connected":
            print(f"connected as {message['userId']}, connection {message['connectionId']}", flush=True)
            send(socket, type="joinGroup", group=group, ackId=JOIN)
        case "system", "disconnected":
            print(f"disconnected: {message['message']}", flush=True)
        case "ack", _ if not message["success"]:
            print(f"refused: {message['error']['name']}: {message['error']['message']}", flush=True)
        case "ack", _ if message["ackId"] == JOIN:
            threading.Thread(target=read_lines, args=(socket,), daemon=True).start()
        case "message", _:
            data = json.dumps(message["data"]) if message["dataType"] == "json" else message["data"]
            print(f"{message.get('fromUserId') or message['from']}: {data}", flush=True)


with connect(url, subprotocols=["json.webpubsub.azure.v1"]) as socket:
    try:
        while True:
            show(socket, json.loads(socket.recv()))
    except ConnectionClosed:
        print(f"closed: {socket.close_code} {socket.close_reason}".rstrip(), flush=True)
    except KeyboardInterrupt:
        pass
