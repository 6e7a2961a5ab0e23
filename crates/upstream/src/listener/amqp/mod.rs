//! Azure Event Hubs, and what else speaks AMQP 1.0: CloudEvents in the binary mode of AMQP (event-handlers.md §8).

mod address;
mod cbs;
mod link;

use std::time::Duration;

use fe2o3_amqp::Sender;
use fe2o3_amqp::link::SendError;
use fe2o3_amqp::link::delivery::DeliveryFut;
use fe2o3_amqp::types::definitions::{AmqpError, Error, ErrorCondition};
use fe2o3_amqp::types::messaging::{
    ApplicationProperties, Data, Message, MessageAnnotations, Outcome, Properties,
};
use fe2o3_amqp::types::primitives::Symbol;
use tokio::time::timeout;

use self::address::Address;
use self::link::Link;
use super::record::Record;
use super::sink::Means;
use super::worker::{Batch, Failure};

/// How long a connection may take to be good, tokens included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the peer may take to accept a batch.
const BATCH_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the end of a connection may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Before the names of attributes.
const PREFIX: &str = "cloudEvents:";
/// Annotation by which Event Hubs chooses the partition.
const PARTITION_KEY: &str = "x-opt-partition-key";

/// Conditions of Event Hubs under which an event that was rejected may be accepted later.
const PASSING_CONDITIONS: &[&str] = &["com.microsoft:server-busy", "com.microsoft:timeout"];
/// How much of a foreign text the log shows.
const SHOWN_CHARS_MAX: usize = 200;

/// Sends events to an event hub.
pub(super) struct AmqpSink {
    address: Address,
    means: Means,
    link: Option<Link>,
}

impl AmqpSink {
    /// # Errors
    /// What is wrong with the settings.
    pub(super) fn new(
        namespace: &str,
        event_hub: &str,
        connection_string: Option<&str>,
        means: &Means,
    ) -> Result<Self, &'static str> {
        let address = Address::parse(namespace, event_hub, connection_string)?;
        Ok(Self { address, means: means.clone(), link: None })
    }

    /// Sends all events of the batch and waits until they are accepted.
    ///
    /// # Errors
    /// There is no connection, it broke, or the peer does not want events now. What is left in the batch may have been
    /// accepted.
    pub(super) async fn deliver(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        // A link that failed is not used again.
        let mut link = match self.link.take() {
            Some(link) => link,
            None => self.connect().await?,
        };
        let Ok(outcome) = timeout(BATCH_TIMEOUT, send(&mut link.sender, batch)).await else {
            return Err(Failure::Unavailable(format!(
                "it accepts nothing in {BATCH_TIMEOUT:?}; check its load"
            )));
        };
        if !matches!(outcome, Err(Failure::Lost(_))) {
            self.link = Some(link);
        }
        outcome
    }

    /// Ends the connection in order.
    pub(super) async fn close(self) {
        if let Some(link) = self.link {
            // The peer has all that counts as delivered, so it does not matter how this ends.
            let _ = timeout(CLOSE_TIMEOUT, link.close()).await;
        }
    }

    async fn connect(&self) -> Result<Link, Failure> {
        let link = timeout(CONNECT_TIMEOUT, Link::open(&self.address, &self.means)).await;
        link.unwrap_or_else(|_| Err(format!("no link in {CONNECT_TIMEOUT:?}"))).map_err(|error| {
            Failure::Unavailable(format!(
                "{error}; check the namespace, the event hub and the key or role that may send to it"
            ))
        })
    }
}

async fn send(sender: &mut Sender, batch: &mut Batch) -> Result<(), Failure> {
    let mut under_way = Vec::with_capacity(batch.len());
    let mut stopped = None;
    for entry in batch.iter() {
        match sender.send_batchable(message(Record::new(&entry.event, entry.at_s))).await {
            Ok(outcome) => under_way.push(outcome),
            Err(error) => {
                stopped = Some(error);
                break;
            }
        }
    }
    // The peer may end the link instead of answering.
    let passing = tokio::select! {
        biased;
        passing = settle(under_way, batch) => passing?,
        error = sender.on_detach() => return Err(Failure::Lost(error.to_string())),
    };
    match (stopped, passing) {
        (Some(SendError::MessageSizeExceeded(error)), None) => {
            batch.refuse(error.to_string());
            Ok(())
        }
        (Some(SendError::MessageSizeExceeded(_)) | None, Some(why)) => {
            Err(Failure::Unavailable(format!("it takes no events now: {why}")))
        }
        (Some(error), _) => Err(Failure::Lost(error.to_string())),
        (None, None) => Ok(()),
    }
}

/// Waits for the outcomes of the first events of the batch. Returns why some of them are to be tried again later, if so.
async fn settle(
    under_way: Vec<DeliveryFut<Result<Outcome, SendError>>>,
    batch: &mut Batch,
) -> Result<Option<String>, Failure> {
    let mut passing = None;
    for outcome in under_way {
        match outcome.await.map_err(|error| Failure::Lost(error.to_string()))? {
            Outcome::Accepted(_) => batch.done(),
            Outcome::Rejected(rejected) => match rejected.error {
                Some(error) if is_passing(&error.condition) => {
                    batch.postpone();
                    passing = Some(shown(&error));
                }
                Some(error) => batch.refuse(shown(&error)),
                None => batch.refuse("it was rejected without a reason".to_owned()),
            },
            Outcome::Released(_) | Outcome::Modified(_) => {
                batch.postpone();
                passing = Some("it gives events back".to_owned());
            }
        }
    }
    Ok(passing)
}

fn is_passing(condition: &ErrorCondition) -> bool {
    match condition {
        ErrorCondition::AmqpError(error) => matches!(
            error,
            AmqpError::InternalError | AmqpError::ResourceLimitExceeded | AmqpError::UnauthorizedAccess
        ),
        ErrorCondition::Custom(name) => PASSING_CONDITIONS.contains(&name.as_str()),
        _ => false,
    }
}

fn shown(error: &Error) -> String {
    let description: String =
        error.description.iter().flat_map(|text| text.chars()).take(SHOWN_CHARS_MAX).collect();
    format!("{:?} {description:?}", error.condition)
}

/// The table of event-handlers.md §8.
fn message(record: Record<'_>) -> Message<Data> {
    let mut properties = ApplicationProperties::builder();
    for (name, value) in &record.attributes {
        properties = properties.insert(format!("{PREFIX}{name}"), value.to_string());
    }
    for (name, value) in record.metadata_properties() {
        properties = properties.insert(name, value);
    }
    Message::builder()
        .message_annotations(
            MessageAnnotations::builder().insert(Symbol::from(PARTITION_KEY), record.partition_key).build(),
        )
        .properties(
            Properties::builder()
                .message_id(record.message_id)
                .content_type(Symbol::from(record.content_type))
                .build(),
        )
        .application_properties(properties.build())
        .data(Vec::from(record.body))
        .build()
}

#[cfg(test)]
mod tests {
    use fe2o3_amqp::types::definitions::LinkError;

    use super::*;

    #[test]
    fn what_passes() {
        let custom = |name: &str| ErrorCondition::Custom(Symbol::from(name));
        assert!(is_passing(&custom("com.microsoft:server-busy")));
        assert!(is_passing(&AmqpError::UnauthorizedAccess.into()));
        assert!(!is_passing(&custom("com.microsoft:argument-error")));
        assert!(!is_passing(&AmqpError::NotAllowed.into()));
        assert!(!is_passing(&LinkError::MessageSizeExceeded.into()));
    }
}
