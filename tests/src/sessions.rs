//! Sessions in the data folder, and clients whose sessions they are.

use std::path::{Path, PathBuf};

use hublet_wire::id::ConnId;

use crate::outage::{Reliable, Rig};
use crate::raw::RawClient;
use crate::{JSON_RELIABLE, http};

/// The file of a shard.
pub fn file(folder: &Path, shard: u8) -> PathBuf {
    folder.join(format!("hublet-data/sessions/shard-{shard}"))
}

/// The names of all files, in their order.
pub fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder.join("hublet-data/sessions"));
    let entries = entries.into_iter().flatten().map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().expect("a name")).collect();
    names.sort_unstable();
    names
}

/// The shard that has the connection of a client.
pub fn shard(client: &Reliable) -> u8 {
    client.id.parse::<ConnId>().expect("an id").shard
}

/// Members of the group `room`: so many at least, and one on each of the two shards.
pub fn members(rig: &Rig, count: usize) -> Vec<Reliable> {
    let mut members: Vec<Reliable> = Vec::new();
    let has = |members: &[Reliable], wanted| members.iter().any(|member| shard(member) == wanted);
    // The system chooses which shard accepts a connection.
    while members.len() < count || !has(&members, 0) || !has(&members, 1) {
        members.push(Reliable::connect(&rig.url("ann", &["room"], &["webpubsub.joinLeaveGroup"])));
    }
    members
}

/// An app server publishes to the group `room`.
pub fn publish(rig: &Rig, text: &str) {
    publish_to(rig, "room", text);
}

/// An app server publishes to a group.
pub fn publish_to(rig: &Rig, group: &str, text: &str) {
    let path = format!("/api/hubs/chat/groups/{group}/:send");
    let sent = http::call(rig.server(), "POST", &path, &["Content-Type: text/plain"], text.as_bytes());
    assert_eq!(sent.status, 202);
}

/// A client that comes back is told that it cannot.
pub fn expect_refusal(client: &Reliable) {
    let url = format!(
        "ws://{}/client/hubs/chat?awps_connection_id={}&awps_reconnection_token={}",
        client.authority, client.id, client.token
    );
    RawClient::connect(&url, JSON_RELIABLE).expect_close(1008, "The connection could not be recovered.");
}
