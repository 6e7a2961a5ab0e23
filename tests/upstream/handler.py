"""An event handler as the protocol's documentation describes it, with nothing but the standard library.

    python handler.py KEY…

It checks the signature of each event with the keys and prints each request as one JSON object a line.
"""

import hashlib
import hmac
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEYS = [key.encode() for key in sys.argv[1:]]
SYSTEM, USER = "azure.webpubsub.sys.", "azure.webpubsub.user."


def is_signed(connection, header):
    """Whether one of the listed signatures was made with one of the keys."""
    good = [hmac.new(key, connection.encode(), hashlib.sha256).hexdigest() for key in KEYS]
    listed = [one.strip() for one in header.split(",")]
    return any(hmac.compare_digest(f"sha256={mine}", one) for mine in good for one in listed)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_OPTIONS(self):
        self.tell(b"", None)
        # Abuse protection: whoever is named here may send events. A careful app names its service's host.
        self.answer(200, headers={"WebHook-Allowed-Origin": self.headers["WebHook-Request-Origin"]})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signed = is_signed(self.headers["ce-connectionId"], self.headers["ce-signature"])
        self.tell(body, signed)
        kind = self.headers["ce-type"]
        if not signed:
            self.answer(401, b"this is not signed by us")
        elif kind == SYSTEM + "connect":
            self.connect(json.loads(body))
        elif kind.startswith(SYSTEM):
            json.loads(body)
            self.answer(200)
        elif kind.startswith(USER):
            self.message(kind.removeprefix(USER), body)
        else:
            self.answer(400)

    def connect(self, request):
        if "refuse" in request["query"]:
            self.answer(401, b"not you")
        else:
            answer = {"groups": ["newcomers"], "roles": ["webpubsub.sendToGroup"]}
            self.answer(200, json.dumps(answer).encode(), {
                "Content-Type": "application/json",
                "ce-connectionState": "messages=0",
            })

    def message(self, name, body):
        # The state is text of the app's own making. It comes back with every event.
        count = int(self.headers["ce-connectionState"].removeprefix("messages=")) + 1
        state = {"ce-connectionState": f"messages={count}"}
        if name == "quiet":
            self.answer(204, headers=state)
        else:
            self.answer(200, f"Hey {body.decode()}, number {count}".encode(), {"Content-Type": "text/plain", **state})

    def tell(self, body, signed):
        request = {
            "method": self.command,
            "path": self.path,
            "headers": self.headers.items(),
            "body": body.decode("latin-1"),
            "signed": signed,
        }
        print(json.dumps(request), flush=True)

    def answer(self, status, body=b"", headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
