//! The connection against a hand-made server.

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::peer::Peer;
use super::*;

async fn pair() -> (Connection, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let options = ConnectOptions::default();
    // The first message comes with the answer, which a client must not lose.
    let first = ws::encode_message(Opcode::Text, b"first");
    let accepting = Peer::accept(&listener, "", &first);
    let (connection, mut peer) = tokio::join!(Connection::connect(&url, &options), accepting);
    let mut connection = connection.unwrap();
    assert_eq!(connection.next().await.unwrap(), Some(Event::Text("first".to_owned())));
    peer.send(&[]).await;
    (connection, peer)
}

#[tokio::test]
async fn messages_both_ways() {
    let (mut connection, mut peer) = pair().await;
    connection.send_text("to the service").await.unwrap();
    connection.send_binary(&[1, 2]).await.unwrap();
    assert_eq!(peer.next().await, "Text(\"to the service\")");
    assert_eq!(peer.next().await, "Binary([1, 2])");
    let long = vec![7; 200_000];
    // Both in one write, the second in fragments.
    let both = [ws::encode_message(Opcode::Text, "ü".as_bytes()), ws::encode_message(Opcode::Binary, &long)];
    peer.send(&both.concat()).await;
    assert_eq!(connection.next().await.unwrap(), Some(Event::Text("ü".to_owned())));
    assert_eq!(connection.next().await.unwrap(), Some(Event::Binary(long)));
}

#[tokio::test]
async fn pings_are_answered_while_waiting() {
    let (mut connection, mut peer) = pair().await;
    peer.send(&ws::encode_control(Opcode::Ping, b"you?")).await;
    let waiting = tokio::spawn(async move { connection.next().await });
    assert_eq!(peer.next().await, "Pong([121, 111, 117, 63])");
    peer.send(&ws::encode_message(Opcode::Text, b"x")).await;
    assert_eq!(waiting.await.unwrap().unwrap(), Some(Event::Text("x".to_owned())));
}

#[tokio::test]
async fn the_service_closes() {
    let (mut connection, mut peer) = pair().await;
    peer.send(&ws::encode_close(CloseCode::SERVICE_RESTART, "again")).await;
    let close = Event::Close { code: Some(1012), reason: "again".to_owned() };
    assert_eq!(connection.next().await.unwrap(), Some(close));
    assert_eq!(connection.next().await.unwrap(), None);
    assert_eq!(peer.next().await, "Close { code: Some(1000), reason: \"\" }");
    assert_eq!(peer.socket.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn the_client_closes() {
    let (mut connection, mut peer) = pair().await;
    // A message on its way is no answer to the close.
    peer.send(&ws::encode_message(Opcode::Text, b"late")).await;
    let answer = async {
        assert_eq!(peer.next().await, "Close { code: Some(1000), reason: \"bye\" }");
        peer.send(&ws::encode_close(CloseCode::NORMAL, "")).await;
    };
    let (closed, ()) = tokio::join!(connection.close(1000, "bye"), answer);
    closed.unwrap();
    assert_eq!(connection.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_broken_connection_is_an_error() {
    let (mut connection, peer) = pair().await;
    drop(peer);
    assert!(matches!(connection.next().await, Err(Error::Ended | Error::Io(_))));

    let (mut connection, mut peer) = pair().await;
    peer.send(&[0xff, 0xff]).await;
    assert!(matches!(connection.next().await, Err(Error::Protocol(_))));
}

#[tokio::test]
async fn a_dropped_future_loses_nothing() {
    let (mut connection, mut peer) = pair().await;
    let frame = ws::encode_message(Opcode::Text, b"in pieces");
    for byte in frame.iter() {
        peer.send(&[*byte]).await;
        if let Ok(event) = timeout(Duration::from_millis(5), connection.next()).await {
            assert_eq!(event.unwrap(), Some(Event::Text("in pieces".to_owned())));
            return;
        }
    }
    panic!("the message did not arrive");
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error =
        Connection::connect(&format!("ws://{address}/"), &ConnectOptions::default()).await.unwrap_err();
    assert!(matches!(&error, Error::Connect { .. }), "{error}");
    assert!(error.to_string().starts_with(&format!("Cannot connect to {address}: ")), "{error}");
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let options = ConnectOptions { timeout: Duration::from_millis(20), ..ConnectOptions::default() };
    assert!(matches!(Connection::connect(&url, &options).await, Err(Error::Timeout(_))));
}
