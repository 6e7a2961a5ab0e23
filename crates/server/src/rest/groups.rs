//! Membership of groups (rest-api.md §3.3, §3.4, §5.1).

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use hublet_hub::{ConnOp, MemberEntry, Outcome, Target};
use hublet_wire::odata::{BODY_BYTES_MAX, Filter};
use hublet_wire::{name, percent};
use hyper::body::Incoming;
use serde::Serialize;

use super::error::{Missing, RestError};
use super::parameters::parse_filter;
use super::route::Resource;
use super::{Call, content, gone};
use crate::http::{Response, empty, endpoint, json};

/// Members on a page when the request names no number, and the most it may name.
const PAGE_MAX: u32 = 200;
const TOP_MAX: u32 = 2_147_483_647;

pub(super) async fn join(call: &Call<'_>, resource: Resource) -> Result<Response, RestError> {
    let severity = match resource {
        Resource::User => Missing::Warning,
        _ => Missing::Error,
    };
    let op = ConnOp::Join([call.segments.group()?].into());
    let outcome = call.apply_to_existing(resource, op, severity).await?;
    joined(call, outcome)
}

pub(super) async fn leave(call: &Call<'_>, resource: Resource) -> Result<Response, RestError> {
    call.apply(resource, ConnOp::Leave([call.segments.group()?].into())).await?;
    Ok(gone())
}

pub(super) async fn leave_all(call: &Call<'_>, resource: Resource) -> Result<Response, RestError> {
    call.apply(resource, ConnOp::LeaveAll).await?;
    Ok(gone())
}

pub(super) async fn join_many(call: &Call<'_>, body: &mut Incoming) -> Result<Response, RestError> {
    let Selection { groups, filter } = selection(call, body).await?;
    let outcome = call.node.apply(Arc::clone(&call.hub), Target::All, filter, ConnOp::Join(groups)).await?;
    joined(call, outcome)
}

pub(super) async fn leave_many(call: &Call<'_>, body: &mut Incoming) -> Result<Response, RestError> {
    let Selection { groups, filter } = selection(call, body).await?;
    call.node.apply(Arc::clone(&call.hub), Target::All, filter, ConnOp::Leave(groups)).await?;
    Ok(empty(StatusCode::OK))
}

fn joined(call: &Call<'_>, outcome: Outcome) -> Result<Response, RestError> {
    if outcome.refused > 0 {
        return Err(RestError::bad_request(format!(
            "A connection may be in {} groups at most.",
            call.config.limits.groups_per_connection
        )));
    }
    Ok(empty(StatusCode::OK))
}

/// The body of `:addToGroups` and `:removeFromGroups`.
struct Selection {
    groups: Arc<[Arc<str>]>,
    filter: Option<Arc<Filter>>,
}

async fn selection(call: &Call<'_>, body: &mut Incoming) -> Result<Selection, RestError> {
    parse_selection(&content::read_json(&call.request.headers, body).await?)
}

fn parse_selection(body: &Bytes) -> Result<Selection, RestError> {
    let value: serde_json::Value = serde_json::from_slice(body).map_err(|_| content::not_json())?;
    let invalid = || RestError::invalid_group("Groups");
    let object = value.as_object().ok_or_else(invalid)?;
    let groups = object.get("groups").and_then(serde_json::Value::as_array).ok_or_else(invalid)?;
    let groups = groups.iter().map(|group| group.as_str().filter(|group| name::is_valid_group(group)));
    let groups = groups.map(|group| group.map(Arc::from)).collect::<Option<Arc<[Arc<str>]>>>();
    let groups = groups.filter(|groups| !groups.is_empty()).ok_or_else(invalid)?;
    let filter = match object.get("filter") {
        None | Some(serde_json::Value::Null) => None,
        Some(serde_json::Value::String(text)) => parse_filter(text, BODY_BYTES_MAX)?,
        Some(_) => return Err(RestError::validation("Filter", "The filter must be a string.")),
    };
    Ok(Selection { groups, filter })
}

/// A page of members.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    value: Vec<Member<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_link: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Member<'a> {
    connection_id: &'a str,
    user_id: Option<&'a str>,
}

pub(super) async fn list(call: &Call<'_>) -> Result<Response, RestError> {
    let group = call.segments.group()?;
    let page_max = call.parameters.number("maxpagesize", 1, PAGE_MAX)?;
    let top = call.parameters.number("top", 1, TOP_MAX)?;
    let after = match call.parameters.single("continuationToken")? {
        None => String::new(),
        Some("") => {
            return Err(RestError::validation("continuationToken", "The continuationToken is empty."));
        }
        Some(token) => continuation(token),
    };
    let page = page_max.unwrap_or(PAGE_MAX).min(top.unwrap_or(TOP_MAX));
    // One more tells whether there is a next page.
    let wanted = page as usize + 1;
    let mut members = call.node.members(Arc::clone(&call.hub), group, after.into(), wanted).await?;
    let has_more = members.len() > page as usize && top != Some(page);
    members.truncate(page as usize);
    let next_link =
        members.last().filter(|_| has_more).map(|last| next_link(call, last, page, page_max, top));
    let value = members
        .iter()
        .map(|member| Member { connection_id: &member.id, user_id: member.user.as_deref() })
        .collect();
    // Strings always serialise.
    Ok(json(StatusCode::OK, serde_json::to_vec(&Page { value, next_link }).unwrap_or_default()))
}

/// The id behind which a page begins. Some SDKs hand the whole `nextLink` back (rest-api.md §3.4).
fn continuation(token: &str) -> String {
    let in_link = token.contains("://").then(|| token.split_once('?')).flatten().and_then(|(_, query)| {
        percent::query_pairs(query)
            .find(|(name, _)| name.eq_ignore_ascii_case("continuationToken"))
            .map(|(_, value)| value.into_owned())
    });
    in_link.unwrap_or_else(|| token.to_owned())
}

fn next_link(
    call: &Call<'_>,
    last: &MemberEntry,
    page: u32,
    page_max: Option<u32>,
    top: Option<u32>,
) -> String {
    let endpoint = endpoint(call.config, call.request, call.secure);
    let top = top.map(|top| format!("top={}&", top.saturating_sub(page))).unwrap_or_default();
    let page_max = page_max.map(|max| format!("maxpagesize={max}&")).unwrap_or_default();
    let version = call.parameters.version();
    let path = call.request.uri.path();
    format!("{endpoint}{path}?{top}{page_max}continuationToken={}&api-version={version}", last.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections() {
        let parse = |text: &str| parse_selection(&Bytes::copy_from_slice(text.as_bytes()));
        let selection = parse(r#"{"groups":["a","b","a"],"filter":"userId eq 'u'"}"#).unwrap();
        assert_eq!(selection.groups.iter().map(|group| &**group).collect::<Vec<_>>(), ["a", "b", "a"]);
        assert!(selection.filter.is_some());
        for text in
            [r#"{"groups":["a"]}"#, r#"{"groups":["a"],"filter":null}"#, r#"{"groups":["a"],"filter":""}"#]
        {
            assert!(parse(text).unwrap().filter.is_none(), "{text}");
        }
        for text in [
            "",
            "{",
            "[]",
            "null",
            "{}",
            r#"{"groups":null}"#,
            r#"{"groups":[]}"#,
            r#"{"groups":"room"}"#,
            r#"{"groups":[null]}"#,
            r#"{"groups":["a"," "]}"#,
            r#"{"groups":["a"],"filter":42}"#,
            r#"{"groups":["a"],"filter":" "}"#,
            r#"{"groups":["a"],"filter":"userId"}"#,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn continuation_tokens() {
        assert_eq!(continuation("abc"), "abc");
        assert_eq!(continuation("https://h/x?top=3&continuationToken=a%2Db&api-version=1"), "a-b");
        assert_eq!(continuation("https://h/x?top=3"), "https://h/x?top=3");
    }
}
