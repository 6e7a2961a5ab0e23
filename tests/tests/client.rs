//! The client for programs against the service: what it promises when sockets break.

use std::time::Duration;

use hublet_client::pubsub::{Data, Protocol, StreamFailure};
use hublet_client::{Builder, Credential, Error, Event, Events, StreamOptions, WebPubSubClient};
use hublet_tests::Server;
use tokio::time::timeout;

const ROLES: [&str; 2] = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];
const PATIENCE: Duration = Duration::from_secs(20);

fn builder(server: &Server, protocol: Protocol) -> Builder {
    let url = server.client_url("chat", Some("me"), &ROLES, &[]);
    WebPubSubClient::builder(url).protocol(protocol)
}

async fn connect(server: &Server, protocol: Protocol) -> (WebPubSubClient, Events) {
    builder(server, protocol).connect().await.expect("a connection")
}

async fn next(events: &mut Events) -> Event {
    timeout(PATIENCE, events.next()).await.expect("an event in time").expect("an event")
}

/// The id of the connection that the next event is about.
async fn next_connection(events: &mut Events) -> String {
    match next(events).await {
        Event::Connected { connection_id, .. } => connection_id,
        other => format!("no connection: {other:?}"),
    }
}

/// The next group message, as text.
async fn next_text(events: &mut Events) -> String {
    loop {
        if let Event::GroupMessage(message) = next(events).await {
            return message.data.as_str().expect("text").to_owned();
        }
    }
}

#[tokio::test]
async fn every_subprotocol_joins_sends_receives_and_leaves() {
    let server = Server::start();
    for protocol in Protocol::ALL {
        let (client, mut events) = connect(&server, protocol).await;
        assert!(
            matches!(next(&mut events).await, Event::Connected { user_id: Some(user), .. } if user == "me")
        );
        client.join_group("room").await.expect("a join");
        for data in [
            Data::from("text"),
            Data::json("{\"a\": 1.50}").expect("JSON"),
            Data::from(vec![0, 255]),
            Data::Protobuf(vec![0x0a, 0x01, b't']),
        ] {
            client.send_to_group("room", data.clone()).await.expect("a message");
            match next(&mut events).await {
                Event::GroupMessage(message) => {
                    assert_eq!((message.group.as_str(), message.data), ("room", data));
                    assert_eq!(message.sequence_id.is_some(), protocol.is_reliable());
                }
                other => assert!(matches!(other, Event::GroupMessage(_)), "{other:?}"),
            }
        }
        client.ping().await.expect("a pong");
        client.leave_group("room").await.expect("a leave");
        client.send_to_group("room", "nobody hears it").await.expect("a message");
        client.stop().await;
        assert!(matches!(next(&mut events).await, Event::Disconnected { close: None, .. }));
        assert_eq!(next(&mut events).await, Event::Stopped);
        assert_eq!(events.next().await, None);
        assert!(matches!(client.join_group("room").await, Err(Error::Stopped)));
    }
}

#[tokio::test]
async fn a_hundred_cuts_lose_and_double_nothing() {
    let server = Server::start();
    for protocol in [Protocol::JsonReliable, Protocol::ProtobufReliable] {
        let (client, mut events) = connect(&server, protocol).await;
        client.join_group("room").await.expect("a join");
        let sender = client.clone();
        let sending = tokio::spawn(async move {
            for number in 0..1_000 {
                if number % 10 == 5 {
                    sender.cut(Duration::ZERO).await;
                }
                sender.send_to_group("room", number.to_string()).await.expect("a message");
            }
        });
        let mut recoveries = 0;
        let mut expected = 0;
        while expected < 1_000 {
            match next(&mut events).await {
                Event::GroupMessage(message) => {
                    assert_eq!(message.data, Data::from(expected.to_string()));
                    expected += 1;
                }
                Event::Recovered => recoveries += 1,
                Event::Connected { .. } | Event::Recovering { .. } => {}
                other => assert!(matches!(other, Event::Recovered), "{other:?}"),
            }
        }
        sending.await.expect("the sender ends");
        assert!(recoveries > 50, "{recoveries}");
        client.ping().await.expect("a pong");
        assert!(!matches!(events.try_next(), Some(Event::GroupMessage(_))), "nothing comes twice");
        client.stop().await;
    }
}

#[tokio::test]
async fn without_reliability_a_new_connection_joins_the_groups_again() {
    let server = Server::start();
    let (client, mut events) = connect(&server, Protocol::Json).await;
    client.join_group("room").await.expect("a join");
    client.join_group("left").await.expect("a join");
    client.leave_group("left").await.expect("a leave");
    let first = next_connection(&mut events).await;
    client.cut(Duration::ZERO).await;
    let ended = next(&mut events).await;
    assert!(
        matches!(&ended, Event::Disconnected { connection_id, .. } if *connection_id == first),
        "{ended:?}"
    );
    let second = next_connection(&mut events).await;
    assert!(second != first && !second.starts_with("no connection"), "{second}");
    // Requests wait for the connection and come behind its joins.
    client.send_to_group("left", "not heard").await.expect("a message");
    client.send_to_group("room", "heard").await.expect("a message");
    assert_eq!(next_text(&mut events).await, "heard");
}

#[tokio::test]
async fn a_stream_goes_through_cuts() {
    let server = Server::start();
    let (receiver, _receiver_events) = connect(&server, Protocol::JsonReliable).await;
    let mut streams = receiver.group_streams("room").await.expect("streams");
    receiver.join_group("room").await.expect("a join");
    let (publisher, publisher_events) = connect(&server, Protocol::ProtobufReliable).await;
    drop(publisher_events);
    let mut writer = publisher.open_group_stream("room", StreamOptions::default()).await.expect("a stream");
    let id = writer.id().to_owned();
    let writing = tokio::spawn(async move {
        for number in 0..2_000 {
            if number % 200 == 100 {
                publisher.cut(Duration::ZERO).await;
            }
            writer.write(number.to_string()).await.expect("a part");
        }
        writer.finish().await.expect("the end");
        let broken = publisher.open_group_stream("room", StreamOptions::default()).await.expect("a stream");
        let failure = StreamFailure { message: Some("no more".to_owned()), user_error_code: None };
        broken.fail(failure).await.expect("the end");
        let mut dropped =
            publisher.open_group_stream("room", StreamOptions::default()).await.expect("a stream");
        dropped.write("begun").await.expect("a part");
        drop(dropped);
        publisher.ping().await.expect("a pong");
    });
    let mut stream = timeout(PATIENCE, streams.next()).await.expect("in time").expect("a stream");
    assert_eq!((stream.id(), stream.is_complete()), (id.as_str(), true));
    for number in 0..2_000 {
        if number % 500 == 250 {
            receiver.cut(Duration::ZERO).await;
        }
        let part = timeout(PATIENCE, stream.next()).await.expect("in time").expect("a part");
        assert_eq!(part, Ok(Data::from(number.to_string())));
    }
    assert_eq!(timeout(PATIENCE, stream.next()).await.expect("in time"), None);
    // The stream that failed had no part, so it was none; the dropped one had.
    let mut stream = timeout(PATIENCE, streams.next()).await.expect("in time").expect("a stream");
    assert_eq!(stream.next().await, Some(Ok(Data::from("begun"))));
    let error = stream.next().await.expect("an end").expect_err("an error");
    assert_eq!((error.name.as_str(), error.user_error_code.as_deref()), ("UserError", Some("Dropped")));
    writing.await.expect("the writer ends");
}

#[tokio::test]
async fn what_is_refused_and_what_cannot_be_connected() {
    let server = Server::start();
    let url = server.client_url("chat", None, &[], &[]);
    let (client, events) = WebPubSubClient::builder(url).connect().await.expect("a connection");
    drop(events);
    let refusal = client.join_group("room").await.expect_err("no role");
    assert!(matches!(&refusal, Error::Ack(error) if error.name == "Forbidden"), "{refusal}");
    let refusal = client.open_group_stream("room", StreamOptions::default()).await.expect_err("no role");
    assert!(matches!(&refusal, Error::Stream(error) if error.name == "Forbidden"), "{refusal}");
    // Nothing answers events here.
    let failure = client.invoke_event("add", Data::from("1")).await.expect_err("no handler");
    assert!(matches!(failure, Error::Invocation(_)), "{failure}");

    let bad = Credential::provider(|| async { Err::<String, _>("the app server is away") });
    let failure = WebPubSubClient::builder(bad).connect().await.expect_err("no URL");
    assert!(matches!(failure, Error::Credential(_)), "{failure}");
    let expired = server.client_url("chat", None, &[], &[]).replace("access_token=", "access_token=x");
    let failure = WebPubSubClient::builder(expired).connect().await.expect_err("no good token");
    assert!(matches!(&failure, Error::Refused { status, .. } if status.as_u16() == 401), "{failure}");
}

#[tokio::test]
async fn a_program_that_reads_slowly_loses_nothing() {
    let server = Server::start();
    let small = builder(&server, Protocol::JsonReliable).events_max(1).connect();
    let (slow, mut events) = small.await.expect("a connection");
    let (fast, fast_events) = connect(&server, Protocol::Json).await;
    drop(fast_events);
    // The join's answer waits for nothing: only `connected` is in the queue.
    slow.join_group("room").await.expect("a join");
    for number in 0..200 {
        fast.send_to_group("room", number.to_string()).await.expect("a message");
    }
    for number in 0..200 {
        assert_eq!(next_text(&mut events).await, number.to_string());
    }
}
