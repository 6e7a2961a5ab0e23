//! A configuration file: its text is kept, to say on which line something is wrong.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{ConfigError, Settings};

/// A configuration file that was read.
#[derive(Clone)]
pub struct ConfigFile {
    path: PathBuf,
    text: String,
}

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            ConfigError::new(format!("The configuration file {} cannot be read: {error}.", path.display()))
        })?;
        Ok(Self { path: path.to_owned(), text })
    }

    /// The settings in it.
    ///
    /// # Errors
    /// It is not TOML, or has an unknown key or a value of the wrong type; the text names file, line and column.
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        Settings::from_toml(&self.text)
            .map_err(|error| ConfigError::new(format!("{}: {error}", self.path.display())))
    }

    /// An error of [`super::Config::new`] with the place of its cause in this file, if it is known.
    #[must_use]
    pub fn locate(&self, error: ConfigError) -> ConfigError {
        let at = error.in_hub.as_ref().and_then(|(hub, property)| find(&self.text, hub, property));
        match at {
            Some(offset) => {
                let at = position(&self.text, offset);
                ConfigError { text: format!("{}: {at}{}", self.path.display(), error.text), ..error }
            }
            None => error,
        }
    }
}

/// The text may hold keys.
impl std::fmt::Debug for ConfigFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ConfigFile").field(&self.path).finish()
    }
}

/// `line L, column C: ` of a byte offset.
pub(super) fn position(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}: ")
}

/// Where a property of a hub stands, as `eventHandlers[1].systemEvents[0]`; if it is missing, where it should.
fn find(text: &str, hub: &str, property: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let (_, hubs) = member(document.get_ref(), "hubs")?;
    let (mut at, mut value) = member(hubs.get_ref().as_table()?, hub)?;
    for name in property.split('.').filter(|name| !name.is_empty()) {
        let (name, index) = match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
            Some((name, index)) => (name, index.parse::<usize>().ok()),
            None => (name, None),
        };
        let Some(found) = value.get_ref().as_table().and_then(|table| member(table, name)) else { break };
        (at, value) = found;
        if let (Some(index), DeValue::Array(items)) = (index, value.get_ref()) {
            let Some(item) = items.get(index) else { break };
            (at, value) = (item.span().start, item);
        }
    }
    Some(at)
}

/// Where the name of a member stands, and its value.
fn member<'a, 'd>(table: &'a DeTable<'d>, name: &str) -> Option<(usize, &'a Spanned<DeValue<'d>>)> {
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == name)?;
    Some((key.span().start, value))
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn located(text: &str) -> String {
        let file = ConfigFile { path: "f.toml".into(), text: text.to_owned() };
        file.locate(Config::new(&file.settings().unwrap()).expect_err(text)).to_string()
    }

    #[test]
    fn mistakes_have_a_line() {
        let chat = "[hubs.other]\n\n[hubs.chat]\n";
        let two = format!(
            "{chat}[[hubs.chat.eventHandlers]]\nurlTemplate = \"http://h/\"\n\n[[hubs.chat.eventHandlers]]\n"
        );
        for (text, start) in [
            (
                format!("{chat}webSocketKeepAliveIntervalInSeconds = 0\n"),
                "f.toml: line 4, column 1: In the hub \"chat\", `webSocket",
            ),
            (
                format!("{two}userEventPattern = \"a*\"\nurlTemplate = \"http://h/\"\n"),
                "f.toml: line 8, column 1: In the hub \"chat\", `eventHandlers[1].userEventPattern`: ",
            ),
            (
                format!(
                    "{two}urlTemplate = \"http://h/\"\nsystemEvents = [\n  \"connect\",\n  \"conect\"]\n"
                ),
                "f.toml: line 11, column 3: In the hub \"chat\", `eventHandlers[1].systemEvents[1]`: ",
            ),
            (
                two,
                "f.toml: line 7, column 1: In the hub \"chat\", `eventHandlers[1].urlTemplate`: It is missing",
            ),
            (
                "[hubs.\"1x\"]\n".to_owned(),
                "f.toml: line 1, column 7: \"1x\" in `hubs` cannot be: \"1x\" is not a hub name",
            ),
            (
                "[hubs]\nChat = {}\nchat = { eventHandlers = [] }\n".to_owned(),
                "f.toml: line 3, column 1: The hub \"chat\" is configured twice",
            ),
            ("shards = 0\n".to_owned(), "`shards` is 0"),
        ] {
            let error = located(&text);
            assert!(error.starts_with(start), "{text}: {error}");
        }
    }

    #[test]
    fn the_text_is_not_shown() {
        let file = ConfigFile { path: "f.toml".into(), text: "secret".to_owned() };
        assert_eq!(format!("{file:?}"), "ConfigFile(\"f.toml\")");
    }
}
