//! `hublet token`: client access URLs.

use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use hublet_client::ClientAccess;
use serde_json::json;

use crate::duration;
use crate::output;
use crate::service::{HubArgs, ServiceArgs};

/// Roles for all groups; with them a client may do everything.
pub(crate) const ROLES: [&str; 2] = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];
/// Roles for one group or for the groups that match a pattern.
const ROLE_PREFIXES: &[&str] = &[
    "webpubsub.joinLeaveGroup.",
    "webpubsub.joinLeaveGroups.",
    "webpubsub.sendToGroup.",
    "webpubsub.sendToGroups.",
];

/// Arguments of `hublet token`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    hub: HubArgs,

    /// User id; without it the client is anonymous
    #[arg(long, value_name = "USER")]
    user: Option<String>,

    /// Role, such as webpubsub.sendToGroup or webpubsub.joinLeaveGroup.room; repeat it for several
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,

    /// Group that the client is in from the start; repeat it for several
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,

    /// How long a connection can be made with the URL: 30s, 5m, 1h, 7d
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration::parse)]
    expires: Duration,

    /// Kind of client
    #[arg(long, value_enum, value_name = "KIND", default_value = "default")]
    protocol: Protocol,

    #[command(flatten)]
    service: ServiceArgs,
}

/// Kinds of clients with an address of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Protocol {
    /// Simple and PubSub WebSocket clients
    Default,
}

/// Prints a client access URL.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    // There is one kind of client yet.
    let Protocol::Default = args.protocol;
    warn_of_unknown_roles(&args.roles);
    let access = ClientAccess {
        hub: &args.hub.hub,
        user: args.user.as_deref(),
        roles: &args.roles,
        groups: &args.groups,
        lifetime: args.expires,
    };
    let url = args.service.connection_string()?.client_access(&access)?;
    if !args.service.json {
        return output::line(&url.url());
    }
    let shown = json!({
        "url": url.url(),
        "baseUrl": url.base_url,
        "token": url.token,
        "expiresAt": utc(url.expires_at_s),
    });
    output::line(&shown.to_string())
}

/// The service ignores a role that it does not know, so a slip would show only when a client is refused.
pub(crate) fn warn_of_unknown_roles(roles: &[String]) {
    for role in roles.iter().filter(|role| !is_known_role(role)) {
        output::note(&format!(
            "warning: the service does not know the role `{}` and will ignore it. It knows {}, and with .GROUP behind \
             them those for one group.",
            output::printable(role),
            ROLES.join(" and ")
        ));
    }
}

fn is_known_role(role: &str) -> bool {
    let has_prefix = |prefix: &&str| role.strip_prefix(prefix).is_some_and(|group| !group.trim().is_empty());
    ROLES.contains(&role) || ROLE_PREFIXES.iter().any(has_prefix)
}

/// Seconds since 1970 as people and programs read them (RFC 3339).
fn utc(seconds: i64) -> String {
    let (mut days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let mut year = 1970;
    while days >= days_of_year(year) {
        days -= days_of_year(year);
        year += 1;
    }
    let february = days_of_year(year) - 337;
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", days + 1)
}

fn days_of_year(year: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if is_leap { 366 } else { 365 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_796_083_199, "2026-11-30T23:59:59Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(utc(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn roles_that_the_service_knows() {
        for role in ROLES.iter().chain(&["webpubsub.sendToGroup.a b", "webpubsub.joinLeaveGroups.a.*"]) {
            assert!(is_known_role(role), "{role}");
        }
        for role in
            ["", "sendToGroup", "webpubsub.SendToGroup", "webpubsub.sendToGroup.", "webpubsub.sendToGroups"]
        {
            assert!(!is_known_role(role), "{role}");
        }
    }
}
