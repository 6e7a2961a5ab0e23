//! How many messages are in so many bytes, for receivers that only count what comes.

/// What the messages of one receiver have that differs from one to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbering {
    /// Nothing: all are as long as the first one.
    None,
    /// A sequence id in decimal.
    Decimal,
    /// A sequence id as a varint, in a protobuf message inside another one.
    Varint,
}

/// The lengths of messages that are alike but for their sequence ids.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lengths {
    numbering: Numbering,
    /// Of the first message without what the number changes: its digits, and lengths that stand before it.
    rest: u64,
}

impl Lengths {
    /// From the frame of the message with the sequence id 1.
    pub(super) fn of_first(numbering: Numbering, frame_bytes: u64) -> Self {
        let message = frame_bytes
            - [2, 4, 10]
                .into_iter()
                .find(|h| frame(frame_bytes.saturating_sub(*h)) == frame_bytes)
                .unwrap_or(0);
        let rest = match numbering {
            Numbering::None => message,
            Numbering::Decimal => message.saturating_sub(1),
            Numbering::Varint => {
                let inner = |len: u64| message.saturating_sub(1 + len);
                let len = (1..=5).find(|len| varint(inner(*len)) == *len).unwrap_or(1);
                inner(len).saturating_sub(1)
            }
        };
        Self { numbering, rest }
    }

    /// Bytes of the frame of a message, and the first number whose message may be longer.
    fn of(self, number: u64) -> (u64, u64) {
        match self.numbering {
            Numbering::None => (frame(self.rest), u64::MAX),
            Numbering::Decimal => {
                let digits = number.checked_ilog10().unwrap_or(0) + 1;
                (frame(self.rest + u64::from(digits)), 10_u64.checked_pow(digits).unwrap_or(u64::MAX))
            }
            Numbering::Varint => {
                let inner = self.rest + varint(number);
                let next = 1_u64.checked_shl(u32::try_from(7 * varint(number)).unwrap_or(64));
                (frame(1 + varint(inner) + inner), next.unwrap_or(u64::MAX))
            }
        }
    }

    /// How many whole messages from number `next` on are in `bytes`, and how many bytes they have.
    pub(super) fn whole(self, mut next: u64, bytes: u64) -> (u64, u64) {
        let (mut count, mut taken) = (0, 0);
        loop {
            let (length, longer) = self.of(next);
            let alike = ((bytes - taken) / length.max(1)).min(longer - next);
            if alike == 0 {
                return (count, taken);
            }
            count += alike;
            taken += alike * length;
            next += alike;
        }
    }
}

/// Bytes of a frame with so many bytes in it.
fn frame(message: u64) -> u64 {
    message
        + match message {
            0..=125 => 2,
            126..=65_535 => 4,
            _ => 10,
        }
}

fn varint(number: u64) -> u64 {
    u64::from(number.checked_ilog2().unwrap_or(0) / 7 + 1)
}

#[cfg(test)]
mod tests {
    use hublet_client::codec::{Opcode, encode_message};

    use super::*;

    /// The length of the frame of a message, made in earnest.
    fn made(numbering: Numbering, number: u64, filling: usize) -> u64 {
        let content = match numbering {
            Numbering::None => "x".repeat(filling).into_bytes(),
            Numbering::Decimal => format!(r#"{{"n":{number},"x":"{}"}}"#, "x".repeat(filling)).into_bytes(),
            Numbering::Varint => {
                let mut inner = vec![0x20];
                put(&mut inner, number);
                inner.resize(inner.len() + filling, 0);
                let mut outer = vec![0x12];
                put(&mut outer, inner.len() as u64);
                [outer, inner].concat()
            }
        };
        encode_message(Opcode::Binary, &content).len() as u64
    }

    fn put(out: &mut Vec<u8>, mut number: u64) {
        while number >= 0x80 {
            out.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
            number >>= 7;
        }
        out.push(u8::try_from(number).unwrap());
    }

    #[test]
    fn messages_are_counted_by_their_bytes() {
        for numbering in [Numbering::None, Numbering::Decimal, Numbering::Varint] {
            // Around the lengths at which a header or a length before it grows.
            for filling in [16, 108, 112, 116, 118, 119, 120, 121, 122, 123, 124, 128, 1_024, 16_370, 60_000]
            {
                let lengths = Lengths::of_first(numbering, made(numbering, 1, filling));
                let mut total = 0;
                for number in 1..=1_200 {
                    let length = made(numbering, number, filling);
                    assert_eq!(lengths.of(number).0, length, "{numbering:?} {filling} {number}");
                    assert_eq!(lengths.whole(number, length - 1), (0, 0));
                    total += length;
                }
                assert_eq!(lengths.whole(1, total), (1_200, total), "{numbering:?} {filling}");
                assert_eq!(lengths.whole(1, total - 1).0, 1_199);
            }
        }
    }
}
