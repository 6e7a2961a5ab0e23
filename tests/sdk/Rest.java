// Every method of the official package com.azure:azure-messaging-webpubsub, and what it does to connected clients:
//   java Rest.java sync|async methods <connection string>
//   java Rest.java sync|async proxy <connection string with the public endpoint> <URL that reaches the service>
import com.azure.core.credential.AzureKeyCredential;
import com.azure.core.exception.ClientAuthenticationException;
import com.azure.core.exception.HttpResponseException;
import com.azure.core.exception.ResourceModifiedException;
import com.azure.core.exception.ResourceNotFoundException;
import com.azure.core.http.HttpHeaderName;
import com.azure.core.http.policy.FixedDelayOptions;
import com.azure.core.http.policy.RetryOptions;
import com.azure.core.http.rest.RequestOptions;
import com.azure.core.http.rest.Response;
import com.azure.core.util.BinaryData;
import com.azure.messaging.webpubsub.WebPubSubServiceAsyncClient;
import com.azure.messaging.webpubsub.WebPubSubServiceClient;
import com.azure.messaging.webpubsub.WebPubSubServiceClientBuilder;
import com.azure.messaging.webpubsub.models.GetClientAccessTokenOptions;
import com.azure.messaging.webpubsub.models.WebPubSubClientAccessToken;
import com.azure.messaging.webpubsub.models.WebPubSubContentType;
import com.azure.messaging.webpubsub.models.WebPubSubPermission;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import reactor.core.publisher.Mono;

class Rest {
    static final WebPubSubContentType TEXT = WebPubSubContentType.TEXT_PLAIN;
    static final String CLOSED = "Application server closed the connection.";
    static final Set<String> uncalled = new TreeSet<>();
    static boolean isSync;
    static String connectionString;
    static Object service;

    static Object client(WebPubSubServiceClientBuilder builder) {
        builder.retryOptions(new RetryOptions(new FixedDelayOptions(0, Duration.ofMillis(1))));
        return isSync ? builder.buildClient() : builder.buildAsyncClient();
    }

    static WebPubSubServiceClientBuilder builder() {
        return new WebPubSubServiceClientBuilder().connectionString(connectionString).hub("chat");
    }

    static Object call(String name, Object... arguments) {
        return callOn(service, name, arguments);
    }

    /** Calls the blocking method, or waits for what the asynchronous one promises. */
    static Object callOn(Object sdk, String name, Object... arguments) {
        Method method = methods(sdk.getClass()).stream()
            .filter(one -> one.getName().equals(name) && one.getParameterCount() == arguments.length)
            .findAny().orElseThrow();
        uncalled.remove(shown(method));
        try {
            Object outcome = method.invoke(sdk, arguments);
            return outcome instanceof Mono<?> mono ? mono.block() : outcome;
        } catch (InvocationTargetException error) {
            throw (RuntimeException) error.getCause();
        } catch (IllegalAccessException error) {
            throw new IllegalStateException(error);
        }
    }

    static List<Method> methods(Class<?> type) {
        return Arrays.stream(type.getMethods()).filter(one -> one.getDeclaringClass() == type).toList();
    }

    static String shown(Method method) {
        return method.getName() + "/" + method.getParameterCount();
    }

    static void status(int expected, Object response) {
        check(((Response<?>) response).getStatusCode() == expected, ((Response<?>) response).getStatusCode());
    }

    static boolean is(String name, Object... arguments) {
        return (Boolean) ((Response<?>) call(name, arguments)).getValue();
    }

    static boolean exists(String what, String name) {
        return is(what + "ExistsWithResponse", name, new RequestOptions());
    }

    static RequestOptions with(String... parameters) {
        RequestOptions options = new RequestOptions();
        for (int at = 0; at < parameters.length; at += 2) {
            options.addQueryParam(parameters[at], parameters[at + 1]);
        }
        return options;
    }

    static void refused(Class<?> kind, int status, String code, Runnable attempt) {
        try {
            attempt.run();
        } catch (HttpResponseException error) {
            check(error.getClass() == kind && error.getResponse().getStatusCode() == status, error);
            check(code == null || error.getMessage().contains("\"code\":\"" + code + "\""), error.getMessage());
            return;
        }
        throw new AssertionError("it should have been refused");
    }

    static void check(boolean holds, Object found) {
        if (!holds) {
            throw new AssertionError(String.valueOf(found));
        }
    }

    /** A client that speaks the JSON subprotocol by itself. */
    static class Client implements WebSocket.Listener {
        final BlockingQueue<String> messages = new LinkedBlockingQueue<>();
        final StringBuilder text = new StringBuilder();
        final WebSocket socket;
        final String id;
        int acks;

        Client(String user, List<String> groups, List<String> roles) {
            var options = new GetClientAccessTokenOptions().setUserId(user).setGroups(groups).setRoles(roles);
            var token = (WebPubSubClientAccessToken) call("getClientAccessToken", options);
            check(token.getUrl().endsWith("?access_token=" + token.getToken()), token.getUrl());
            socket = HttpClient.newHttpClient().newWebSocketBuilder().subprotocols("json.webpubsub.azure.v1")
                .buildAsync(URI.create(token.getUrl()), this).join();
            JsonNode connected = next();
            check(user == null ? connected.get("userId").isNull() : connected.get("userId").asText().equals(user), connected);
            id = connected.get("connectionId").asText();
        }

        Client(String user, String... groups) {
            this(user, List.of(groups), List.of());
        }

        @Override
        public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
            text.append(part);
            if (last) {
                messages.add(text.toString());
                text.setLength(0);
            }
            socket.request(1);
            return null;
        }

        @Override
        public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
            messages.add("{\"close\":" + code + "}");
            return null;
        }

        JsonNode next() {
            try {
                String message = messages.poll(20, TimeUnit.SECONDS);
                check(message != null, "nothing came");
                return new ObjectMapper().readTree(message);
            } catch (Exception error) {
                throw new AssertionError(error);
            }
        }

        void expect(String dataType, String data) {
            JsonNode message = next();
            check(message.path("dataType").asText().equals(dataType), message);
            check((dataType.equals("json") ? message.get("data").toString() : message.get("data").asText()).equals(data), message);
        }

        void expectSilence() {
            call("sendToConnection", id, "mark", TEXT);
            expect("text", "mark");
        }

        void expectClosed(String message) {
            JsonNode found = next();
            check(found.path("event").asText().equals("disconnected") && found.get("message").asText().equals(message), found);
            check(next().path("close").asInt() == 1000, "the close code");
        }

        boolean may(String request, String group) {
            String data = request.equals("sendToGroup") ? ",\"data\":1,\"noEcho\":true" : "";
            socket.sendText("{\"type\":\"" + request + "\",\"group\":\"" + group + "\",\"ackId\":" + ++acks + data + "}", true).join();
            JsonNode ack = next();
            check(ack.path("ackId").asInt() == acks, ack);
            boolean success = ack.get("success").asBoolean();
            check(success || ack.get("error").get("name").asText().equals("Forbidden"), ack);
            return success;
        }
    }

    static void sends() {
        Client ann = new Client("ann", "room");
        Client bob = new Client("O'Brien", "room");
        Client nobody = new Client(null, "room", "a/b + ü?#%");
        List<Client> every = List.of(ann, bob, nobody);
        call("sendToAll", "plain ü", TEXT);
        call("sendToAll", "{\"a\":[1]}", WebPubSubContentType.APPLICATION_JSON);
        for (Client client : every) {
            client.expect("text", "plain ü");
            client.expect("json", "{\"a\":[1]}");
        }
        call("sendToGroup", "a/b + ü?#%", "to the group", TEXT);
        nobody.expect("text", "to the group");
        call("sendToUser", "O'Brien", "to the user", TEXT);
        bob.expect("text", "to the user");
        BinaryData bytes = BinaryData.fromBytes(new byte[] {0, (byte) 0xff});
        var octets = WebPubSubContentType.APPLICATION_OCTET_STREAM;
        String bob1 = "userId eq 'O''Brien'";
        status(202, call("sendToAllWithResponse", bytes, octets, 2L, with("filter", bob1)));
        status(202, call("sendToAllWithResponse", bytes, octets, 2L, with("excluded", ann.id, "excluded", nobody.id)));
        status(202, call("sendToGroupWithResponse", "room", bytes, octets, 2L, with("filter", bob1, "messageTtlSeconds", "5")));
        status(202, call("sendToUserWithResponse", "O'Brien", bytes, octets, 2L, with("filter", "'room' in groups")));
        status(202, call("sendToUserWithResponse", "O'Brien", bytes, octets, 2L, with("filter", "'x' in groups")));
        status(202, call("sendToConnectionWithResponse", bob.id, bytes, octets, 2L, with("filter", "nonsense")));
        for (int time = 0; time < 5; time++) {
            bob.expect("binary", "AP8=");
        }
        // Without a type the SDK sends an empty one; then it is bytes.
        status(202, call("sendToAllWithResponse", bytes, with("filter", bob1)));
        status(202, call("sendToGroupWithResponse", "room", bytes, with("filter", bob1)));
        status(202, call("sendToUserWithResponse", "O'Brien", bytes, new RequestOptions()));
        for (int time = 0; time < 3; time++) {
            bob.expect("binary", "AP8=");
        }
        var text = new RequestOptions().setHeader(HttpHeaderName.CONTENT_TYPE, "text/plain");
        status(202, call("sendToConnectionWithResponse", bob.id, BinaryData.fromString("with a type"), text));
        bob.expect("text", "with a type");
        refused(HttpResponseException.class, 400, "Error.BadRequest",
            () -> call("sendToAllWithResponse", bytes, octets, 2L, with("filter", "userId")));
        every.forEach(Client::expectSilence);
        status(204, call("closeAllConnectionsWithResponse", new RequestOptions()));
        every.forEach(client -> client.expectClosed(CLOSED));
    }

    static void groups() {
        Client ann = new Client("ann");
        Client bob = new Client("bob");
        RequestOptions none = new RequestOptions();
        status(200, call("addConnectionToGroupWithResponse", "room", ann.id, none));
        status(200, call("addUserToGroupWithResponse", "room", "bob", none));
        call("sendToGroup", "room", "to both", TEXT);
        ann.expect("text", "to both");
        bob.expect("text", "to both");
        status(204, call("removeConnectionFromGroupWithResponse", "room", ann.id, none));
        check(exists("group", "room"), "the group");
        status(204, call("removeUserFromGroupWithResponse", "room", "bob", none));
        check(!exists("group", "room") && exists("user", "bob") && !exists("user", "nobody"), "who is there");
        check(exists("connection", ann.id) && !exists("connection", "nowhere"), "the connections");
        refused(ResourceNotFoundException.class, 404, "Error.Connection.NotExisted",
            () -> call("addConnectionToGroupWithResponse", "room", "nowhere", none));
        refused(ResourceNotFoundException.class, 404, "Warning.User.NotExisted",
            () -> call("addUserToGroupWithResponse", "room", "nobody", none));

        call("addConnectionsToGroups", List.of("a", "b"), "userId eq 'ann'");
        call("sendToGroup", "b", "to b", TEXT);
        ann.expect("text", "to b");
        refused(HttpResponseException.class, 400, "Error.BadRequest", () -> call("addConnectionsToGroups", null, "true"));
        status(204, call("removeConnectionFromAllGroupsWithResponse", ann.id, none));
        check(!exists("group", "a") && !exists("group", "b"), "the groups");
        call("addConnectionsToGroups", List.of("a"), null);
        status(204, call("removeUserFromAllGroupsWithResponse", "bob", none));
        call("sendToGroup", "a", "to a", TEXT);
        ann.expect("text", "to a");
        bob.expectSilence();
        status(204, call("closeGroupConnectionsWithResponse", "a", with("reason", "bye & ünï")));
        ann.expectClosed(CLOSED + " Reason: bye & ünï");
        status(204, call("closeUserConnectionsWithResponse", "bob", none));
        bob.expectClosed(CLOSED);
    }

    static void permissions() {
        Client eve = new Client("eve");
        RequestOptions none = new RequestOptions();
        for (String[] pair : new String[][] {{"sendToGroup", "sendToGroup"}, {"joinLeaveGroup", "joinGroup"}}) {
            var permission = WebPubSubPermission.fromString(pair[0]);
            check(!is("checkPermissionWithResponse", permission, eve.id, with("targetName", "room")), "nothing yet");
            check(!eve.may(pair[1], "room"), "nothing yet");
            status(200, call("grantPermissionWithResponse", permission, eve.id, with("targetName", "room")));
            check(is("checkPermissionWithResponse", permission, eve.id, with("targetName", "room")), "granted");
            check(!is("checkPermissionWithResponse", permission, eve.id, with("targetName", "other")), "not all");
            check(eve.may(pair[1], "room"), "granted");
            status(204, call("revokePermissionWithResponse", permission, eve.id, with("targetName", "room")));
            check(!eve.may(pair[1], "room"), "revoked");
        }
        var send = WebPubSubPermission.SEND_TO_GROUP;
        refused(ResourceNotFoundException.class, 404, "Info.Connection.NotExisted",
            () -> call("grantPermissionWithResponse", send, "nowhere", with("targetName", "room")));
        refused(HttpResponseException.class, 400, "Error.BadRequest",
            () -> call("grantPermissionWithResponse", send, eve.id, none));
        for (int number = 0; number < 1_000; number++) {
            call("grantPermissionWithResponse", send, eve.id, with("targetName", "group-" + number));
        }
        refused(ResourceModifiedException.class, 409, "Error.Connection.Conflict",
            () -> call("grantPermissionWithResponse", send, eve.id, with("targetName", "one-more")));
        check(eve.may("sendToGroup", "group-999") && !eve.may("sendToGroup", "one-more"), "state unchanged");
        status(204, call("closeConnectionWithResponse", eve.id, with("reason", "done")));
        eve.expectClosed(CLOSED + " Reason: done");
        check(!exists("connection", eve.id), "closed");
    }

    static void strangers() {
        String endpoint = connectionString.replaceAll(".*Endpoint=([^;]+).*", "$1");
        Object stranger = client(new WebPubSubServiceClientBuilder().endpoint(endpoint).hub("chat")
            .credential(new AzureKeyCredential("not-the-key-not-the-key-not-the-key-not-the-key")));
        refused(ClientAuthenticationException.class, 401, null, () -> callOn(stranger, "sendToAll", "x", TEXT));
        Object badHub = client(builder().hub("1bad"));
        refused(HttpResponseException.class, 400, "Error.BadRequest", () -> callOn(badHub, "sendToAll", "x", TEXT));
        Client roles = new Client("a/b ü+", List.of("room"), List.of("webpubsub.sendToGroup.room"));
        check(roles.may("sendToGroup", "room") && !roles.may("sendToGroup", "other"), "roles");
        roles.socket.abort();
    }

    static void proxy(String url) {
        service = client(builder().reverseProxyEndpoint(url));
        check(!exists("user", "nobody") && exists("group", "room"), "through the proxy");
        call("sendToAll", "x", TEXT);
    }

    public static void main(String[] arguments) {
        isSync = arguments[0].equals("sync");
        connectionString = arguments[2];
        if (arguments[1].equals("proxy")) {
            proxy(arguments[3]);
            System.exit(0);
        }
        service = client(builder());
        methods(isSync ? WebPubSubServiceClient.class : WebPubSubServiceAsyncClient.class)
            .forEach(method -> uncalled.add(shown(method)));
        sends();
        groups();
        permissions();
        strangers();
        check(uncalled.isEmpty(), "methods that were not called: " + uncalled.stream().collect(Collectors.joining(", ")));
        System.exit(0);
    }
}
