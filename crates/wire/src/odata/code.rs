//! What a filter is parsed to: one list of operations, operands before operators, which is at the same time the
//! program of a stack machine and the tree that errors print.

use std::ops::Range;

use super::functions::Function;

/// A piece of [`Code::texts`].
pub(super) type Span = Range<usize>;

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

impl Comparison {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "eq" => Self::Eq,
            "ne" => Self::Ne,
            "gt" => Self::Gt,
            "ge" => Self::Ge,
            "lt" => Self::Lt,
            "le" => Self::Le,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }
}

/// One operation. Operands are taken from the stack, the result is put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Op {
    Null,
    Bool(bool),
    Int(i32),
    /// A string literal, without the quotes.
    Text(Span),
    UserId,
    ConnectionId,
    Protocol,
    Groups,
    Not,
    And,
    Or,
    /// Between the sides of `and` and `or`, with nothing taken and put: if the left side is `on`, it is the result,
    /// and `to` is next.
    Skip {
        on: bool,
        to: usize,
    },
    Compare(Comparison),
    /// `in` with a collection at the right.
    In,
    /// The start of `in` with a list: puts "not found yet". A list is compared item by item, so that the stack does
    /// not grow with it.
    ListStart,
    /// Takes an item and "found", looks at the value below them, and puts "found" again.
    ListItem,
    /// Takes "found" and the value below it.
    ListEnd,
    Call(Function, usize),
    /// A name that stands for nothing. Never evaluated.
    UnknownName(Span),
    /// A call of something else than a function. Never evaluated.
    UnknownCall(Span, usize),
}

impl Op {
    /// Whether it is printed in parentheses when it is part of something else.
    pub(super) fn is_operator(&self) -> bool {
        matches!(self, Self::Not | Self::And | Self::Or | Self::Compare(_) | Self::In | Self::ListEnd)
    }

    /// Whether it is printed, and evaluated to a value of its own.
    fn is_expression(&self) -> bool {
        !matches!(self, Self::Skip { .. } | Self::ListStart | Self::ListItem)
    }
}

/// An operation, and where the first one of its operands starts.
#[derive(Debug, Clone)]
struct Node {
    op: Op,
    first: usize,
}

/// An expression. Nodes are named by their index.
#[derive(Debug, Clone, Default)]
pub(super) struct Code {
    nodes: Vec<Node>,
    /// All string literals, unescaped, and unknown names.
    texts: String,
}

impl Code {
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The node of the whole expression.
    pub(super) fn root(&self) -> usize {
        self.nodes.len().saturating_sub(1)
    }

    /// Adds an operation whose operands are all nodes from `first` on.
    pub(super) fn push(&mut self, op: Op, first: usize) -> usize {
        self.nodes.push(Node { op, first });
        self.root()
    }

    /// Adds an operation without operands.
    pub(super) fn push_leaf(&mut self, op: Op) -> usize {
        self.push(op, self.nodes.len())
    }

    /// Makes the [`Op::Skip`] at `node` lead to the end of the code as it is now.
    pub(super) fn land(&mut self, node: usize) {
        let end = self.nodes.len();
        if let Some(Node { op: Op::Skip { to, .. }, .. }) = self.nodes.get_mut(node) {
            *to = end;
        }
    }

    /// Keeps the text of a string literal or a name.
    pub(super) fn keep(&mut self, parts: impl Iterator<Item = char>) -> Span {
        let start = self.texts.len();
        self.texts.extend(parts);
        start..self.texts.len()
    }

    /// Gives memory back that was only needed to grow.
    pub(super) fn shrink(&mut self) {
        self.nodes.shrink_to_fit();
        self.texts.shrink_to_fit();
    }

    pub(super) fn op(&self, node: usize) -> Option<&Op> {
        self.nodes.get(node).map(|node| &node.op)
    }

    /// What spans are pieces of.
    pub(super) fn texts(&self) -> &str {
        &self.texts
    }

    pub(super) fn text(&self, span: &Span) -> &str {
        self.texts.get(span.clone()).unwrap_or_default()
    }

    /// Where the expression at `node` begins.
    pub(super) fn first(&self, node: usize) -> usize {
        self.nodes.get(node).map_or(node, |node| node.first)
    }

    /// The expressions that the one at `node` is made of, in order.
    pub(super) fn operands(&self, node: usize) -> Vec<usize> {
        let mut operands = Vec::new();
        let first = self.first(node);
        let mut end = node;
        while end > first {
            let last = end - 1;
            end = self.first(last);
            match self.op(last) {
                Some(Op::ListItem) => operands.push(last - 1),
                Some(op) if op.is_expression() => operands.push(last),
                _ => {}
            }
        }
        operands.reverse();
        operands
    }

    /// The expression that the one at `node` is an operand of.
    pub(super) fn parent(&self, node: usize) -> Option<usize> {
        let mut after = self.nodes.iter().enumerate().skip(node + 1);
        after.find(|(_, parent)| parent.first <= node && parent.op.is_expression()).map(|(index, _)| index)
    }

    /// Whether an evaluation can find a type that the validation did not: only `length` of a string is not of one
    /// type for all connections, and of all that takes null but no integer there are only the string functions.
    pub(super) fn may_mismatch(&self) -> bool {
        self.nodes.iter().enumerate().any(|(index, node)| match node.op {
            Op::Call(function, _) => self
                .operands(index)
                .into_iter()
                .take(function.text_arguments())
                .any(|operand| matches!(self.op(operand), Some(Op::Call(Function::Length, _)))),
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `userId in (null,1) and true`
    fn sample() -> Code {
        let mut code = Code::default();
        code.push_leaf(Op::UserId);
        code.push_leaf(Op::ListStart);
        code.push_leaf(Op::Null);
        code.push(Op::ListItem, 2);
        code.push_leaf(Op::Int(1));
        code.push(Op::ListItem, 4);
        code.push(Op::ListEnd, 0);
        let skip = code.push_leaf(Op::Skip { on: false, to: 0 });
        code.push_leaf(Op::Bool(true));
        code.push(Op::And, 0);
        code.land(skip);
        code
    }

    #[test]
    fn the_tree_is_found_again() {
        let code = sample();
        assert_eq!(code.operands(code.root()), [6, 8]);
        assert_eq!(code.operands(6), [0, 2, 4]);
        assert_eq!(code.operands(0), [0usize; 0]);
        assert_eq!(
            [0, 2, 4, 6, 8, 9].map(|node| code.parent(node)),
            [6, 6, 6, 9, 9, 0].map(|n| (n > 0).then_some(n))
        );
        assert_eq!(code.op(7), Some(&Op::Skip { on: false, to: 10 }));
    }
}
