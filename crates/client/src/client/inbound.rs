//! Which stream a part belongs to.

use std::collections::HashMap;

use tokio::sync::mpsc;

use super::event::Event;
use super::group_streams::{GroupStream, Part};
use crate::pubsub::{GroupMessage, StreamError, StreamPart};

/// Streams that are open at the same time, of all groups. Whoever opens more is not heard.
const OPEN_MAX: usize = 4_096;

/// Something for the program, to be delivered in its order.
#[derive(Debug)]
pub(super) enum Delivery {
    Event(Event),
    Stream(mpsc::Sender<GroupStream>, GroupStream),
    Part(mpsc::Sender<Part>, Part),
}

/// Who receives which streams.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    /// By group.
    groups: HashMap<String, mpsc::Sender<GroupStream>>,
    /// Streams that are not over, by group and id.
    open: HashMap<(String, String), mpsc::Sender<Part>>,
}

impl Inbound {
    pub(super) fn receive(&mut self, group: String, streams: mpsc::Sender<GroupStream>) {
        self.groups.insert(group, streams);
    }

    /// What an event means for the program: mostly itself.
    pub(super) fn deliveries(&mut self, event: Event) -> Vec<Delivery> {
        match event {
            Event::GroupMessage(message @ GroupMessage { stream: Some(_), .. }) => self.part(message),
            Event::Disconnected { .. } => {
                let lost = StreamError {
                    name: "Disconnected".to_owned(),
                    message: Some("The connection has ended, and with it this stream.".to_owned()),
                    user_error_code: None,
                };
                let ended = self.open.drain().map(|(_, parts)| Delivery::Part(parts, Err(lost.clone())));
                let mut deliveries: Vec<_> = ended.collect();
                deliveries.push(Delivery::Event(event));
                deliveries
            }
            event => vec![Delivery::Event(event)],
        }
    }

    fn part(&mut self, message: GroupMessage) -> Vec<Delivery> {
        let streams = self.groups.get(&message.group).filter(|streams| !streams.is_closed());
        let (Some(streams), Some(part)) = (streams, &message.stream) else {
            return vec![Delivery::Event(Event::GroupMessage(message))];
        };
        let StreamPart { stream_id, sequence_id, end, error } = part.clone();
        let mut deliveries = Vec::new();
        let key = (message.group, stream_id);
        let parts = match self.open.get(&key) {
            Some(parts) => parts.clone(),
            // The end of what was never seen is no stream.
            None if end => return deliveries,
            None => {
                if self.open.len() >= OPEN_MAX {
                    self.open.retain(|_, parts| !parts.is_closed());
                }
                if self.open.len() >= OPEN_MAX {
                    return deliveries;
                }
                let (parts, stream) = GroupStream::channel(key.1.clone(), message.from_user_id, sequence_id);
                deliveries.push(Delivery::Stream(streams.clone(), stream));
                self.open.insert(key.clone(), parts.clone());
                parts
            }
        };
        if !end {
            deliveries.push(Delivery::Part(parts, Ok(message.data)));
            return deliveries;
        }
        self.open.remove(&key);
        // Without an error the end is that nothing follows.
        deliveries.extend(error.map(|error| Delivery::Part(parts, Err(error))));
        deliveries
    }
}
