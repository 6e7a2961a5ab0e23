//! A file with one event a line, in the JSON format of CloudEvents.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::record::Record;
use super::worker::{Batch, Failure};

/// Appends events to a file.
#[derive(Debug)]
pub(super) struct FileSink {
    path: PathBuf,
    /// Lent to a thread while that writes.
    writer: Option<Writer>,
}

impl FileSink {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), writer: None }
    }

    /// Appends all events of the batch.
    ///
    /// # Errors
    /// The file cannot be opened or written; the batch stays as it is.
    pub(super) async fn deliver(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        let mut writer = self.writer.take().unwrap_or_else(|| Writer::new(&self.path));
        // After a failure it is the same batch again, and a part of it may be written.
        if writer.text.is_empty() {
            for entry in batch.iter() {
                line(&Record::new(&entry.event, entry.at_s), &mut writer.text);
            }
        }
        let write = move || {
            let outcome = writer.write();
            (writer, outcome)
        };
        let written = tokio::task::spawn_blocking(write).await;
        let (writer, outcome) =
            written.map_err(|_| Failure::Unavailable("the service is stopping".to_owned()))?;
        self.writer = Some(writer);
        outcome.map_err(|error| {
            Failure::Unavailable(format!(
                "the file cannot be written: {error}; check its folder and the free space"
            ))
        })?;
        while batch.len() > 0 {
            batch.done();
        }
        Ok(())
    }
}

/// The file and what is to be written next.
#[derive(Debug)]
struct Writer {
    path: PathBuf,
    open: Option<Open>,
    text: Vec<u8>,
    /// How much of `text` is in the file.
    written: usize,
}

#[derive(Debug)]
struct Open {
    file: Arc<File>,
    /// Device and inode.
    identity: (u64, u64),
}

impl Writer {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), open: None, text: Vec::new(), written: 0 }
    }

    /// Writes what is left of the text and forgets it.
    fn write(&mut self) -> io::Result<()> {
        let file = self.file()?;
        while let Some(rest) = self.text.get(self.written..).filter(|rest| !rest.is_empty()) {
            match (&*file).write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // A large batch is rare, and its memory would stay.
        self.text = Vec::new();
        self.written = 0;
        Ok(())
    }

    /// The file at the path: another one than before, if someone moved that away.
    fn file(&mut self) -> io::Result<Arc<File>> {
        let identity = match fs::metadata(&self.path) {
            Ok(found) => Some((found.dev(), found.ino())),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if let Some(open) = &self.open {
            if Some(open.identity) == identity {
                return Ok(Arc::clone(&open.file));
            }
            // A line of which the old file has a part begins again in the new one.
            let before = self.text.get(..self.written).unwrap_or_default();
            self.written = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            self.open = None;
        }
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
        let found = file.metadata()?;
        let file = Arc::new(file);
        self.open = Some(Open { file: Arc::clone(&file), identity: (found.dev(), found.ino()) });
        Ok(file)
    }
}

/// Appends an event and a line end.
fn line(record: &Record<'_>, text: &mut Vec<u8>) {
    // Strings and checked JSON always serialise, and memory can be written, so there is no error to report.
    if serde_json::to_writer(&mut *text, &Json(record)).is_ok() {
        text.push(b'\n');
    }
}

/// The JSON format of CloudEvents 1.0.
struct Json<'a>(&'a Record<'a>);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.0;
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &record.attributes {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("datacontenttype", record.content_type)?;
        if !record.metadata.is_empty() {
            // An attribute cannot hold an object, so it holds the text of one.
            let pairs: serde_json::Map<_, _> =
                record.metadata.iter().map(|(key, value)| (key.clone(), (*value).into())).collect();
            map.serialize_entry("metadata", &serde_json::Value::from(pairs).to_string())?;
        }
        match data(record) {
            Data::Json(json) => map.serialize_entry("data", &json)?,
            Data::Text(text) => map.serialize_entry("data", text)?,
            Data::Binary(bytes) => map.serialize_entry("data_base64", &STANDARD.encode(bytes))?,
        }
        map.end()
    }
}

enum Data<'a> {
    Json(Box<RawValue>),
    Text(&'a str),
    Binary(&'a [u8]),
}

fn data<'a>(record: &'a Record<'_>) -> Data<'a> {
    let body: &[u8] = &record.body;
    let text = std::str::from_utf8(body);
    match (record.content_type, text) {
        ("text/plain", Ok(text)) => Data::Text(text),
        // In JSON line ends stand between tokens only, where a blank does as well.
        ("application/json", Ok(text)) => match RawValue::from_string(text.replace(['\n', '\r'], " ")) {
            Ok(json) => Data::Json(json),
            Err(_) => Data::Binary(body),
        },
        _ => Data::Binary(body),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use hublet_hub::{ClientEvent, EventKind};
    use hublet_wire::client::Payload;
    use serde_json::{Value, json};

    use super::super::record::tests::{event, user_event};
    use super::*;

    fn text(event: &ClientEvent) -> String {
        let mut text = Vec::new();
        line(&Record::new(event, 1_788_249_600), &mut text);
        String::from_utf8(text).unwrap()
    }

    fn parsed(event: &ClientEvent) -> Value {
        let text = text(event);
        assert_eq!(text.find('\n'), Some(text.len() - 1), "one line: {text:?}");
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_line_is_a_cloud_event() {
        let metadata = vec![("Trace".to_owned(), "a \"b\"".to_owned()), ("n".to_owned(), String::new())];
        let mut event = user_event("greet", Payload::Text("h\"i\n".into()), metadata);
        event.client.user = Some("用户".into());
        let id = event.client.conn.to_string();
        let expected = json!({
            "specversion": "1.0", "awpsversion": "1.0", "type": "azure.webpubsub.user.greet",
            "source": format!("/hubs/chat/client/{id}"), "id": "4", "time": "2026-09-01T08:00:00Z",
            "hub": "chat", "eventname": "greet", "connectionid": id, "userid": "用户",
            "datacontenttype": "text/plain", "metadata": r#"{"n":"","trace":"a \"b\""}"#, "data": "h\"i\n",
        });
        assert_eq!(parsed(&event), expected);
    }

    #[test]
    fn data_by_kind() {
        for (payload, name, expected) in [
            (Payload::Text("".into()), "data", json!("")),
            (Payload::Json("{\"a\":\r\n [1,\n2]}".into()), "data", json!({"a": [1, 2]})),
            (Payload::Json("\"x\\n\"".into()), "data", json!("x\n")),
            (Payload::Json("{".into()), "data_base64", json!("ew==")),
            (Payload::Text(vec![0xff].into()), "data_base64", json!("/w==")),
            (Payload::Binary(vec![0, 255].into()), "data_base64", json!("AP8=")),
            (Payload::Protobuf(vec![10].into()), "data_base64", json!("Cg==")),
        ] {
            let parsed = parsed(&user_event("e", payload, Vec::new()));
            assert_eq!(parsed.get(name), Some(&expected), "{parsed}");
            assert_eq!(parsed.as_object().unwrap().keys().filter(|key| key.starts_with("data")).count(), 2);
            assert_eq!(parsed.get("metadata"), None);
        }
        assert!(text(&event(EventKind::Connected)).contains(r#""data":{}"#));
        let large = "1234567890123456789012345678901234567890.10";
        assert!(text(&user_event("e", Payload::Json(large.into()), Vec::new())).contains(large));
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("hublet-listener-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        folder
    }

    fn write(writer: &mut Writer, text: &str) -> io::Result<()> {
        writer.text = text.into();
        writer.write()
    }

    #[test]
    fn a_file_that_was_moved_away_is_made_again() {
        let folder = folder("rotation");
        let (path, old) = (folder.join("events"), folder.join("events.1"));
        fs::write(&path, "0\n").unwrap();
        let mut writer = Writer::new(&path);
        write(&mut writer, "1\n").unwrap();
        write(&mut writer, "2\n").unwrap();
        fs::rename(&path, &old).unwrap();
        write(&mut writer, "3\n").unwrap();
        assert_eq!(fs::read_to_string(&old).unwrap(), "0\n1\n2\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "3\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        fs::rename(&path, &old).unwrap();
        fs::write(&path, "").unwrap();
        write(&mut writer, "4\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "4\n", "another file in its place is found too");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_fails_is_written_later_and_once() {
        let folder = folder("failure");
        let path = folder.join("below").join("events");
        let mut writer = Writer::new(&path);
        assert_eq!(write(&mut writer, "1\n2\n").unwrap_err().kind(), ErrorKind::NotFound);
        fs::create_dir(folder.join("below")).unwrap();
        writer.write().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n2\n");

        // As after a disk that was full: a part is in the file.
        writer.text = "3\n4444\n".into();
        writer.written = 4;
        writer.write().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n2\n44\n");
        writer.text = "3\n4444\n".into();
        writer.written = 4;
        fs::rename(&path, folder.join("old")).unwrap();
        writer.write().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "4444\n", "no half line begins a new file");
        fs::remove_dir_all(&folder).unwrap();
    }
}
