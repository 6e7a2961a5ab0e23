// A broadcast server on the `ws` package, written as its users write one, to compare hublet with.
// A text message goes to every other client; a binary one is read and dropped, so that clients can send without load.
//
//   node server.mjs PORT
import { WebSocket, WebSocketServer } from 'ws';

const port = Number(process.argv[2] ?? 8090);
const server = new WebSocketServer({ host: '127.0.0.1', port });

server.on('connection', (sender) => {
  sender.on('error', (error) => console.error(error.message));
  sender.on('message', (data, isBinary) => {
    if (isBinary) return;
    for (const client of server.clients) {
      if (client !== sender && client.readyState === WebSocket.OPEN) client.send(data, { binary: false });
    }
  });
});
server.on('listening', () => console.log(`listening on ws://127.0.0.1:${port}/`));
process.on('SIGTERM', () => process.exit(0));
