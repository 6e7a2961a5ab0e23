//! What the ledger says in the end.

use std::collections::BTreeMap;

use serde_json::json;

use super::Args;
use super::ledger::{Counts, Ledger, Violation, What};
use crate::failure::Failure;
use crate::output;

/// Violations that are told one by one.
const TOLD: usize = 20;

#[derive(Debug)]
pub(super) struct Verdict {
    counts: Counts,
    violations: Vec<Violation>,
}

impl Ledger {
    /// Judges everything that happened.
    pub(super) fn verdict(&self) -> Verdict {
        Verdict { counts: self.totals(), violations: self.violations() }
    }
}

impl Verdict {
    /// Prints it; a violation is a failure.
    pub(super) fn tell(&self, seed: u64, args: &Args) -> anyhow::Result<()> {
        let text = if args.service.json() { self.json(seed, args) } else { self.text(seed, args) };
        output::line(&text)?;
        match self.violations.len() {
            0 => Ok(()),
            count => {
                let what = format!("{count} violation{} of delivery.", if count == 1 { "" } else { "s" });
                Err(Failure::new(what, format!("Make the same choices again with --seed {seed}.")).into())
            }
        }
    }

    fn json(&self, seed: u64, args: &Args) -> String {
        let counts = self.counts;
        json!({
            "verdict": if self.violations.is_empty() { "kept" } else { "violated" },
            "seed": seed,
            "seconds": args.seconds,
            "clients": args.clients,
            "groups": args.groups,
            "messages": counts.messages,
            "unanswered": counts.unknown,
            "deliveries": counts.deliveries,
            "streams": counts.streams,
            "parts": counts.parts,
            "partDeliveries": counts.parts_received,
            "invocations": counts.invocations,
            "answersLost": counts.answers_lost,
            "joins": counts.memberships,
            "cuts": counts.cuts,
            "recoveries": counts.recoveries,
            "reconnections": counts.reconnections,
            "restarts": counts.restarts,
            "violations": self.kinds(),
            "examples": self.violations.iter().take(TOLD).map(told).collect::<Vec<_>>(),
        })
        .to_string()
    }

    fn text(&self, seed: u64, args: &Args) -> String {
        let counts = self.counts;
        let mut lines = vec![
            format!("seed {seed}: {} clients, {} groups, {} s", args.clients, args.groups, args.seconds),
            format!(
                "messages {} (answers lost with a connection: {}), deliveries {}, joins {}",
                counts.messages, counts.unknown, counts.deliveries, counts.memberships
            ),
        ];
        if !args.without_streams {
            let Counts { streams, parts, parts_received, .. } = counts;
            lines.push(format!("streams {streams}, parts {parts}, deliveries of parts {parts_received}"));
        }
        if args.invocations {
            let Counts { invocations, answers_lost, .. } = counts;
            lines.push(format!("invocations {invocations} (answers lost with a socket: {answers_lost})"));
        }
        lines.push(format!(
            "cuts {}, recoveries {}, new connections {}, restarts {}",
            counts.cuts, counts.recoveries, counts.reconnections, counts.restarts
        ));
        if self.violations.is_empty() {
            lines.push("kept: nothing lost, nothing twice, all in order, nothing after a leave".to_owned());
        } else {
            lines.extend(self.kinds().iter().map(|(kind, count)| format!("VIOLATED: {kind}: {count}")));
            lines.extend(self.violations.iter().take(TOLD).map(|violation| format!("  {}", told(violation))));
        }
        lines.join("\n")
    }

    fn kinds(&self) -> BTreeMap<&'static str, usize> {
        let mut kinds = BTreeMap::new();
        for violation in &self.violations {
            *kinds.entry(kind(violation)).or_default() += 1;
        }
        kinds
    }
}

fn kind(violation: &Violation) -> &'static str {
    match violation {
        Violation::Lost { .. } => "lost",
        Violation::Twice { .. } => "twice",
        Violation::Disordered { .. } => "disordered",
        Violation::NotAMember { .. } => "afterLeave",
        Violation::WrongEnd { .. } => "wrongEnd",
        Violation::WrongAnswer { .. } => "wrongAnswer",
        Violation::AnswerLost { .. } => "answerLost",
        Violation::Unknown { .. } => "unknown",
        Violation::ConnectionLost { .. } => "notRecovered",
        Violation::Refused { .. } => "refused",
    }
}

fn told(violation: &Violation) -> String {
    match violation {
        Violation::Lost { client, what } => format!("client {client} did not get {what}"),
        Violation::Twice { client, what } => format!("client {client} got {what} twice"),
        Violation::Disordered { client, what: what @ What::Message(_), after } => {
            format!("client {client} got {what} of the same sender and group after {after}")
        }
        Violation::Disordered { client, what, after } => format!("client {client} got {what} after {after}"),
        Violation::NotAMember { client, what } => {
            format!("client {client} got {what}, which was sent when it was not in the group")
        }
        Violation::WrongEnd { client, stream, way } => {
            format!(
                "client {client} was told that stream {stream} ended with {way}, which its publisher did not do"
            )
        }
        Violation::WrongAnswer { client } => {
            format!("client {client} got another answer than what it had sent with an invocation")
        }
        Violation::AnswerLost { client } => {
            format!("client {client} got no answer to an invocation, and had not lost a socket")
        }
        Violation::Unknown { client, what } => {
            format!("client {client} got something that nobody sent: {what}")
        }
        Violation::ConnectionLost { client, why } => {
            let colon = if why.is_empty() { "" } else { ": " };
            format!("reliable client {client} was not recovered{colon}{why}")
        }
        Violation::Refused { client, what } => format!("client {client}: {what}"),
    }
}
