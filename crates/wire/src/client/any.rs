//! `google.protobuf.Any`, which the service passes through without opening it.

use super::protobuf::fields;

/// Whether `bytes` are a well-formed serialised `google.protobuf.Any`: a type URL in valid UTF-8 as field 1 and bytes
/// as field 2, both optional as everything in proto3. Unknown fields are skipped, groups are not accepted.
pub fn is_any(bytes: &[u8]) -> bool {
    fields(bytes).all(|field| match field {
        Some((1, type_url)) => type_url.text().is_some(),
        Some((2, value)) => value.bytes().is_some(),
        Some(_) => true,
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    /// The vector of the documentation (client-protocols.md §3.7).
    const VECTOR: &str = "Ci90eXBlLmdvb2dsZWFwaXMuY29tL2F6dXJlLndlYnB1YnN1Yi5UZXN0TWVzc2FnZRICCAE=";

    #[test]
    fn the_documented_vector() {
        let bytes = STANDARD.decode(VECTOR).unwrap();
        assert!(is_any(&bytes));
        // Cut anywhere but between its two fields, it is not a message.
        for end in 1..bytes.len() {
            assert_eq!(is_any(&bytes[..end]), end == bytes.len() - 4, "{end}");
        }
    }

    #[test]
    fn fields() {
        let cases: &[(&[u8], bool)] = &[
            (b"", true),
            (b"\x0a\x00\x12\x00", true),
            (b"\x12\x01\xff\x0a\x01a", true),
            // Repeated singular fields are allowed on the wire.
            (b"\x0a\x01a\x0a\x01b", true),
            (b"\x0a\x01\xff", false),
            (b"\x0a\x02a", false),
            (b"\x0a", false),
            // The known fields with another wire type.
            (b"\x08\x01", false),
            (b"\x15\x00\x00\x00\x00", false),
            // Unknown fields: number 3 as varint, 64 bits, bytes, 32 bits.
            (b"\x18\x96\x01", true),
            (b"\x18\x96", false),
            (b"\x1901234567", true),
            (b"\x190123456", false),
            (b"\x1a\x01\xff", true),
            (b"\x1d0123", true),
            (b"\x1d012", false),
            // Groups and reserved wire types.
            (b"\x1b\x1c", false),
            (b"\x1e", false),
            (b"\x1f", false),
            // Field number zero, and a tag of more than 32 bits.
            (b"\x00\x00", false),
            (b"\x02\x00", false),
            (b"\xf8\xff\xff\xff\x0f\x00", true),
            (b"\xf8\xff\xff\xff\x1f\x00", false),
            // Varints: the longest, one that is too large, one without an end, and a length beyond the input.
            (b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", true),
            (b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", false),
            (b"\x18\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", false),
            (b"\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", false),
            (b"\xff", false),
        ];
        for (bytes, expected) in cases {
            assert_eq!(is_any(bytes), *expected, "{bytes:x?}");
        }
    }

    proptest! {
        #[test]
        fn any_message_is_accepted_and_no_bytes_panic(
            type_url in "\\PC{0,40}",
            value in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let mut bytes = vec![0x0a, u8::try_from(type_url.len() & 0x7f).unwrap() | 0x80];
            bytes.push(u8::try_from(type_url.len() >> 7).unwrap());
            bytes.extend_from_slice(type_url.as_bytes());
            bytes.extend_from_slice(&[0x12, u8::try_from(value.len()).unwrap()]);
            bytes.extend_from_slice(&value);
            prop_assert!(is_any(&bytes));
            is_any(&value);
        }
    }
}
