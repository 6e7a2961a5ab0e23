// A simple client: no subprotocol. Each line you type is sent as plain text, and each frame that arrives is printed.
// With a group, the lines are published to it; which groups it receives from is said in the token (`hublet token
// --group ...`). Without a group, each line is an event for the app's event handler, whose answer is printed.
//
//   dotnet run --project simple -- "<client access URL>" [group]
using System;
using System.IO;
using System.Net.WebSockets;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task<int> Main(string[] args)
    {
        if (args.Length == 0)
        {
            Console.Error.WriteLine("usage: dotnet run --project simple -- \"<client access URL>\" [group]");
            return 2;
        }
        var url = new UriBuilder(args[0]);
        if (args.Length > 1)
        {
            url.Query = url.Query.TrimStart('?') + "&webpubsub_mode=sendToGroup&group=" + Uri.EscapeDataString(args[1]);
        }

        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(url.Uri, CancellationToken.None);
        Console.WriteLine("connected");

        _ = Task.Run(async () =>
        {
            while (Console.ReadLine() is { } line)
            {
                await socket.SendAsync(Encoding.UTF8.GetBytes(line), WebSocketMessageType.Text, true, CancellationToken.None);
            }
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", CancellationToken.None);
        });

        while (await ReceiveAsync(socket) is { } frame)
        {
            Console.WriteLine(frame);
        }
        Console.WriteLine($"closed: {(int?)socket.CloseStatus} {socket.CloseStatusDescription}".TrimEnd());
        return socket.CloseStatus == WebSocketCloseStatus.NormalClosure ? 0 : 1;
    }

    /// The next message in printable form, or null when the server closed.
    static async Task<string?> ReceiveAsync(ClientWebSocket socket)
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

        return part.MessageType switch
        {
            WebSocketMessageType.Close => null,
            WebSocketMessageType.Text => Encoding.UTF8.GetString(message.ToArray()),
            _ => $"({message.Length} bytes) {BitConverter.ToString(message.ToArray())}",
        };
    }
}
