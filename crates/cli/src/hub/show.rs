//! What the service tells, for people.

use hublet_client::rest::HubTest;
use serde_json::{Map, Value};

use crate::output::{printable, table};

/// Columns of exchanges that come first, if the service tells them.
const FIRST: &[&str] = &["id", "time", "event", "connectionId", "urlTemplate", "status", "ok", "sentence"];

/// JSON on one line for programs, on several for people.
pub(super) fn json(value: &Value, for_programs: bool) -> String {
    if for_programs { value.to_string() } else { format!("{value:#}") }
}

/// What a test found: a paragraph for each handler.
pub(super) fn test(hub: &str, test: &HubTest) -> String {
    if test.handlers.is_empty() {
        return format!("hub {hub} has no event handlers\n");
    }
    let mut text = String::new();
    for handler in &test.handlers {
        text += &format!("{}\n", printable(&handler.url_template));
        for step in &handler.steps {
            let mark = if step.ok { "ok    " } else { "failed" };
            text += &format!("  {mark}  {}: {}\n", printable(&step.name), printable(&step.sentence));
        }
        if !handler.sentence.is_empty() {
            text += &format!("  {}\n", printable(&handler.sentence));
        }
    }
    text
}

/// One line for each exchange. Parts that are no single value are left out.
pub(super) fn exchanges(hub: &str, answer: &Value) -> String {
    let list = answer.as_array().or_else(|| answer["value"].as_array()).map_or(&[][..], Vec::as_slice);
    let objects: Vec<&Map<String, Value>> = list.iter().filter_map(Value::as_object).collect();
    if objects.is_empty() {
        return format!("nothing was sent to event handlers of hub {hub} since the service was started\n");
    }
    let mut titles: Vec<&str> = Vec::new();
    let known =
        FIRST.iter().copied().filter(|title| objects.iter().any(|object| object.contains_key(*title)));
    let others = objects.iter().flat_map(|object| object.keys().map(String::as_str));
    for title in known.chain(others) {
        let is_plain =
            |object: &&Map<String, Value>| object.get(title).is_some_and(|value| cell(value).is_some());
        if !titles.contains(&title) && objects.iter().any(is_plain) {
            titles.push(title);
        }
    }
    let row = |object: &&Map<String, Value>| {
        titles.iter().map(|title| object.get(*title).and_then(cell).unwrap_or_default()).collect()
    };
    table(&titles, objects.iter().map(row).collect::<Vec<_>>())
}

fn cell(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(printable(text)),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn exchanges_stand_in_columns() {
        let answer = json!({ "value": [
            { "attempts": 2, "id": "7", "request": {}, "status": 200, "sentence": "It\u{1b}[m went well." },
            { "attempts": 1, "id": "10", "status": null, "other": "x" },
        ] });
        assert_eq!(
            exchanges("chat", &answer),
            "id  status  sentence               attempts  other\n\
             7   200     It\\u{1b}[m went well.  2\n\
             10                                 1         x\n"
        );
        assert!(exchanges("chat", &json!({ "value": [] })).starts_with("nothing was sent"));
    }
}
