//! Which group events a handler gets (event-handlers.md §5.7).

/// The group events of a handler.
#[derive(Debug, Clone, Default)]
pub struct Presence {
    /// It gets `joined`.
    pub joined: bool,
    /// It gets `left`.
    pub left: bool,
    /// Of these groups only; `None`: of all.
    pub groups: Option<Box<[String]>>,
}
