//! Names of headers (event-handlers.md §4.1), in lower case: case does not matter on the wire, HTTP/2 has no other, and
//! what HTTP libraries compare is in lower case.

/// The host names of this service, on every request.
pub const ORIGIN: &str = "webhook-request-origin";
/// The host names that may send events, in the answer to a validation (event-handlers.md §3.3).
pub const ALLOWED_ORIGIN: &str = "webhook-allowed-origin";
/// Version of CloudEvents.
pub const SPEC_VERSION: &str = "ce-specversion";
/// Version of the events of Web PubSub. All official middlewares demand it, on validations too.
pub const AWPS_VERSION: &str = "ce-awpsversion";
/// Type of the event.
pub const TYPE: &str = "ce-type";
/// Hub and connection as a path.
pub const SOURCE: &str = "ce-source";
/// Number of the event within its connection.
pub const ID: &str = "ce-id";
/// When the event happened.
pub const TIME: &str = "ce-time";
/// Proof that the service has the access keys (event-handlers.md §4.3).
pub const SIGNATURE: &str = "ce-signature";
/// Id of the connection.
pub const CONNECTION_ID: &str = "ce-connectionid";
/// The hub.
pub const HUB: &str = "ce-hub";
/// Name of the event.
pub const EVENT_NAME: &str = "ce-eventname";
/// User id; the only header that may hold more than ASCII.
pub const USER_ID: &str = "ce-userid";
/// The subprotocol that was negotiated.
pub const SUBPROTOCOL: &str = "ce-subprotocol";
/// What the handler keeps with the connection, on requests and on answers (event-handlers.md §4.4).
pub const CONNECTION_STATE: &str = "ce-connectionstate";
/// Names an event in the logs of both sides; the same on every retry.
pub const REQUEST_ID: &str = "x-ms-client-request-id";
/// Before the key of a message's metadata, on requests and on answers.
pub const METADATA_PREFIX: &str = "x-webpubsub-metadata-";
