//! Once a second: pings, dead peers, and closing handshakes that never end.

use std::collections::BTreeSet;

use bytes::Bytes;
use hublet_wire::ws::Opcode;

use crate::Millis;
use crate::conn::Phase;
use crate::counters::{CloseCategory, Ending};
use crate::limits::KEEP_ALIVE_GRACE_S;
use crate::shard::Shard;

impl Shard {
    /// To be called once a second.
    ///
    /// Each call visits one slot in `keep_alive_interval_s`, so that pings are spread over the interval and a
    /// connection needs no timer of its own.
    pub fn tick(&mut self, now: Millis) {
        self.now = now;
        self.end_overdue_closes(now);
        self.end_abandoned(now);
        self.end_idle_streams();
        let default_s = self.limits.keep_alive_interval_s.max(1);
        let of_hubs = self.policies.values().filter_map(|policy| policy.keep_alive_interval_s);
        let intervals_s: BTreeSet<u32> =
            of_hubs.chain([default_s]).map(|interval_s| interval_s.max(1)).collect();
        for interval_s in intervals_s {
            self.ping(interval_s, default_s, now);
        }
        self.ticks += 1;
    }

    /// Pings this second's share of the connections that are pinged at this interval.
    fn ping(&mut self, interval_s: u32, default_s: u32, now: Millis) {
        let silent_ms_max = 1_000 * u64::from(2 * interval_s + KEEP_ALIVE_GRACE_S);
        #[expect(clippy::cast_possible_truncation, reason = "the remainder is below 2^32")]
        let first = (self.ticks % u64::from(interval_s)) as usize;
        let ping = Bytes::from_static(PING);
        for at in (first..self.conns.capacity()).step_by(interval_s as usize) {
            let Some(conn) = self.conns.get(at).filter(|conn| conn.phase == Phase::Open) else { continue };
            let of_hub = self.hubs.get(conn.hub).and_then(|hub| hub.policy.keep_alive_interval_s);
            if of_hub.unwrap_or(default_s) != interval_s || !conn.has_socket() {
                continue;
            }
            let slot = conn.id.slot;
            // Who is not read for now cannot be heard.
            if now.saturating_sub(conn.last_received) > silent_ms_max && !self.is_paused(slot) {
                if !self.lose_socket(slot, NO_PONG.category) {
                    self.remove(slot, NO_PONG);
                }
            } else {
                self.enqueue(slot, ping.clone());
            }
        }
    }

    fn end_overdue_closes(&mut self, now: Millis) {
        while let Some((_, id)) = self.closing.pop_front_if(|(deadline, _)| *deadline <= now) {
            if self.has(id) && !self.lose_socket(id.slot, OVERDUE.category) {
                self.remove(id.slot, OVERDUE);
            }
        }
    }
}

/// Why a connection ended that the application is told (event-handlers.md §5.3).
const NO_PONG: Ending<'_> = Ending::new(CloseCategory::PingTimeout, "The client did not answer pings.");
/// Of a connection whose end was told before, or of a reliable one whose client closed.
const OVERDUE: Ending<'_> = Ending::new(CloseCategory::Normal, "");

/// A WebSocket ping without payload: clients may answer with any payload, so none is compared.
const PING: &[u8] = &[0x80 | Opcode::Ping as u8, 0];

#[cfg(test)]
mod tests {
    use hublet_wire::ws;

    use super::*;

    #[test]
    fn the_static_ping_is_what_the_encoder_makes() {
        assert_eq!(ws::encode_control(Opcode::Ping, b""), PING);
    }
}
