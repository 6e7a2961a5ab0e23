//! The client against a hand-made server, which answers every connection's requests from a script.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

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

#[tokio::test]
async fn calls_as_they_are_sent() {
    let (mut client, requests) = serve(vec![vec![OK; 10]]).await;
    let json = Data::json("{\"a\": 1}").unwrap();
    client.send(Target::All, Data::Text("hi ü".to_owned())).await.unwrap();
    client.send(Target::Group("a/b"), json).await.unwrap();
    client.send(Target::User("u"), Data::Binary(vec![65])).await.unwrap();
    let excluded = ["a".to_owned(), "b+".to_owned()];
    client.send_except(Target::Group("g"), Data::Text(String::new()), &excluded).await.unwrap();
    assert!(client.exists(Target::Connection("c")).await.unwrap());
    client.close(Target::Connection("c"), Some("a b")).await.unwrap();
    client.close(Target::Group("g"), None).await.unwrap();
    client.add_to_group("g", Member::User("u")).await.unwrap();
    client.remove_from_group("g", Member::Connection("c")).await.unwrap();
    client.health().await.unwrap();

    let requests = requests.lock().unwrap();
    let version = "?api-version=2024-12-01";
    for (request, (line, content_type, body)) in requests.iter().zip([
        (format!("POST /api/hubs/chat%5B1%5D/:send{version}"), "text/plain; charset=utf-8", "hi ü"),
        (format!("POST /api/hubs/chat%5B1%5D/groups/a%2Fb/:send{version}"), "application/json", "{\"a\": 1}"),
        (format!("POST /api/hubs/chat%5B1%5D/users/u/:send{version}"), "application/octet-stream", "A"),
        (
            format!("POST /api/hubs/chat%5B1%5D/groups/g/:send{version}&excluded=a&excluded=b%2B"),
            "text/plain; charset=utf-8",
            "",
        ),
        (format!("HEAD /api/hubs/chat%5B1%5D/connections/c{version}"), "", ""),
        (format!("DELETE /api/hubs/chat%5B1%5D/connections/c{version}&reason=a%20b"), "", ""),
        (format!("POST /api/hubs/chat%5B1%5D/groups/g/:closeConnections{version}"), "", ""),
        (format!("PUT /api/hubs/chat%5B1%5D/users/u/groups/g{version}"), "", ""),
        (format!("DELETE /api/hubs/chat%5B1%5D/groups/g/connections/c{version}"), "", ""),
        ("HEAD /api/health".to_owned(), "", ""),
    ]) {
        assert!(request.starts_with(&format!("0 {line} HTTP/1.1\r\n")), "all on one connection: {request}");
        assert!(request.ends_with(&format!("\r\n\r\n{body}")), "{request}");
        let sent = request.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or_default();
        assert_eq!(sent, content_type);
        let token = request.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap();
        let aud = hublet_wire::jwt::parse(token).unwrap().claims.aud.concat();
        assert!(aud.ends_with(line.split_once(' ').unwrap().1), "{aud}");
    }
    assert_eq!(requests.len(), 10);
}

#[tokio::test]
async fn answers_in_words() {
    let (mut client, _) = serve(vec![vec![
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 74\r\n\r\n\
         {\"code\":\"Error.BadRequest\",\"message\":\"Wrong.\",\"target\":\"x\",\"details\":null}",
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\
         WWW-Authenticate: Bearer error=\"invalid_token\", error_description=\"The token is expired\"\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"token\":\"a.b\"}",
    ]])
    .await;
    assert!(!client.exists(Target::User("u")).await.unwrap());
    let error = client.send(Target::All, Data::Text(String::new())).await.unwrap_err();
    assert_eq!(error.to_string(), "The service refused the request: 400 Bad Request. It says: Wrong.");
    let error = client.send(Target::All, Data::Text(String::new())).await.unwrap_err();
    assert!(error.to_string().ends_with("401 Unauthorized. It says: The token is expired"), "{error}");
    assert_eq!(client.generate_token(Some("u"), &[], &[], 5).await.unwrap(), "a.b");
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
