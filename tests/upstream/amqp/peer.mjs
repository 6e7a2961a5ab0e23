// An event hub for tests: `node peer.mjs MECHANISM [CERTIFICATE KEY]`. It listens on a free port of 127.0.0.1 and tells
// what happens in JSON, a line each. Lines on its input change what it does with what comes later:
//   {"outcome": "accept" | "release" | "ignore" | "reject", "condition": …}
//   {"token_status": 401}
//   {"end": "connection" | "link"}
// MECHANISM is PLAIN for user and password, or ANONYMOUS for those who show a token.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import rhea from 'rhea';

const [mechanism, certificate, key] = process.argv.slice(2);
const tell = (what) => console.log(JSON.stringify(what));
let now = { outcome: 'accept', token_status: 202 };

const container = rhea.create_container({ autoaccept: false, id: 'peer' });
if (mechanism === 'PLAIN') {
  container.sasl_server_mechanisms.enable_plain((user, password) => {
    tell({ user, password });
    return user === 'send' && password === 'secret==';
  });
} else {
  container.sasl_server_mechanisms.enable_anonymous();
}

container.on('connection_open', ({ connection }) => {
  connection.shown = { hostname: connection.hostname, container: connection.container_id };
  tell({ connection: connection.shown });
});
container.on('receiver_open', ({ receiver }) => {
  receiver.set_source(receiver.source);
  receiver.set_target(receiver.target);
  tell({ link: receiver.target.address, name: receiver.name });
});
container.on('sender_open', ({ sender }) => {
  sender.set_source(sender.source);
  sender.set_target(sender.target);
  sender.connection.answers = sender;
});
container.on('message', ({ message, delivery, receiver, connection }) => {
  if (receiver.target.address === '$cbs') {
    delivery.accept();
    tell({ token: message.body, reply_to: message.reply_to, ...message.application_properties });
    connection.answers.send({
      correlation_id: message.message_id,
      application_properties: { 'status-code': now.token_status, 'status-description': 'as told' },
      body: undefined,
    });
    return;
  }
  const { content, multiple } = message.body;
  tell({
    message_id: message.message_id,
    content_type: message.content_type,
    annotations: message.message_annotations,
    properties: message.application_properties,
    section: message.body.typecode,
    body: (multiple ? Buffer.concat(content) : content).toString('base64'),
    outcome: now.outcome,
  });
  if (now.outcome === 'accept') delivery.accept();
  if (now.outcome === 'release') delivery.release();
  if (now.outcome === 'reject') delivery.reject({ condition: now.condition, description: 'as told' });
});
for (const end of ['disconnected', 'connection_error', 'receiver_error', 'protocol_error']) {
  container.on(end, () => {});
}

const connections = new Set();
container.on('connection_open', ({ connection }) => connections.add(connection));
container.on('connection_close', ({ connection }) => {
  connections.delete(connection);
  tell({ closed: connection.shown.container });
});

createInterface({ input: process.stdin }).on('line', (line) => {
  const told = JSON.parse(line);
  now = { ...now, ...told };
  for (const connection of told.end ? connections : []) {
    if (told.end === 'connection') {
      connection.close({ condition: 'amqp:connection:forced', description: 'as told' });
    } else {
      connection.find_receiver((receiver) => receiver.target.address !== '$cbs')
        .close({ condition: 'amqp:link:detach-forced', description: 'as told' });
    }
  }
  tell({ now: line });
}).on('close', () => process.exit());

const tls = certificate && { transport: 'tls', cert: readFileSync(certificate), key: readFileSync(key) };
const server = container.listen({ host: '127.0.0.1', port: 0, ...tls });
server.on('tlsClientError', () => tell({ broken: true }));
server.on('listening', () => tell({ port: server.address().port }));
