//! The client against a hand-made server, which answers every connection's requests from a script.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::pubsub::Data;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// What the server got: one text per request, with the connection's number in front.
type Requests = Arc<Mutex<Vec<String>>>;

/// A server that gives one answer per request; after `None` it closes the connection instead.
async fn serve(connections: Vec<Vec<&'static str>>) -> (Client, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let requests = Requests::default();
    let seen = Arc::clone(&requests);
    tokio::spawn(async move {
        for (number, answers) in connections.into_iter().enumerate() {
            let (mut socket, _) = listener.accept().await.unwrap();
            for answer in answers {
                let mut request = Vec::new();
                while !is_whole(&request) {
                    assert!(socket.read_buf(&mut request).await.unwrap() > 0);
                }
                seen.lock().unwrap().push(format!("{number} {}", String::from_utf8(request).unwrap()));
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    let service = ConnectionString::new(&endpoint, "key").unwrap();
    (Client::new(service, "chat[1]", Tls::default()), requests)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// The parts of a request that differ.
fn line(request: &str) -> &str {
    request.split_once(" HTTP/1.1\r\n").unwrap().0
}

fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let of_line = |line: &'a str| line.strip_prefix(name)?.strip_prefix(": ");
    request.lines().find_map(of_line).unwrap_or_default()
}

fn body(request: &str) -> &str {
    request.split_once("\r\n\r\n").unwrap().1
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn sends() {
    let (mut client, requests) = serve(vec![vec![OK; 5]]).await;
    client.send(Target::All, Data::Text("hi ü".to_owned())).await.unwrap();
    client.send(Target::Group("a/b"), Data::json("{\"a\": 1}").unwrap()).await.unwrap();
    client.send(Target::User("u"), Data::Binary(vec![65])).await.unwrap();
    client.send(Target::Connection("c"), Data::Protobuf(vec![66])).await.unwrap();
    let excluded = texts(&["a", "b+"]);
    let options = SendOptions {
        excluded: &excluded,
        filter: Some("userId eq 'ü'"),
        ttl_seconds: Some(60),
        metadata: &[("Trace".to_owned(), "a b".to_owned())],
    };
    client.send_with(Target::Group("g"), Data::Text(String::new()), &options).await.unwrap();

    let requests = requests.lock().unwrap();
    let version = "?api-version=2024-12-01";
    let text = "text/plain; charset=utf-8";
    for (request, (expected, content_type, content)) in requests.iter().zip([
        (format!("/:send{version}"), text, "hi ü"),
        (format!("/groups/a%2Fb/:send{version}"), "application/json", "{\"a\": 1}"),
        (format!("/users/u/:send{version}"), "application/octet-stream", "A"),
        (format!("/connections/c/:send{version}"), "application/octet-stream", "B"),
        (
            format!(
                "/groups/g/:send{version}&excluded=a&excluded=b%2B&filter=userId%20eq%20%27%C3%BC%27\
                 &messageTtlSeconds=60"
            ),
            text,
            "",
        ),
    ]) {
        assert_eq!(line(request), format!("0 POST /api/hubs/chat%5B1%5D{expected}"), "all on one connection");
        assert_eq!((header(request, "content-type"), body(request)), (content_type, content));
        let token = header(request, "authorization").strip_prefix("Bearer ").unwrap();
        let aud = hublet_wire::jwt::parse(token).unwrap().claims.aud.concat();
        assert!(aud.starts_with("http://127.0.0.1:") && aud.ends_with(&expected), "{aud}");
    }
    assert_eq!(header(&requests[4], "x-webpubsub-metadata-trace"), "a b");
    assert_eq!(requests.len(), 5);
}

#[tokio::test]
async fn metadata_that_would_not_arrive_is_not_sent() {
    let (mut client, requests) = serve(vec![vec![]]).await;
    for pairs in [
        &[("a", "1,2")][..],
        &[("a", " 1")],
        &[("a", "ü")],
        &[("a", "1\r\nEvil: 2")],
        &[("a b", "1")],
        &[("", "1")],
        &[("a", "1"), ("A", "2")],
    ] {
        let metadata: Vec<_> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let options = SendOptions { metadata: &metadata, ..SendOptions::default() };
        let outcome = client.send_with(Target::All, Data::Text(String::new()), &options).await;
        assert!(matches!(outcome, Err(Error::Metadata(_))), "{pairs:?}: {outcome:?}");
    }
    assert_eq!(requests.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn calls_without_a_message() {
    let (mut client, requests) = serve(vec![vec![OK; 19]]).await;
    let (groups, excluded) = (texts(&["a", "b c"]), texts(&["x", "y"]));
    assert!(client.exists(Target::All).await.unwrap(), "without a request");
    for target in [Target::Group("g"), Target::User("u"), Target::Connection("c")] {
        assert!(client.exists(target).await.unwrap());
    }
    client.close(Target::Connection("c"), Some("a b"), &[]).await.unwrap();
    client.close(Target::Group("g"), None, &excluded).await.unwrap();
    client.close(Target::User("u"), None, &[]).await.unwrap();
    client.close(Target::All, Some("r"), &excluded).await.unwrap();
    client.add_to_group("g", Member::User("u")).await.unwrap();
    client.add_to_group("g", Member::Connection("c")).await.unwrap();
    client.remove_from_group("g", Member::Connection("c")).await.unwrap();
    client.remove_from_group("g", Member::User("u")).await.unwrap();
    client.remove_from_all_groups(Member::User("u")).await.unwrap();
    client.remove_from_all_groups(Member::Connection("c")).await.unwrap();
    client.add_to_groups(&groups, None).await.unwrap();
    client.remove_from_groups(&groups, Some("userId eq 'u'")).await.unwrap();
    client.grant(Permission::SendToGroup, "c", "a&b").await.unwrap();
    client.revoke(Permission::JoinLeaveGroup, "c", "g").await.unwrap();
    assert!(client.is_permitted(Permission::SendToGroup, "c", "g").await.unwrap());
    client.health().await.unwrap();

    let requests = requests.lock().unwrap();
    let expected = [
        ("HEAD /groups/g", ""),
        ("HEAD /users/u", ""),
        ("HEAD /connections/c", ""),
        ("DELETE /connections/c", "&reason=a%20b"),
        ("POST /groups/g/:closeConnections", "&excluded=x&excluded=y"),
        ("POST /users/u/:closeConnections", ""),
        ("POST /:closeConnections", "&excluded=x&excluded=y&reason=r"),
        ("PUT /users/u/groups/g", ""),
        ("PUT /groups/g/connections/c", ""),
        ("DELETE /groups/g/connections/c", ""),
        ("DELETE /users/u/groups/g", ""),
        ("DELETE /users/u/groups", ""),
        ("DELETE /connections/c/groups", ""),
        ("POST /:addToGroups", ""),
        ("POST /:removeFromGroups", ""),
        ("PUT /permissions/sendToGroup/connections/c", "&targetName=a%26b"),
        ("DELETE /permissions/joinLeaveGroup/connections/c", "&targetName=g"),
        ("HEAD /permissions/sendToGroup/connections/c", "&targetName=g"),
    ];
    for (request, (call, query)) in requests.iter().zip(expected) {
        let (method, path) = call.split_once(' ').unwrap();
        let expected = format!("0 {method} /api/hubs/chat%5B1%5D{path}?api-version=2024-12-01{query}");
        assert_eq!(line(request), expected);
    }
    assert_eq!(body(&requests[13]), r#"{"groups":["a","b c"]}"#);
    assert_eq!(body(&requests[14]), r#"{"groups":["a","b c"],"filter":"userId eq 'u'"}"#);
    assert_eq!(header(&requests[14], "content-type"), "application/json");
    assert_eq!(line(requests.last().unwrap()), "0 HEAD /api/health");
    assert_eq!(requests.len(), expected.len() + 1);
}

/// An answer with a JSON body, for the time of the test.
fn answer(body: &str) -> &'static str {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).leak()
}

#[tokio::test]
async fn a_list_is_read_to_its_end() {
    let first = r#"{"value":[{"connectionId":"a","userId":"u"},{"connectionId":"b","userId":null}],
        "nextLink":"http://unreachable.example/prefix/x?top=1&continuationToken=b&api-version=v"}"#;
    let last = r#"{"value":[{"connectionId":"c"}],"nextLink":null}"#;
    let (mut client, requests) = serve(vec![vec![answer(first), answer(last)]]).await;
    let mut pages = client.group_connections("a/b", Some(3), Some(2));
    let connection = |id: &str, user: Option<&str>| GroupConnection {
        connection_id: id.to_owned(),
        user_id: user.map(str::to_owned),
    };
    let page = pages.next_page().await.unwrap().unwrap();
    assert_eq!(page, [connection("a", Some("u")), connection("b", None)]);
    assert_eq!(pages.next_page().await.unwrap().unwrap(), [connection("c", None)]);
    assert_eq!(pages.next_page().await.unwrap(), None);
    let requests = requests.lock().unwrap();
    let path = "0 GET /api/hubs/chat%5B1%5D/groups/a%2Fb/connections";
    assert_eq!(line(&requests[0]), format!("{path}?api-version=2024-12-01&top=3&maxpagesize=2"));
    assert_eq!(line(&requests[1]), format!("{path}?top=1&continuationToken=b&api-version=v"));
}

#[tokio::test]
async fn a_list_that_is_none_or_never_ends_is_an_error() {
    let circle = r#"{"value":[],"nextLink":"http://h/?api-version=2024-12-01"}"#;
    let (mut client, _) = serve(vec![vec![answer("[]"), answer(circle)]]).await;
    for _ in 0..2 {
        let error = client.group_connections("g", None, None).next_page().await.unwrap_err();
        assert!(matches!(error, Error::Message(_)), "{error}");
    }
}

#[tokio::test]
async fn tokens_with_every_option() {
    let (mut client, requests) = serve(vec![vec![answer(r#"{"token":"a.b"}"#), answer("{}")]]).await;
    let (roles, groups) = (texts(&["r", "s"]), texts(&["g&"]));
    let options = TokenOptions {
        user: Some("u"),
        roles: &roles,
        groups: &groups,
        minutes_to_expire: Some(5),
        client_type: ClientType::Mqtt,
    };
    assert_eq!(client.generate_token(&options).await.unwrap(), "a.b");
    let error = client.generate_token(&TokenOptions::default()).await.unwrap_err();
    assert!(matches!(error, Error::Message(_)), "{error}");
    let requests = requests.lock().unwrap();
    let path = "0 POST /api/hubs/chat%5B1%5D/:generateToken?api-version=2024-12-01";
    let query = "&userId=u&role=r&role=s&group=g%26&minutesToExpire=5&clientType=MQTT";
    assert_eq!(line(&requests[0]), format!("{path}{query}"));
    assert_eq!(line(&requests[1]), path);
}

#[tokio::test]
async fn answers_in_words() {
    let (mut client, _) = serve(vec![vec![
        "HTTP/1.1 404 Not Found\r\nx-ms-error-code: Warning.User.NotExisted\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 74\r\n\r\n\
         {\"code\":\"Error.BadRequest\",\"message\":\"Wrong.\",\"target\":\"x\",\"details\":null}",
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\
         WWW-Authenticate: Bearer error=\"invalid_token\", error_description=\"The token is expired\"\r\n\r\n",
    ]])
    .await;
    assert!(!client.exists(Target::User("u")).await.unwrap());
    let error = client.exists(Target::User("u")).await.unwrap_err();
    assert_eq!(error.to_string(), "The service refused the request: 404 Not Found.", "no such service");
    let error = client.send(Target::All, Data::Text(String::new())).await.unwrap_err();
    assert_eq!(error.to_string(), "The service refused the request: 400 Bad Request. It says: Wrong.");
    let error = client.send(Target::All, Data::Text(String::new())).await.unwrap_err();
    assert!(error.to_string().ends_with("401 Unauthorized. It says: The token is expired"), "{error}");
}

#[tokio::test]
async fn a_connection_that_ended_while_idle_is_replaced() {
    let (mut client, requests) = serve(vec![vec![OK], vec![OK]]).await;
    client.health().await.unwrap();
    // The server's end is closed; give the news time to arrive, or not: both must work.
    tokio::task::yield_now().await;
    client.health().await.unwrap();
    let requests = requests.lock().unwrap();
    assert!(requests[0].starts_with('0') && requests[1].starts_with('1'), "{requests:?}");
}

#[tokio::test]
async fn settings_of_hubs() {
    let missing = "HTTP/1.1 404 Not Found\r\nx-ms-error-code: Error.X\r\nContent-Length: 0\r\n\r\n";
    let unknown = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    let test =
        r#"{"handlers":[{"urlTemplate":"http://h","ok":false,"steps":[{"name":"validation","ok":false}]}]}"#;
    let (mut client, requests) = serve(vec![vec![
        answer(r#"{"value":[{"name":"chat","source":"file"}]}"#),
        answer(r#"{"name":"chat","source":"file","properties":{"a":1}}"#),
        missing,
        unknown,
        answer(r#"{"name":"chat","source":"api","properties":{"a":2}}"#),
        "HTTP/1.1 204 No Content\r\n\r\n",
        answer(test),
        answer(r#"{"value":[]}"#),
        answer("{}"),
        answer("{}"),
    ]])
    .await;
    let hub = Hub { name: "chat".to_owned(), source: "file".to_owned() };
    assert_eq!(client.hubs().await.unwrap(), [hub]);
    let settings = |number: u32| serde_json::json!({ "a": number });
    let resource = client.hub_settings().await.unwrap().unwrap();
    assert_eq!((resource.source.as_str(), resource.properties), ("file", settings(1)));
    assert_eq!(client.hub_settings().await.unwrap(), None);
    assert!(client.hub_settings().await.is_err(), "something that knows of no settings");
    assert_eq!(client.set_hub_settings(&settings(1)).await.unwrap().properties, settings(2));
    client.delete_hub_settings().await.unwrap();
    let handlers = client.test_hub().await.unwrap().handlers;
    assert_eq!((handlers[0].url_template.as_str(), handlers[0].steps[0].ok), ("http://h", false));
    client.hub_exchanges().await.unwrap();
    client.replay("a/b").await.unwrap();
    assert!(matches!(client.hub_settings().await, Err(Error::Message(_))));

    let requests = requests.lock().unwrap();
    let hub = "/api/ext/hubs/chat%5B1%5D";
    let expected = [
        "GET /api/ext/hubs".to_owned(),
        format!("GET {hub}"),
        format!("GET {hub}"),
        format!("GET {hub}"),
        format!("PUT {hub}"),
        format!("DELETE {hub}"),
        format!("POST {hub}/:test"),
        format!("GET {hub}/exchanges"),
        format!("POST {hub}/exchanges/a%2Fb/:replay"),
        format!("GET {hub}"),
    ];
    assert!(requests.iter().map(|request| line(request)).eq(expected.iter().map(|line| format!("0 {line}"))));
    assert_eq!(
        (header(&requests[4], "content-type"), body(&requests[4])),
        ("application/json", r#"{"a":1}"#)
    );
}
