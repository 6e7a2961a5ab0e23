//! What hublet keeps on disk: settings of hubs and events that must not be lost.
