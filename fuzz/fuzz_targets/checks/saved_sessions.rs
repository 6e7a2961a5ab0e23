//! What must hold for every file of sessions and every log: no panic, and a shard that takes them up, and messages of
//! another shard, can save the same and end them.

use std::sync::Arc;

use hublet_hub::{Directory, Limits, Saved, Shard, Undelivered};

/// Larger ones would only make larger tables.
const SLOTS_MAX: u32 = 1_000;

pub(crate) fn check(data: &[u8]) {
    let mut saved = Saved::new(0);
    if saved.read(data).is_err() || saved.ids().any(|id| id.slot >= SLOTS_MAX) {
        return;
    }
    // As if another shard had left the same.
    let mut of_another = [(1, Saved::new(0))];
    of_another[0].1.read(data).expect("it was read before");
    let undelivered = Undelivered::take(&mut of_another);
    let mut shard = shard();
    let count = shard.restore(saved);
    assert!(count >= shard.connections());
    undelivered.deliver(&mut shard);
    let bytes = save(&mut shard);
    let mut saved = Saved::new(0);
    saved.read(&bytes).expect("what was saved");
    let mut again = self::shard();
    again.restore(saved);
    assert_eq!(save(&mut again), bytes);
    again.tick(u64::from(u32::MAX));
    assert_eq!(again.connections(), 0);
}

fn shard() -> Shard {
    Shard::new(0, 1, Limits::default(), Arc::new(Directory::new(1)))
}

fn save(shard: &mut Shard) -> Vec<u8> {
    let mut bytes = Vec::new();
    let outcome = shard.save(0, |chunk| {
        bytes.extend_from_slice(chunk);
        Ok::<(), ()>(())
    });
    outcome.expect("it cannot fail");
    bytes
}
