import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.util.Scanner;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A PubSub client: speaks json.webpubsub.azure.v1. It joins a group, sends each line you type to the group, and
 * prints what arrives.
 *
 * <pre>java PubSub.java "&lt;client access URL&gt;" [group]</pre>
 */
public class PubSub implements WebSocket.Listener {
    private static final int JOIN = 1; // the ackId of the join; the lines that follow count up from it

    private final String group;
    private final CompletableFuture<Integer> closed = new CompletableFuture<>();
    private final StringBuilder text = new StringBuilder();

    PubSub(String group) {
        this.group = group;
    }

    public static void main(String[] args) {
        if (args.length == 0) {
            System.err.println("usage: java PubSub.java \"<client access URL>\" [group]");
            System.exit(2);
        }
        System.setOut(new PrintStream(System.out, true, UTF_8));
        PubSub client = new PubSub(args.length > 1 ? args[1] : "lobby");
        HttpClient.newHttpClient().newWebSocketBuilder()
                .subprotocols("json.webpubsub.azure.v1")
                .buildAsync(URI.create(args[0]), client).join();
        System.exit(client.closed.join() == WebSocket.NORMAL_CLOSURE ? 0 : 1);
    }

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
        text.append(part);
        if (last) {
            show(socket, text.toString());
            text.setLength(0);
        }
        socket.request(1);
        return null;
    }

    private void show(WebSocket socket, String message) {
        switch (field(message, "type")) {
            case "\"system\"" -> {
                if (field(message, "event").equals("\"connected\"")) {
                    System.out.println("connected as " + plain(field(message, "userId"))
                            + ", connection " + plain(field(message, "connectionId")));
                    socket.sendText("{\"type\":\"joinGroup\",\"group\":" + quote(group) + ",\"ackId\":" + JOIN + "}", true);
                } else {
                    System.out.println("disconnected: " + plain(field(message, "message")));
                }
            }
            case "\"ack\"" -> {
                if (field(message, "success").equals("false")) {
                    System.out.println("refused: " + plain(field(message, "name")) + ": " + plain(field(message, "message")));
                } else if (field(message, "ackId").equals(String.valueOf(JOIN))) {
                    Thread typing = new Thread(() -> readLines(socket));
                    typing.setDaemon(true);
                    typing.start();
                }
            }
            case "\"message\"" -> {
                String user = field(message, "fromUserId");
                String sender = user.equals("null") ? field(message, "from") : user;
                boolean json = field(message, "dataType").equals("\"json\"");
                System.out.println(plain(sender) + ": " + (json ? message : plain(field(message, "data"))));
            }
            default -> { }
        }
    }

    private void readLines(WebSocket socket) {
        System.out.println("joined " + group);
        Scanner in = new Scanner(System.in, UTF_8);
        for (int ackId = JOIN + 1; in.hasNextLine(); ackId++) {
            socket.sendText("{\"type\":\"sendToGroup\",\"group\":" + quote(group) + ",\"dataType\":\"text\",\"data\":"
                    + quote(in.nextLine()) + ",\"ackId\":" + ackId + "}", true).join();
        }
        socket.sendClose(WebSocket.NORMAL_CLOSURE, "").join();
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
        System.out.println(("closed: " + code + " " + reason).stripTrailing());
        closed.complete(code);
        return null;
    }

    @Override
    public void onError(WebSocket socket, Throwable error) {
        System.err.println(error.getMessage());
        closed.complete(1006);
    }

    // The JDK has no JSON parser. These few lines are enough for the messages above; a real program uses a library.

    /** The value of a key as it stands in the JSON text, quotes included; "null" when there is none. */
    private static String field(String json, String key) {
        Matcher at = Pattern.compile("\"" + key + "\":(\"[^\"\\\\]*+(?:\\\\.[^\"\\\\]*+)*+\"|[^,}\"]+)").matcher(json);
        return at.find() ? at.group(1) : "null";
    }

    /** The text of a JSON string; anything else as it is. */
    private static String plain(String value) {
        if (!value.startsWith("\"")) {
            return value;
        }
        Matcher escape = Pattern.compile("\\\\(?:u(....)|(.))").matcher(value.substring(1, value.length() - 1));
        return escape.replaceAll(at -> Matcher.quoteReplacement(at.group(1) != null
                ? Character.toString(Integer.parseInt(at.group(1), 16))
                : switch (at.group(2)) {
                    case "n" -> "\n";
                    case "r" -> "\r";
                    case "t" -> "\t";
                    default -> at.group(2);
                }));
    }

    /** A JSON string of this text. */
    private static String quote(String text) {
        Matcher special = Pattern.compile("[\"\\\\\\x00-\\x1f]").matcher(text);
        return '"' + special.replaceAll(at -> String.format("\\\\u%04x", (int) at.group().charAt(0))) + '"';
    }
}
