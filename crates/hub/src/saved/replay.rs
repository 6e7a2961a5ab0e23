//! From the records of a log to the sessions at its end.

use std::sync::Arc;

use super::between::Sent;
use super::bytes::Reader;
use super::message::{read_message, read_publish};
use super::session::{Session, read_session};
use super::{
    ACKNOWLEDGED, APPLIED, CHANGED, DELIVERED, ENDED, EXPIRED, LAST_SENT, SENT, STATE, SUBSCRIPTION,
    SUCCEEDED, Saved,
};
use crate::conn::Slot;
use crate::directory::{SHARDS_MAX, ShardSet};
use crate::unacked::Batch;

impl Saved {
    /// A record of this kind. `None`: it is none, or does not follow from what came before.
    pub(super) fn replay(&mut self, kind: u8, from: &mut Reader<'_>) -> Option<()> {
        match kind {
            CHANGED => {
                // It has no messages.
                let mut session = read_session(from, |_| None)?;
                let before =
                    self.sessions.get_mut(&session.id.slot).filter(|before| before.id == session.id)?;
                session.unacked = std::mem::take(&mut before.unacked);
                *before = session;
            }
            DELIVERED => {
                let batch = self.messages(from)?;
                let receivers = from.list(Reader::small)?;
                for slot in receivers {
                    self.session(slot)?.unacked.push(Arc::clone(&batch));
                }
            }
            ACKNOWLEDGED => {
                let session = self.session(from.small()?)?;
                session.unacked.acknowledge(from.number()?);
            }
            EXPIRED => {
                let (slot, now) = (from.small()?, self.epoch.since(from.number()?));
                self.session(slot)?.unacked.drop_expired(now);
            }
            SUCCEEDED => {
                let session = self.session(from.small()?)?;
                session.acks.insert(from.number()?);
            }
            ENDED => {
                // One that ended at once was never written.
                self.sessions.remove(&from.small()?);
            }
            SENT => {
                let (number, shards) = (from.count()?, ShardSet::from_bits(from.number()?));
                let publish = Arc::new(read_publish(from, self.epoch)?);
                self.between.last = self.between.last.max(number);
                self.between.sent.push_back(Sent { number, shards, publish });
            }
            LAST_SENT => self.between.last = self.between.last.max(from.count()?),
            APPLIED => {
                let sender = from.small().filter(|sender| *sender < SHARDS_MAX)?;
                self.between.applied.insert(sender, from.count()?);
            }
            STATE | SUBSCRIPTION => self.states.read(kind, from)?,
            _ => return None,
        }
        Some(())
    }

    /// Messages that were delivered together: at least one.
    pub(super) fn messages(&self, from: &mut Reader<'_>) -> Option<Batch> {
        let messages = from.list(|from| read_message(from, self.epoch).map(Arc::new))?;
        (!messages.is_empty()).then(|| messages.into())
    }

    fn session(&mut self, slot: Slot) -> Option<&mut Session> {
        self.sessions.get_mut(&slot)
    }
}
