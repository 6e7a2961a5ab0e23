//! The outgoing queue of a connection: references to shared frames, bounded in bytes.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};
use hublet_wire::client::{Format, SharedMessage};

use crate::limits::{FRAME_OVERHEAD_BYTES, JOINED_BYTES_MAX, JOINED_FRAME_BYTES_MAX};
use crate::unacked::Numbered;

/// Blocks that one call of [`OutQueue::joined`] makes at most, a few more where the last messages are large.
const BLOCKS_MAX: usize = 60;

/// How many frames are looked at to find a large one. Behind more of them a large one counts like all others.
const FRAMES_SEEN: usize = 64;

/// Frames waiting for a socket, oldest first.
///
/// One frame needs no allocation, and a drained queue holds none: an idle connection costs only this struct.
#[derive(Debug, Default)]
pub struct OutQueue {
    first: Item,
    #[expect(clippy::box_collection, reason = "8 bytes instead of 32 in every idle connection")]
    rest: Option<Box<VecDeque<Item>>>,
    queued_bytes: usize,
}

#[derive(Debug)]
enum Item {
    /// Finished frames; only the first item may be empty, and then there is none.
    Frame(Bytes),
    /// Messages that get their numbers when they are written.
    Batch(Box<Batch>),
}

impl Default for Item {
    fn default() -> Self {
        Self::Frame(Bytes::new())
    }
}

/// Numbered messages for one connection. What they share is neither copied nor counted here.
#[derive(Debug)]
struct Batch {
    numbered: Numbered,
    /// Messages up to this number are left out.
    after: u64,
    format: Format,
    /// Bytes of all frames.
    len: usize,
    /// Of those, how many were written.
    written: usize,
}

impl Item {
    /// Bytes that are still to be written.
    fn len(&self) -> usize {
        match self {
            Self::Frame(frame) => frame.len(),
            Self::Batch(batch) => batch.len - batch.written,
        }
    }

    /// What counts for the limit of the queue.
    fn cost(&self) -> usize {
        match self {
            Self::Frame(frame) => frame.len() + FRAME_OVERHEAD_BYTES,
            Self::Batch(_) => FRAME_OVERHEAD_BYTES,
        }
    }

    fn advance(&mut self, written: usize) {
        match self {
            Self::Frame(frame) => frame.advance(written),
            Self::Batch(batch) => batch.written += written,
        }
    }
}

impl OutQueue {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.first.len() == 0
    }

    /// Cost of what waits, in bytes, 64 for each frame or batch included. Messages that are kept until they are
    /// acknowledged are counted there.
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Whether more waits than this. One frame that alone is more does not count: no message is too large to be delivered,
    /// whatever small ones are around it.
    pub(crate) fn exceeds(&self, limit_bytes: usize) -> bool {
        if self.queued_bytes <= limit_bytes {
            return false;
        }
        let costs = self.items().take(FRAMES_SEEN).map(|item| item.cost() - FRAME_OVERHEAD_BYTES);
        let large = costs.into_iter().find(|length| *length > limit_bytes);
        self.queued_bytes - large.unwrap_or(0) > limit_bytes
    }

    /// Appends a frame. Frames are never empty: each has at least a two-byte WebSocket header.
    pub(crate) fn push(&mut self, frame: Bytes) {
        debug_assert!(!frame.is_empty());
        self.push_item(Item::Frame(frame));
    }

    /// Appends the messages of a batch behind a number.
    pub(crate) fn push_batch(&mut self, numbered: Numbered, after: u64, format: Format) {
        let len =
            numbered.after(after).map(|(number, message)| message.shared(format).frame_len(number)).sum();
        if len > 0 {
            self.push_item(Item::Batch(Box::new(Batch { numbered, after, format, len, written: 0 })));
        }
    }

    fn push_item(&mut self, item: Item) {
        self.queued_bytes += item.cost();
        if self.is_empty() {
            self.first = item;
        } else {
            self.rest.get_or_insert_default().push_back(item);
        }
    }

    fn items(&self) -> impl Iterator<Item = &Item> {
        let first = (!self.is_empty()).then_some(&self.first).into_iter();
        first.chain(self.rest.iter().flat_map(|rest| rest.iter()))
    }

    /// Fills `slices` from the front and returns how many were set. It stops before messages that have no numbers yet:
    /// when it sets none, there is [`OutQueue::joined`].
    pub fn io_slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let frames = self.items().map_while(|item| match item {
            Item::Frame(frame) => Some(frame),
            Item::Batch(_) => None,
        });
        let mut count = 0;
        for (slice, frame) in slices.iter_mut().zip(frames) {
            *slice = IoSlice::new(frame);
            count += 1;
        }
        count
    }

    /// The front of the queue as at most 64 blocks, small messages copied together.
    pub fn joined(&self) -> Vec<Bytes> {
        let mut blocks = Blocks::default();
        for item in self.items() {
            match item {
                Item::Frame(frame) => blocks.share(frame.clone()),
                Item::Batch(batch) => batch.write(&mut blocks),
            }
            if blocks.done.len() >= BLOCKS_MAX || blocks.bytes >= 4 * JOINED_BYTES_MAX {
                break;
            }
        }
        let mut done = blocks.finish();
        if let Item::Batch(batch) = &self.first {
            skip(&mut done, batch.written);
        }
        done.truncate(64);
        done
    }

    /// Takes `written` bytes off the front.
    pub fn advance(&mut self, mut written: usize) {
        while written > 0 && !self.is_empty() {
            let step = written.min(self.first.len());
            let before = self.first.cost();
            self.first.advance(step);
            written -= step;
            if self.first.len() == 0 {
                self.queued_bytes -= before;
                self.first = self.rest.as_mut().and_then(|rest| rest.pop_front()).unwrap_or_default();
            } else {
                self.queued_bytes -= before - self.first.cost();
            }
        }
        if self.is_empty() {
            self.clear();
        }
    }

    /// Forgets everything that waits.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Batch {
    fn write(&self, blocks: &mut Blocks) {
        for (number, message) in self.numbered.after(self.after) {
            blocks.numbered(message.shared(self.format), number);
        }
    }
}

/// Bytes on their way into as few blocks as is worth it.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    done: Vec<Bytes>,
    open: BytesMut,
    bytes: usize,
}

impl Blocks {
    /// Appends a copy.
    fn copy(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.open.extend_from_slice(bytes);
    }

    /// Appends bytes as they are.
    fn share(&mut self, bytes: Bytes) {
        self.bytes += bytes.len();
        self.seal();
        self.done.push(bytes);
    }

    /// Appends frames: small ones are copied, large ones as they are.
    pub(crate) fn frames(&mut self, frames: &Bytes) {
        if frames.len() > JOINED_FRAME_BYTES_MAX {
            self.share(frames.clone());
        } else {
            self.copy(frames);
        }
    }

    /// Appends a message under its number.
    pub(crate) fn numbered(&mut self, message: &SharedMessage, number: u64) {
        self.copy(&message.head(number));
        self.frames(message.body());
    }

    fn seal(&mut self) {
        if !self.open.is_empty() {
            self.done.push(self.open.split().freeze());
        }
    }

    pub(crate) fn finish(mut self) -> Vec<Bytes> {
        self.seal();
        self.done
    }
}

/// Takes bytes off the front of blocks.
fn skip(blocks: &mut Vec<Bytes>, mut bytes: usize) {
    let whole = blocks.iter().take_while(|block| {
        let fits = block.len() <= bytes;
        bytes -= if fits { block.len() } else { 0 };
        fits
    });
    let whole = whole.count();
    blocks.drain(..whole);
    if let Some(first) = blocks.first_mut() {
        first.advance(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    use std::sync::Arc;

    use hublet_wire::client::Payload;

    use crate::publish::Publish;
    use crate::target::Target;
    use crate::unacked::Unacked;

    /// All bytes, as a socket gets them that takes a little at a time.
    fn drain(queue: &mut OutQueue, step: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while !queue.is_empty() {
            let mut slices = [IoSlice::new(&[]); 64];
            let mut chunk = match queue.io_slices(&mut slices) {
                0 => queue.joined().concat(),
                count => slices[..count].iter().flat_map(|s| s.to_vec()).collect(),
            };
            chunk.truncate(step);
            queue.advance(chunk.len());
            bytes.extend(chunk);
        }
        assert_eq!(queue.queued_bytes(), 0);
        bytes
    }

    #[test]
    fn batches_are_numbered_and_come_in_order() {
        let message = |size: usize| {
            let payload = Payload::Text("x".repeat(size).into());
            Arc::new(Publish::new("h".into(), Target::All, payload))
        };
        for format in [Format::Json, Format::Protobuf] {
            for step in [1, 7, 1_000, usize::MAX] {
                let (mut queue, mut unacked, mut expected) =
                    (OutQueue::default(), Unacked::default(), Vec::new());
                for sizes in [&[3, 5][..], &[10_000, 2], &[70_000], &[0]] {
                    queue.push(Bytes::from_static(b"frame"));
                    expected.extend_from_slice(b"frame");
                    let numbered = unacked.push(sizes.iter().map(|size| message(*size)).collect());
                    let after = if sizes.len() == 2 && sizes[0] == 3 { 1 } else { 0 };
                    for (number, message) in numbered.after(after) {
                        let (head, body) = message.shared(format).split(number);
                        expected.extend_from_slice(&head);
                        expected.extend_from_slice(&body);
                    }
                    queue.push_batch(numbered, after, format);
                }
                let got = drain(&mut queue, step);
                assert!(got == expected, "{format:?} {step}: {} and {} bytes", got.len(), expected.len());
            }
        }
    }

    fn contents(queue: &OutQueue) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 64];
        let count = queue.io_slices(&mut slices);
        slices[..count].iter().flat_map(|s| s.to_vec()).collect()
    }

    #[test]
    fn one_large_frame_may_wait_among_small_ones() {
        let (small, large) = (Bytes::from_static(b"ping"), Bytes::from(vec![0; 5000]));
        let queue = |frames: &[&Bytes]| {
            let mut queue = OutQueue::default();
            frames.iter().for_each(|frame| queue.push((*frame).clone()));
            queue
        };
        assert!(!queue(&[]).exceeds(1000));
        for frames in [&[&large][..], &[&large, &small], &[&small, &large], &[&small, &large, &small]] {
            assert!(!queue(frames).exceeds(1000));
        }
        assert!(queue(&[&large, &large]).exceeds(1000));
        assert!(!queue(&[&small; 14]).exceeds(1000) && queue(&[&small; 16]).exceeds(1000));
        let mut far_behind = vec![&small; 64];
        far_behind.push(&large);
        assert!(queue(&far_behind).exceeds(1000));
        assert!(queue(&[&large, &large]).exceeds(5000), "neither is more than the limit");
    }

    proptest! {
        #[test]
        fn behaves_like_one_byte_string(
            ops in prop::collection::vec(prop_oneof![
                prop::collection::vec(any::<u8>(), 1..9).prop_map(Ok),
                (0_usize..20).prop_map(Err),
            ], 0..40)
        ) {
            let (mut queue, mut model) = (OutQueue::default(), Vec::new());
            for op in ops {
                match op {
                    Ok(frame) => {
                        model.extend_from_slice(&frame);
                        queue.push(Bytes::from(frame));
                    }
                    Err(written) => {
                        let written = written.min(model.len());
                        model.drain(..written);
                        queue.advance(written);
                    }
                }
                prop_assert_eq!(contents(&queue), model.clone());
                prop_assert_eq!(queue.is_empty(), model.is_empty());
                prop_assert!(queue.queued_bytes() >= model.len());
                if model.is_empty() {
                    prop_assert_eq!(queue.queued_bytes(), 0);
                    prop_assert!(queue.rest.is_none(), "a drained queue holds no memory");
                }
            }
        }
    }
}
