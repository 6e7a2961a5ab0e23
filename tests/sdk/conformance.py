"""Every response conforms to its description: schemathesis sends requests that an OpenAPI document allows, and some that
it forbids, and checks the answers: python conformance.py <connection string> [<file of the vendor's document>]

Without a file it takes the document that the service describes itself with, and holds it to every word. The vendor's
says less than the service checks, so there the answers alone are checked.
"""

import base64
import hashlib
import hmac
import json
import re
import sys
import tempfile
import threading
import time
import zlib

import requests
import schemathesis
import websocket
from hypothesis import strategies
from schemathesis.cli import schemathesis as command_line

ENDPOINT, ACCESS_KEY = (part.split("=", 1)[1] for part in sys.argv[1].split(";")[:2])
SEED = 20241201
HUB, USER, GROUP = "chat", "ann", "room"
# The hub whose settings are set, shown and deleted.
SET_HUB = "settings"
# The id of the one client, of its newest connection.
LIVE = {}


def sign(claims):
    def part(value):
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    text = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({**claims, 'exp': int(time.time()) + 60})}"
    return f"{text}.{part(hmac.digest(ACCESS_KEY.encode(), text.encode(), hashlib.sha256))}"


def keep_a_client():
    """Connects again whenever it is closed, so that most requests find a connection, a user, and a group."""
    claims = {"sub": USER, "webpubsub.group": [GROUP], "aud": f"{ENDPOINT}/client/hubs/{HUB}"}
    address = ENDPOINT.replace("http", "ws", 1) + f"/client/hubs/{HUB}?access_token="
    while True:
        client = websocket.create_connection(
            address + sign(claims), subprotocols=["json.webpubsub.azure.v1"], timeout=None
        )
        try:
            LIVE["id"] = json.loads(client.recv())["connectionId"]
            while client.recv():
                pass
        except (OSError, websocket.WebSocketException):
            pass


@schemathesis.auth(refresh_interval=None)
class Signed:
    """The audience of a token is the URL of its request."""

    def get(self, case, _context):
        url = requests.Request(**case.as_transport_kwargs(base_url=ENDPOINT)).prepare().url
        return sign({"aud": url})

    def set(self, case, token, _context):
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}


@schemathesis.hook
def map_path_parameters(context, parameters):
    """Half of the requests with good names are about what is there."""
    # The one client must not get other settings.
    hub = SET_HUB if context.operation.path.startswith("/api/ext/") else HUB
    live = {"hub": hub, "userId": USER, "group": GROUP, "connectionId": LIVE["id"]}
    if not isinstance(parameters, dict):
        return parameters
    names = {name: value for name, value in parameters.items() if name in live}
    coin = zlib.crc32(repr(sorted(names.items())).encode()) % 2
    if coin and all(map(is_good, names.items())):
        parameters.update({name: live[name] for name in names})
    return parameters


def is_good(parameter):
    name, value = parameter
    if not isinstance(value, str):
        return False
    if name == "hub":
        return re.fullmatch(r"[A-Za-z][\w`,.[\]]{0,127}", value, re.ASCII)
    return value.strip() and len(value) <= 1024


@schemathesis.hook
def before_call(_context, case, _kwargs):
    """Who may wait for something to happen does not: it would take seconds for each request."""
    query = case.query if isinstance(case.query, dict) else {}
    if re.fullmatch(r"[1-9]|1[0-9]|2[0-5]", str(query.get("wait"))):
        query["wait"] = 0


@schemathesis.hook
def filter_query(_context, query):
    """Whatever is not a list of ids becomes one on its way through the URL: it forbids nothing."""
    return isinstance((query or {}).get("excluded", []), list)


@schemathesis.hook
def filter_body(context, body):
    """The same for texts in bodies."""
    return not context.operation.path.endswith(":send") or isinstance(body, (str, bytes))


# What a document cannot say, the expressions of filters, comes from here.
FILTERS = [
    "",
    "userId eq 'ann'",
    "'room' in groups and not (connectionId eq 'x')",
    "userId in ('ann', null) or startswith(userId, 'b')",
    "length(groups) gt 1 and userId ne 'O''Brien'",
]
FORMATS = {
    "odata-filter": FILTERS,
    "url-template": ["builtin:echo", "https://127.0.0.1:1/{hub}/{event}?code=c", "http://localhost:1"],
    "event-pattern": ["", "*", "a", "a, B"],
    "group-filter": ["room", "chat*", "a.**.?"],
    "header-name": ["X-Api-Key", "authorization"],
    "header-value": ["secret", "Bearer a b"],
    "host": ["localhost:1"],
    "event-hub-connection": ["Endpoint=sb://localhost:1;SharedAccessKeyName=n;SharedAccessKey=k"],
    "nats-url": ["nats://127.0.0.1:1", "tls://user:password@localhost:1"],
    "nats-subject": ["events", "a.{hub}.b-{event}"],
}
for name, texts in FORMATS.items():
    schemathesis.openapi.format(name, strategies.sampled_from(texts))

threading.Thread(target=keep_a_client, daemon=True).start()
while not LIVE:
    time.sleep(0.01)
options = [
    f"--url={ENDPOINT}",
    f"--seed={SEED}",
    "--generation-database=none",
    "--phases=examples,coverage,fuzzing",
    "--max-examples=20",
    "--suppress-health-check=all",
    "--continue-on-failure",
    "--no-color",
    "--warnings=off",
]
if len(sys.argv) == 2:
    command_line(["run", f"{ENDPOINT}/api/openapi.json", *options])
with open(sys.argv[2], encoding="utf-8") as file:
    document = json.load(file)
for operations in document["paths"].values():
    for operation in operations.values():
        # It would allow every status.
        operation["responses"].pop("default", None)
with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
    json.dump(document, file)
    file.flush()
    checks = "not_a_server_error,status_code_conformance,response_headers_conformance,response_schema_conformance"
    command_line(["run", file.name, f"--checks={checks}", *options])
