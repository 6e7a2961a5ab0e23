//! Text to code (rest-api.md §7.1), by operator precedence. Syntax and names only; types are the evaluation's.

use super::code::{Code, Comparison, Op};
use super::error::{Detail, FilterError};
use super::functions::Function;
use super::lexer::{Lexer, Token};
use super::{CALLS_MAX, DEPTH_MAX, OPERATORS_MAX};

/// Parses a filter. All names in the result are known, and all calls have the right number of arguments.
pub(super) fn parse(text: &str) -> Result<Code, FilterError> {
    let mut parser = Parser {
        lexer: Lexer::new(text),
        token: Token::End,
        start: 0,
        code: Code::default(),
        depth: 0,
        operators: 0,
        calls: 0,
        wrong: None,
    };
    parser.filter(text.is_empty()).map_err(|detail| FilterError::of_text(text, detail))?;
    let mut code = parser.code;
    if let Some((node, detail)) = parser.wrong.and_then(|node| Some((node, refusal(&code, node)?))) {
        // What a name stands in tells more than the name alone.
        let around = match detail {
            Detail::Token(_) => code.parent(node).unwrap_or(node),
            _ => node,
        };
        return Err(FilterError::of_node(&code, around, detail));
    }
    code.shrink();
    Ok(code)
}

/// Why the node can never be evaluated.
fn refusal(code: &Code, node: usize) -> Option<Detail> {
    match code.op(node)? {
        Op::Call(function, given) => function.wrong_count(*given).map(|takes| Detail::Arguments {
            name: function.name(),
            takes,
            given: *given,
        }),
        _ => Some(Detail::Token(super::print::print(code, node))),
    }
}

/// How tightly operators bind, loosest first. `not` is between the last two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Power {
    Or,
    And,
    Compare,
    In,
}

/// An operator between two operands.
enum Infix {
    Or,
    And,
    Compare(Comparison),
    In,
}

impl Infix {
    fn of(token: Token<'_>) -> Option<Self> {
        match token {
            Token::Name("or") => Some(Self::Or),
            Token::Name("and") => Some(Self::And),
            Token::Name("in") => Some(Self::In),
            Token::Name(name) => Comparison::named(name).map(Self::Compare),
            _ => None,
        }
    }

    fn power(&self) -> Power {
        match self {
            Self::Or => Power::Or,
            Self::And => Power::And,
            Self::Compare(_) => Power::Compare,
            Self::In => Power::In,
        }
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The token to be looked at, and where it starts.
    token: Token<'a>,
    start: usize,
    code: Code,
    depth: usize,
    operators: usize,
    calls: usize,
    /// The first name that stands for nothing, or the call around it, or the first call with too many or few
    /// arguments. It is told only if the rest is well-formed.
    wrong: Option<usize>,
}

impl Parser<'_> {
    fn filter(&mut self, is_empty: bool) -> Result<(), Detail> {
        if is_empty {
            self.code.push_leaf(Op::Bool(true));
            return Ok(());
        }
        self.advance()?;
        self.expression(Power::Or)?;
        match self.token {
            Token::End => Ok(()),
            _ => Err(self.expected("an operator or the end")),
        }
    }

    /// Operators of at least `min` and their operands. It calls itself once for every step of precedence between two
    /// parentheses, whose number has a limit.
    fn expression(&mut self, min: Power) -> Result<(), Detail> {
        let first = self.code.len();
        self.prefixed()?;
        while let Some(infix) = Infix::of(self.token).filter(|infix| infix.power() >= min) {
            self.operator()?;
            match infix {
                Infix::Or => self.logical(first, Op::Or, true, Power::And)?,
                Infix::And => self.logical(first, Op::And, false, Power::Compare)?,
                Infix::Compare(comparison) => {
                    self.expression(Power::In)?;
                    self.code.push(Op::Compare(comparison), first);
                }
                Infix::In => self.membership(first)?,
            }
        }
        Ok(())
    }

    /// The right side of `and` or `or`, which need not be evaluated when the left one is `decided`.
    fn logical(&mut self, first: usize, op: Op, decided: bool, right: Power) -> Result<(), Detail> {
        let skip = self.code.push_leaf(Op::Skip { on: decided, to: 0 });
        self.expression(right)?;
        self.code.push(op, first);
        self.code.land(skip);
        Ok(())
    }

    /// The right side of `in`.
    fn membership(&mut self, first: usize) -> Result<(), Detail> {
        if self.token != Token::Open {
            self.primary()?;
            self.code.push(Op::In, first);
            return Ok(());
        }
        self.code.push_leaf(Op::ListStart);
        self.list(|code, item| {
            code.push(Op::ListItem, item);
        })?;
        self.code.push(Op::ListEnd, first);
        Ok(())
    }

    /// An operand with any number of `not` before it.
    fn prefixed(&mut self) -> Result<(), Detail> {
        let mut nots = 0;
        while self.token == Token::Name("not") {
            self.operator()?;
            nots += 1;
        }
        if nots == 0 {
            return self.primary();
        }
        let first = self.code.len();
        self.expression(Power::In)?;
        for _ in 0..nots {
            self.code.push(Op::Not, first);
        }
        Ok(())
    }

    fn primary(&mut self) -> Result<(), Detail> {
        match self.token {
            Token::Name(name) => {
                self.advance()?;
                match self.token {
                    Token::Open => return self.call(name),
                    _ => self.name(name),
                }
                return Ok(());
            }
            Token::Text(escaped) => {
                // A quote is the first of two, which are adjacent.
                let mut characters = escaped.chars();
                let unescaped = std::iter::from_fn(|| {
                    let character = characters.next()?;
                    if character == '\'' { characters.next() } else { Some(character) }
                });
                let span = self.code.keep(unescaped);
                self.code.push_leaf(Op::Text(span));
            }
            Token::Int(integer) => {
                self.code.push_leaf(Op::Int(integer));
            }
            Token::Open => {
                self.open()?;
                self.expression(Power::Or)?;
                return self.close();
            }
            Token::Close | Token::Comma | Token::End => return Err(self.expected("an expression")),
        }
        self.advance()
    }

    /// A literal or an identifier. Literals have one spelling, identifiers ignore case.
    fn name(&mut self, name: &str) {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let op = match name {
            "true" => Op::Bool(true),
            "false" => Op::Bool(false),
            "null" => Op::Null,
            _ if is("userId") => Op::UserId,
            _ if is("connectionId") => Op::ConnectionId,
            _ if is("groups") => Op::Groups,
            _ if is("protocol") => Op::Protocol,
            _ => Op::UnknownName(self.code.keep(name.chars())),
        };
        let is_known = !matches!(op, Op::UnknownName(_));
        let node = self.code.push_leaf(op);
        self.note(node, is_known);
    }

    fn call(&mut self, name: &str) -> Result<(), Detail> {
        self.calls += 1;
        if self.calls > CALLS_MAX {
            return Err(Detail::Calls);
        }
        let first = self.code.len();
        let arguments = self.list(|_, _| ())?;
        let (op, is_right) = match Function::named(name) {
            Some(function) => (Op::Call(function, arguments), function.wrong_count(arguments).is_none()),
            None => (Op::UnknownCall(self.code.keep(name.chars()), arguments), false),
        };
        let node = self.code.push(op, first);
        self.note(node, is_right);
        Ok(())
    }

    /// Remembers the first thing that is wrong; of two that are one in the other, the outer one.
    fn note(&mut self, node: usize, is_right: bool) {
        let first = self.code.first(node);
        if !is_right && self.wrong.is_none_or(|wrong| wrong >= first) {
            self.wrong = Some(node);
        }
    }

    /// `(`, expressions with commas between them or none, `)`. Calls `after` with the first node of each.
    fn list(&mut self, after: impl Fn(&mut Code, usize)) -> Result<usize, Detail> {
        self.open()?;
        let mut count = 0;
        while count > 0 || self.token != Token::Close {
            let item = self.code.len();
            self.expression(Power::Or)?;
            after(&mut self.code, item);
            count += 1;
            match self.token {
                Token::Comma => self.advance()?,
                Token::Close => break,
                _ => return Err(self.expected("an operator, ',' or ')'")),
            }
        }
        self.close()?;
        Ok(count)
    }

    fn open(&mut self) -> Result<(), Detail> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Detail::TooDeep);
        }
        self.advance()
    }

    fn close(&mut self) -> Result<(), Detail> {
        if self.token != Token::Close {
            return Err(self.expected("an operator or ')'"));
        }
        self.depth -= 1;
        self.advance()
    }

    /// Goes over an operator.
    fn operator(&mut self) -> Result<(), Detail> {
        self.operators += 1;
        if self.operators > OPERATORS_MAX {
            return Err(Detail::Operators);
        }
        self.advance()
    }

    fn advance(&mut self) -> Result<(), Detail> {
        (self.token, self.start) = self.lexer.next()?;
        Ok(())
    }

    fn expected(&self, what: &'static str) -> Detail {
        Detail::Expected { what, at: self.lexer.position(self.start) }
    }
}
