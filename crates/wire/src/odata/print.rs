//! Expressions as errors print them (rest-api.md §7.5): parentheses around nested operators, no blank after commas.

use std::borrow::Cow;

use super::code::{Code, Op};

/// What is still to be printed.
enum Part<'a> {
    Plain(Cow<'a, str>),
    Node(usize),
}

/// Prints the expression at `node`. The parts to come are on a stack of their own: expressions may be deep.
pub(super) fn print(code: &Code, node: usize) -> String {
    let mut out = String::new();
    let mut stack = Vec::new();
    push(&mut stack, parts(code, node));
    while let Some(part) = stack.pop() {
        match part {
            Part::Plain(text) => out.push_str(&text),
            Part::Node(node) if code.op(node).is_some_and(Op::is_operator) => {
                stack.push(plain(")"));
                push(&mut stack, parts(code, node));
                out.push('(');
            }
            Part::Node(node) => push(&mut stack, parts(code, node)),
        }
    }
    out
}

fn push<'a>(stack: &mut Vec<Part<'a>>, parts: Vec<Part<'a>>) {
    stack.extend(parts.into_iter().rev());
}

fn plain(text: &str) -> Part<'_> {
    Part::Plain(Cow::Borrowed(text))
}

fn parts(code: &Code, node: usize) -> Vec<Part<'_>> {
    let Some(op) = code.op(node) else { return Vec::new() };
    let infix = |operator: &'static str| match *code.operands(node) {
        [left, right] => vec![Part::Node(left), plain(" "), plain(operator), plain(" "), Part::Node(right)],
        _ => Vec::new(),
    };
    match op {
        Op::Null => vec![plain("null")],
        Op::Bool(true) => vec![plain("true")],
        Op::Bool(false) => vec![plain("false")],
        Op::Int(integer) => vec![Part::Plain(integer.to_string().into())],
        Op::Text(span) => vec![Part::Plain(quoted(code.text(span)).into())],
        Op::UserId => vec![plain("userId")],
        Op::ConnectionId => vec![plain("connectionId")],
        Op::Protocol => vec![plain("protocol")],
        Op::Groups => vec![plain("groups")],
        Op::UnknownName(name) => vec![plain(code.text(name))],
        Op::Not => {
            std::iter::once(plain("not ")).chain(code.operands(node).into_iter().map(Part::Node)).collect()
        }
        Op::And => infix("and"),
        Op::Or => infix("or"),
        Op::Compare(comparison) => infix(comparison.name()),
        Op::In => infix("in"),
        Op::ListEnd => {
            let mut operands = code.operands(node).into_iter();
            let mut parts: Vec<Part<'_>> = operands.next().map(Part::Node).into_iter().collect();
            parts.push(plain(" in "));
            parts.extend(list(operands));
            parts
        }
        Op::Call(function, _) => call(function.name(), code.operands(node)),
        Op::UnknownCall(name, _) => call(code.text(name), code.operands(node)),
        // These are part of an expression, and none themselves.
        Op::Skip { .. } | Op::ListStart | Op::ListItem => Vec::new(),
    }
}

fn call(name: &str, arguments: Vec<usize>) -> Vec<Part<'_>> {
    std::iter::once(plain(name)).chain(list(arguments.into_iter())).collect()
}

fn list<'a>(items: impl Iterator<Item = usize>) -> Vec<Part<'a>> {
    let mut parts = vec![plain("(")];
    for (index, item) in items.enumerate() {
        if index > 0 {
            parts.push(plain(","));
        }
        parts.push(Part::Node(item));
    }
    parts.push(plain(")"));
    parts
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
