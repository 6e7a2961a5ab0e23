//! What is always true of a shard.

use crate::Shard;
use crate::conn::Phase;
use crate::directory::Topic;

use super::GROUPS;

/// Whether the directory knows a shard for a topic exactly when the shard has members of it.
fn directory_agrees(shard: &Shard, hub: &str, topic: Topic<'_>, has_members: bool) -> bool {
    let known = shard.directory.lookup(hub, topic).contains(shard.index);
    shard.directory.shards() == 1 || known == has_members
}

/// All indices of a shard agree with each other, with the queues and with the directory.
pub(super) fn check_shard(shard: &Shard) {
    let (mut queued, mut unacked) = (0, 0);
    for (at, conn) in &shard.conns {
        assert_eq!(conn.id.slot as usize, at);
        queued += conn.queue.queued_bytes();
        unacked += conn.reliable().map_or(0, |reliable| reliable.unacked.len());
        if conn.phase != Phase::Open {
            assert!(conn.groups.is_empty(), "a closing connection is in no group");
            continue;
        }
        let hub = shard.hubs.get(conn.hub).expect("hub of an open connection");
        assert_eq!(hub.all.get(conn.position_all).map(|m| m.slot), Some(conn.id.slot));
        if let Some(user) = &conn.user {
            assert_eq!(hub.users[user].get(conn.position_user).map(|m| m.slot), Some(conn.id.slot));
        }
        for (back, membership) in conn.groups.iter().enumerate() {
            let members = hub.groups.get(membership.group).expect("group of a member");
            let member = members.get(membership.position).expect("position of a member");
            assert_eq!((member.slot, member.back as usize), (conn.id.slot, back));
        }
    }
    assert_eq!(queued, shard.queued_bytes, "bytes are accounted");
    assert_eq!(unacked, shard.unacked, "unacknowledged messages are accounted");
    let open = shard.conns.iter().filter(|(_, conn)| conn.phase == Phase::Open).count();
    let counters = &shard.counters;
    let ended = counters.closed.total();
    assert_eq!(counters.opened + counters.restored - ended, open as u64, "each end is counted once");
    assert_eq!(open, shard.hubs.iter().map(|(_, _, hub)| hub.all.len()).sum::<usize>());
    for (_, name, hub) in shard.hubs.iter() {
        assert!(!hub.all.is_empty(), "an empty hub is forgotten");
        let by_protocol = hub.by_protocol.iter().map(|count| *count as usize).sum::<usize>();
        assert_eq!(by_protocol, hub.all.len(), "each connection speaks something");
        assert!(directory_agrees(shard, name, Topic::Hub, true));
        let memberships: usize = shard
            .conns
            .iter()
            .filter(|(_, c)| c.phase == Phase::Open && shard.hubs.name(c.hub) == Some(name))
            .map(|(_, c)| c.groups.len())
            .sum();
        assert_eq!(memberships, hub.groups.iter().map(|(_, _, members)| members.len()).sum::<usize>());
        for (_, group, members) in hub.groups.iter() {
            assert!(!members.is_empty(), "an empty group is forgotten");
            assert!(directory_agrees(shard, name, Topic::Group(group), true));
        }
        for (user, members) in &hub.users {
            assert!(!members.is_empty() && directory_agrees(shard, name, Topic::User(user), true));
        }
        for group in GROUPS.iter().filter(|group| hub.groups.key(group).is_none()) {
            assert!(directory_agrees(shard, name, Topic::Group(group), false));
        }
    }
}
