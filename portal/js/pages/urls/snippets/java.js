// Java, with the WebSocket of the JDK alone.
import { addressOf, frames, isJson, isReliable, isSimple, literal, program, requests } from "./plan.js";

/** @typedef {import("./plan.js").Plan} Plan */

const GREETING = "hello from Java";

/** @param {Plan} plan */
function code(plan) {
  if (plan.protocol === "json-reliable") return reliable(plan);
  return isJson(plan) || isSimple(plan) ? text(plan) : protobuf(plan);
}

/** @param {Plan} plan */
function connecting(plan) {
  return `HttpClient.newHttpClient().newWebSocketBuilder()${plan.subprotocol ? `.subprotocols(${literal(plan.subprotocol)})` : ""}`;
}

/** What a client of text frames sends. @param {Plan} plan */
function texts(plan) {
  if (isSimple(plan)) return plan.maySend ? [GREETING] : [];
  return requests(plan, GREETING).map((request) => JSON.stringify(request));
}

/** @param {Plan} plan */
function text(plan) {
  return program(
    "import java.net.URI;",
    "import java.net.http.*;",
    "import java.util.concurrent.*;",
    "",
    "public class Client implements WebSocket.Listener {",
    `    static final String URL = ${literal(addressOf(plan))};`,
    "",
    "    public static void main(String[] args) throws Exception {",
    `        WebSocket ws = ${connecting(plan)}`,
    "            .buildAsync(URI.create(URL), new Client()).join();",
    ...texts(plan).map((each) => `        ws.sendText(${literal(each)}, true).join();`),
    "        Thread.sleep(Long.MAX_VALUE);",
    "    }",
    "",
    "    private final StringBuilder message = new StringBuilder();",
    "",
    "    public CompletionStage<?> onText(WebSocket ws, CharSequence part, boolean last) {",
    "        message.append(part);",
    "        if (last) {",
    "            System.out.println(message);",
    "            message.setLength(0);",
    "        }",
    "        return WebSocket.Listener.super.onText(ws, part, last);",
    "    }",
    "",
    ...closing(),
    "}");
}

function closing() {
  return [
    "    public CompletionStage<?> onClose(WebSocket ws, int code, String reason) {",
    '        System.out.println("closed " + code + " " + reason);',
    "        System.exit(code == 1000 ? 0 : 1);",
    "        return null;",
    "    }",
  ];
}

/** @param {Plan} plan */
function reliable(plan) {
  return program(
    "import java.net.*;",
    "import java.net.http.*;",
    "import java.nio.charset.StandardCharsets;",
    "import java.util.concurrent.*;",
    "import java.util.regex.*;",
    "",
    "public class Client implements WebSocket.Listener {",
    `    static final String URL = ${literal(plan.url)};`,
    "    static String address = URL; // after the first connect: what leads back when the socket is lost",
    "    static long seen;",
    "",
    "    private final CountDownLatch lost = new CountDownLatch(1);",
    "    private final StringBuilder text = new StringBuilder();",
    "",
    "    public static void main(String[] args) throws Exception {",
    "        for (boolean first = true;; first = false) {",
    "            Client client = new Client();",
    "            try {",
    `                WebSocket ws = ${connecting(plan)}`,
    "                    .buildAsync(URI.create(address), client).join();",
    "                if (first) {",
    ...requests(plan, GREETING).map((request) => `                    ws.sendText(${literal(JSON.stringify(request))}, true).join();`),
    "                }",
    "                client.lost.await();",
    "            } catch (CompletionException away) {",
    "                if (address.equals(URL)) throw away;",
    "            }",
    "            Thread.sleep(1000);",
    "        }",
    "    }",
    "",
    "    public CompletionStage<?> onText(WebSocket ws, CharSequence part, boolean last) {",
    "        text.append(part);",
    "        if (last) {",
    "            take(ws, text.toString());",
    "            text.setLength(0);",
    "        }",
    "        return WebSocket.Listener.super.onText(ws, part, last);",
    "    }",
    "",
    "    private void take(WebSocket ws, String message) {",
    '        String token = find(message, "\\"reconnectionToken\\":\\"([^\\"]*)\\"");',
    "        if (token != null) {",
    '            String id = find(message, "\\"connectionId\\":\\"([^\\"]*)\\"");',
    '            address = URL.split("\\\\?")[0] + "?awps_connection_id=" + id + "&awps_reconnection_token="',
    "                + URLEncoder.encode(token, StandardCharsets.UTF_8);",
    "        }",
    '        String number = find(message, "^\\\\{(?:\\"type\\":\\"message\\",)?\\"sequenceId\\":(\\\\d+)");',
    "        if (number != null) {",
    '            ws.sendText("{\\"type\\":\\"sequenceAck\\",\\"sequenceId\\":" + number + "}", true);',
    "            if (Long.parseLong(number) <= seen) return; // came again after a recovery",
    "            seen = Long.parseLong(number);",
    "        }",
    "        System.out.println(message);",
    "    }",
    "",
    "    private static String find(String text, String pattern) {",
    "        Matcher found = Pattern.compile(pattern).matcher(text);",
    "        return found.find() ? found.group(1) : null;",
    "    }",
    "",
    "    public CompletionStage<?> onClose(WebSocket ws, int code, String reason) {",
    "        if (code == 1000 || code == 1008) {",
    '            System.out.println("closed " + code + " " + reason);',
    "            System.exit(code == 1000 ? 0 : 1);",
    "        }",
    "        lost.countDown();",
    "        return null;",
    "    }",
    "",
    "    public void onError(WebSocket ws, Throwable error) {",
    "        lost.countDown();",
    "    }",
    "}");
}

/** @param {Plan} plan */
function protobuf(plan) {
  const acks = isReliable(plan);
  return program(
    "import java.io.ByteArrayOutputStream;",
    "import java.net.URI;",
    "import java.net.http.*;",
    "import java.nio.ByteBuffer;",
    "import java.nio.charset.StandardCharsets;",
    "import java.util.Base64;",
    "import java.util.concurrent.*;",
    "",
    "public class Client implements WebSocket.Listener {",
    `    static final String URL = ${literal(plan.url)};`,
    "",
    "    public static void main(String[] args) throws Exception {",
    `        WebSocket ws = ${connecting(plan)}`,
    "            .buildAsync(URI.create(URL), new Client()).join();",
    ...frames(plan, GREETING).map((frame) => `        ws.sendBinary(ByteBuffer.wrap(Base64.getDecoder().decode(${literal(frame.base64)})), true).join(); // ${frame.what}`),
    "        Thread.sleep(Long.MAX_VALUE);",
    "    }",
    "",
    "    private final ByteArrayOutputStream message = new ByteArrayOutputStream();",
    acks && "    private long received;",
    "",
    "    public CompletionStage<?> onBinary(WebSocket ws, ByteBuffer part, boolean last) {",
    "        while (part.hasRemaining()) message.write(part.get());",
    "        ws.request(1);",
    "        if (!last) return null;",
    "        byte[] bytes = message.toByteArray();",
    "        message.reset();",
    "        // Its texts; decode the whole with the schema of the protocol.",
    '        System.out.println(new String(bytes, StandardCharsets.UTF_8).replaceAll("[\\\\x00-\\\\x1f\\\\ufffd]+", " "));',
    ...(acks ? [
      "        if (bytes[0] != 0x12) return null; // a data_message has the next number; sequence_ack_message says that it is here",
      "        ByteArrayOutputStream number = new ByteArrayOutputStream();",
      "        long rest = ++received;",
      "        for (; rest > 127; rest >>>= 7) number.write((int) rest & 127 | 128);",
      "        number.write((int) rest);",
      "        ByteArrayOutputStream ack = new ByteArrayOutputStream();",
      "        ack.writeBytes(new byte[] {0x42, (byte) (number.size() + 1), 0x08});",
      "        ack.writeBytes(number.toByteArray());",
      "        return ws.sendBinary(ByteBuffer.wrap(ack.toByteArray()), true);",
    ] : ["        return null;"]),
    "    }",
    "",
    ...closing(),
    "}");
}

/** @type {import("./plan.js").Language} */
export const java = { id: "java", title: "Java", colours: "java", file: "Client.java", run: "java Client.java", code };
