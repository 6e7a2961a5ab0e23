//! What must hold for every filter: no panic, a message in the documented form, and evaluations that agree with those
//! of the same expression printed or put into a larger one.

use hublet_wire::odata::{BODY_BYTES_MAX, Filter, Scratch, Subject};

/// A connection as filters see it.
#[derive(Debug, Clone)]
pub(crate) struct Connection<'a> {
    pub(crate) id: &'a str,
    pub(crate) user: Option<&'a str>,
    pub(crate) groups: &'a [&'a str],
    pub(crate) protocol: Option<&'a str>,
}

impl Subject for Connection<'_> {
    fn user_id(&self) -> Option<&str> {
        self.user
    }

    fn protocol(&self) -> Option<&str> {
        self.protocol
    }

    fn write_connection_id(&self, out: &mut String) {
        out.push_str(self.id);
    }

    fn groups_len(&self) -> usize {
        self.groups.len()
    }

    fn is_in_group(&self, group: &str) -> bool {
        self.groups.contains(&group)
    }
}

/// The connections A to D of the worked examples (rest-api.md §7.6).
pub(crate) const EXAMPLES: [Connection<'_>; 4] = [
    Connection {
        id: "conn-1",
        user: Some("user1"),
        groups: &["group1", "group2"],
        protocol: Some("json.webpubsub.azure.v1"),
    },
    Connection { id: "conn-2", user: Some("User-ab-de"), groups: &["group2"], protocol: None },
    Connection { id: "conn-3", user: None, groups: &[], protocol: None },
    Connection {
        id: "conn-4",
        user: Some("O'Brien, Jane"),
        groups: &["group1", "a/b"],
        protocol: Some("json.reliable.webpubsub.azure.v1"),
    },
];

/// The connection that filters are validated with.
pub(crate) const NOBODY: Connection<'_> = Connection { id: "", user: None, groups: &[], protocol: None };

/// Characters of one to four bytes, of one and two UTF-16 units, and with case and white space of their own.
const UNICODE: Connection<'_> =
    Connection { id: "é", user: Some("\u{3000}Äß€😀İ "), groups: &["😀", ""], protocol: Some("") };

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Filter::parse(text, BODY_BYTES_MAX) {
        Ok(filter) => {
            assert_eq!(filter.text(), text);
            let connections = EXAMPLES.into_iter().chain([NOBODY, UNICODE]);
            let connections: Vec<Connection<'_>> = connections.collect();
            check_printed(&filter, &connections);
            if !text.is_empty() {
                check_larger(&filter, &connections);
            }
        }
        Err(error) => {
            let message = error.to_string();
            assert!(message.starts_with("Invalid syntax for '"), "{message}");
            assert!(message.ends_with(". (Parameter 'filter')"), "{message}");
        }
    }
}

/// What a filter prints means the same, and prints the same.
fn check_printed(filter: &Filter, connections: &[Connection<'_>]) {
    let printed = filter.to_string();
    let Some(again) = parse_larger(&printed) else { return };
    assert_eq!(again.to_string(), printed);
    assert_eq!(results(&again, connections), results(filter, connections));
}

/// Larger expressions follow from their parts.
fn check_larger(filter: &Filter, connections: &[Connection<'_>]) {
    let text = filter.text();
    let found = results(filter, connections);
    for larger in
        [format!("({text}) and true"), format!("false or({text})"), format!("(({text})in(true))eq true")]
    {
        if let Some(larger) = parse_larger(&larger) {
            assert_eq!(results(&larger, connections), found, "{larger:?}");
        }
    }
    let Some(not) = parse_larger(&format!("not ({text})")) else { return };
    let not = results(&not, connections);
    let nobody = connections.len() - 2;
    assert_ne!(found[nobody], not[nobody], "the validation showed that this one has no type error");
    let Some(either) = parse_larger(&format!("true or ({text})")) else { return };
    let either = results(&either, connections);
    for ((found, not), either) in found.into_iter().zip(not).zip(either) {
        // Neither holds after a type error, not even with a side that decides.
        assert!(!(found && not));
        assert_eq!(either, found || not);
    }
}

/// `None` if a limit is met; nothing else can be wrong.
fn parse_larger(text: &str) -> Option<Filter> {
    match Filter::parse(text, BODY_BYTES_MAX) {
        Ok(filter) => Some(filter),
        Err(error) => {
            let message = error.to_string();
            assert!(message.contains(" more than ") || message.contains(" longer than "), "{message}");
            None
        }
    }
}

/// The results for all connections, with memory that is used again.
fn results(filter: &Filter, connections: &[Connection<'_>]) -> Vec<bool> {
    let mut scratch = Scratch::default();
    let results: Vec<bool> =
        connections.iter().map(|connection| filter.matches(connection, &mut scratch)).collect();
    for (connection, result) in connections.iter().zip(&results) {
        assert_eq!(filter.matches(connection, &mut scratch), *result);
    }
    results
}
