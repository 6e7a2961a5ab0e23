//! What must hold for every recovery: no panic, one spelling of each id and token, and a proof that is about both.

use hublet_wire::id::ConnId;
use hublet_wire::reconnection;

/// A connection id, a line feed, and a token.
pub(crate) fn check(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let (Some(id), Some(token)) = (lines.next(), lines.next()) else { return };
    let (id, token) = (String::from_utf8_lossy(id), String::from_utf8_lossy(token));
    let id: Option<ConnId> = id.parse().ok().inspect(|read: &ConnId| assert_eq!(read.to_string(), id));
    let Some(read) = reconnection::decode(&token) else { return };
    assert_eq!(reconnection::encode(read.ends_s, &read.proof), token);
    let Some(id) = id else { return };
    let proven = reconnection::proven(&id, read.ends_s);
    let other = ConnId { slot: !id.slot, ..id };
    assert_ne!(proven, reconnection::proven(&other, read.ends_s));
    assert_ne!(proven, reconnection::proven(&id, !read.ends_s));
}
