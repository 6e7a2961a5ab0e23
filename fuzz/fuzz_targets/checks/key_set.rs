//! What holds for every key set, whatever an issuer publishes.

use hublet_wire::jwt::{Algorithm, KEYS_MAX, KeyMaterial, parse_key_set};

pub(crate) fn check(data: &[u8]) {
    let Ok(keys) = parse_key_set(data) else { return };
    assert!(!keys.is_empty() && keys.len() <= KEYS_MAX);
    for key in keys {
        assert!(!key.kid.is_empty());
        let fits =
            [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256].map(|algorithm| key.is_for(algorithm));
        assert!(fits.contains(&true), "a key without an algorithm");
        match key.material {
            KeyMaterial::Rsa { n, e } => {
                assert!((256..=1024).contains(&n.len()) && (1..=4).contains(&e.len()));
                assert!(n[0] != 0 && e[0] != 0 && !fits[2]);
            }
            KeyMaterial::P256 { x, y } => assert!(x.len() == 32 && y.len() == 32 && !fits[0] && !fits[1]),
        }
    }
}
