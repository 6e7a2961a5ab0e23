"""A simple client: no subprotocol. Each line you type is sent as plain text, and each frame that arrives is printed.
With a group, the lines are published to it; which groups it receives from is said in the token (`hublet token
--group ...`). Without a group, each line is an event for the app's event handler, whose answer is printed.

    python simple.py "<client access URL>" [group]
"""

import sys
import threading
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

if len(sys.argv) < 2:
    sys.exit('usage: python simple.py "<client access URL>" [group]')
url = sys.argv[1]
if len(sys.argv) > 2:
    query = urlencode({"webpubsub_mode": "sendToGroup", "group": sys.argv[2]})
    url += ("&" if "?" in url else "?") + query


def read_lines(socket):
    for line in sys.stdin:
        socket.send(line.rstrip("\n"))
    socket.close()


with connect(url) as socket:
    print("connected", flush=True)
    threading.Thread(target=read_lines, args=(socket,), daemon=True).start()
    try:
        while True:
            frame = socket.recv()
            print(frame if isinstance(frame, str) else f"({len(frame)} bytes) {frame.hex()}", flush=True)
    except ConnectionClosed:
        print(f"closed: {socket.close_code} {socket.close_reason}".rstrip(), flush=True)
    except KeyboardInterrupt:
        pass
