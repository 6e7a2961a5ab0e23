//! The handler `builtin:echo`, for trying out clients without an application.

use hublet_hub::{EventKind, Verdict};

/// What it answers: what a client sends comes back to it, everything else is fine.
pub(crate) fn answer(kind: &EventKind) -> Verdict {
    let reply = match kind {
        EventKind::User { payload, metadata, .. } => Some((payload.clone(), metadata.clone())),
        _ => None,
    };
    Verdict::Handled { reply, state: None }
}
