//! One session as bytes.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use hublet_wire::client::Format;
use hublet_wire::id::ConnId;

use super::bytes::{Reader, Writer};
use super::message::{read_id, read_permissions, write_id, write_permissions};
use crate::acks::AckWindow;
use crate::conn::Conn;
use crate::permission::Permissions;
use crate::streams::Stream;
use crate::unacked::{Batch, Numbered, Unacked};

/// A reliable connection without what belongs to its socket and to its shard.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: ConnId,
    pub(super) hub: Arc<str>,
    pub(super) user: Option<Arc<str>>,
    pub(super) host: Arc<str>,
    pub(super) format: Format,
    pub(super) state: Option<Bytes>,
    pub(super) next_event: u64,
    pub(super) permissions: Permissions,
    pub(super) groups: Vec<Arc<str>>,
    pub(super) acks: AckWindow,
    pub(super) unacked: Unacked,
    pub(super) streams: Vec<(Arc<str>, Stream)>,
}

/// Writes a connection of this hub and these groups. `unacked` is what its client may still need, if that is to be
/// written too; `number` gives the batches their numbers.
pub(super) fn write_session(
    out: &mut Writer,
    conn: &Conn,
    hub: &str,
    groups: &[&Arc<str>],
    unacked: Option<&Unacked>,
    mut number: impl FnMut(&Batch) -> u64,
) {
    write_id(out, conn.id);
    out.text(hub);
    out.option(conn.user.as_deref(), Writer::text);
    out.text(&conn.host);
    out.flag(conn.protocol.format() == Some(Format::Protobuf));
    let extra = conn.extra.as_deref();
    out.option(extra.and_then(|extra| extra.state.as_deref()), Writer::bytes);
    out.number(conn.next_event);
    write_permissions(out, &conn.permissions);
    out.len(groups.len());
    groups.iter().for_each(|group| out.text(group));
    let runs = conn.acks.iter().flat_map(|acks| acks.runs());
    out.len(conn.acks.as_ref().map_or(0, |acks| acks.runs().len()));
    for (first, ids) in runs {
        out.number(first);
        out.number(ids);
    }
    out.number(unacked.map_or(0, Unacked::acknowledged));
    out.len(unacked.map_or(0, |unacked| unacked.batches().count()));
    for numbered in unacked.into_iter().flat_map(Unacked::batches) {
        out.number(numbered.first);
        out.number(number(&numbered.batch));
    }
    let mut streams: Vec<_> = extra.into_iter().flat_map(|extra| extra.streams.iter()).collect();
    streams.sort_unstable_by_key(|(id, _)| *id);
    out.len(streams.len());
    for (id, stream) in streams {
        let (group, no_echo, expected, idle_timeout_ms) = stream.parts();
        out.text(id);
        out.text(group);
        out.flag(no_echo);
        out.number(expected);
        out.number(idle_timeout_ms.into());
    }
}

/// Reads a session. `batch` knows the batches by their numbers.
pub(super) fn read_session(from: &mut Reader<'_>, batch: impl Fn(u64) -> Option<Batch>) -> Option<Session> {
    Some(Session {
        id: read_id(from)?,
        hub: from.name()?,
        user: from.option(Reader::name)?,
        host: from.name()?,
        format: if from.flag()? { Format::Protobuf } else { Format::Json },
        state: from.option(Reader::bytes)?,
        next_event: from.count()?,
        permissions: read_permissions(from)?,
        groups: read_groups(from)?,
        acks: AckWindow::restore(from.list(|from| Some((from.number()?, from.number()?)))?)?,
        unacked: {
            let acknowledged = from.count()?;
            let numbered =
                from.list(|from| Some(Numbered { first: from.count()?, batch: batch(from.number()?)? }))?;
            Unacked::restore(acknowledged, numbered)?
        },
        streams: from.list(|from| {
            let (id, group, no_echo) = (from.name()?, from.name()?, from.flag()?);
            Some((id, Stream::restore(group, no_echo, from.count()?, from.small()?)))
        })?,
    })
}

/// Names, each once.
fn read_groups(from: &mut Reader<'_>) -> Option<Vec<Arc<str>>> {
    let groups = from.list(Reader::name)?;
    let names: HashSet<&Arc<str>> = groups.iter().collect();
    (names.len() == groups.len()).then_some(groups)
}
