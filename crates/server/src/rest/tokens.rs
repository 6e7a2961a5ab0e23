//! `:generateToken`: client tokens made by the service and signed with its own key (rest-api.md §8.3).

use http::StatusCode;
use hublet_wire::jwt::NewToken;
use hublet_wire::name;
use serde::Serialize;

use super::Call;
use super::error::RestError;
use crate::http::{Response, endpoint, json, now_s};

/// Issuer of the tokens that the original makes.
const ISSUER: &str = "https://webpubsub.azure.com";
/// Lifetime when the request names none.
const MINUTES_DEFAULT: u32 = 60;
const MINUTES_MAX: u32 = 2_147_483_647;

#[derive(Serialize)]
struct Answer<'a> {
    token: &'a str,
}

pub(super) fn generate(call: &Call<'_>) -> Result<Response, RestError> {
    let parameters = &call.parameters;
    let user = parameters.single("userId")?;
    let minutes = parameters.number("minutesToExpire", 1, MINUTES_MAX)?.unwrap_or(MINUTES_DEFAULT);
    let client_type = parameters.single("clientType")?.unwrap_or("Default");
    if !client_type.eq_ignore_ascii_case("Default") {
        // MQTT and Socket.IO clients are not served, so a token for them would be good for nothing.
        return Err(RestError::validation("clientType", format!("The value '{client_type}' is not valid.")));
    }
    let roles: Vec<String> = parameters.all("role").map(str::to_owned).collect();
    let groups: Vec<String> = parameters.all("group").map(str::to_owned).collect();
    if !groups.iter().all(|group| name::is_valid_group(group)) {
        return Err(RestError::invalid_group("group"));
    }
    let now_s = now_s();
    let new = NewToken {
        aud: &format!("{}/client/hubs/{}", endpoint(call.config, call.request, call.secure), call.hub),
        exp: now_s.saturating_add(i64::from(minutes) * 60),
        iat: now_s,
        nbf: Some(now_s),
        iss: Some(ISSUER),
        sub: user.filter(|user| !user.is_empty()),
        roles: &roles,
        groups: &groups,
    };
    let token = call.config.keys.issue(&new);
    // A string always serialises.
    Ok(json(StatusCode::OK, serde_json::to_vec(&Answer { token: &token }).unwrap_or_default()))
}
