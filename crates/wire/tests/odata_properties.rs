//! Properties of the filter language: a model that walks over trees agrees with the parser and the stack machine.

use hublet_wire::odata::{BODY_BYTES_MAX, Filter, Scratch};
use proptest::prelude::*;
use proptest::sample::select;

#[path = "../../../fuzz/fuzz_targets/checks/odata_filter.rs"]
mod checks;

use checks::{Connection, EXAMPLES, NOBODY};

/// An expression of the grammar (rest-api.md §7.1).
#[derive(Debug, Clone)]
enum Expr {
    Null,
    Bool(bool),
    Int(i32),
    Text(String),
    Name(&'static str),
    Not(Box<Expr>),
    Infix(&'static str, Box<Expr>, Box<Expr>),
    List(Box<Expr>, Vec<Expr>),
    Call(&'static str, Vec<Expr>),
}

/// A value of the model; strings as the original has them.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Null,
    Bool(bool),
    Int(i32),
    Text(Option<Vec<u16>>),
    Groups,
}

/// A wrong type.
#[derive(Debug)]
struct Mismatch;

impl Value {
    fn bool(self) -> Result<bool, Mismatch> {
        if let Self::Bool(bool) = self { Ok(bool) } else { Err(Mismatch) }
    }

    fn int(self) -> Result<Option<i32>, Mismatch> {
        match self {
            Self::Int(int) => Ok(Some(int)),
            Self::Null => Ok(None),
            _ => Err(Mismatch),
        }
    }

    fn text(self) -> Result<Option<Vec<u16>>, Mismatch> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Null => Ok(None),
            _ => Err(Mismatch),
        }
    }

    fn equals(self, other: Self) -> bool {
        let simple = |value| if value == Self::Text(None) { Self::Null } else { value };
        simple(self) == simple(other)
    }
}

fn units(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

fn string(units: &[u16]) -> String {
    String::from_utf16(units).expect("no half of a surrogate pair is made")
}

/// The value of an expression by rest-api.md §7.2 and §7.3, always with all its parts.
fn value(expr: &Expr, connection: &Connection<'_>) -> Result<Value, Mismatch> {
    let value = |expr: &Expr| value(expr, connection);
    Ok(match expr {
        Expr::Null => Value::Null,
        Expr::Bool(bool) => Value::Bool(*bool),
        Expr::Int(int) => Value::Int(*int),
        Expr::Text(text) => Value::Text(Some(units(text))),
        Expr::Name("userId") => Value::Text(connection.user.map(units)),
        Expr::Name("protocol") => Value::Text(connection.protocol.map(units)),
        Expr::Name("connectionId") => Value::Text(Some(units(connection.id))),
        Expr::Name(_) => Value::Groups,
        Expr::Not(operand) => Value::Bool(!value(operand)?.bool()?),
        Expr::Infix(operator, left, right) => {
            let (left, right) = (value(left)?, value(right)?);
            Value::Bool(infix(operator, left, right, connection)?)
        }
        Expr::List(left, items) => {
            let left = value(left)?;
            let mut found = false;
            for item in items {
                found |= value(item)?.equals(left.clone());
            }
            Value::Bool(found)
        }
        Expr::Call(name, arguments) => {
            let values: Result<Vec<Value>, Mismatch> = arguments.iter().map(value).collect();
            call(name, values?, connection)?
        }
    })
}

fn infix(operator: &str, left: Value, right: Value, connection: &Connection<'_>) -> Result<bool, Mismatch> {
    let ordered = |left: Value, right: Value, holds: fn(i32, i32) -> bool| {
        let (left, right) = (left.int()?, right.int()?);
        Ok(matches!((left, right), (Some(left), Some(right)) if holds(left, right)))
    };
    match operator {
        "and" => Ok(left.bool()? & right.bool()?),
        "or" => Ok(left.bool()? | right.bool()?),
        "eq" => Ok(left.equals(right)),
        "ne" => Ok(!left.equals(right)),
        "gt" => ordered(left, right, |left, right| left > right),
        "ge" => ordered(left, right, |left, right| left >= right),
        "lt" => ordered(left, right, |left, right| left < right),
        "le" => ordered(left, right, |left, right| left <= right),
        _ if right != Value::Groups => Err(Mismatch),
        _ => Ok(connection.groups.iter().any(|group| left == Value::Text(Some(units(group))))),
    }
}

fn call(name: &str, arguments: Vec<Value>, connection: &Connection<'_>) -> Result<Value, Mismatch> {
    if name == "length" && arguments == [Value::Groups] {
        return Ok(Value::Int(int(connection.groups.len())));
    }
    let mut arguments = arguments.into_iter();
    let first = arguments.next().expect("every function takes one").text()?;
    if name == "substring" {
        let start = arguments.next().expect("substring takes it").int()?;
        let count = arguments.next().map(Value::int).transpose()?;
        return Ok(Value::Text(first.and_then(|text| substring(&text, start?, count))));
    }
    let Some(second) = arguments.next() else {
        let map =
            |map: fn(&str) -> String| Value::Text(first.as_deref().map(|text| units(&map(&string(text)))));
        return Ok(match name {
            "tolower" => map(|text| text.to_lowercase()),
            "toupper" => map(|text| text.to_uppercase()),
            "trim" => map(|text| text.trim().to_owned()),
            _ => first.map_or(Value::Null, |text| Value::Int(int(text.len()))),
        });
    };
    let both = match (first, second.text()?) {
        (Some(first), Some(second)) => (first, second),
        (first, second) => {
            return Ok(match name {
                "concat" => Value::Text(first.or(second)),
                "indexof" => Value::Int(-1),
                _ => Value::Bool(false),
            });
        }
    };
    let (text, part) = &both;
    let index = (0..=text.len()).find(|at| text[*at..].starts_with(part));
    Ok(match name {
        "concat" => Value::Text(Some([text.as_slice(), part].concat())),
        "indexof" => Value::Int(index.map_or(-1, int)),
        "contains" => Value::Bool(index.is_some()),
        "startswith" => Value::Bool(text.starts_with(part)),
        _ => Value::Bool(text.ends_with(part)),
    })
}

fn int(count: usize) -> i32 {
    i32::try_from(count).expect("a short text")
}

/// `count` is `Some(None)` when it is null.
fn substring(text: &[u16], start: i32, count: Option<Option<i32>>) -> Option<Vec<u16>> {
    let rest = text.get(usize::try_from(start).ok()?..)?;
    let part = match count {
        Some(count) => rest.get(..usize::try_from(count?).ok()?)?,
        None => rest,
    };
    let splits = |units: &[u16]| String::from_utf16(units).is_err();
    (!splits(part) && !splits(&text[..text.len() - rest.len()])).then(|| part.to_vec())
}

/// How tightly what is printed binds: 0 `or`, 1 `and`, 2 comparisons, 3 `not`, 4 `in`, 5 the rest.
fn power(expr: &Expr) -> u8 {
    match expr {
        Expr::Infix("or", ..) => 0,
        Expr::Infix("and", ..) => 1,
        Expr::Infix("in", ..) | Expr::List(..) => 4,
        Expr::Infix(..) => 2,
        Expr::Not(_) => 3,
        _ => 5,
    }
}

/// The text of an expression: with the parentheses that it needs, or as errors print it.
fn print(expr: &Expr, full: bool) -> String {
    let operand = |operand: &Expr, min: u8| {
        let inner = print(operand, full);
        if power(operand) < if full { 5 } else { min } { format!("({inner})") } else { inner }
    };
    let list = |items: &[Expr]| items.iter().map(|item| operand(item, 0)).collect::<Vec<_>>().join(",");
    match expr {
        Expr::Null => "null".to_owned(),
        Expr::Bool(bool) => bool.to_string(),
        Expr::Int(int) => int.to_string(),
        Expr::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Expr::Name(name) => (*name).to_owned(),
        Expr::Not(inner) => format!("not {}", operand(inner, 3)),
        Expr::Infix(operator, left, right) => {
            // Operators of one precedence are taken from the left.
            let min = power(expr);
            let (left_min, right_min) = if min == 2 { (2, 3) } else { (min, min + 1) };
            format!("{} {operator} {}", operand(left, left_min), operand(right, right_min))
        }
        Expr::List(left, items) => format!("{} in ({})", operand(left, 4), list(items)),
        Expr::Call(name, arguments) => format!("{name}({})", list(arguments)),
    }
}

fn boxed(expr: Expr) -> Box<Expr> {
    Box::new(expr)
}

fn any_literal() -> impl Strategy<Value = Expr> {
    prop_oneof![
        Just(Expr::Null),
        any::<bool>().prop_map(Expr::Bool),
        (-3..15).prop_map(Expr::Int),
        "[ab1' Bü😀-]{0,3}".prop_map(Expr::Text),
    ]
}

fn any_name() -> impl Strategy<Value = Expr> {
    select(vec!["userId", "connectionId", "protocol", "groups"]).prop_map(Expr::Name)
}

/// Strings, and now and then something else where a string belongs.
fn texts(depth: u32) -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![
        4 => select(vec!["userId", "connectionId", "protocol"]).prop_map(Expr::Name),
        4 => select(vec!["user1", "group1", "a/b", "ser", "", "😀", "O'Brien, Jane"])
            .prop_map(|text| Expr::Text(text.to_owned())),
        2 => any_literal(),
        1 => any_name(),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let inner = move || texts(depth - 1);
    let one = (select(vec!["tolower", "toupper", "trim"]), inner())
        .prop_map(|(name, argument)| Expr::Call(name, vec![argument]));
    let concat = (inner(), inner()).prop_map(|(a, b)| Expr::Call("concat", vec![a, b]));
    let substring =
        (inner(), ints(depth - 1), prop::option::of(ints(depth - 1))).prop_map(|(text, start, count)| {
            Expr::Call("substring", [text, start].into_iter().chain(count).collect())
        });
    let late = inner().prop_map(|text| Expr::Call("length", vec![text]));
    prop_oneof![8 => leaf, 4 => one, 4 => concat, 4 => substring, 1 => late].boxed()
}

fn ints(depth: u32) -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![
        6 => (-2..12).prop_map(Expr::Int),
        2 => Just(Expr::Call("length", vec![Expr::Name("groups")])),
        2 => Just(Expr::Call("length", vec![Expr::Name("userId")])),
        1 => any_literal(),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let length = texts(depth - 1).prop_map(|text| Expr::Call("length", vec![text]));
    let index = (texts(depth - 1), texts(depth - 1)).prop_map(|(a, b)| Expr::Call("indexof", vec![a, b]));
    prop_oneof![3 => leaf, 2 => length, 2 => index].boxed()
}

/// Bools, and now and then something else.
fn bools(depth: u32) -> BoxedStrategy<Expr> {
    if depth == 0 {
        return prop_oneof![20 => any::<bool>().prop_map(Expr::Bool), 1 => any_literal()].boxed();
    }
    let inner = move || bools(depth - 1);
    let any = move || prop_oneof![texts(depth - 1), ints(depth - 1), bools(depth - 1), any_name()];
    let infix = |(operator, left, right)| Expr::Infix(operator, boxed(left), boxed(right));
    let test = (select(vec!["contains", "startswith", "endswith"]), texts(depth - 1), texts(depth - 1));
    prop_oneof![
        2 => inner(),
        4 => inner().prop_map(|operand| Expr::Not(boxed(operand))),
        6 => (select(vec!["and", "or"]), inner(), inner()).prop_map(infix),
        3 => (select(vec!["eq", "ne"]), any(), any()).prop_map(infix),
        3 => (select(vec!["eq", "ne"]), texts(depth - 1), texts(depth - 1)).prop_map(infix),
        4 => (select(vec!["gt", "ge", "lt", "le"]), ints(depth - 1), ints(depth - 1)).prop_map(infix),
        3 => (Just("in"), texts(depth - 1), Just(Expr::Name("groups"))).prop_map(infix),
        // What is no primary expression is in parentheses, and makes a list.
        1 => (Just("in"), any(), any_name()).prop_map(infix),
        3 => (any(), prop::collection::vec(any(), 0..4))
            .prop_map(|(left, items)| Expr::List(boxed(left), items)),
        4 => test.prop_map(|(name, text, part)| Expr::Call(name, vec![text, part])),
    ]
    .boxed()
}

fn connections() -> Vec<Connection<'static>> {
    let unicode =
        Connection {
            id: "ü", user: Some(" aB😀ü'"), groups: &["", "ab", "1", "😀"], protocol: Some("")
        };
    EXAMPLES.into_iter().chain([unicode, NOBODY]).collect()
}

fn is_limit(message: &str) -> bool {
    message.contains(" more than ")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// The parser and the machine agree with the model, in what they accept and in what they find, and so does what
    /// they print.
    #[test]
    fn model(expr in bools(4)) {
        let valid = value(&expr, &NOBODY).and_then(Value::bool).is_ok();
        let printed = print(&expr, true);
        for text in [&printed, &print(&expr, false)] {
            match Filter::parse(text, BODY_BYTES_MAX) {
                Ok(filter) => {
                    prop_assert!(valid, "accepted: {text}");
                    prop_assert_eq!(&filter.to_string(), &printed);
                    let mut scratch = Scratch::default();
                    for connection in connections() {
                        let expected = value(&expr, &connection).and_then(Value::bool).unwrap_or(false);
                        let found = filter.matches(&connection, &mut scratch);
                        prop_assert_eq!(found, expected, "{} for {:?}", text, connection);
                    }
                    checks::check(text.as_bytes());
                }
                Err(error) => {
                    let message = error.to_string();
                    prop_assert!(!valid || is_limit(&message), "{message}");
                }
            }
        }
    }

    /// No text panics, and what is accepted by chance is evaluated like any other.
    #[test]
    fn any_text(text in "\\PC{0,60}") {
        checks::check(text.as_bytes());
    }

    /// The same for texts of the language's own tokens.
    #[test]
    fn any_tokens(tokens in prop::collection::vec(select(TOKENS), 0..14)) {
        checks::check(tokens.join(" ").as_bytes());
        checks::check(tokens.concat().as_bytes());
    }
}

const TOKENS: &[&str] = &[
    "userId", "groups", "length", "contains", "not", "and", "or", "in", "eq", "gt", "true", "null", "'a'",
    "''", "'", "1", "-1", "(", "(", ")", ")", ",", "x",
];
