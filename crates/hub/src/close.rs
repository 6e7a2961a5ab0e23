//! How connections end: by the application, by a fault of the client, by the client itself, by a stop.

use hublet_wire::ws::{self, CloseCode, Opcode};

use crate::Millis;
use crate::conn::{Conn, Phase, Slot};
use crate::counters::{CloseCategory, Ending};
use crate::shard::Shard;

/// `disconnected` text before a planned stop (client-protocols.md §9.5).
pub(crate) const SERVICE_RELOADING: &str = "Service reloading, reconnect";
const STOPPED: Ending<'_> = Ending::new(CloseCategory::ServiceReload, SERVICE_RELOADING);

impl Shard {
    /// Closes on a REST request: `disconnected` with the documented text, then 1000 without a reason
    /// (client-protocols.md §9.3, rest-api.md §5.2).
    pub(crate) fn close_by_application(&mut self, slot: Slot, reason: &str, now: Millis) {
        let message = if reason.is_empty() {
            "Application server closed the connection.".to_owned()
        } else {
            format!("Application server closed the connection. Reason: {reason}")
        };
        if let Some(conn) = self.conns.get_mut(slot as usize) {
            conn.ends_well = true;
        }
        let ending = Ending::new(CloseCategory::ClosedByAppServer, &message);
        self.close(slot, CloseCode::NORMAL, "", ending, true, now);
    }

    /// Closes for a fault of the client; the application is told the reason, and with `announced` the client too, as a
    /// `disconnected` message.
    pub(crate) fn close_with(
        &mut self,
        slot: Slot,
        code: CloseCode,
        ending: Ending<'_>,
        announced: bool,
        now: Millis,
    ) {
        self.close(slot, code, ending.told, ending, announced, now);
    }

    /// Closes every connection for a planned stop (client-protocols.md §9.5). With `keep_reliable` the reliable ones are told
    /// the same and stay, without their sockets, to be saved.
    pub(crate) fn stop(&mut self, keep_reliable: bool, now: Millis) {
        self.stopping = true;
        // Their handshakes are answered by whoever waits for the event handler.
        let reserved = |(_, conn): (_, &Conn)| (conn.phase == Phase::Reserved).then_some(conn.id.slot);
        for slot in self.conns.iter().filter_map(reserved).collect::<Vec<Slot>>() {
            self.remove(slot, STOPPED);
        }
        let open: Vec<Slot> =
            self.conns.iter().filter(|(_, c)| c.phase == Phase::Open).map(|(_, c)| c.id.slot).collect();
        for slot in open {
            if keep_reliable && self.dismiss(slot, now) {
                continue;
            }
            self.close(slot, CloseCode::SERVICE_RESTART, SERVICE_RELOADING, STOPPED, true, now);
        }
    }

    /// What the application is told, a PubSub client learns too with `announced`.
    fn close(
        &mut self,
        slot: Slot,
        code: CloseCode,
        reason: &str,
        ending: Ending<'_>,
        announced: bool,
        now: Millis,
    ) {
        let Some(conn) = self.conns.get(slot as usize) else { return };
        if conn.phase != Phase::Open {
            return;
        }
        if !conn.has_socket() {
            self.remove(slot, ending);
            return;
        }
        if let Some(format) = conn.protocol.format().filter(|_| announced) {
            self.enqueue(slot, format.disconnected_frame(ending.told));
        }
        self.enqueue(slot, ws::encode_close(code, reason));
        self.begin_closing(slot, Phase::AwaitingClose, ending, now);
    }

    /// The peer's close frame arrived: answer it unless it is itself the answer, then let the socket go.
    pub(crate) fn closed_by_peer(&mut self, slot: Slot, code: Option<u16>, reason: &str, now: Millis) {
        self.finish(slot, now);
        if self.is_open(slot) {
            let answer = match code {
                Some(code) => ws::encode_close(CloseCode(code), ""),
                None => ws::encode_control(Opcode::Close, &[]),
            };
            self.enqueue(slot, answer);
            // Every close but a normal one may be followed by a recovery (client-protocols.md §5.7).
            if code != Some(CloseCode::NORMAL.0) && self.let_go(slot) {
                return;
            }
            if let Some(conn) = self.conns.get_mut(slot as usize) {
                conn.ends_well = true;
            }
            let ending = Ending::new(CloseCategory::Normal, reason);
            self.begin_closing(slot, Phase::Closed, ending, now);
        } else if let Some(conn) = self.conns.get_mut(slot as usize)
            && conn.phase == Phase::AwaitingClose
        {
            conn.phase = Phase::Closed;
            // The queue may be empty already: let the driver look at the connection once more.
            self.mark_dirty(slot);
        }
    }
}
