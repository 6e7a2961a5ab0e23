//! Client events as CloudEvents, and the answers of event handlers (event-handlers.md §4 to §6). No I/O, no cryptography.

pub mod answer;
