//! The stack machine that evaluates a filter for one connection (rest-api.md §7.2 and §7.3).

use std::ops::Range;

use super::code::{Code, Comparison, Op};
use super::error::Kind;
use super::functions::{self, Function};
use super::subject::Subject;

/// Memory that evaluations use again, so that none of them allocates. One will do for all filters and connections of
/// a thread.
#[derive(Debug, Default)]
pub struct Scratch {
    stack: Vec<Value>,
    connection_id: String,
    /// The texts that functions made, one behind the other.
    made: String,
}

/// An operand of `node` has the wrong type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TypeError {
    pub(super) node: usize,
    pub(super) found: Kind,
    pub(super) expected: Kind,
}

/// Evaluates the whole expression, which must be a bool. Without `may_skip`, no side of `and` and `or` is left out.
pub(super) fn evaluate<S: Subject>(
    code: &Code,
    subject: &S,
    scratch: &mut Scratch,
    may_skip: bool,
) -> Result<bool, TypeError> {
    scratch.stack.clear();
    scratch.made.clear();
    scratch.connection_id.clear();
    let mut machine = Machine { code, subject, scratch, has_connection_id: false };
    let mut next = 0;
    while let Some(op) = code.op(next) {
        next = match *op {
            Op::Skip { on, to } if may_skip && machine.top() == Value::Bool(on) => to,
            _ => {
                let wrong = |Mismatch { found, expected }| TypeError { node: next, found, expected };
                machine.step(op).map_err(wrong)?;
                next + 1
            }
        };
    }
    let wrong = |Mismatch { found, expected }| TypeError { node: code.root(), found, expected };
    machine.pop().bool().map_err(wrong)
}

/// What expressions evaluate to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    Null,
    Bool(bool),
    Int(i32),
    /// A string, which may be null and is a string nevertheless.
    Text(Option<Text>),
    Groups,
}

/// Where a string is. A name instead of a reference, so that the stack outlives the evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Text {
    place: Place,
    start: usize,
    end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Literal,
    UserId,
    Protocol,
    ConnectionId,
    Made,
}

impl Text {
    fn whole(place: Place, text: &str) -> Self {
        Self { place, start: 0, end: text.len() }
    }
}

/// A value has the wrong type.
struct Mismatch {
    found: Kind,
    expected: Kind,
}

impl Value {
    fn kind(self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int,
            Self::Text(_) => Kind::String,
            Self::Groups => Kind::Collection,
        }
    }

    fn is_not<T>(self, expected: Kind) -> Result<T, Mismatch> {
        Err(Mismatch { found: self.kind(), expected })
    }

    fn bool(self) -> Result<bool, Mismatch> {
        match self {
            Self::Bool(bool) => Ok(bool),
            _ => self.is_not(Kind::Bool),
        }
    }

    /// The integer, or `None` for null.
    fn int(self) -> Result<Option<i32>, Mismatch> {
        match self {
            Self::Int(int) => Ok(Some(int)),
            Self::Null => Ok(None),
            _ => self.is_not(Kind::Int),
        }
    }

    /// The string, or `None` for null of either kind.
    fn text(self) -> Result<Option<Text>, Mismatch> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Null => Ok(None),
            _ => self.is_not(Kind::String),
        }
    }
}

struct Machine<'a, S> {
    code: &'a Code,
    subject: &'a S,
    scratch: &'a mut Scratch,
    /// Whether the connection id is in the scratch yet.
    has_connection_id: bool,
}

impl<S: Subject> Machine<'_, S> {
    fn step(&mut self, op: &Op) -> Result<(), Mismatch> {
        let value = match op {
            Op::Null => Value::Null,
            Op::Bool(bool) => Value::Bool(*bool),
            Op::Int(int) => Value::Int(*int),
            Op::Text(span) => {
                Value::Text(Some(Text { place: Place::Literal, start: span.start, end: span.end }))
            }
            Op::UserId => Value::Text(self.subject.user_id().map(|text| Text::whole(Place::UserId, text))),
            Op::Protocol => {
                Value::Text(self.subject.protocol().map(|text| Text::whole(Place::Protocol, text)))
            }
            Op::ConnectionId => Value::Text(Some(self.connection_id())),
            Op::Groups => Value::Groups,
            Op::Not => Value::Bool(!self.pop().bool()?),
            Op::And => {
                let (left, right) = self.pop_bools()?;
                Value::Bool(left && right)
            }
            Op::Or => {
                let (left, right) = self.pop_bools()?;
                Value::Bool(left || right)
            }
            Op::Compare(comparison) => Value::Bool(self.compare(*comparison)?),
            Op::In => Value::Bool(self.is_in_collection()?),
            Op::ListStart => Value::Bool(false),
            Op::ListItem => {
                let item = self.pop();
                let found = self.pop().bool()?;
                Value::Bool(found || self.equal(self.top(), item))
            }
            Op::ListEnd => {
                let found = self.pop();
                self.pop();
                found
            }
            Op::Call(function, arguments) => self.call(*function, *arguments)?,
            // The parser lets no unknown name through, and skipping is the caller's.
            Op::UnknownName(_) | Op::UnknownCall(..) | Op::Skip { .. } => return Ok(()),
        };
        self.scratch.stack.push(value);
        Ok(())
    }

    /// The parser's code never takes more than there is.
    fn pop(&mut self) -> Value {
        self.scratch.stack.pop().unwrap_or(Value::Null)
    }

    fn top(&self) -> Value {
        self.scratch.stack.last().copied().unwrap_or(Value::Null)
    }

    fn pop_two(&mut self) -> (Value, Value) {
        let right = self.pop();
        (self.pop(), right)
    }

    fn pop_bools(&mut self) -> Result<(bool, bool), Mismatch> {
        let (left, right) = self.pop_two();
        Ok((left.bool()?, right.bool()?))
    }

    fn connection_id(&mut self) -> Text {
        if !self.has_connection_id {
            self.subject.write_connection_id(&mut self.scratch.connection_id);
            self.has_connection_id = true;
        }
        Text::whole(Place::ConnectionId, &self.scratch.connection_id)
    }

    fn str(&self, text: Text) -> &str {
        let Scratch { connection_id, made, .. } = &*self.scratch;
        let place = source(self.code, self.subject, connection_id, text.place).unwrap_or(made);
        place.get(text.start..text.end).unwrap_or_default()
    }

    fn compare(&mut self, comparison: Comparison) -> Result<bool, Mismatch> {
        let (left, right) = self.pop_two();
        let holds: fn(&i32, &i32) -> bool = match comparison {
            Comparison::Eq => return Ok(self.equal(left, right)),
            Comparison::Ne => return Ok(!self.equal(left, right)),
            Comparison::Gt => i32::gt,
            Comparison::Ge => i32::ge,
            Comparison::Lt => i32::lt,
            Comparison::Le => i32::le,
        };
        // Both are looked at before null decides, so that a wrong type shows whatever the other side is.
        let (left, right) = (left.int()?, right.int()?);
        Ok(left.zip(right).is_some_and(|(left, right)| holds(&left, &right)))
    }

    /// Same kind and same value; a string that is null is null.
    fn equal(&self, left: Value, right: Value) -> bool {
        match (left, right) {
            (Value::Text(Some(left)), Value::Text(Some(right))) => self.str(left) == self.str(right),
            (Value::Null | Value::Text(None), Value::Null | Value::Text(None)) => true,
            _ => left == right,
        }
    }

    fn is_in_collection(&mut self) -> Result<bool, Mismatch> {
        let (left, right) = self.pop_two();
        match (left, right) {
            (Value::Text(Some(group)), Value::Groups) => Ok(self.subject.is_in_group(self.str(group))),
            (_, Value::Groups) => Ok(false),
            _ => right.is_not(Kind::Collection),
        }
    }

    /// Calls a function with the last `arguments` values, whose number the parser checked.
    fn call(&mut self, function: Function, arguments: usize) -> Result<Value, Mismatch> {
        match function {
            Function::Length => self.length(),
            Function::ToLower => self.map_case(str::make_ascii_lowercase, functions::to_lower),
            Function::ToUpper => self.map_case(str::make_ascii_uppercase, functions::to_upper),
            Function::Trim => {
                let text = self.pop().text()?;
                Ok(Value::Text(text.map(|text| part(text, functions::trim(self.str(text))))))
            }
            Function::Contains => self.test(|text, part| text.contains(part)),
            Function::StartsWith => self.test(|text, part| text.starts_with(part)),
            Function::EndsWith => self.test(|text, part| text.ends_with(part)),
            Function::IndexOf => {
                let texts = self.pop_texts()?;
                Ok(Value::Int(texts.map_or(-1, |(text, part)| functions::index_of(text, part))))
            }
            Function::Concat => self.concat(),
            Function::Substring => self.substring(arguments > 2),
        }
    }

    /// Two strings, or `None` if either is null.
    fn pop_texts(&mut self) -> Result<Option<(&str, &str)>, Mismatch> {
        let (first, second) = self.pop_two();
        let texts = first.text()?.zip(second.text()?);
        Ok(texts.map(|(first, second)| (self.str(first), self.str(second))))
    }

    fn test(&mut self, holds: fn(&str, &str) -> bool) -> Result<Value, Mismatch> {
        let texts = self.pop_texts()?;
        Ok(Value::Bool(texts.is_some_and(|(first, second)| holds(first, second))))
    }

    fn length(&mut self) -> Result<Value, Mismatch> {
        let value = self.pop();
        if value == Value::Groups {
            return Ok(Value::Int(functions::saturated(self.subject.groups_len())));
        }
        Ok(value.text()?.map_or(Value::Null, |text| Value::Int(functions::length(self.str(text)))))
    }

    fn substring(&mut self, has_count: bool) -> Result<Value, Mismatch> {
        let count = if has_count { Some(self.pop()) } else { None };
        let (text, start) = self.pop_two();
        let (text, start) = (text.text()?, start.int()?);
        let count = match count {
            Some(count) => match count.int()? {
                Some(count) => Some(count),
                None => return Ok(Value::Text(None)),
            },
            None => None,
        };
        let range = text.zip(start).and_then(|(text, start)| {
            functions::substring(self.str(text), start, count).map(|range| part(text, range))
        });
        Ok(Value::Text(range))
    }

    fn map_case(&mut self, ascii: fn(&mut str), one: fn(char) -> char) -> Result<Value, Mismatch> {
        let Some(text) = self.pop().text()? else { return Ok(Value::Text(None)) };
        let copy = self.scratch.made.len();
        self.append(text);
        let made = &mut self.scratch.made;
        let copied = made.get_mut(copy..).unwrap_or_default();
        if copied.is_ascii() {
            ascii(copied);
            return Ok(Value::Text(Some(self.made_from(copy))));
        }
        // The mapped text may be longer than the copy, so it goes behind it.
        let (mut at, start) = (copy, made.len());
        while at < start
            && let Some(character) = made.get(at..).and_then(|rest| rest.chars().next())
        {
            at += character.len_utf8();
            made.push(one(character));
        }
        Ok(Value::Text(Some(self.made_from(start))))
    }

    fn concat(&mut self) -> Result<Value, Mismatch> {
        let (first, second) = self.pop_two();
        let text = match (first.text()?, second.text()?) {
            (Some(first), Some(second)) => {
                let start = self.scratch.made.len();
                self.append(first);
                self.append(second);
                Some(self.made_from(start))
            }
            (first, second) => first.or(second),
        };
        Ok(Value::Text(text))
    }

    /// Puts a copy of the text behind those that were made.
    fn append(&mut self, text: Text) {
        let Scratch { connection_id, made, .. } = &mut *self.scratch;
        let range = text.start..text.end;
        match source(self.code, self.subject, connection_id, text.place) {
            Some(place) => made.push_str(place.get(range).unwrap_or_default()),
            None => made.extend_from_within(range),
        }
    }

    fn made_from(&self, start: usize) -> Text {
        Text { place: Place::Made, start, end: self.scratch.made.len() }
    }
}

/// What texts of this place are parts of; `None` for those that functions made.
fn source<'a, S: Subject>(
    code: &'a Code,
    subject: &'a S,
    connection_id: &'a str,
    place: Place,
) -> Option<&'a str> {
    match place {
        Place::Literal => Some(code.texts()),
        Place::UserId => subject.user_id(),
        Place::Protocol => subject.protocol(),
        Place::ConnectionId => Some(connection_id),
        Place::Made => None,
    }
}

/// The part of `text` with these bytes of it.
fn part(text: Text, range: Range<usize>) -> Text {
    Text { start: text.start + range.start, end: text.start + range.end, ..text }
}
