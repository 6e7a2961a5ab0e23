//! Slices together are the whole, whoever comes and goes between them.

use std::collections::BTreeSet;

use hublet_wire::client::{Format, Subprotocol};

use super::*;
use crate::{Accept, Directory, Limits, Protocol};

fn shard() -> Shard {
    let mut shard = Shard::new(0, 1, Limits::default(), Arc::new(Directory::new(1)));
    shard.set_epoch(1_000_000);
    shard
}

fn connect(shard: &mut Shard, hub: &str, user: Option<&str>, groups: &[&str], now: u64) -> ConnId {
    let id = shard.reserve([7; 11], now);
    let accept = Accept {
        hub: hub.into(),
        user: user.map(Arc::from),
        permissions: Permissions::from_roles(["webpubsub.sendToGroup.g", "webpubsub.joinLeaveGroup"]),
        groups: groups.iter().map(|group| Arc::from(*group)).collect(),
        protocol: Protocol::PubSub(Subprotocol { format: Format::Json, reliable: true }),
        custom_subprotocol: None,
        host: "h".into(),
        state: None,
    };
    shard.activate(id, accept, None, now);
    id
}

fn query() -> ConnectionQuery {
    ConnectionQuery { hub: "chat".into(), user: None, group: None, search: None, protocol: None }
}

/// All pages of a query, with something done to the shard between two.
fn pages(
    shard: &mut Shard,
    query: &ConnectionQuery,
    page: usize,
    mut between: impl FnMut(&mut Shard),
) -> Vec<ConnectionEntry> {
    let (mut all, mut from) = (Vec::new(), Some(0));
    while let Some(slot) = from {
        let (found, next) = shard.connections_from(query, slot, page, 20);
        assert!(found.len() <= page);
        all.extend(found);
        from = next;
        between(shard);
    }
    all
}

#[test]
fn who_stays_is_listed_once() {
    for (hub_size, page) in [(50, 7), (SLICE_SLOTS + 900, 1_000)] {
        let mut shard = shard();
        let stay: BTreeSet<ConnId> =
            (0..hub_size).map(|_| connect(&mut shard, "chat", Some("ann"), &["g"], 0)).collect();
        let mut leave: Vec<ConnId> =
            (0..40).map(|_| connect(&mut shard, "chat", Some("bob"), &["g"], 0)).collect();
        connect(&mut shard, "other", Some("ann"), &["g"], 0);
        for query in [
            query(),
            ConnectionQuery { user: Some("ann".into()), ..query() },
            ConnectionQuery { group: Some("g".into()), ..query() },
            ConnectionQuery { user: Some("ann".into()), group: Some("g".into()), ..query() },
            ConnectionQuery { search: Some(Part::new("AN")), ..query() },
        ] {
            let listed = pages(&mut shard, &query, page, |shard| {
                if let Some(id) = leave.pop() {
                    shard.disconnected(id.slot);
                    leave.insert(0, connect(shard, "chat", Some("bob"), &["g"], 0));
                }
            });
            let ids: Vec<ConnId> = listed.iter().map(|entry| entry.id).collect();
            let unique: BTreeSet<ConnId> = ids.iter().copied().collect();
            assert_eq!(unique.len(), ids.len(), "none twice");
            assert!(stay.is_subset(&unique), "none lost");
            let others = listed.iter().filter(|entry| entry.user.as_deref() == Some("bob")).count();
            let wants_bob = query.user.is_none() && query.search.is_none();
            assert_eq!(others > 0, wants_bob, "{query:?}");
        }
    }
}

#[test]
fn what_is_listed_of_a_connection() {
    let mut shard = shard();
    let id = connect(&mut shard, "chat", Some("Ännchen"), &["b", "a", "c"], 7_900);
    shard.attached(id.slot);
    shard.disconnected(id.slot);
    let [entry] = &pages(&mut shard, &query(), 1, |_| {})[..] else { panic!("one connection") };
    assert_eq!(
        (entry.id, entry.user.as_deref(), &*entry.protocol),
        (id, Some("Ännchen"), "json.reliable.webpubsub.azure.v1")
    );
    assert_eq!((entry.connected_s, entry.detached, entry.unacked), (1_007, true, Some(0)));
    assert_eq!(entry.roles, ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup.g"]);
    let one = shard.connection("chat", &id, 2).unwrap();
    assert_eq!((one.groups.len(), one.group_count), (2, 3));
    assert_eq!(shard.connection("other", &id, 2), None);
    assert_eq!(shard.connection("chat", &ConnId { nonce: [8; 11], ..id }, 2), None);
    for (part, is_found) in
        [("änn", true), ("ÄNNCHEN", true), ("bob", false), (&id.to_string()[3..9], true), ("", true)]
    {
        let query = ConnectionQuery { search: Some(Part::new(part)), ..query() };
        assert_eq!(pages(&mut shard, &query, 5, |_| {}).len(), usize::from(is_found), "{part}");
    }
    for (protocol, is_found) in [(PROTOCOLS[0], false), (PROTOCOLS[2], true)] {
        let query = ConnectionQuery { protocol: Some(protocol), ..query() };
        assert_eq!(pages(&mut shard, &query, 5, |_| {}).len(), usize::from(is_found), "{protocol}");
    }
    for query in [
        ConnectionQuery { hub: "nowhere".into(), ..query() },
        ConnectionQuery { user: Some("nobody".into()), ..query() },
        ConnectionQuery { group: Some("empty".into()), ..query() },
    ] {
        assert_eq!(shard.connections_from(&query, 0, 5, 5), (vec![], None), "{query:?}");
        assert_eq!(shard.connections_from(&query, u32::MAX, 5, 5), (vec![], None), "{query:?}");
    }
}

/// All names, page by page, from two shards.
fn names(
    shards: &[Shard],
    page: usize,
    look: impl Fn(&Shard, u32, &mut Names) -> Option<u32>,
) -> Vec<(String, usize)> {
    let mut all: Vec<(String, usize)> = Vec::new();
    loop {
        let after = all.last().map(|(name, _)| name.clone());
        let mut merged = Names::new(after.as_deref(), page);
        for shard in shards {
            let (mut own, mut from) = (Names::new(after.as_deref(), page), Some(0));
            while let Some(at) = from {
                from = look(shard, at, &mut own);
            }
            merged.merge(&own);
        }
        let found: Vec<_> = merged.into_counts().map(|(name, count)| (name.to_string(), count)).collect();
        if found.is_empty() {
            return all;
        }
        all.extend(found);
    }
}

#[test]
fn users_and_groups_come_in_order_with_the_counts_of_all_shards() {
    let mut shards = [shard(), shard()];
    for (at, shard) in shards.iter_mut().enumerate() {
        for user in (0..SLICE_SLOTS / 10 * 13).map(|number| format!("u{:04}", number * 7 % 1_000)) {
            let groups: &[&str] = if user.ends_with('0') { &["tens"] } else { &[] };
            connect(shard, "chat", Some(&user), groups, 0);
        }
        (0..30).for_each(|number| _ = connect(shard, "chat", None, &[&format!("g{}", number % 12 + at)], 0));
    }
    let users = names(&shards, 90, |shard, from, names| shard.users_from("chat", None, None, from, names));
    assert_eq!(users.len(), 1_000);
    assert!(users.is_sorted_by(|one, next| one.0 < next.0));
    assert_eq!(users.iter().map(|(_, count)| count).sum::<usize>(), 2 * (SLICE_SLOTS / 10 * 13));
    let tens =
        names(&shards, 90, |shard, from, names| shard.users_from("chat", Some("tens"), None, from, names));
    assert_eq!(tens, users.iter().filter(|(user, _)| user.ends_with('0')).cloned().collect::<Vec<_>>());
    let part = Part::new("U099");
    let some =
        names(&shards, 3, |shard, from, names| shard.users_from("chat", None, Some(&part), from, names));
    assert_eq!(some.len(), 10);
    let groups = names(&shards, 5, |shard, from, names| shard.groups_from("chat", None, from, names));
    assert_eq!(groups.len(), 14);
    assert!(groups.contains(&("g1".to_owned(), 6)) && groups.contains(&("g0".to_owned(), 3)), "{groups:?}");
    let part = Part::new("TEN");
    let tens = names(&shards, 5, |shard, from, names| shard.groups_from("chat", Some(&part), from, names));
    assert_eq!(tens.len(), 1);
    assert_eq!(names(&shards, 5, |shard, from, names| shard.groups_from("x", None, from, names)), []);
}
