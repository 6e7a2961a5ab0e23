//! What the audit log says about calls of the portal's page.

use super::hub_name;
use super::parameters::Parameters;
use super::route::Operation;

/// To what something is done: the hub, the path below it as it stands in the URL, and what else of it matters later.
pub(super) fn target(operation: Operation, hub: &str, path: &str, parameters: &Parameters<'_>) -> String {
    let hub = hub_name(hub).map_or_else(|_| hub.to_owned(), |hub| hub.to_string());
    let told: &[(&str, &'static str)] = match operation {
        Operation::Grant | Operation::Revoke => &[("group", "targetName")],
        Operation::GenerateToken => &[("user", "userId"), ("roles", "role"), ("groups", "group")],
        _ => &[],
    };
    let values = |name| parameters.all(name).filter(|value| !value.is_empty()).collect::<Vec<_>>().join(", ");
    let told: Vec<String> = told
        .iter()
        .map(|(label, name)| (label, values(name)))
        .filter(|(_, values)| !values.is_empty())
        .map(|(label, values)| format!("{label}: {values}"))
        .collect();
    if told.is_empty() { format!("{hub}/{path}") } else { format!("{hub}/{path} ({})", told.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_say_what_matters() {
        let of = |operation, query| target(operation, "Chat", "p", &Parameters::parse(query));
        assert_eq!(of(Operation::Grant, "targetName=a%20b&api-version=2024-12-01"), "chat/p (group: a b)");
        assert_eq!(of(Operation::Revoke, ""), "chat/p");
        assert_eq!(
            of(Operation::GenerateToken, "userId=ann&role=r1&Role=r2&group=g&minutesToExpire=5"),
            "chat/p (user: ann; roles: r1, r2; groups: g)"
        );
        assert_eq!(of(Operation::GenerateToken, "userId="), "chat/p");
        assert_eq!(of(Operation::LeaveMany, "targetName=x&userId=y"), "chat/p");
        assert_eq!(target(Operation::LeaveMany, "1", "p", &Parameters::parse("")), "1/p", "as it came");
    }
}
