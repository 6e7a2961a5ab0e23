//! W3C Trace Context, level 1: which distributed trace a request belongs to.

use std::fmt;

/// The header with the ids.
pub const TRACEPARENT: &str = "traceparent";
/// The header with what tracing systems keep for themselves.
pub const TRACESTATE: &str = "tracestate";

/// Length of a `traceparent` of version 00.
const TRACEPARENT_BYTES: usize = 55;
/// The version that is written.
const VERSION: &str = "00";
/// The flag of a trace that is recorded (§3.2.2.5.1).
const SAMPLED: u8 = 1;
/// How much of `tracestate` is passed on, in bytes: as much as the standard asks for at least (§3.3.1.5).
pub const STATE_BYTES_MAX: usize = 512;

/// A place in a distributed trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace; not 0.
    pub trace: u128,
    /// The span that is the parent of what comes; not 0.
    pub span: u64,
    /// Whether the trace is recorded.
    pub sampled: bool,
    /// `tracestate` as it is passed on, at most [`STATE_BYTES_MAX`] of visible ASCII characters and spaces; may be empty.
    pub state: String,
}

impl TraceContext {
    /// From the values of `traceparent` and `tracestate`; `None` when the first one is not in the form of the standard, or
    /// does not come exactly once. What is wrong in `tracestate` only loses that.
    pub fn parse<'a>(
        parents: impl IntoIterator<Item = &'a [u8]>,
        states: impl IntoIterator<Item = &'a [u8]>,
    ) -> Option<Self> {
        let mut parents = parents.into_iter();
        let (parent, another) = (parents.next()?, parents.next());
        let parent = std::str::from_utf8(parent).ok().filter(|_| another.is_none())?.trim();
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let known = parent.get(..TRACEPARENT_BYTES)?;
        let rest = &parent[TRACEPARENT_BYTES..];
        let mut parts = known.split('-');
        let [version, trace, span, flags] = std::array::from_fn(|_| parts.next().unwrap_or_default());
        let lengths = [version, trace, span, flags].map(str::len);
        let is_well_formed = lengths == [2, 32, 16, 2]
            && parts.next().is_none()
            && known.bytes().all(|byte| byte == b'-' || is_hex(byte))
            && version != "ff"
            // Later versions may have more behind it.
            && (rest.is_empty() || (version != VERSION && rest.starts_with('-')));
        if !is_well_formed {
            return None;
        }
        let trace = u128::from_str_radix(trace, 16).ok().filter(|trace| *trace != 0)?;
        let span = u64::from_str_radix(span, 16).ok().filter(|span| *span != 0)?;
        let flags = u8::from_str_radix(flags, 16).ok()?;
        Some(Self { trace, span, sampled: flags & SAMPLED != 0, state: state(states) })
    }
}

/// The value of `traceparent`.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION}-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

/// The members of all headers as one list, as many as fit from the first one on: the last ones are the oldest.
fn state<'a>(states: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut list = String::new();
    for state in states {
        let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t');
        let Some(state) = std::str::from_utf8(state).ok().filter(|state| state.bytes().all(|b| is_text(&b)))
        else {
            return String::new();
        };
        for member in state.split(',').map(str::trim).filter(|member| !member.is_empty()) {
            if !member.contains('=') || member.contains('\t') {
                return String::new();
            }
            if list.len() + 1 + member.len() > STATE_BYTES_MAX {
                return list;
            }
            if !list.is_empty() {
                list.push(',');
            }
            list.push_str(member);
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn parse(parent: &str, states: &[&str]) -> Option<TraceContext> {
        TraceContext::parse([parent.as_bytes()], states.iter().map(|state| state.as_bytes()))
    }

    #[test]
    fn what_is_read_is_written() {
        let context = parse(GOOD, &[]).unwrap();
        assert_eq!(context.trace, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!((context.span, context.sampled), (0xb7ad_6b71_6920_3331, true));
        assert_eq!(context.to_string(), GOOD);
        let unsampled = GOOD.replace("-01", "-00");
        assert_eq!(parse(&unsampled, &[]).unwrap().to_string(), unsampled);
        // Flags of later levels are not passed on.
        assert_eq!(parse(&GOOD.replace("-01", "-03"), &[]).unwrap().to_string(), GOOD);
        // A later version is read as far as it is known.
        let later = format!("{}-more", GOOD.replacen("00", "cc", 1));
        assert_eq!(parse(&later, &[]).unwrap().to_string(), GOOD);
    }

    #[test]
    fn other_forms_are_no_context() {
        let zeros = |from: &str| GOOD.replace(from, &"0".repeat(from.len()));
        for bad in [
            "",
            "00",
            &GOOD.to_uppercase(),
            &zeros("0af7651916cd43dd8448eb211c80319c"),
            &zeros("b7ad6b7169203331"),
            &GOOD.replacen("00", "ff", 1),
            &format!("{GOOD}-more"),
            &format!("{GOOD}0"),
            &format!("{}0", GOOD.replacen("00", "01", 1)),
            &GOOD[..54],
            &GOOD.replace("-b7ad6b7169203331-", "b7ad6b71692033310"),
            &GOOD.replace("9c-b7", "9-cb7"),
            &GOOD.replace("-b7", "--7"),
            &GOOD.replace("7ad", "+ad"),
            &format!("{}é", &GOOD[..54]),
        ] {
            assert_eq!(parse(bad, &["a=1"]), None, "{bad}");
        }
        assert_eq!(TraceContext::parse([GOOD.as_bytes(); 2], []), None, "twice");
        assert_eq!(TraceContext::parse([], [&b"a=1"[..]]), None, "not at all");
    }

    #[test]
    fn states_are_one_list() {
        let state = |states: &[&str]| parse(GOOD, states).unwrap().state;
        assert_eq!(state(&["rojo=00f067aa0ba902b7 , congo=t61rcWkgMzE", ",a@b=c"]), {
            "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE,a@b=c"
        });
        assert_eq!(state(&[]), "");
        for bad in ["no member", "a=\u{e9}", "a=\n", "a=b\tc"] {
            assert_eq!(state(&["x=1", bad]), "", "{bad:?}");
        }
        let long = format!("k={}", "v".repeat(250));
        assert_eq!(state(&[&long, &long, "last=12"]), format!("{long},{long}"), "what fits");
    }
}
