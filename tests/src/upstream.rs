//! An event handler that a test scripts: a web server on loopback that keeps what it was asked and answers as it is told,
//! also as no web server should.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_linger;
use serde_json::Value;

use crate::Server;
use crate::raw::PATIENCE;

/// How many requests a failure shows.
const SHOWN: usize = 20;

/// What the script says about a request.
type Script = dyn Fn(&Call) -> Reply + Send + Sync;

/// A running event handler. It stops listening when it is dropped.
pub struct Upstream {
    authority: String,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<Script>,
    calls: Mutex<Calls>,
    changed: Condvar,
    is_closed: AtomicBool,
}

#[derive(Default)]
struct Calls {
    /// In the order in which they were read completely.
    all: Vec<Call>,
    /// Which of them a test took.
    taken: HashSet<usize>,
    /// How often the caller ended a connection that owed it an answer.
    abandoned: usize,
}

/// A request as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names and values as they were written, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
    /// Which connection it came on, counted from 0.
    pub connection: usize,
}

impl Call {
    /// The values of a header; the name in any case.
    pub fn values(&self, name: &str) -> Vec<&[u8]> {
        let same = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value.as_slice()).collect()
    }

    /// The value of a header that comes at most once, as text.
    ///
    /// # Panics
    /// When it comes twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let values = self.values(name);
        assert!(values.len() <= 1, "{name} twice in {self:?}");
        values.first().map(|value| std::str::from_utf8(value).expect("a value in UTF-8"))
    }

    /// The name of its event; empty if it is about none.
    pub fn event(&self) -> &str {
        self.header("ce-eventName").unwrap_or_default()
    }

    /// The number of its event within the connection.
    ///
    /// # Panics
    /// When it has none.
    pub fn id(&self) -> u64 {
        self.header("ce-id").and_then(|id| id.parse().ok()).expect("a number")
    }

    /// The client's connection.
    ///
    /// # Panics
    /// When none is told.
    pub fn client(&self) -> &str {
        self.header("ce-connectionId").expect("a connection")
    }

    /// The body as text.
    ///
    /// # Panics
    /// When it is none.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body in UTF-8")
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a body in JSON")
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.method, self.target, self.event())?;
        let headers: Vec<String> = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)))
            .collect();
        write!(f, " {headers:?}, {} bytes", self.body.len())
    }
}

/// The answer to a request.
pub struct Reply {
    status: u16,
    headers: Vec<String>,
    body: Vec<u8>,
    gate: Option<Gate>,
    manner: Manner,
}

/// How an answer is given.
enum Manner {
    Whole,
    HalfOfTheBody,
    Raw(Vec<u8>),
    RawForever(Vec<u8>, Vec<u8>),
    Never,
    Reset,
}

impl Reply {
    /// An answer without a body.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), gate: None, manner: Manner::Whole }
    }

    /// 200 with text.
    pub fn text(text: &str) -> Self {
        Self::typed("text/plain; charset=utf-8", text)
    }

    /// 200 with JSON.
    pub fn json(value: &Value) -> Self {
        Self::typed("application/json; charset=utf-8", value.to_string())
    }

    /// 200 with a body of a type.
    pub fn typed(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::status(200).header(&format!("Content-Type: {content_type}")).body(body)
    }

    /// The answer to a validation that lets everybody in.
    pub fn allowing(origin: &str) -> Self {
        Self::status(200).header(&format!("WebHook-Allowed-Origin: {origin}"))
    }

    /// Bytes as they are, and then the end of the connection.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { manner: Manner::Raw(bytes.into()), ..Self::status(0) }
    }

    /// Bytes as they are, and then others again and again until the caller has enough.
    pub fn raw_forever(first: impl Into<Vec<u8>>, then: impl Into<Vec<u8>>) -> Self {
        Self { manner: Manner::RawForever(first.into(), then.into()), ..Self::status(0) }
    }

    /// No answer for as long as the caller waits.
    pub fn never() -> Self {
        Self { manner: Manner::Never, ..Self::status(0) }
    }

    /// The end of the connection by a reset.
    pub fn reset() -> Self {
        Self { manner: Manner::Reset, ..Self::status(0) }
    }

    /// With a header line.
    pub fn header(mut self, line: &str) -> Self {
        self.headers.push(line.to_owned());
        self
    }

    /// With a body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Not before the gate is open.
    pub fn after(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    /// The second half of the body never comes.
    pub fn half(mut self) -> Self {
        self.manner = Manner::HalfOfTheBody;
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Scripted\r\n", self.status);
        for header in &self.headers {
            head += &format!("{header}\r\n");
        }
        if self.status != 204 {
            head += &format!("Content-Length: {}\r\n", self.body.len());
        }
        let mut bytes = format!("{head}\r\n").into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// Holds answers back until a test opens it.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// A closed one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everything through, now and later.
    pub fn open(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let is_open = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A test that fails never opens it.
        let _ = self.0.1.wait_timeout_while(is_open, 3 * PATIENCE, |is_open| !*is_open);
    }
}

impl Upstream {
    /// Starts one on a free port.
    pub fn start(script: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at(0, script)
    }

    /// Starts one on this port of `127.0.0.1`.
    ///
    /// # Panics
    /// When the port is taken.
    pub fn start_at(port: u16, script: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
        let authority = listener.local_addr().expect("an address").to_string();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            calls: Mutex::default(),
            changed: Condvar::new(),
            is_closed: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for (number, socket) in listener.incoming().map_while(Result::ok).enumerate() {
                if accepting.is_closed.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                thread::spawn(move || {
                    // It fails when the caller leaves, which is what some tests wait for.
                    let _ = shared.serve(socket, number);
                });
            }
        });
        Self { authority, shared }
    }

    /// Starts one, and a service in development mode that sends it everything about the hub `chat`.
    pub fn serve(script: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> (Self, Server) {
        let upstream = Self::start(script);
        let server = Server::start_with_file(&upstream.handler("chat"), &[]);
        (upstream, server)
    }

    /// `127.0.0.1:PORT`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The settings that send it everything about a hub but group events, at `/HUB/EVENT`.
    pub fn handler(&self, hub: &str) -> String {
        let rest = "userEventPattern = \"*\"\nsystemEvents = [\"connect\", \"connected\", \"disconnected\"]";
        self.handler_with(hub, "/{hub}/{event}", rest)
    }

    /// The settings of a handler for a hub at a path, with further lines.
    pub fn handler_with(&self, hub: &str, path: &str, rest: &str) -> String {
        format!("[[hubs.{hub}.eventHandlers]]\nurlTemplate = \"http://{}{path}\"\n{rest}\n", self.authority)
    }

    /// The next request that no test took yet.
    ///
    /// # Panics
    /// When none comes.
    pub fn next(&self) -> Call {
        self.next_where("any request", |_| true)
    }

    /// The next event of this name that no test took yet.
    ///
    /// # Panics
    /// When none comes.
    pub fn next_event(&self, event: &str) -> Call {
        self.next_where(event, |call| call.method == "POST" && call.event() == event)
    }

    /// The next request of a kind that no test took yet.
    ///
    /// # Panics
    /// When none comes.
    pub fn next_where(&self, what: &str, is_it: impl Fn(&Call) -> bool) -> Call {
        self.wait(what, |calls| {
            let taken = &calls.taken;
            let mut left = calls.all.iter().enumerate().filter(|(number, _)| !taken.contains(number));
            let (number, call) =
                left.find(|(_, call)| is_it(call)).map(|(number, call)| (number, call.clone()))?;
            calls.taken.insert(number);
            Some(call)
        })
    }

    /// Waits until there were so many requests of a kind, and returns them.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn wait_for(&self, count: usize, is_it: impl Fn(&Call) -> bool) -> Vec<Call> {
        self.wait(&format!("{count} requests of a kind"), |calls| {
            let found: Vec<&Call> = calls.all.iter().filter(|call| is_it(call)).collect();
            (found.len() >= count).then(|| found.into_iter().cloned().collect())
        })
    }

    /// Waits until this holds of all requests.
    ///
    /// # Panics
    /// When it never does.
    pub fn wait_until(&self, what: &str, is_so: impl Fn(&[Call]) -> bool) {
        self.wait(what, |calls| is_so(&calls.all).then_some(()));
    }

    /// Waits until the caller has left so often while an answer was due.
    ///
    /// # Panics
    /// When it stays.
    pub fn wait_for_abandoned(&self, count: usize) {
        self.wait("that the caller leaves", |calls| (calls.abandoned >= count).then_some(()));
    }

    /// All requests so far.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.calls().all.clone()
    }

    /// All events of a name so far.
    pub fn events(&self, event: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.event() == event).collect()
    }

    fn wait<T>(&self, what: &str, mut look: impl FnMut(&mut Calls) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut calls = self.shared.calls();
        loop {
            if let Some(found) = look(&mut calls) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let shown = calls.all.get(calls.all.len().saturating_sub(SHOWN)..).unwrap_or_default();
                panic!(
                    "the handler waited for {what}; it got {} requests, at last {shown:#?}",
                    calls.all.len()
                );
            }
            calls = self.shared.changed.wait_timeout(calls, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(&self.authority);
    }
}

impl Shared {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut socket: TcpStream, connection: usize) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let mut received = Vec::new();
        loop {
            let call = read(&mut socket, &mut received, connection)?;
            let reply = (self.script)(&call);
            self.calls().all.push(call);
            self.changed.notify_all();
            if let Some(gate) = &reply.gate {
                gate.wait();
            }
            match &reply.manner {
                Manner::Whole => socket.write_all(&reply.bytes())?,
                Manner::HalfOfTheBody => {
                    let bytes = reply.bytes();
                    let half = bytes.len() - reply.body.len().div_ceil(2);
                    socket.write_all(bytes.get(..half).unwrap_or_default())?;
                    return self.watch(socket);
                }
                Manner::Raw(bytes) => return socket.write_all(bytes),
                Manner::RawForever(first, then) => {
                    socket.write_all(first)?;
                    loop {
                        socket.write_all(then)?;
                    }
                }
                Manner::Never => return self.watch(socket),
                Manner::Reset => return Ok(set_socket_linger(&socket, Some(Duration::ZERO))?),
            }
        }
    }

    /// Waits until the caller leaves.
    fn watch(&self, mut socket: TcpStream) -> io::Result<()> {
        let _ = socket.read(&mut [0; 1]);
        self.calls().abandoned += 1;
        self.changed.notify_all();
        Ok(())
    }
}

/// Reads a request; what follows it stays in `received`.
fn read(socket: &mut TcpStream, received: &mut Vec<u8>, connection: usize) -> io::Result<Call> {
    let end = loop {
        if let Some(at) = received.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        receive(socket, received)?;
    };
    let head: Vec<u8> = received.drain(..end).collect();
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let headers = lines
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = line.split_at(colon);
            Some((String::from_utf8_lossy(name).into_owned(), value.get(1..)?.trim_ascii().to_vec()))
        })
        .collect();
    let mut call =
        Call { method: method.to_owned(), target: target.to_owned(), headers, body: Vec::new(), connection };
    let length = call.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while received.len() < length {
        receive(socket, received)?;
    }
    call.body = received.drain(..length).collect();
    Ok(call)
}

fn receive(socket: &mut TcpStream, received: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 16 << 10];
    match socket.read(&mut buffer)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => {
            received.extend_from_slice(buffer.get(..count).unwrap_or_default());
            Ok(())
        }
    }
}
