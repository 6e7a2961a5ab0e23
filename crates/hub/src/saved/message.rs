//! Messages and permissions as bytes.

use std::sync::Arc;

use bytes::Bytes;
use hublet_wire::client::Payload;
use hublet_wire::id::ConnId;

use super::bytes::{Reader, Writer};
use crate::Millis;
use crate::group_state::StateNews;
use crate::permission::Permissions;
use crate::publish::{Publish, StreamEnd, StreamPart};
use crate::target::Target;

/// Milliseconds since 1970 at which the shard's clock began, so that its times mean something after a restart.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Epoch(pub(crate) u64);

impl Epoch {
    pub(super) fn wall_ms(self, time: Millis) -> u64 {
        self.0.saturating_add(time)
    }

    /// What is past is the beginning.
    pub(super) fn since(self, wall_ms: u64) -> Millis {
        wall_ms.saturating_sub(self.0)
    }
}

/// The kind of a message that is group states instead of a payload.
const STATES: u8 = 4;

/// What receivers see of a message. Who they are is known, so nothing else is kept.
pub(super) fn write_message(out: &mut Writer, message: &Publish, epoch: Epoch) {
    let kind = match &message.payload {
        _ if message.state.is_some() => STATES,
        Payload::Text(_) => 0,
        Payload::Json(_) => 1,
        Payload::Binary(_) => 2,
        Payload::Protobuf(_) => 3,
    };
    out.byte(kind);
    match &message.state {
        Some(news) => news.write(out),
        None => out.bytes(message.payload.bytes()),
    }
    let group = match &message.target {
        Target::Group(group) => Some(group),
        Target::All | Target::User(_) | Target::Connection(_) => None,
    };
    out.option(group, |out, group| out.text(group));
    out.option(message.from_user.as_ref(), |out, user| out.text(user));
    out.len(message.metadata.len());
    for (key, value) in &message.metadata {
        out.text(key);
        out.text(value);
    }
    out.option(message.expires, |out, expires| out.number(epoch.wall_ms(expires)));
    out.option(message.stream.as_deref(), |out, part| {
        out.text(&part.stream_id);
        out.number(part.sequence_id);
        out.option(part.end.as_ref(), write_end);
    });
}

pub(super) fn read_message(from: &mut Reader<'_>, epoch: Epoch) -> Option<Publish> {
    let kind = from.byte()?;
    let state = if kind == STATES { Some(Box::new(StateNews::read(from)?)) } else { None };
    let content = if state.is_some() { Bytes::new() } else { from.bytes()? };
    let payload = match (kind, content) {
        (STATES, nothing) => Payload::Text(nothing),
        (0, text) if std::str::from_utf8(&text).is_ok() => Payload::Text(text),
        (1, text) if std::str::from_utf8(&text).is_ok() => Payload::Json(text),
        (2, bytes) => Payload::Binary(bytes),
        (3, bytes) => Payload::Protobuf(bytes),
        _ => return None,
    };
    let target = from.option(Reader::name)?.map_or(Target::All, Target::Group);
    let mut message = Publish::new(Arc::from(""), target, payload);
    message.state = state;
    message.from_user = from.option(Reader::name)?;
    message.metadata = from.list(|from| Some((from.text()?.to_owned(), from.text()?.to_owned())))?;
    message.expires = from.option(Reader::number)?.map(|wall_ms| epoch.since(wall_ms));
    message.stream = from.option(|from| {
        let (stream_id, sequence_id) = (from.name()?, from.number()?);
        Some(Box::new(StreamPart { stream_id, sequence_id, end: from.option(read_end)? }))
    })?;
    Some(message)
}

/// A message of a client whose receivers are still to be found. Only messages from REST have filters.
pub(super) fn write_publish(out: &mut Writer, publish: &Publish, epoch: Epoch) {
    out.text(&publish.hub);
    match &publish.target {
        Target::All => out.byte(0),
        Target::Group(_) => out.byte(1),
        Target::User(user) => {
            out.byte(2);
            out.text(user);
        }
        Target::Connection(id) => {
            out.byte(3);
            write_id(out, *id);
        }
    }
    out.len(publish.excluded.len());
    publish.excluded.iter().for_each(|id| write_id(out, *id));
    write_message(out, publish, epoch);
}

pub(super) fn read_publish(from: &mut Reader<'_>, epoch: Epoch) -> Option<Publish> {
    let hub = from.name()?;
    let target = match from.byte()? {
        0 => Some(Target::All),
        1 => None,
        2 => Some(Target::User(from.name()?)),
        3 => Some(Target::Connection(read_id(from)?)),
        _ => return None,
    };
    let excluded = from.list(read_id)?;
    let mut publish = read_message(from, epoch)?;
    publish.hub = hub;
    match target {
        Some(target) => publish.target = target,
        // Its receivers see the group, so that it is there already.
        None if matches!(publish.target, Target::Group(_)) => {}
        None => return None,
    }
    publish.excluded = excluded.into();
    Some(publish)
}

pub(crate) fn write_id(out: &mut Writer, id: ConnId) {
    out.fixed(&id.nonce);
    out.number(id.shard.into());
    out.number(id.slot.into());
    out.number(id.node.into());
}

pub(crate) fn read_id(from: &mut Reader<'_>) -> Option<ConnId> {
    Some(ConnId { nonce: from.fixed()?, shard: from.small()?, slot: from.small()?, node: from.small()? })
}

fn write_end(out: &mut Writer, end: &StreamEnd) {
    match end {
        StreamEnd::Complete => out.byte(0),
        StreamEnd::IdleTimeout => out.byte(1),
        StreamEnd::Forbidden => out.byte(2),
        StreamEnd::Cancelled => out.byte(3),
        StreamEnd::UserError { message, code } => {
            out.byte(4);
            out.option(message.as_deref(), Writer::text);
            out.option(code.as_deref(), Writer::text);
        }
    }
}

fn read_end(from: &mut Reader<'_>) -> Option<StreamEnd> {
    let text = |from: &mut Reader<'_>| from.option(|from| from.text().map(Into::into));
    Some(match from.byte()? {
        0 => StreamEnd::Complete,
        1 => StreamEnd::IdleTimeout,
        2 => StreamEnd::Forbidden,
        3 => StreamEnd::Cancelled,
        4 => StreamEnd::UserError { message: text(from)?, code: text(from)? },
        _ => return None,
    })
}

pub(super) fn write_permissions(out: &mut Writer, permissions: &Permissions) {
    let (join_all, send_all) = permissions.for_all_groups();
    out.flag(join_all);
    out.flag(send_all);
    for (literals, patterns) in permissions.for_some_groups() {
        out.len(literals.len());
        for (group, allowed) in literals {
            out.text(group);
            out.flag(allowed);
        }
        out.len(patterns.len());
        patterns.iter().for_each(|pattern| out.text(pattern));
    }
}

pub(super) fn read_permissions(from: &mut Reader<'_>) -> Option<Permissions> {
    let (join_all, send_all) = (from.flag()?, from.flag()?);
    let mut scoped = || {
        let literals = from.list(|from| Some((from.text()?, from.flag()?)))?;
        Some((literals, from.list(Reader::text)?))
    };
    Permissions::restore(join_all, send_all, scoped()?, scoped()?)
}
