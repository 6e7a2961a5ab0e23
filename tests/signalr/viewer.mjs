// Reads the live trace as the original's tools do, and prints each row: node viewer.mjs <endpoint> <token>
// The texts of rows come from templates that the service tells before the first event of a kind.
import { HttpTransportType, HubConnectionBuilder, LogLevel } from "@microsoft/signalr";

const [endpoint, token] = process.argv.slice(2);
const templates = new Map();

const connection = new HubConnectionBuilder()
  .withUrl(`${endpoint}/livetrace`, {
    accessTokenFactory: () => token,
    skipNegotiation: true,
    transport: HttpTransportType.WebSockets,
  })
  .configureLogging(LogLevel.Error)
  .build();

connection.on("LogProperty", ({ eventId, eventName, template, logLevel }) => {
  templates.set(eventId, { eventName, template, logLevel });
});
connection.on("logEvent", ({ time, eventId, logContext, values, exceptionMessage }) => {
  const known = templates.get(eventId);
  if (!known) {
    console.log(`event ${eventId} came before its text`);
    return;
  }
  const rest = [...values];
  const message = known.template.replace(/\{\w+\}/g, (place) => rest.shift() ?? place);
  const { eventName, logLevel } = known;
  console.log(JSON.stringify({ time, eventName, logLevel, message, logContext, exceptionMessage }));
});
connection.onclose((error) => console.log(`closed ${error?.message ?? ""}`.trim()));

try {
  await connection.start();
} catch (error) {
  console.log(`refused ${error.message}`);
  process.exit(0);
}
await connection.send("startListeningToLogEvents");
// The answer to a call comes after everything that was called before.
try {
  await connection.invoke("nothing");
} catch (error) {
  console.log(`listening; ${error.message}`);
}
process.stdin.resume();
process.stdin.on("end", () => connection.stop());
