//! WebSocket (RFC 6455) without I/O: frames in, events out; messages in, finished frames out.
//!
//! * [`Decoder`] reads a lent buffer and hands out whole messages. A message that lies in the buffer as one frame is
//!   unmasked where it is and never copied.
//! * [`encode_message`], [`MessageWriter`] and friends make complete frames, ready to be shared by all receivers.
//!
//! No extension is spoken (permessage-deflate would need a window per connection), so the reserved bits are errors.

mod close;
mod encode;
mod frame;
pub mod handshake;
mod mask;
mod message;
mod partial;
mod utf8;

pub use close::CloseCode;
pub use encode::{
    FRAGMENT_BYTES_MAX, MessageWriter, encode_close, encode_control, encode_masked, encode_masked_close,
    encode_message,
};
pub(crate) use encode::{OutHeader, PLAIN_HEADER_MAX, encode_continuation};
pub use frame::{Opcode, Role};
pub use message::{Decoder, Event, ProtocolError};
