//! The client against a hand-made service: what goes out in which order.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use hublet_wire::ws::{Opcode, encode_message};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::WebPubSubClient;
use crate::error::Error;
use crate::pubsub::Protocol;
use crate::ws::peer::Peer;

/// More than may be without an answer, and more than a runtime polls in one go.
const CALLS: u64 = 2_000;
/// Requests that a client has under way.
const UNDER_WAY: u64 = 512;

type Call = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

async fn accept(listener: &TcpListener) -> Peer {
    let header = format!("Sec-WebSocket-Protocol: {}\r\n", Protocol::JsonReliable.name());
    let connected = r#"{"type":"system","event":"connected","connectionId":"c","reconnectionToken":"t"}"#;
    Peer::accept(listener, &header, &encode_message(Opcode::Text, connected.as_bytes())).await
}

/// The next request, which must be this one of the calls. Its ack id is returned.
async fn expect(peer: &mut Peer, call: u64) -> u64 {
    let request: Value = serde_json::from_str(&peer.next_text().await).unwrap();
    assert_eq!(request["data"], call.to_string(), "{request}");
    request["ackId"].as_u64().unwrap()
}

async fn ack(peer: &mut Peer, id: u64) {
    let ack = format!(r#"{{"type":"ack","ackId":{id},"success":true}}"#);
    peer.send(&encode_message(Opcode::Text, ack.as_bytes())).await;
}

/// Makes calls one after the other without waiting for their answers, while the client is at work; then waits for all.
async fn call_all(client: WebPubSubClient) {
    let mut answers = JoinSet::new();
    for number in 1..=CALLS {
        let client = client.clone();
        let call = async move { client.send_to_group("g", number.to_string()).await };
        let mut call: Call = Box::pin(call);
        let answer = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await;
        assert!(answer.is_pending(), "nothing is answered yet");
        answers.spawn(call);
        tokio::task::yield_now().await;
    }
    while let Some(answer) = answers.join_next().await {
        answer.unwrap().unwrap();
    }
}

#[tokio::test]
async fn calls_go_out_in_their_order_however_many_wait() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/client/hubs/h", listener.local_addr().unwrap());
    let (client, peer) = tokio::join!(WebPubSubClient::builder(url).connect(), accept(&listener));
    let ((client, _events), mut peer) = (client.unwrap(), peer);
    let calls = tokio::spawn(call_all(client));
    let mut ids = Vec::new();
    for call in 1..=UNDER_WAY {
        ids.push(expect(&mut peer, call).await);
    }
    assert!(ids.is_sorted());
    // The window is full; it moves on with each answer, here the one to the newest request.
    let newest = UNDER_WAY + 200;
    for call in UNDER_WAY + 1..=newest {
        ack(&mut peer, ids.pop().unwrap()).await;
        ids.push(expect(&mut peer, call).await);
    }
    // The socket is lost: what has no answer comes again, in order, and then the rest.
    drop(peer);
    let mut peer = accept(&listener).await;
    assert!(peer.request.contains("awps_reconnection_token=t"), "{}", peer.request);
    let unanswered = (1..UNDER_WAY).chain([newest]);
    for (call, id) in unanswered.zip(ids) {
        assert_eq!(expect(&mut peer, call).await, id);
        ack(&mut peer, id).await;
    }
    for call in newest + 1..=CALLS {
        let id = expect(&mut peer, call).await;
        ack(&mut peer, id).await;
    }
    calls.await.unwrap();
}
