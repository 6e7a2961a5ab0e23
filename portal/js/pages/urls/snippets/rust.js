// Rust, with hublet's own client, which recovers and acknowledges by itself.
import { addressOf, isSimple, literal, program } from "./plan.js";

/** @typedef {import("./plan.js").Plan} Plan */

const GREETING = "hello from Rust";

/** @type {Record<string, string>} */
const VARIANTS = { json: "Json", "json-reliable": "JsonReliable", protobuf: "Protobuf", "protobuf-reliable": "ProtobufReliable" };

/** A text as a literal: control characters are written differently than in JSON. @param {string} text */
const quoted = (text) => literal(text).replace(/\\u([0-9a-f]{4})|\\[bf]/g, (part, hex) => `\\u{${hex ?? { "\\b": "8", "\\f": "c" }[part]}}`);

/** @param {Plan} plan */
function code(plan) {
  return isSimple(plan) ? simple(plan) : full(plan);
}

/** @param {Plan} plan */
function simple(plan) {
  return program(
    "use hublet_client::ws::{ConnectOptions, Connection, Event};",
    "",
    `const URL: &str = ${quoted(addressOf(plan))};`,
    "",
    '#[tokio::main(flavor = "current_thread")]',
    "async fn main() -> Result<(), hublet_client::Error> {",
    "    let mut ws = Connection::connect(URL, &ConnectOptions::default()).await?;",
    plan.maySend && `    ws.send_text(${quoted(GREETING)}).await?; // every frame goes to the group`,
    "    while let Some(event) = ws.next().await? {",
    "        match event {",
    '            Event::Text(text) => println!("{text}"),',
    '            other => println!("{other:?}"),',
    "        }",
    "    }",
    "    Ok(())",
    "}");
}

/** @param {Plan} plan */
function full(plan) {
  const used = plan.mayJoin || plan.maySend;
  return program(
    "use hublet_client::pubsub::Protocol;",
    "use hublet_client::{Event, WebPubSubClient};",
    "",
    `const URL: &str = ${quoted(plan.url)};`,
    "",
    '#[tokio::main(flavor = "current_thread")]',
    "async fn main() -> Result<(), hublet_client::Error> {",
    `    let builder = WebPubSubClient::builder(URL).protocol(Protocol::${VARIANTS[plan.protocol]});`,
    `    let (${used ? "client" : "_client"}, mut events) = builder.connect().await?;`,
    plan.mayJoin && `    client.join_group(${quoted(plan.group)}).await?;`,
    plan.maySend && `    client.send_to_group(${quoted(plan.group)}, ${quoted(GREETING)}).await?;`,
    "    while let Some(event) = events.next().await {",
    "        match event {",
    "            Event::GroupMessage(message) => {",
    '                println!("{}: {}", message.group, message.data.as_str().unwrap_or("(not text)"));',
    "            }",
    '            other => println!("{other:?}"),',
    "        }",
    "    }",
    "    Ok(())",
    "}");
}

/** @type {import("./plan.js").Language} */
export const rust = {
  id: "rust",
  title: "Rust",
  colours: "rust",
  file: "src/main.rs",
  how: "The client is in the source of hublet: put the path of your copy in the place of ../hublet.",
  run: "cargo new client && cd client\ncargo add hublet-client --path ../hublet/crates/client\ncargo add tokio --features macros,rt\n# put the program in the place of src/main.rs, then\ncargo run",
  code,
};
