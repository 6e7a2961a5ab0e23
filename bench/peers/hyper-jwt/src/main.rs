//! The least that an HTTP server with the same tokens does: it verifies signature, expiry and audience, reads the
//! body, and answers 202. Nobody gets a message. What hublet's REST API costs beyond this is its own.
//!
//!     hublet-bench-peer-hyper-jwt PORT KEY

use std::convert::Infallible;
use std::error::Error;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use ring::hmac;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::LocalSet;

#[derive(Deserialize)]
struct Header<'a> {
    alg: &'a str,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    exp: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (port, key) = arguments.next().zip(arguments.next()).ok_or("a port and a key are needed")?;
    let key = Rc::new(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()));
    let port: u16 = port.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, serve(port, key))
}

async fn serve(port: u16, key: Rc<hmac::Key>) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let key = Rc::clone(&key);
        tokio::task::spawn_local(async move {
            let service = service_fn(|request| answer(request, Rc::clone(&key)));
            // A client that goes is no news.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    key: Rc<hmac::Key>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let is_good = is_authorized(&request, &key);
    let was_read = request.into_body().collect().await.is_ok();
    let mut response = Response::new(Empty::new());
    *response.status_mut() = match (is_good, was_read) {
        (true, true) => StatusCode::ACCEPTED,
        (false, _) => StatusCode::UNAUTHORIZED,
        (_, false) => StatusCode::BAD_REQUEST,
    };
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    Ok(response)
}

fn is_authorized(request: &Request<Incoming>, key: &hmac::Key) -> bool {
    verified(request, key).is_some_and(|claims| {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let url = claims.aud.split('?').next().and_then(|url| url.strip_prefix("http://"));
        claims.exp > now
            && url.and_then(|url| url.strip_prefix(host)).is_some_and(|path| path == request.uri().path())
    })
}

fn verified(request: &Request<Incoming>, key: &hmac::Key) -> Option<Claims> {
    let token = request.headers().get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
    let (input, signature) = token.rsplit_once('.')?;
    let (header, payload) = input.split_once('.')?;
    let [header, payload, signature] = [header, payload, signature].map(|part| URL_SAFE_NO_PAD.decode(part));
    hmac::verify(key, input.as_bytes(), &signature.ok()?).ok()?;
    let header = header.ok()?;
    let header: Header<'_> = serde_json::from_slice(&header).ok()?;
    (header.alg == "HS256").then(|| serde_json::from_slice(&payload.ok()?).ok()).flatten()
}
