//! The driver of one shard: sockets and mailbox in, hub, sockets out, in bounded turns on one thread.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hublet_hub::{
    Accept, AfterFlush, ClientEvent, Command, Effect, EventKind, Millis, NotResumed, Shard, Slot, Trace,
    Verdict,
};
use hublet_upstream::Courier;
use hublet_upstream::courier::OnVerdict;
use hublet_wire::id::ConnId;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;

use crate::config::{Config, Durability};
use crate::conn_io::{ConnIo, Read, Write};
use crate::http::now_s;
use crate::keys::AccessKeys;
use crate::mailbox::{Letter, Mailbox, Unwritten};
use crate::node::{Attach, Node};
use crate::session_log::ShardLog;
use crate::sessions::{self, LeftBehind};
use crate::trace::Tracer;
use crate::view::{LoopMeter, View};

/// The buffer that is lent to whichever socket has bytes.
const READ_BUFFER_BYTES: usize = 64 << 10;
/// Connections written per turn, so that one fan-out to many does not hold up reads, pings and small groups.
const FLUSHES_PER_TURN: usize = 256;
/// How often the shard is told the time for pings and time-outs.
const TICK_MS: Millis = 1_000;
/// Sockets read per turn.
const READS_PER_TURN: usize = 256;
/// How long a stop waits for event handlers whose answers are part of sessions, and for shards that have more to do.
const STOP_WAIT_MS: Millis = 7_500;

/// A shard, the sockets of its connections, and the clock.
pub(crate) struct ShardLoop {
    shard: Shard,
    log: Option<ShardLog>,
    /// Dropped when what came before them is written: whoever made them waits for it.
    unwritten: Vec<Unwritten>,
    sockets: Vec<Option<ConnIo>>,
    mailbox: Arc<Mailbox>,
    node: Node,
    courier: Courier,
    tracer: Arc<Tracer>,
    /// What happened in this turn, with the addresses of the clients.
    traces: Vec<(Trace, Option<IpAddr>)>,
    keys: AccessKeys,
    message_bytes_max: usize,
    random: SystemRandom,
    /// When that was, in milliseconds since 1970.
    epoch_ms: u64,
    /// When the end of a stop waits no longer.
    stop_until: Option<Millis>,
    /// Reported as having nothing more to do with clients.
    rests: bool,
    keeps_sessions: bool,
    now: Millis,
    buffer: Box<[u8]>,
    letters: Vec<Letter>,
    ready: Vec<Slot>,
    /// Connections that were paused when they were looked at last.
    paused: BTreeSet<Slot>,
    meter: LoopMeter,
}

impl ShardLoop {
    pub(crate) fn new(
        mut shard: Shard,
        log: Option<ShardLog>,
        mailbox: Arc<Mailbox>,
        node: Node,
        courier: Courier,
        tracer: Arc<Tracer>,
        config: &Config,
    ) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        shard.set_epoch(u64::try_from(since.as_millis()).unwrap_or_default());
        Self {
            shard,
            log,
            unwritten: Vec::new(),
            sockets: Vec::new(),
            mailbox,
            node,
            courier,
            tracer,
            traces: Vec::new(),
            keys: config.keys.clone(),
            message_bytes_max: config.limits.message_bytes,
            random: SystemRandom::new(),
            epoch_ms: sessions::now_ms(),
            stop_until: None,
            rests: false,
            keeps_sessions: config.durability != Durability::None,
            now: 0,
            buffer: vec![0; READ_BUFFER_BYTES].into_boxed_slice(),
            letters: Vec::new(),
            ready: Vec::new(),
            paused: BTreeSet::new(),
            meter: LoopMeter::default(),
        }
    }

    /// Runs until a stop has come to its end: no client has a socket, and nothing is on its way between shards. Returns the
    /// shard with its sessions, if they are kept.
    pub(crate) async fn run(mut self) -> Option<LeftBehind> {
        let mut next_tick = TICK_MS;
        // Only wakes the idle loop; whether a tick is due is decided by the clock, so that load cannot starve it.
        let mut alarm = tokio::time::interval(Duration::from_millis(TICK_MS));
        alarm.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let began = Instant::now();
            self.now = self.node.time_of(began);
            self.shard.begin_turn(self.now);
            self.shard.set_trace_level(self.tracer.level());
            if self.now >= next_tick {
                next_tick = self.now + TICK_MS;
                self.shard.tick(self.now);
                self.look_for_hang_ups();
            }
            self.drain_mailbox();
            let reads_left = self.read_ready();
            // Other shards have a message before its sender has the answer: what anybody does then comes after it there.
            self.carry_out_effects();
            let writes_left = self.flush_dirty();
            self.carry_out_effects();
            self.hand_over_traces();
            self.meter.turns.count(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
            if self.node.is_stopping() && self.may_end() {
                return self.end();
            }
            if reads_left || writes_left || self.mailbox.has_letters() {
                // HTTP requests and the poller get their turn between ours, also when others never stop sending.
                tokio::task::yield_now().await;
                continue;
            }
            tokio::select! {
                () = self.mailbox.woken() => {}
                _ = alarm.tick() => {}
            }
        }
    }

    /// Whether a stop needs this shard no more.
    fn may_end(&mut self) -> bool {
        if !self.rests && self.shard.is_at_rest() {
            self.rests = true;
            self.node.rests();
        }
        let until = *self.stop_until.get_or_insert(self.now + STOP_WAIT_MS);
        self.node.is_at_rest() || self.now >= until
    }

    /// Takes what was sent to this shard last. Requests that are still being answered must not wait for it.
    fn end(mut self) -> Option<LeftBehind> {
        let leaves_sessions = self.keeps_sessions && self.shard.connections() > 0;
        for letter in self.mailbox.close(leaves_sessions) {
            self.take(letter);
        }
        self.shard.settle();
        self.carry_out_effects();
        self.hand_over_traces();
        let has_log = self.log.is_some();
        (leaves_sessions || has_log).then_some(LeftBehind {
            shard: self.shard,
            has_log,
            epoch_ms: self.epoch_ms,
        })
    }

    fn drain_mailbox(&mut self) {
        let mut letters = std::mem::take(&mut self.letters);
        let was_congested = self.mailbox.take(&mut letters);
        letters.drain(..).for_each(|letter| self.take(letter));
        self.letters = letters;
        if was_congested {
            self.node.wake_all();
        }
    }

    /// Takes letters between reading from a socket and acting on it: what others sent before the client sent this must come
    /// before it. False when the socket is not the same any more.
    fn drain_between(&mut self, slot: Slot) -> bool {
        let mark = |sockets: &[Option<ConnIo>]| sockets.get(slot as usize)?.as_ref().map(ConnIo::mark);
        let before = mark(&self.sockets);
        self.drain_mailbox();
        mark(&self.sockets).zip(before).is_some_and(|(now, before)| now == before)
    }

    fn take(&mut self, letter: Letter) {
        match letter {
            Letter::Command(command) => self.shard.apply(command, self.now),
            Letter::Unwritten(unwritten) => self.unwritten.push(unwritten),
            Letter::Look(look) => look(&self.view()),
            Letter::End(saved) => self.shard.end_sessions(saved),
            Letter::Reserve(answer) => {
                if let Some(id) = self.reserve() {
                    self.tell_id(id, answer);
                }
            }
            Letter::Accept(id, accept, answer) => self.accept(id, *accept, answer),
            Letter::Resume(id, hub, answer) => {
                if let Some((subprotocol, attempt)) = self.shard.resume(id, &hub)
                    && answer.send((subprotocol, attempt)).is_err()
                {
                    self.shard.not_resumed(id, attempt);
                }
            }
            Letter::NotResumed(id, attempt) => self.shard.not_resumed(id, attempt),
            Letter::Attach(attach) => self.attach(*attach),
            Letter::Abandon(id) => {
                if self.shard.has(id) {
                    self.shard.disconnected(id.slot);
                }
                self.courier.forget(id);
            }
        }
    }

    fn view(&self) -> View<'_> {
        View { shard: &self.shard, meter: &self.meter, sockets: &self.sockets }
    }

    /// A new id; `None` when no more clients are taken.
    fn reserve(&mut self) -> Option<ConnId> {
        let mut nonce = [0; 11];
        if self.node.is_stopping() || self.random.fill(&mut nonce).is_err() {
            self.node.detached();
            return None;
        }
        self.shard.settle();
        self.carry_out_effects();
        Some(self.shard.reserve(nonce, self.now))
    }

    fn accept(&mut self, id: Option<ConnId>, accept: Accept, answer: oneshot::Sender<ConnId>) {
        let Some(id) = id.or_else(|| self.reserve()) else { return };
        // A stop ends reservations.
        if self.shard.has(id) {
            let token = accept.protocol.is_reliable().then(|| self.reconnection_token(id));
            self.shard.activate(id, accept, token.as_deref(), self.now);
            self.tell_id(id, answer);
        }
    }

    fn tell_id(&mut self, id: ConnId, answer: oneshot::Sender<ConnId>) {
        if answer.send(id).is_err() {
            // Whoever asked went away meanwhile.
            self.shard.disconnected(id.slot);
        }
    }

    /// What the client of a reliable connection comes back with.
    fn reconnection_token(&self, id: ConnId) -> String {
        self.keys.reconnection_token(&id, u64::try_from(now_s()).unwrap_or_default())
    }

    fn attach(&mut self, attach: Attach) {
        let Attach { id, stream, leftover, resumes, is_paced, ended } = attach;
        // What happened to the old socket is past before there is a new one.
        self.carry_out_effects();
        let entered = match resumes {
            Some(attempt) => self.shard.resumed(id, attempt, &self.reconnection_token(id)),
            None if self.shard.has(id) => Ok(()),
            None => Err(NotResumed::Ended),
        };
        match entered {
            Ok(()) => {}
            Err(NotResumed::Ended) if !self.node.is_stopping() => {
                // Whoever made the handshake tells the client.
                let _ = ended.send(stream);
                return;
            }
            Err(_) => return,
        }
        let at = id.slot as usize;
        if self.sockets.len() <= at {
            self.sockets.resize_with(at + 1, || None);
        }
        let stream = if resumes.is_some() {
            // Another shard may have accepted it.
            match stream.adopt() {
                Ok(stream) => stream,
                Err(_) => return self.shard.disconnected(id.slot),
            }
        } else {
            self.shard.attached(id.slot);
            stream
        };
        self.meter.bytes_in += leftover.len() as u64;
        let mut io = ConnIo::new(stream, self.message_bytes_max, id.slot, &self.mailbox, is_paced);
        decode(&mut self.shard, &mut io, id.slot, &mut leftover.to_vec(), self.now);
        // The first look registers the waker and writes what waits.
        io.wake();
        self.sockets[at] = Some(io);
    }

    /// Reads the sockets that are ready; `true` when some are left for the next turn.
    fn read_ready(&mut self) -> bool {
        self.mailbox.take_ready(&mut self.ready);
        if self.ready.is_empty() {
            return false;
        }
        if self.node.is_congested() {
            // Writable sockets must go on, readers wait until the slow shard caught up and wakes us.
            for &slot in &self.ready {
                self.shard.mark_dirty(slot);
            }
            return false;
        }
        let mut ready = std::mem::take(&mut self.ready);
        let count = ready.len().min(READS_PER_TURN);
        for slot in ready.drain(..count) {
            self.read(slot);
        }
        self.ready = ready;
        !self.ready.is_empty()
    }

    fn read(&mut self, slot: Slot) {
        let Some(io) = self.sockets.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        io.rearm();
        // The waker does not tell reading from writing: let the flush find out whether the socket takes more.
        self.shard.mark_dirty(slot);
        if self.shard.is_paused(slot) {
            self.paused.insert(slot);
            return;
        }
        let mut total = 0;
        loop {
            let Some(io) = self.sockets.get_mut(slot as usize).and_then(Option::as_mut) else { return };
            match io.read(&mut self.buffer) {
                Read::Bytes(count) => {
                    if self.mailbox.has_letters() && !self.drain_between(slot) {
                        return;
                    }
                    let Some(io) = self.sockets.get_mut(slot as usize).and_then(Option::as_mut) else {
                        return;
                    };
                    decode(&mut self.shard, io, slot, &mut self.buffer[..count], self.now);
                    total += count;
                    self.meter.bytes_in += count as u64;
                    if self.shard.is_paused(slot) {
                        self.paused.insert(slot);
                        return;
                    }
                    if total >= self.buffer.len() {
                        // A loud client waits for its next turn.
                        io.wake();
                        return;
                    }
                }
                Read::Pending => return,
                Read::Ended => {
                    self.shard.disconnected(slot);
                    return;
                }
            }
        }
    }

    /// Writes dirty connections; `true` when some are left for the next turn.
    fn flush_dirty(&mut self) -> bool {
        self.shard.settle();
        self.write_log();
        for _ in 0..FLUSHES_PER_TURN {
            let Some(slot) = self.shard.next_dirty() else { return false };
            self.flush(slot);
        }
        true
    }

    fn flush(&mut self, slot: Slot) {
        let Some(io) = self.sockets.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        let mut outcome = Write::Bytes(0);
        while let Some(queue) = self.shard.queue(slot).filter(|queue| !queue.is_empty()) {
            outcome = io.write(queue);
            match outcome {
                Write::Bytes(written) => self.shard.wrote(slot, written),
                Write::Pending | Write::Ended => break,
            }
        }
        if let Write::Bytes(_) = outcome {
            outcome = io.flush();
        }
        if let Write::Bytes(_) = outcome {
            match self.shard.flushed(slot) {
                AfterFlush::Keep => {}
                AfterFlush::ShutdownWrite => outcome = io.shutdown(),
                AfterFlush::Drop => outcome = Write::Ended,
            }
        }
        if let Write::Ended = outcome {
            self.shard.disconnected(slot);
        }
    }

    /// Takes an event on its way. The answer to a user event comes back by the mailbox.
    fn dispatch(&self, event: ClientEvent) {
        let on_verdict = matches!(event.kind, EventKind::User { .. }).then(|| {
            let (mailbox, conn, event) = (Arc::clone(&self.mailbox), event.client.conn, event.id);
            let answer = move |verdict| {
                let bytes = match &verdict {
                    Verdict::Handled { reply: Some((payload, _)), .. } => payload.bytes().len(),
                    _ => 0,
                };
                mailbox.push(Letter::Command(Command::Verdict { conn, event, verdict }), bytes);
            };
            Box::new(answer) as OnVerdict
        });
        self.courier.dispatch(event, on_verdict);
    }

    /// A connection that is paused is not read, so only this tells that its client has gone.
    fn look_for_hang_ups(&mut self) {
        for slot in std::mem::take(&mut self.paused) {
            let socket = self.sockets.get(slot as usize).and_then(Option::as_ref);
            match socket.filter(|_| self.shard.is_paused(slot)) {
                Some(io) if io.is_hung_up() => self.shard.disconnected(slot),
                Some(_) => _ = self.paused.insert(slot),
                None => {}
            }
        }
    }

    /// Goes on with a connection that was paused.
    fn resume(&mut self, slot: Slot) {
        let Some(io) = self.sockets.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        let mut kept = io.take_kept();
        decode(&mut self.shard, io, slot, &mut kept, self.now);
        io.wake();
    }

    /// Writes what has happened, before anybody learns of it by an effect or from a socket.
    fn write_log(&mut self) {
        if let Some(log) = &mut self.log
            && !log.write(&mut self.shard)
        {
            self.log = None;
        }
        self.unwritten.clear();
    }

    /// Until there are none: a connection that goes on has effects of its own.
    fn carry_out_effects(&mut self) {
        loop {
            self.write_log();
            let effects = self.shard.take_effects();
            if effects.is_empty() {
                return;
            }
            effects.into_iter().for_each(|effect| self.carry_out(effect));
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Forward { shards, number, publish } => {
                self.node.forward(self.shard.index(), shards, number, &publish);
            }
            Effect::Event(event) => self.dispatch(*event),
            Effect::Trace(trace) => self.note(*trace),
            Effect::CancelEvent { conn, event, invoked: true } => {
                self.courier.cancel_invocation(conn, event);
            }
            Effect::CancelEvent { conn, .. } => self.courier.cancel(conn),
            Effect::Resume(slot) => self.resume(slot),
            Effect::DropSocket(slot) => self.drop_socket(slot),
            Effect::Drop(slot) => {
                self.drop_socket(slot);
                self.node.detached();
            }
        }
    }

    /// Keeps what happened until the end of the turn.
    fn note(&mut self, trace: Trace) {
        let socket = trace.conn.and_then(|conn| self.sockets.get(conn.slot as usize)?.as_ref());
        let address = socket.and_then(ConnIo::peer);
        self.traces.push((trace, address));
    }

    fn hand_over_traces(&mut self) {
        if !self.traces.is_empty() {
            self.tracer.take(std::mem::take(&mut self.traces));
        }
    }

    /// Drops a socket, if there is one: a client that was only registered has none.
    fn drop_socket(&mut self, slot: Slot) {
        if let Some(socket) = self.sockets.get_mut(slot as usize) {
            *socket = None;
        }
    }
}

/// Decodes what was read and lets the shard act on each message. What a paused connection sent is kept for later.
fn decode(shard: &mut Shard, io: &mut ConnIo, slot: Slot, mut input: &mut [u8], now: Millis) {
    while shard.is_readable(slot) {
        if shard.is_paused(slot) {
            io.keep(input);
            return;
        }
        match io.decoder.next(&mut input) {
            Ok(Some(event)) => shard.received(slot, event, now),
            Ok(None) => return,
            Err(error) => shard.protocol_error(slot, &error, now),
        }
    }
}
