//! That somebody has an access key, remembered without the key.

use ring::hmac;

use super::AccessKeys;

/// What a key proves itself with. It has spaces, so it is never what an access key signs in a token.
const LABEL: &[u8] = b"hublet proof of an access key, 1";

/// Which of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyName {
    Primary,
    Secondary,
}

impl KeyName {
    /// For people.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        }
    }

    pub(super) fn at(index: usize) -> Self {
        if index == 0 { Self::Primary } else { Self::Secondary }
    }
}

/// What only somebody with a key can make, and nobody can make the key of.
#[derive(Clone)]
pub(crate) struct KeyProof(hmac::Tag);

impl std::fmt::Debug for KeyProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyProof")
    }
}

impl PartialEq for KeyProof {
    /// For proofs that are known to be good: what others guess is compared by [`AccessKeys::named_by`].
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref() == other.0.as_ref()
    }
}

impl Eq for KeyProof {}

impl KeyProof {
    /// The proof of whatever key this text is.
    pub(crate) fn of(text: &str) -> Self {
        Self(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()), LABEL))
    }
}

impl AccessKeys {
    /// Which of the keys in effect the proof is of. The comparison takes the same time wherever it differs.
    pub(crate) fn named_by(&self, proof: &KeyProof) -> Option<KeyName> {
        let is_of = |key: &super::AccessKey| hmac::verify(&key.hmac, LABEL, proof.0.as_ref()).is_ok();
        self.current().iter().position(is_of).map(KeyName::at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_of_one_key() {
        let texts = ["a".repeat(32), "b".repeat(32)];
        let keys = AccessKeys::new(&texts).unwrap();
        assert_eq!(keys.named_by(&KeyProof::of(&texts[0])), Some(KeyName::Primary));
        assert_eq!(keys.named_by(&KeyProof::of(&texts[1])), Some(KeyName::Secondary));
        for other in ["", "a", &"a".repeat(33), &texts[0].to_uppercase()] {
            assert_eq!(keys.named_by(&KeyProof::of(other)), None, "{other}");
        }
    }
}
