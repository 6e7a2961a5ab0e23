//! Calls of the program, and what they do at once.

use std::time::Instant;

use serde::Deserialize;

use super::requests::Kind;
use super::{Output, Session, State, checks};
use crate::client::Event;
use crate::error::Error;
use crate::pubsub::{Data, Frame, GroupState, Metadata, Request, SendOptions, StreamFailure};

/// Names a call, so that its answer finds the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CallId(pub(crate) u64);

impl CallId {
    /// The call that made the client: it is answered when the first connection is there.
    pub(crate) const CONNECT: Self = Self(0);
}

/// Names a stream of this client, over all its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StreamKey(pub(crate) u64);

/// What a program asks for.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    pub(crate) command: Command,
}

#[derive(Debug)]
pub(crate) enum Command {
    Join {
        group: String,
    },
    Leave {
        group: String,
    },
    SetState {
        group: String,
        /// `None`: clear it.
        state: Option<GroupState>,
    },
    Subscribe {
        group: String,
    },
    Unsubscribe {
        group: String,
    },
    SendToGroup {
        group: String,
        data: Data,
        options: SendOptions,
    },
    SendEvent {
        event: String,
        data: Data,
        metadata: Metadata,
    },
    Invoke {
        event: String,
        data: Option<Data>,
        metadata: Metadata,
    },
    Ping,
    /// A message that the program wrote itself.
    Raw(Frame),
    OpenStream {
        group: String,
        no_echo: bool,
        idle_timeout_ms: Option<u32>,
    },
    StreamData {
        stream: StreamKey,
        data: Data,
    },
    StreamKeepalive {
        stream: StreamKey,
    },
    StreamEnd {
        stream: StreamKey,
        error: Option<StreamFailure>,
    },
}

/// What a call is answered with when it succeeds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Done,
    /// Of the app server, to an invocation.
    Answer(Option<Data>),
    /// A stream that was opened, and its id.
    Stream(StreamKey, String),
}

/// What a program no longer wants.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cancel {
    Invocation(CallId),
    /// Its writer is gone.
    Stream(StreamKey),
}

impl Session {
    /// A call of the program. It is answered with [`Output::Answer`], now or later.
    pub(crate) fn call(&mut self, call: Call, now: Instant) {
        let Call { id, command } = call;
        if self.is_stopped() {
            return self.answer(id, Err(Error::Stopped));
        }
        if let Err(error) = checks::check(&command, self.options.protocol) {
            return self.answer(id, Err(error));
        }
        match command {
            Command::Join { group } => {
                let request = Request::JoinGroup { group: &group };
                self.request(now, Some(id), &request, Kind::Join(group.clone()));
            }
            Command::Leave { group } => {
                // A connection that comes in between must not join it again.
                self.groups.remove(&group);
                self.states.forget(&group);
                let request = Request::LeaveGroup { group: &group };
                self.request(now, Some(id), &request, Kind::Leave(group.clone()));
            }
            Command::SetState { group, state } => {
                if state.is_none() {
                    // As with a leave.
                    self.states.forget(&group);
                }
                let request = Request::SetGroupState { group: &group, state: state.as_ref() };
                self.request(now, Some(id), &request, Kind::SetState(group.clone(), state.clone()));
            }
            Command::Subscribe { group } => {
                let request = Request::SubscribeGroupState { group: &group };
                self.request(now, Some(id), &request, Kind::Subscribe(group.clone()));
            }
            Command::Unsubscribe { group } => {
                self.states.unsubscribed(&group);
                let request = Request::UnsubscribeGroupState { group: &group };
                self.request(now, Some(id), &request, Kind::Unsubscribe(group.clone()));
            }
            Command::SendToGroup { group, data, options } => {
                let request = Request::SendToGroup { group: &group, data: &data, options: &options };
                self.request(now, Some(id), &request, Kind::Message);
            }
            Command::SendEvent { event, data, metadata } => {
                let request = Request::Event { event: &event, data: &data, metadata: &metadata };
                self.request(now, Some(id), &request, Kind::Message);
            }
            Command::Invoke { event, data, metadata } => {
                let request = |invocation_id: &str| {
                    let request = Request::Invoke {
                        invocation_id,
                        event: &event,
                        data: data.as_ref(),
                        metadata: &metadata,
                    };
                    self.options.protocol.encode(&request, None)
                };
                self.invocations.add(id, request);
                self.send_invocations();
            }
            Command::Ping | Command::Raw(_) if !self.is_connected() => {
                self.answer(id, Err(Error::Disconnected));
            }
            Command::Ping => {
                self.pings.push_back(Some(id));
                self.send(&Request::Ping);
            }
            Command::Raw(frame) => {
                self.requests.leave_out(ack_id(&frame));
                self.outputs.push_back(Output::Send(frame));
                self.answer(id, Ok(Reply::Done));
            }
            Command::OpenStream { group, no_echo, idle_timeout_ms } => {
                self.open_stream(id, &group, no_echo, idle_timeout_ms);
            }
            Command::StreamData { stream, data } => self.stream_data(id, stream, &data),
            Command::StreamKeepalive { stream } => self.stream_keepalive(id, stream),
            Command::StreamEnd { stream, error } => self.stream_end(id, stream, error.as_ref()),
        }
    }

    /// The program has lost interest.
    pub(crate) fn cancel(&mut self, cancel: Cancel) {
        match cancel {
            Cancel::Invocation(call) => {
                if let Some(invocation_id) = self.invocations.cancel(call)
                    && self.is_connected()
                {
                    self.send(&Request::CancelInvocation { invocation_id: &invocation_id });
                    self.send_invocations();
                }
            }
            Cancel::Stream(stream) => self.abandon_stream(stream),
        }
    }

    /// Ends everything.
    pub(crate) fn stop(&mut self) {
        if self.is_stopped() {
            return;
        }
        if matches!(self.state, State::Connected { .. } | State::Opening { .. }) {
            self.acknowledge();
            self.outputs.push_back(Output::Close);
        } else {
            self.outputs.push_back(Output::Drop);
        }
        self.stopped(None, Error::Stopped);
    }

    /// Tells the program that all is over. `error` is for whoever waits for the first connection.
    pub(super) fn stopped(&mut self, close: Option<crate::client::CloseReason>, error: Error) {
        self.state = State::Stopped;
        if !self.established {
            self.answer(CallId::CONNECT, Err(error));
        }
        self.end_connection(close);
        let calls = self.requests.clear().chain(self.invocations.clear()).collect::<Vec<_>>();
        for call in calls.into_iter().chain(self.streams.clear()) {
            self.answer(call, Err(Error::Stopped));
        }
        self.tell(Event::Stopped);
    }
}

/// The ack id in a message that the program wrote itself.
fn ack_id(frame: &Frame) -> Option<u64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Raw {
        ack_id: Option<u64>,
    }
    match frame {
        Frame::Text(text) => serde_json::from_str::<Raw>(text).ok()?.ack_id,
        Frame::Binary(_) => None,
    }
}
