//! Claims-based security: tokens go to the node `$cbs` of the peer (AMQP Claims-based Security 1.0, as Event Hubs has it).

use fe2o3_amqp::session::SessionHandle;
use fe2o3_amqp::types::messaging::{ApplicationProperties, Body, Message, Properties};
use fe2o3_amqp::types::primitives::{SimpleValue, Value};
use fe2o3_amqp::{Receiver, Sender};

const NODE: &str = "$cbs";
/// Where the answer goes.
const REPLY_TO: &str = "hublet-cbs";

/// Kinds of tokens by the names that Event Hubs has for them.
pub(super) const SIGNED_TOKEN: &str = "servicebus.windows.net:sastoken";
pub(super) const BEARER_TOKEN: &str = "jwt";

/// Gives the peer a token for an audience, on a session that needs it.
///
/// # Errors
/// Why the peer did not take it.
pub(super) async fn put_token(
    session: &mut SessionHandle<()>,
    kind: &str,
    audience: &str,
    token: String,
) -> Result<(), String> {
    let mut sender =
        Sender::attach(session, "hublet-cbs-sender", NODE).await.map_err(|error| error.to_string())?;
    let mut receiver = Receiver::builder()
        .name("hublet-cbs-receiver")
        .source(NODE)
        .target(REPLY_TO)
        .attach(session)
        .await
        .map_err(|error| error.to_string())?;
    let request = Message::builder()
        .properties(Properties::builder().message_id("1".to_owned()).reply_to(REPLY_TO).build())
        .application_properties(
            ApplicationProperties::builder()
                .insert("operation", "put-token")
                .insert("type", kind)
                .insert("name", audience)
                .build(),
        )
        .value(token)
        .build();
    let outcome = sender.send(request).await.map_err(|error| error.to_string())?;
    if !outcome.is_accepted() {
        return Err("the token was not accepted".to_owned());
    }
    let answer = receiver.recv::<Body<Value>>().await.map_err(|error| error.to_string())?;
    receiver.accept(&answer).await.map_err(|error| error.to_string())?;
    let status = status(answer.message().application_properties.as_ref());
    // What comes after the token does not need these links, so it does not matter how they end.
    let _ = sender.close().await;
    let _ = receiver.close().await;
    status
}

/// Event Hubs answers with `status-code`, a successful one like those of HTTP.
fn status(properties: Option<&ApplicationProperties>) -> Result<(), String> {
    let property = |name: &str| properties.and_then(|properties| properties.get(name));
    let code = match property("status-code") {
        Some(SimpleValue::Int(code)) => i64::from(*code),
        Some(SimpleValue::Uint(code)) => i64::from(*code),
        Some(SimpleValue::Long(code)) => *code,
        _ => return Err("the answer to the token has no status".to_owned()),
    };
    if (200..300).contains(&code) {
        return Ok(());
    }
    let description = match property("status-description") {
        Some(SimpleValue::String(text)) => text.as_str(),
        _ => "no description",
    };
    Err(format!("the token was refused with status {code}: {description}"))
}
