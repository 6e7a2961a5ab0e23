// A PubSub client: speaks json.webpubsub.azure.v1. It joins a group, sends each line you type to the group, and
// prints what arrives.
//
//   dotnet run --project pubsub -- "<client access URL>" [group]
using System;
using System.IO;
using System.Net.WebSockets;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    const int Join = 1; // the ackId of the join; the lines that follow count up from it

    static async Task<int> Main(string[] args)
    {
        if (args.Length == 0)
        {
            Console.Error.WriteLine("usage: dotnet run --project pubsub -- \"<client access URL>\" [group]");
            return 2;
        }
        var group = args.Length > 1 ? args[1] : "lobby";

        using var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol("json.webpubsub.azure.v1");
        await socket.ConnectAsync(new Uri(args[0]), CancellationToken.None);

        while (await ReceiveAsync(socket) is { } message)
        {
            using (message)
            {
                await ShowAsync(socket, group, message.RootElement);
            }
        }
        Console.WriteLine($"closed: {(int?)socket.CloseStatus} {socket.CloseStatusDescription}".TrimEnd());
        return socket.CloseStatus == WebSocketCloseStatus.NormalClosure ? 0 : 1;
    }

    static async Task ShowAsync(ClientWebSocket socket, string group, JsonElement message)
    {
        string Text(string key) => message.GetProperty(key).ToString();

        switch (Text("type"))
        {
            case "system" when Text("event") == "connected":
                Console.WriteLine($"connected as {Text("userId")}, connection {Text("connectionId")}");
                await SendAsync(socket, new { type = "joinGroup", group, ackId = Join });
                break;
            case "system" when Text("event") == "disconnected":
                Console.WriteLine($"disconnected: {Text("message")}");
                break;
            case "ack" when !message.GetProperty("success").GetBoolean():
                var error = message.GetProperty("error");
                Console.WriteLine($"refused: {error.GetProperty("name")}: {error.GetProperty("message")}");
                break;
            case "ack" when message.GetProperty("ackId").GetInt64() == Join:
                _ = Task.Run(() => ReadLinesAsync(socket, group));
                break;
            case "message":
                var named = message.TryGetProperty("fromUserId", out var user) && user.ValueKind == JsonValueKind.String;
                Console.WriteLine($"{(named ? user.GetString() : Text("from"))}: {Text("data")}");
                break;
        }
    }

    static async Task ReadLinesAsync(ClientWebSocket socket, string group)
    {
        Console.WriteLine($"joined {group}");
        for (var ackId = Join + 1; Console.ReadLine() is { } line; ackId++)
        {
            await SendAsync(socket, new { type = "sendToGroup", group, dataType = "text", data = line, ackId });
        }
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", CancellationToken.None);
    }

    static Task SendAsync(ClientWebSocket socket, object message) =>
        socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(message), WebSocketMessageType.Text, true, CancellationToken.None);

    /// The next message, or null when the server closed.
    static async Task<JsonDocument?> ReceiveAsync(ClientWebSocket socket)
    {
        var buffer = new byte[4096];
        var message = new MemoryStream();
        WebSocketReceiveResult part;
        do
        {
            part = await socket.ReceiveAsync(new ArraySegment<byte>(buffer), CancellationToken.None);
            message.Write(buffer, 0, part.Count);
        }
        while (!part.EndOfMessage);

        return part.MessageType == WebSocketMessageType.Close ? null : JsonDocument.Parse(message.ToArray());
    }
}
