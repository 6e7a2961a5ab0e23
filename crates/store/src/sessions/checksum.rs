//! CRC-32C, which finds every single error of at most 32 bits in a row.

/// The polynomial, the lowest bit first.
const POLYNOMIAL: u32 = 0x82f6_3b78;
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "it is below 256")]
        let mut sum = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ POLYNOMIAL } else { sum >> 1 };
            bit += 1;
        }
        tables[0][byte] = sum;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = before >> 8 ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

/// The checksum of bytes, eight at a time.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let look_up = |table: usize, byte: u32| TABLES[table][(byte & 0xff) as usize];
    let (eights, rest) = bytes.as_chunks::<8>();
    let mut sum = !0_u32;
    for [a, b, c, d, e, f, g, h] in eights {
        let low = sum ^ u32::from_le_bytes([*a, *b, *c, *d]);
        sum = look_up(7, low)
            ^ look_up(6, low >> 8)
            ^ look_up(5, low >> 16)
            ^ look_up(4, low >> 24)
            ^ look_up(3, (*e).into())
            ^ look_up(2, (*f).into())
            ^ look_up(1, (*g).into())
            ^ look_up(0, (*h).into());
    }
    for byte in rest {
        sum = sum >> 8 ^ look_up(0, sum ^ u32::from(*byte));
    }
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert_eq!(checksum(b""), 0);
        assert_eq!(checksum(b"123456789"), 0xe306_9283);
        // RFC 3720 appendix B.4.
        assert_eq!(checksum(&[0; 32]), 0x8a91_36aa);
        assert_eq!(checksum(&[0xff; 32]), 0x62a8_ab43);
        let rising: Vec<u8> = (0..32).collect();
        assert_eq!(checksum(&rising), 0x46dd_794e);
    }
}
