//! Replacing access keys while the service runs: one of the stored ones by a new one, or the configured ones by others.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hublet_upstream::{SigningKeys, Upstream};

use super::{AccessKeys, FILE, KeyName, generate};
use crate::config::{Config, ConfigError, KeySource};

/// Replaces keys for everybody who uses them. Clients that are connected stay.
#[derive(Debug)]
pub(crate) struct Rotation {
    keys: AccessKeys,
    source: KeySource,
    data: PathBuf,
    upstream: Arc<Upstream>,
    /// Access keys sign requests to event handlers.
    signs: bool,
    /// Held while keys change, for as long as the disk takes.
    changing: Mutex<()>,
}

/// What became of a wish for a new key.
#[derive(Debug)]
pub(crate) enum Regenerated {
    /// It is on the disk and in effect.
    Done,
    /// This service's keys are not its own to change; with what to do.
    Refused(&'static str),
    /// It cannot be made or kept; nothing was changed.
    Failed(io::Error),
}

impl Rotation {
    pub(crate) fn new(config: &Config, upstream: Arc<Upstream>) -> Self {
        Self {
            keys: config.keys.clone(),
            source: config.key_source,
            data: config.data.clone(),
            upstream,
            signs: !config.auth.disable_local_auth,
            changing: Mutex::default(),
        }
    }

    /// Where the keys come from, for people and programs.
    pub(crate) fn source(&self) -> &'static str {
        match self.source {
            KeySource::Development => "development",
            KeySource::Configured => "configured",
            KeySource::Stored | KeySource::Generated => "stored",
        }
    }

    /// Why keys cannot be regenerated here, and what to do; `None`: they can.
    pub(crate) fn refusal(&self) -> Option<&'static str> {
        match self.source {
            KeySource::Development => Some(
                "The well-known key of development mode cannot be changed. Start the service with --production for a \
                 pair of its own, or set auth.access_keys.",
            ),
            KeySource::Configured => Some(
                "The access keys are in the configuration. Change auth.access_keys in the file, which takes effect at \
                 once, or HUBLET_ACCESS_KEYS and restart the service.",
            ),
            KeySource::Stored | KeySource::Generated => None,
        }
    }

    /// Replaces one key by a new one; the other stays good. Blocks until the new one is on the disk.
    pub(crate) fn regenerate(&self, name: KeyName) -> Regenerated {
        if let Some(refusal) = self.refusal() {
            return Regenerated::Refused(refusal);
        }
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        match self.with_new(name).and_then(|keys| replace_file(&self.data, &keys).map(|()| keys)) {
            Ok(keys) => {
                self.put_into_effect(&keys);
                Regenerated::Done
            }
            Err(error) => Regenerated::Failed(error),
        }
    }

    /// Takes over the keys of a configuration that was read again, if keys come from there. Says whether they are others.
    pub(crate) fn reload(&self, config: &Config) -> bool {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let is_configured = [self.source, config.key_source] == [KeySource::Configured; 2];
        if !is_configured || self.keys.texts() == config.keys.texts() {
            return false;
        }
        self.put_into_effect(&config.keys);
        true
    }

    fn with_new(&self, name: KeyName) -> io::Result<AccessKeys> {
        let failed = |error: ConfigError| io::Error::other(error.to_string());
        let mut texts = self.keys.texts();
        let new = generate().map_err(failed)?;
        match name {
            KeyName::Primary => texts[..1].fill(new),
            KeyName::Secondary => {
                texts.truncate(1);
                texts.push(new);
            }
        }
        AccessKeys::new(&texts).map_err(failed)
    }

    fn put_into_effect(&self, keys: &AccessKeys) {
        self.keys.replace(keys);
        if self.signs {
            self.upstream.set_signing_keys(&SigningKeys(keys.texts()));
        }
    }
}

/// Replaces the file with the keys as a whole: after a crash there are the old ones or the new ones.
fn replace_file(data: &Path, keys: &AccessKeys) -> io::Result<()> {
    let (file, new) = (data.join(FILE), data.join(format!("{FILE}.new")));
    let write = || {
        // One that a crash left behind may have other permissions.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        writeln!(open, "{}", keys.texts().join("\n"))?;
        open.sync_all()?;
        fs::rename(&new, &file)?;
        File::open(data)?.sync_all()
    };
    write().map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("{}: the access keys cannot be written: {error}", file.display()),
        )
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::{KeyProof, store, stored};
    use super::*;
    use crate::config::Settings;

    fn config(text: &str) -> Config {
        Config::new(&Settings::from_toml(text).expect("readable settings")).expect("a good configuration")
    }

    fn rotation(config: &Config) -> Rotation {
        Rotation::new(config, Upstream::new(config.environment.clone()).unwrap())
    }

    #[test]
    fn one_key_changes_and_the_other_stays() {
        let folder = std::env::temp_dir().join(format!("hublet-rotation-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let config = config(&format!("production = true\ndata = {folder:?}\n"));
        store(&folder, &config.keys).unwrap();
        let rotation = rotation(&config);
        let before = config.keys.texts();
        fs::write(folder.join("access-keys.new"), "left behind").unwrap();
        assert!(matches!(rotation.regenerate(KeyName::Secondary), Regenerated::Done));
        let after = config.keys.texts();
        assert_eq!((after.len(), &after[0], after[1] == before[1]), (2, &before[0], false));
        assert!(matches!(rotation.regenerate(KeyName::Primary), Regenerated::Done));
        let last = config.keys.texts();
        assert_eq!((&last[1], last[0] == after[0]), (&after[1], false));
        assert_eq!(config.keys.named_by(&KeyProof::of(&before[0])), None);
        assert_eq!(config.keys.named_by(&KeyProof::of(&last[0])), Some(KeyName::Primary));
        // The next start has them.
        assert_eq!(stored(&folder).unwrap().0.texts(), last);
        let mode = fs::metadata(folder.join(FILE)).unwrap().permissions().mode();
        assert_eq!((mode & 0o777, folder.join("access-keys.new").exists()), (0o600, false));
        // What cannot be kept does not take effect.
        fs::remove_dir_all(&folder).unwrap();
        let Regenerated::Failed(error) = rotation.regenerate(KeyName::Primary) else { panic!("it is kept") };
        assert!(
            error.to_string().contains("access-keys: ") && !error.to_string().contains(&last[0]),
            "{error}"
        );
        assert_eq!(config.keys.texts(), last);
    }

    #[test]
    fn keys_of_others_are_not_changed_here() {
        let configured =
            |key: char| config(&format!("[auth]\naccess_keys = [\"{}\"]\n", key.to_string().repeat(32)));
        for (config, source, part) in
            [(config(""), "development", "--production"), (configured('a'), "configured", "auth.access_keys")]
        {
            let (rotation, before) = (rotation(&config), config.keys.texts());
            let Regenerated::Refused(sentence) = rotation.regenerate(KeyName::Primary) else {
                panic!("{source}")
            };
            assert!(sentence.contains(part), "{sentence}");
            assert_eq!((rotation.source(), config.keys.texts()), (source, before));
        }
        let running = configured('a');
        let rotation = rotation(&running);
        assert!(!rotation.reload(&configured('a')) && !rotation.reload(&config("")));
        assert!(rotation.reload(&configured('b')));
        assert_eq!(running.keys.texts(), ["b".repeat(32)]);
    }
}
