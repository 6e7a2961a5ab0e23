//! One shard with clients whose requests and answers are texts, for tests of its rules.

use std::collections::HashMap;
use std::io::IoSlice;
use std::sync::Arc;

use hublet_wire::client::{Format, Payload, Subprotocol};
use hublet_wire::id::ConnId;
use hublet_wire::ws::{Decoder, Event, Role};

use crate::{
    Accept, AfterFlush, Command, Directory, Effect, EventKind, HubPolicy, Limits, Permissions, Protocol,
    Publish, Shard, Target, Verdict,
};

/// How long a reliable connection waits for its client.
pub(crate) const RETENTION_MS: u64 = 60_000;

pub(crate) struct Bench {
    pub(crate) shard: Shard,
    decoders: HashMap<ConnId, Decoder>,
    nonce: u8,
    now: u64,
}

impl Bench {
    /// One whose application wants the events of clients.
    pub(crate) fn new() -> Self {
        let limits = Limits { retention_ms: RETENTION_MS, ..Limits::default() };
        let mut shard = Shard::new(0, 1, limits, Arc::new(Directory::new(1)));
        let policy = HubPolicy { wants_lifecycle: true, wants_user_events: true, ..HubPolicy::default() };
        shard.apply(Command::Configure(Arc::new([(Arc::from("chat"), policy)].into())), 0);
        Self { shard, decoders: HashMap::new(), nonce: 0, now: 0 }
    }

    /// A JSON client in the group `g` that may send there.
    pub(crate) fn connect(&mut self, reliable: bool) -> ConnId {
        self.connect_as(Protocol::PubSub(Subprotocol { format: Format::Json, reliable }))
    }

    /// A client in the group `g` that may send there.
    pub(crate) fn connect_as(&mut self, protocol: Protocol) -> ConnId {
        let reliable = protocol.is_reliable();
        self.nonce += 1;
        let id = self.shard.reserve([self.nonce; 11], self.now);
        let accept = Accept {
            hub: "chat".into(),
            user: None,
            permissions: Permissions::from_roles(["webpubsub.sendToGroup.g"]),
            groups: vec!["g".into()],
            protocol,
            custom_subprotocol: None,
            host: "localhost".into(),
            state: None,
        };
        self.shard.activate(id, accept, reliable.then_some("token"), self.now);
        self.shard.attached(id.slot);
        self.decoders.insert(id, Decoder::new(Role::Client, 32 << 20));
        self.read(id);
        self.told();
        id
    }

    pub(crate) fn text(&mut self, id: ConnId, text: &str) {
        self.shard.received(id.slot, Event::Text(text), self.now);
    }

    /// The app server sends to the group.
    pub(crate) fn publish(&mut self, text: &str) {
        let payload = Payload::Text(text.to_owned().into());
        let publish = Publish::new("chat".into(), Target::Group("g".into()), payload);
        self.shard.apply(Command::Deliver(Arc::new(publish)), self.now);
    }

    pub(crate) fn answer(&mut self, conn: ConnId, event: u64, verdict: Verdict) {
        self.shard.apply(Command::Verdict { conn, event, verdict }, self.now);
    }

    pub(crate) fn pass(&mut self, ms: u64) {
        self.now += ms;
        self.shard.begin_turn(self.now);
        self.shard.tick(self.now);
    }

    /// The socket breaks.
    pub(crate) fn cut(&mut self, id: ConnId) {
        self.shard.disconnected(id.slot);
        self.decoders.insert(id, Decoder::new(Role::Client, 32 << 20));
    }

    /// The client is back, if the shard lets it.
    pub(crate) fn come_back(&mut self, id: ConnId) -> bool {
        self.decoders.insert(id, Decoder::new(Role::Client, 32 << 20));
        let begun = self.shard.resume(id, "chat");
        begun.is_some_and(|(_, attempt)| self.shard.resumed(id, attempt, "new").is_ok())
    }

    /// What the driver and the application are told, in short.
    pub(crate) fn told(&mut self) -> Vec<String> {
        let short = |effect| match effect {
            Effect::Event(event) => match event.kind {
                EventKind::Disconnected { reason } => format!("disconnected {reason}"),
                EventKind::User { name, payload, invoked, .. } => {
                    let what = if invoked { "invoked" } else { "event" };
                    format!("{what} {} {name} {}", event.id, String::from_utf8_lossy(payload.bytes()))
                }
                EventKind::Connected => "connected".to_owned(),
                _ => unreachable!("not wanted"),
            },
            Effect::CancelEvent { event, invoked, .. } => format!("cancel {event} {invoked}"),
            Effect::DropSocket(_) => "drop socket".to_owned(),
            Effect::Trace(trace) => format!("{:?}", trace.fact),
            Effect::Resume(_) => "resume".to_owned(),
            Effect::Drop(_) => "drop".to_owned(),
            Effect::Forward { .. } => unreachable!("there is one shard"),
        };
        self.shard.take_effects().into_iter().map(short).collect()
    }

    /// What a client reads: data as it is, close frames by their code. The driver does what follows from an empty queue.
    pub(crate) fn read(&mut self, id: ConnId) -> Vec<String> {
        self.shard.settle();
        let mut bytes = Vec::new();
        while let Some(queue) = self.shard.queue(id.slot).filter(|queue| !queue.is_empty()) {
            let mut slices = [IoSlice::new(&[]); 16];
            let chunk: Vec<u8> = match queue.io_slices(&mut slices) {
                0 => queue.joined().concat(),
                count => slices[..count].iter().flat_map(|slice| slice.to_vec()).collect(),
            };
            self.shard.wrote(id.slot, chunk.len());
            bytes.extend(chunk);
        }
        if self.shard.flushed(id.slot) == AfterFlush::Drop {
            self.shard.disconnected(id.slot);
        }
        let decoder = self.decoders.get_mut(&id).unwrap();
        let (mut input, mut texts) = (&mut bytes[..], Vec::new());
        while let Some(event) = decoder.next(&mut input).unwrap() {
            match event {
                Event::Text(text) => texts.push(text.to_owned()),
                Event::Close { code, .. } => texts.push(format!("close {}", code.unwrap_or_default())),
                Event::Ping(_) => {}
                other => texts.push(format!("{other:?}")),
            }
        }
        texts
    }

    /// What a client reads, each message by the value of these members, as far as it has them.
    pub(crate) fn read_members(&mut self, id: ConnId, members: &[&str]) -> Vec<String> {
        let short = |text: String| {
            let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) else { return text };
            let found = members.iter().filter_map(|path| {
                let found = value.pointer(path)?;
                Some(found.as_str().map_or_else(|| found.to_string(), str::to_owned))
            });
            found.collect::<Vec<_>>().join(" ")
        };
        self.read(id).into_iter().map(short).collect()
    }
}
