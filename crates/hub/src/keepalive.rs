//! Once a second: pings, dead peers, and closing handshakes that never end.

use bytes::Bytes;
use hublet_wire::ws::Opcode;

use crate::Millis;
use crate::conn::Phase;
use crate::limits::KEEP_ALIVE_GRACE_S;
use crate::shard::Shard;

impl Shard {
    /// To be called once a second.
    ///
    /// Each call visits one slot in `keep_alive_interval_s`, so that pings are spread over the interval and a
    /// connection needs no timer of its own.
    pub fn tick(&mut self, now: Millis) {
        self.end_overdue_closes(now);
        let interval_s = self.limits.keep_alive_interval_s.max(1);
        let silent_ms_max = 1_000 * u64::from(2 * interval_s + KEEP_ALIVE_GRACE_S);
        let stride = interval_s as usize;
        #[expect(clippy::cast_possible_truncation, reason = "the remainder is below 2^32")]
        let first = (self.ticks % u64::from(interval_s)) as usize;
        self.ticks += 1;
        let ping = Bytes::from_static(PING);
        for at in (first..self.conns.capacity()).step_by(stride) {
            let Some(conn) = self.conns.get(at) else { continue };
            if conn.phase != Phase::Open {
                continue;
            }
            let slot = conn.id.slot;
            if now.saturating_sub(conn.last_received) > silent_ms_max {
                self.remove(slot);
            } else {
                self.enqueue(slot, ping.clone());
            }
        }
    }

    fn end_overdue_closes(&mut self, now: Millis) {
        while let Some((_, id)) = self.closing.pop_front_if(|(deadline, _)| *deadline <= now) {
            if self.has(id) {
                self.remove(id.slot);
            }
        }
    }
}

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
