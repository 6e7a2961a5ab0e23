// Python, with the package `websockets`.
import { addressOf, frames, isJson, isReliable, isSimple, literal, program, requests } from "./plan.js";

/** @typedef {import("./plan.js").Plan} Plan */

const GREETING = "hello from Python";

/** @param {Plan} plan */
function code(plan) {
  if (isSimple(plan)) return simple(plan);
  if (plan.protocol === "json-reliable") return reliable(plan);
  return isJson(plan) ? json(plan) : protobuf(plan);
}

/** @param {Plan} plan */
function simple(plan) {
  return program(
    "import asyncio, websockets",
    "",
    "async def main():",
    `    async with websockets.connect(${literal(addressOf(plan))}) as ws:`,
    plan.maySend && `        await ws.send(${literal(GREETING)})  # every frame goes to the group`,
    "        async for message in ws:",
    "            print(message, flush=True)",
    "",
    "asyncio.run(main())");
}

/** @param {Plan} plan */
function json(plan) {
  return program(
    "import asyncio, json, websockets",
    "",
    `URL = ${literal(plan.url)}`,
    "",
    "async def main():",
    `    async with websockets.connect(URL, subprotocols=[${literal(plan.subprotocol)}]) as ws:`,
    ...requests(plan, GREETING).map((request) => `        await ws.send(json.dumps(${literal(request)}))`),
    "        async for message in ws:",
    "            print(message, flush=True)",
    "",
    "asyncio.run(main())");
}

/** @param {Plan} plan */
function reliable(plan) {
  return program(
    "import asyncio, json, websockets",
    "from urllib.parse import urlencode",
    "",
    `URL = ${literal(plan.url)}`,
    "requests = [",
    ...requests(plan, GREETING).map((request) => `    ${literal(request)},`),
    "]",
    "",
    "async def main():",
    "    address, seen = URL, 0",
    "    while True:",
    "        try:",
    `            async with websockets.connect(address, subprotocols=[${literal(plan.subprotocol)}]) as ws:`,
    "                while requests:",
    "                    await ws.send(json.dumps(requests.pop(0)))",
    "                async for text in ws:",
    "                    message = json.loads(text)",
    '                    if message.get("event") == "connected":  # leads back when the socket is lost',
    '                        query = {"awps_connection_id": message["connectionId"],',
    '                                 "awps_reconnection_token": message["reconnectionToken"]}',
    '                        address = URL.split("?")[0] + "?" + urlencode(query)',
    '                    if number := message.get("sequenceId"):',
    '                        await ws.send(json.dumps({"type": "sequenceAck", "sequenceId": number}))',
    "                        if number <= seen:",
    "                            continue  # came again after a recovery",
    "                        seen = number",
    "                    print(text, flush=True)",
    "            return",
    "        except websockets.ConnectionClosed as closed:",
    "            if closed.rcvd and closed.rcvd.code == 1008:",
    "                raise",
    "        except OSError:",
    "            if address == URL:",
    "                raise",
    "        await asyncio.sleep(1)",
    "",
    "asyncio.run(main())");
}

/** @param {Plan} plan */
function protobuf(plan) {
  const acks = isReliable(plan);
  return program(
    "import asyncio, base64, re, websockets",
    "",
    `URL = ${literal(plan.url)}`,
    acks && "",
    acks && "def varint(n):",
    acks && "    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)",
    "",
    "async def main():",
    acks && "    received = 0",
    `    async with websockets.connect(URL, subprotocols=[${literal(plan.subprotocol)}]) as ws:`,
    ...frames(plan, GREETING).map((frame) => `        await ws.send(base64.b64decode(${literal(frame.base64)}))  # ${frame.what}`),
    "        async for message in ws:",
    acks && "            if message[0] == 0x12:  # data_message: the next number; sequence_ack_message says that it is here",
    acks && "                received += 1",
    acks && "                number = varint(received)",
    acks && "                await ws.send(bytes([0x42, len(number) + 1, 0x08]) + number)",
    "            # Its texts; decode the whole with the schema of the protocol.",
    '            print(re.sub(r"[\\x00-\\x1f\\ufffd]+", " ", message.decode(errors="replace")), flush=True)',
    "",
    "asyncio.run(main())");
}

/** @type {import("./plan.js").Language} */
export const python = {
  id: "python",
  title: "Python",
  colours: "python",
  file: "client.py",
  run: "pip install websockets\npython client.py",
  code,
};
