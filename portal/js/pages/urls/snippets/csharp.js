// C#, with ClientWebSocket.
import { addressOf, frames, isJson, isReliable, isSimple, literal, program, requests } from "./plan.js";

/** @typedef {import("./plan.js").Plan} Plan */

const GREETING = "hello from C#";

/** @param {Plan} plan */
function code(plan) {
  if (plan.protocol === "json-reliable") return reliable(plan);
  return isJson(plan) || isSimple(plan) ? text(plan) : protobuf(plan);
}

const HEAD = [
  "using System;",
  "using System.IO;",
  "using System.Net.WebSockets;",
  "using System.Text;",
];
const TAIL = ["using System.Threading;", "using System.Threading.Tasks;", ""];

/** Receives a whole message; null after the close. */
const RECEIVE = [
  "    static async Task<byte[]?> Receive(ClientWebSocket ws) {",
  "        var buffer = new byte[8192];",
  "        var message = new MemoryStream();",
  "        while (true) {",
  "            var part = await ws.ReceiveAsync(new ArraySegment<byte>(buffer), CancellationToken.None);",
  "            if (part.MessageType == WebSocketMessageType.Close) return null;",
  "            message.Write(buffer, 0, part.Count);",
  "            if (part.EndOfMessage) return message.ToArray();",
  "        }",
  "    }",
];

/** @param {string} kind @param {string} bytes @param {number} indent */
const send = (kind, bytes, indent) =>
  `${" ".repeat(indent)}await ws.SendAsync(new ArraySegment<byte>(${bytes}), WebSocketMessageType.${kind}, true, CancellationToken.None);`;

const CLOSED = '        Console.WriteLine($"closed {(int?)ws.CloseStatus} {ws.CloseStatusDescription}");';

/** @param {Plan} plan */
function text(plan) {
  const texts = isSimple(plan) ? (plan.maySend ? [GREETING] : []) : requests(plan, GREETING).map((request) => JSON.stringify(request));
  return program(
    ...HEAD, ...TAIL,
    "class Client {",
    `    const string Url = ${literal(addressOf(plan))};`,
    "",
    "    static async Task Main() {",
    "        using var ws = new ClientWebSocket();",
    plan.subprotocol !== null && `        ws.Options.AddSubProtocol(${literal(plan.subprotocol)});`,
    "        await ws.ConnectAsync(new Uri(Url), CancellationToken.None);",
    ...texts.map((each) => send("Text", `Encoding.UTF8.GetBytes(${literal(each)})`, 8)),
    "        while (await Receive(ws) is byte[] message) Console.WriteLine(Encoding.UTF8.GetString(message));",
    CLOSED,
    "    }",
    "",
    ...RECEIVE,
    "}");
}

/** @param {Plan} plan */
function reliable(plan) {
  return program(
    ...HEAD, "using System.Text.Json;", ...TAIL,
    "class Client {",
    `    const string Url = ${literal(plan.url)};`,
    "    static string address = Url; // after the first connect: what leads back when the socket is lost",
    "    static long seen;",
    "",
    "    static async Task Main() {",
    "        while (true) {",
    "            using var ws = new ClientWebSocket();",
    `            ws.Options.AddSubProtocol(${literal(plan.subprotocol)});`,
    "            try {",
    "                var first = address == Url;",
    "                await ws.ConnectAsync(new Uri(address), CancellationToken.None);",
    "                if (first) {",
    ...requests(plan, GREETING).map((request) => send("Text", `Encoding.UTF8.GetBytes(${literal(JSON.stringify(request))})`, 20)),
    "                }",
    "                while (await Receive(ws) is byte[] message) await Take(ws, Encoding.UTF8.GetString(message));",
    "            } catch (WebSocketException) when (address != Url) {",
    "            }",
    "            if ((int?)ws.CloseStatus == 1000 || (int?)ws.CloseStatus == 1008) break;",
    "            await Task.Delay(1000);",
    "        }",
    "    }",
    "",
    "    static async Task Take(ClientWebSocket ws, string text) {",
    "        var message = JsonDocument.Parse(text).RootElement;",
    '        if (message.TryGetProperty("reconnectionToken", out var token))',
    '            address = Url.Split(\'?\')[0] + "?awps_connection_id=" + message.GetProperty("connectionId").GetString()',
    '                + "&awps_reconnection_token=" + Uri.EscapeDataString(token.GetString()!);',
    '        if (message.TryGetProperty("sequenceId", out var number)) {',
    '            var ack = $"{{\\"type\\":\\"sequenceAck\\",\\"sequenceId\\":{number}}}";',
    send("Text", "Encoding.UTF8.GetBytes(ack)", 12),
    "            if (number.GetInt64() <= seen) return; // came again after a recovery",
    "            seen = number.GetInt64();",
    "        }",
    "        Console.WriteLine(text);",
    "    }",
    "",
    ...RECEIVE,
    "}");
}

/** @param {Plan} plan */
function protobuf(plan) {
  const acks = isReliable(plan);
  return program(
    ...HEAD, "using System.Text.RegularExpressions;", ...TAIL,
    "class Client {",
    `    const string Url = ${literal(plan.url)};`,
    "",
    "    static async Task Main() {",
    "        using var ws = new ClientWebSocket();",
    `        ws.Options.AddSubProtocol(${literal(plan.subprotocol)});`,
    "        await ws.ConnectAsync(new Uri(Url), CancellationToken.None);",
    ...frames(plan, GREETING).map((frame) => `${send("Binary", `Convert.FromBase64String(${literal(frame.base64)})`, 8)} // ${frame.what}`),
    acks && "        long received = 0;",
    "        while (await Receive(ws) is byte[] message) {",
    "            // Its texts; decode the whole with the schema of the protocol.",
    '            Console.WriteLine(Regex.Replace(Encoding.UTF8.GetString(message), @"[\\x00-\\x1f\\ufffd]+", " "));',
    ...(acks ? [
      "            if (message[0] != 0x12) continue; // a data_message has the next number; sequence_ack_message says that it is here",
      "            var number = new MemoryStream();",
      "            var rest = ++received;",
      "            for (; rest > 127; rest >>= 7) number.WriteByte((byte)(rest & 127 | 128));",
      "            number.WriteByte((byte)rest);",
      "            var ack = new MemoryStream();",
      "            ack.Write(new byte[] { 0x42, (byte)(number.Length + 1), 0x08 });",
      "            ack.Write(number.ToArray());",
      send("Binary", "ack.ToArray()", 12),
    ] : []),
    "        }",
    CLOSED,
    "    }",
    "",
    ...RECEIVE,
    "}");
}

/** @type {import("./plan.js").Language} */
export const csharp = {
  id: "csharp",
  title: "C#",
  colours: "csharp",
  file: "Program.cs",
  run: "dotnet new console --output client && cd client\n# put the program in the place of Program.cs, then\ndotnet run",
  code,
};
