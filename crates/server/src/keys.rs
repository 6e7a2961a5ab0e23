//! Access keys: the shared secrets that sign tokens (rest-api.md §2.1, §2.6), and the service's own keys behind them.

mod proof;
mod reconnection;
mod rotation;
mod service;

use std::fmt::{self, Write as _};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use hublet_wire::id::ConnId;
use hublet_wire::jwt::{NewToken, UnverifiedToken, with_signature};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

pub(crate) use self::proof::{KeyName, KeyProof};
use self::reconnection::ReconnectionKey;
pub(crate) use self::rotation::{Regenerated, Rotation};
use self::service::ServiceKey;
use crate::config::{ConfigError, KeySource};

/// The key that the emulator of the vendor and the tests of its SDKs use: public, so for loopback only.
const DEVELOPMENT_KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
/// The one algorithm of access-key tokens (rest-api.md §2.3).
const ALGORITHM: &str = "HS256";
/// Shortest key: some JWT libraries refuse to sign with less.
const KEY_BYTES_MIN: usize = 32;
/// A primary and a secondary one.
const KEYS_MAX: usize = 2;
/// File in the data folder: one key a line.
const FILE: &str = "access-keys";

/// One or two access keys, the primary one first. They can be replaced while the service runs, for all clones at once; the
/// lock is held only to copy or replace the reference.
#[derive(Clone)]
pub struct AccessKeys(Arc<RwLock<Arc<[AccessKey]>>>);

#[derive(Clone)]
struct AccessKey {
    text: Box<str>,
    hmac: hmac::Key,
    service: ServiceKey,
    reconnection: ReconnectionKey,
}

/// The keys are left out.
impl fmt::Debug for AccessKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessKeys({})", self.current().len())
    }
}

impl AccessKeys {
    /// The well-known key alone.
    pub(crate) fn development() -> Self {
        Self::of([AccessKey::new(DEVELOPMENT_KEY)].into())
    }

    /// Keys of these texts, whose UTF-8 bytes sign.
    ///
    /// # Errors
    /// None or more than two, or one that is too short or has characters that a connection string cannot carry. The
    /// error does not contain the key.
    pub(crate) fn new(texts: &[String]) -> Result<Self, ConfigError> {
        if texts.is_empty() || texts.len() > KEYS_MAX {
            return Err(ConfigError::new(
                "`auth.access_keys` must have at least one key and at most two: a primary and a secondary one.",
            ));
        }
        if let Some(at) = texts.iter().position(|text| text.len() < KEY_BYTES_MIN) {
            return Err(ConfigError::new(format!(
                "Key number {} in `auth.access_keys` is too short. A key has at least {KEY_BYTES_MIN} characters.",
                at + 1
            )));
        }
        if let Some(at) = texts.iter().position(|text| !fits_connection_string(text)) {
            return Err(ConfigError::new(format!(
                "Key number {} in `auth.access_keys` has a semicolon, a control character or a space at its end, \
                 which a connection string cannot carry. Choose letters and digits.",
                at + 1
            )));
        }
        Ok(Self::of(texts.iter().map(|text| AccessKey::new(text)).collect()))
    }

    /// The primary key's text, for the connection string.
    pub fn primary(&self) -> String {
        self.texts().into_iter().next().unwrap_or_default()
    }

    /// The texts of all keys.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.current().iter().map(|key| key.text.to_string()).collect()
    }

    /// Whether the well-known key is among them.
    pub(crate) fn has_development(&self) -> bool {
        self.current().iter().any(|key| is_development(&key.text))
    }

    fn of(keys: Arc<[AccessKey]>) -> Self {
        Self(Arc::new(RwLock::new(keys)))
    }

    fn current(&self) -> Arc<[AccessKey]> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts others into effect.
    fn replace(&self, others: &Self) {
        let others = others.current();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = others;
    }

    /// Which of the keys signed the token. The comparison takes the same time wherever a signature differs.
    pub(crate) fn signer(&self, token: &UnverifiedToken<'_>) -> Option<KeyName> {
        if token.header.alg != ALGORITHM {
            return None;
        }
        let signed = |key: &AccessKey| {
            hmac::verify(&key.hmac, token.signing_input.as_bytes(), &token.signature).is_ok()
        };
        self.current().iter().position(signed).map(KeyName::at)
    }

    /// Whether the service signed the token itself, see [`Self::issue`]. Such tokens are for clients only.
    pub(crate) fn verify_issued(&self, token: &UnverifiedToken<'_>) -> bool {
        self.current().iter().any(|key| key.service.verify(token))
    }

    /// A token signed with the service's own key behind the primary access key. It is good whether tokens of access keys
    /// are accepted or not, and nobody who has not the access key can verify it.
    pub(crate) fn issue(&self, new: &NewToken<'_>) -> String {
        // There is always a primary key.
        self.current().first().map_or_else(String::new, |key| {
            let input = new.signing_input_with_kid(key.service.kid());
            let signature = key.service.sign(&input);
            with_signature(input, &signature)
        })
    }

    /// A token with which the client of a reliable connection comes back to it (client-protocols.md §5.5).
    pub(crate) fn reconnection_token(&self, conn: &ConnId, now_s: u64) -> String {
        self.current().first().map_or_else(String::new, |key| key.reconnection.sign(conn, now_s))
    }

    /// Whether a reconnection token is for this connection and still good.
    pub(crate) fn verify_reconnection(&self, token: &str, conn: &ConnId, now_s: u64) -> bool {
        self.current().iter().any(|key| key.reconnection.verify(token, conn, now_s))
    }
}

impl AccessKey {
    fn new(text: &str) -> Self {
        let hmac = hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes());
        let (service, reconnection) = (ServiceKey::derive(&hmac), ReconnectionKey::derive(&hmac));
        Self { text: text.into(), service, reconnection, hmac }
    }
}

/// Whether a text is the well-known development key.
pub(crate) fn is_development(text: &str) -> bool {
    text == DEVELOPMENT_KEY
}

fn fits_connection_string(text: &str) -> bool {
    text.trim() == text && !text.contains(|c: char| c == ';' || c.is_control())
}

/// The keys in the data folder. Without any a pair is made, and not yet written: [`store`] does that.
pub(crate) fn stored(data: &Path) -> Result<(AccessKeys, KeySource), ConfigError> {
    let file = data.join(FILE);
    let failed = |what: &str, error: &dyn fmt::Display| {
        ConfigError::new(format!(
            "The access keys in {} cannot be {what}: {error}. Check the data folder and its permissions, or set \
             `auth.access_keys`.",
            file.display()
        ))
    };
    match fs::read_to_string(&file) {
        Ok(text) => {
            let texts: Vec<String> =
                text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
            if texts.iter().any(|text| is_development(text)) {
                return Err(failed("used", &"the well-known development key is among them"));
            }
            Ok((AccessKeys::new(&texts).map_err(|error| failed("used", &error))?, KeySource::Stored))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok((AccessKeys::new(&[generate()?, generate()?])?, KeySource::Generated))
        }
        Err(error) => Err(failed("read", &error)),
    }
}

/// Writes keys that were made to the data folder.
///
/// # Errors
/// The operating system's, with the path in front.
pub(crate) fn store(data: &Path, keys: &AccessKeys) -> io::Result<()> {
    let file = data.join(FILE);
    let text = keys.texts().join("\n");
    write_private(data, &file, &text).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("{}: the access keys cannot be written: {error}", file.display()),
        )
    })
}

/// 32 random bytes as 64 hexadecimal digits.
fn generate() -> Result<String, ConfigError> {
    let mut bytes = [0; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| ConfigError::new("The system gives no random numbers to make access keys of."))?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Writes a new file that only its owner may read. It never replaces one: another process may have been faster.
fn write_private(folder: &Path, file: &Path, text: &str) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use hublet_wire::jwt;

    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn sign(key: &str, input: &str) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        hmac::sign(&key, input.as_bytes()).as_ref().to_vec()
    }

    #[test]
    fn issued_tokens_have_a_key_of_their_own() {
        let [first, second] = [KEY.to_owned(), KEY.repeat(2)];
        let keys = AccessKeys::new(&[first.clone(), second.clone()]).unwrap();
        let text = keys.issue(&NewToken { aud: "a", exp: 2, ..NewToken::default() });
        let mut token = jwt::parse(&text).unwrap();
        assert!(keys.verify_issued(&token) && keys.signer(&token).is_none());
        // It outlives a restart and the change of the primary key, and goes with its access key.
        assert!(AccessKeys::new(&[second.clone(), first.clone()]).unwrap().verify_issued(&token));
        assert!(!AccessKeys::new(&[second]).unwrap().verify_issued(&token));
        for (alg, kid) in [("HS256", None), ("HS256", Some("s-0")), ("none", token.header.kid.as_deref())] {
            let mut other = token.clone();
            (other.header.alg, other.header.kid) = (alg.to_owned(), kid.map(str::to_owned));
            assert!(!keys.verify_issued(&other), "{alg} {kid:?}");
        }
        token.signature[0] ^= 1;
        assert!(!keys.verify_issued(&token));
        // The name alone does not make an access key's signature one of the service's.
        let kid = token.header.kid.clone().unwrap();
        let input = NewToken { aud: "a", exp: 2, ..NewToken::default() }.signing_input_with_kid(&kid);
        let by_app = with_signature(input.clone(), &sign(&first, &input));
        assert!(!keys.verify_issued(&jwt::parse(&by_app).unwrap()));
        assert!(!kid.contains(KEY) && kid.len() == 34, "{kid}");
    }

    #[test]
    fn either_key_verifies_and_only_hs256() {
        let keys = AccessKeys::new(&[KEY.to_owned(), KEY.repeat(2)]).unwrap();
        let input = NewToken { aud: "a", exp: 2, ..NewToken::default() }.signing_input();
        for (key, name) in [(KEY.to_owned(), KeyName::Primary), (KEY.repeat(2), KeyName::Secondary)] {
            let token = with_signature(input.clone(), &sign(&key, &input));
            let mut parsed = jwt::parse(&token).unwrap();
            assert_eq!(keys.signer(&parsed), Some(name));
            parsed.header.alg = "none".to_owned();
            assert_eq!(keys.signer(&parsed), None);
        }
        let forged = with_signature(input.clone(), &sign(DEVELOPMENT_KEY, &input));
        assert_eq!(keys.signer(&jwt::parse(&forged).unwrap()), None);
        let unsigned = with_signature(input, &[]);
        assert_eq!(keys.signer(&jwt::parse(&unsigned).unwrap()), None);
    }

    #[test]
    fn unusable_keys_are_refused_without_being_shown() {
        for texts in [
            vec![],
            vec!["short".to_owned()],
            vec![format!("{KEY};")],
            vec![format!("{KEY} ")],
            vec![format!("{KEY}\n")],
            vec![KEY.to_owned(), KEY.to_owned(), KEY.to_owned()],
        ] {
            let error = AccessKeys::new(&texts).unwrap_err().to_string();
            assert!(!error.contains(KEY) && !error.contains("short\""), "{error}");
        }
        assert!(!format!("{:?}", AccessKeys::development()).contains(DEVELOPMENT_KEY));
    }

    #[test]
    fn a_pair_is_made_once_and_kept_private() {
        let folder = std::env::temp_dir().join(format!("hublet-keys-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let (made, source) = stored(&folder).unwrap();
        assert_eq!((source, made.texts().len()), (KeySource::Generated, 2));
        assert!(!folder.exists(), "who only asks changes nothing");
        store(&folder, &made).unwrap();
        let error = store(&folder, &made).unwrap_err().to_string();
        assert!(error.contains("access-keys: ") && !error.contains(&made.primary()), "{error}");
        let mode = fs::metadata(folder.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let (again, source) = stored(&folder).unwrap();
        assert_eq!(source, KeySource::Stored);
        assert_eq!(again.texts(), made.texts());
        fs::write(folder.join(FILE), "oops").unwrap();
        assert!(stored(&folder).unwrap_err().to_string().contains("access-keys"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
