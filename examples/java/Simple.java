import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.PrintStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.util.Scanner;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * A simple client: no subprotocol. Each line you type is sent as plain text, and each frame that arrives is printed.
 * With a group, the lines are published to it; which groups it receives from is said in the token
 * ({@code hublet token --group ...}). Without a group, each line is an event for the app's event handler, whose answer
 * is printed.
 *
 * <pre>java Simple.java "&lt;client access URL&gt;" [group]</pre>
 */
public class Simple implements WebSocket.Listener {
    private final CompletableFuture<Integer> closed = new CompletableFuture<>();
    private final StringBuilder text = new StringBuilder();

    public static void main(String[] args) {
        if (args.length == 0) {
            System.err.println("usage: java Simple.java \"<client access URL>\" [group]");
            System.exit(2);
        }
        System.setOut(new PrintStream(System.out, true, UTF_8));
        String url = args[0];
        if (args.length > 1) {
            url += (url.contains("?") ? "&" : "?")
                    + "webpubsub_mode=sendToGroup&group=" + URLEncoder.encode(args[1], UTF_8);
        }

        Simple client = new Simple();
        WebSocket socket = HttpClient.newHttpClient().newWebSocketBuilder()
                .buildAsync(URI.create(url), client).join();
        System.out.println("connected");

        Thread typing = new Thread(() -> {
            for (Scanner in = new Scanner(System.in, UTF_8); in.hasNextLine();) {
                socket.sendText(in.nextLine(), true).join();
            }
            socket.sendClose(WebSocket.NORMAL_CLOSURE, "").join();
        });
        typing.setDaemon(true);
        typing.start();

        System.exit(client.closed.join() == WebSocket.NORMAL_CLOSURE ? 0 : 1);
    }

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
        text.append(part);
        if (last) {
            System.out.println(text);
            text.setLength(0);
        }
        socket.request(1);
        return null;
    }

    @Override
    public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer part, boolean last) {
        System.out.println("(" + part.remaining() + " bytes)");
        socket.request(1);
        return null;
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
}
