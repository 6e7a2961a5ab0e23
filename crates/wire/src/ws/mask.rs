//! Masking (RFC 6455 §5.3): XOR with a key of four bytes. Applying it twice gives the original.

/// Bytes handled at once. Two AVX2 or four NEON registers: enough for LLVM to vectorise and unroll the loop
/// without `unsafe` or a target feature.
const BLOCK: usize = 64;

/// Applies `key` to `data`, whose first byte is byte number `position` of the frame's payload.
pub(super) fn apply(data: &mut [u8], key: [u8; 4], position: usize) {
    let mut turned = key;
    turned.rotate_left(position % 4);
    let mut wide = [0_u8; BLOCK];
    for (i, byte) in wide.iter_mut().enumerate() {
        *byte = turned[i % 4];
    }
    let (blocks, rest) = data.as_chunks_mut::<BLOCK>();
    for block in blocks {
        for (byte, mask) in block.iter_mut().zip(&wide) {
            *byte ^= mask;
        }
    }
    // A block is a multiple of the key, so the rest starts at the key's first byte again.
    let (words, rest) = rest.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(turned)).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(turned) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_the_definition(data: Vec<u8>, key: [u8; 4], position in 0_usize..1000) {
            let expected: Vec<u8> = data.iter().enumerate().map(|(i, b)| b ^ key[(position + i) % 4]).collect();
            let mut masked = data;
            apply(&mut masked, key, position);
            prop_assert_eq!(masked, expected);
        }
    }
}
