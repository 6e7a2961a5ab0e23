//! The outgoing queue of a connection: references to shared frames, bounded in bytes.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

use crate::limits::FRAME_OVERHEAD_BYTES;

/// How many frames are looked at to find a large one. Behind more of them a large one counts like all others.
const FRAMES_SEEN: usize = 64;

/// Frames waiting for a socket, oldest first.
///
/// One frame needs no allocation, and a drained queue holds none: an idle connection costs only this struct.
#[derive(Debug, Default)]
pub struct OutQueue {
    first: Bytes,
    #[expect(clippy::box_collection, reason = "8 bytes instead of 32 in every idle connection")]
    rest: Option<Box<VecDeque<Bytes>>>,
    queued_bytes: usize,
}

impl OutQueue {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// Cost of what waits, in bytes, 64 for each frame included.
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Whether more waits than this. One frame that alone is more does not count: no message is too large to be delivered,
    /// whatever small ones are around it.
    pub(crate) fn exceeds(&self, limit_bytes: usize) -> bool {
        if self.queued_bytes <= limit_bytes {
            return false;
        }
        let frames = std::iter::once(&self.first).chain(self.rest.iter().flat_map(|rest| rest.iter()));
        let large = frames.take(FRAMES_SEEN).map(Bytes::len).find(|length| *length > limit_bytes);
        self.queued_bytes - large.unwrap_or(0) > limit_bytes
    }

    /// Appends a frame. Frames are never empty: each has at least a two-byte WebSocket header.
    pub(crate) fn push(&mut self, frame: Bytes) {
        debug_assert!(!frame.is_empty());
        self.queued_bytes += frame.len() + FRAME_OVERHEAD_BYTES;
        if self.first.is_empty() {
            self.first = frame;
        } else {
            self.rest.get_or_insert_default().push_back(frame);
        }
    }

    /// Fills `slices` from the front and returns how many were set.
    pub fn io_slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let frames = (!self.first.is_empty()).then_some(&self.first).into_iter();
        let frames = frames.chain(self.rest.iter().flat_map(|rest| rest.iter()));
        let mut count = 0;
        for (slice, frame) in slices.iter_mut().zip(frames) {
            *slice = IoSlice::new(frame);
            count += 1;
        }
        count
    }

    /// Takes `written` bytes off the front.
    pub fn advance(&mut self, mut written: usize) {
        while written > 0 && !self.first.is_empty() {
            let step = written.min(self.first.len());
            self.first.advance(step);
            written -= step;
            self.queued_bytes -= step;
            if self.first.is_empty() {
                self.queued_bytes -= FRAME_OVERHEAD_BYTES;
                self.first = self.rest.as_mut().and_then(|rest| rest.pop_front()).unwrap_or_default();
            }
        }
        if self.first.is_empty() {
            self.clear();
        }
    }

    /// Forgets everything that waits.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
