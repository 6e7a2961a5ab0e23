//! What is wrong and what to change, in a sentence each. All sentences about handlers are here.

use std::io;

use http::StatusCode;
use rustls::CertificateError;

use crate::failure::{Failure, STATE_BYTES_MAX};
use crate::fault::Fault;
use crate::transport::{ANSWER_BYTES_MAX, HEAD_BYTES_MAX};
use crate::validation::Refusal;

/// What the sentences name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site<'a> {
    /// Host and port of the handler.
    pub(crate) host: &'a str,
    /// What the service calls itself.
    pub(crate) origin: &'a str,
}

/// Why an event was not handled, and what to change.
pub(crate) fn sentence(failure: &Failure, site: &Site<'_>) -> String {
    let host = site.host;
    match failure {
        Failure::NotValidated(refusal) => refusal_sentence(refusal, site),
        Failure::Gone => format!(
            "Nobody was at {host} for a while, so the event was not sent. Check whether the handler runs; it is probed again and \
             again."
        ),
        Failure::Crowded => format!(
            "Too many events wait for {host}, so this one was not sent. Make the handler faster, or raise `maxConcurrency`."
        ),
        Failure::Token(error) => error.to_string(),
        Failure::Unsendable(error) => error.to_string(),
        Failure::Fault(fault) => fault_sentence(fault, site),
        Failure::Status(status) => status_sentence(*status, site),
        Failure::StateTooLarge(bytes) => format!(
            "The answer has {bytes} bytes of connection state, more than the {STATE_BYTES_MAX} that a client may have. Keep it \
             elsewhere, under the connection's id."
        ),
        Failure::StateNotAscii => {
            "The answer has connection state that is not ASCII. Encode it, as base64 for example.".to_owned()
        }
        Failure::Answer(error) => error.to_string(),
    }
}

/// Why a validation failed, and what to change.
pub(crate) fn refusal_sentence(refusal: &Refusal, site: &Site<'_>) -> String {
    let Site { host, origin } = site;
    match refusal {
        Refusal::Fault(fault) => fault_sentence(fault, site),
        Refusal::Status(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            let Refusal::Status(status) = refusal else { return String::new() };
            format!(
                "{host} answers the validation request with {status}. Let OPTIONS through without authentication: it carries none \
                 (event handlers are validated before they get anything)."
            )
        }
        Refusal::Status(StatusCode::NOT_FOUND) => format!(
            "{host} knows neither OPTIONS nor GET at this path (404). Correct the path of the URL, or have the handler answer \
             OPTIONS there with `WebHook-Allowed-Origin`."
        ),
        Refusal::Status(StatusCode::METHOD_NOT_ALLOWED) => format!(
            "{host} does not take OPTIONS (405). Have the handler answer OPTIONS with 200 and `WebHook-Allowed-Origin: {origin}`, \
             or put the middleware for Web PubSub before what refuses it."
        ),
        Refusal::Status(status) => status_sentence(*status, site),
        Refusal::Origin(values) if values.is_empty() => format!(
            "The answer to the validation request has no `WebHook-Allowed-Origin`. Have the handler answer OPTIONS with that \
             header and the value `{origin}` or `*`."
        ),
        Refusal::Origin(values) => format!(
            "The handler allows {}, but events come from {origin}. Add {origin} on a line of its own to what it allows, or set \
             `public_endpoints` to the address that it expects.",
            shown(&values.join(" and "))
        ),
        Refusal::Host => {
            "The client named no host that could be the origin of events. Set `public_endpoints`.".to_owned()
        }
        Refusal::Lost => "The validation was not finished, since the service stops.".to_owned(),
    }
}

/// Why there is no answer, and what to change.
pub(crate) fn fault_sentence(fault: &Fault, site: &Site<'_>) -> String {
    let host = site.host;
    match fault {
        Fault::Url => format!("{host} is no host of a web server. Correct the URL."),
        Fault::Name(_) => format!(
            "The name of {host} has no address. Check the URL for a typing error, and the name server of this machine."
        ),
        Fault::Refused(refused) => format!("{refused}."),
        Fault::Connect(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            format!("Nobody listens at {host}. Start the handler, or correct host and port of the URL.")
        }
        Fault::Connect(error) => {
            format!(
                "There is no way to {host}: {error}. Check the network between this machine and the handler."
            )
        }
        Fault::ConnectTimeout => format!(
            "{host} does not answer at all. Check whether a firewall drops connections from this machine, and host and port of the \
             URL."
        ),
        Fault::Tls(error) => tls_sentence(error, host),
        Fault::Broken(what) => format!(
            "{host} closed the connection before its answer was complete, or speaks no HTTP ({}). Look at the handler's log; if it \
             wants TLS, write https in the URL.",
            shown(what)
        ),
        Fault::HeadTooLarge => format!(
            "The head of the answer of {host} is longer than {HEAD_BYTES_MAX} bytes, or has too many headers or interim answers (1xx). Send fewer."
        ),
        Fault::BodyTooLarge => {
            format!("The body of the answer of {host} is longer than {ANSWER_BYTES_MAX} bytes. Send less.")
        }
        Fault::TimedOut => format!(
            "{host} gave no complete answer in time. Make the handler answer sooner and work afterwards, or raise \
             `timeoutInSeconds`."
        ),
    }
}

fn tls_sentence(error: &io::Error, host: &str) -> String {
    let reason = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match reason {
        Some(rustls::Error::InvalidCertificate(certificate)) => match certificate {
            CertificateError::UnknownIssuer => format!(
                "The certificate of {host} is from an authority that this machine does not trust. Set `extra_roots` under [upstream] to \
                 the certificate of that authority, or have the handler send its whole chain."
            ),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                format!(
                    "The certificate of {host} has expired. Renew it, and check the clock of this machine."
                )
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                format!("The certificate of {host} is not valid yet. Check the clock of this machine.")
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => format!(
                "The certificate of {host} is for another name. Use the name that is in it, or get one for this name."
            ),
            other if other.to_string().contains("CaUsedAsEndEntity") => format!(
                "The certificate of {host} is one for an authority, not for a server. Sign one for the server with it, or make \
                 it with basicConstraints=CA:FALSE."
            ),
            other => format!("The certificate of {host} is not good: {other}. Replace it."),
        },
        Some(rustls::Error::InvalidMessage(_)) => {
            format!("{host} does not speak TLS. Write http instead of https in the URL, or correct its port.")
        }
        _ => format!(
            "There is no TLS with {host}: {error}. Check the handler's TLS settings and the port of the URL."
        ),
    }
}

fn status_sentence(status: StatusCode, site: &Site<'_>) -> String {
    let host = site.host;
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => format!(
            "{host} answers {status}. Check the handler's access key or connection string, its endpoint ({} is what it sees), and \
             `auth` in the hub's settings.",
            site.origin
        ),
        StatusCode::NOT_FOUND => {
            format!(
                "{host} has nothing at this path (404). Correct the path of the URL, or the hub's name in the handler."
            )
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            format!("{host} does not take POST at this path (405). Correct the path of the URL.")
        }
        status if status.is_redirection() => format!(
            "{host} answers with a redirect ({status}), which is not followed. Write the address that it leads to in the URL."
        ),
        status if status.is_server_error() => {
            format!("{host} answers {status}. Look at the handler's log for the error.")
        }
        status => format!("{host} answers {status}. Look at the handler's log for the reason."),
    }
}

/// Foreign text on one line, and not long.
fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    text.escape_debug().take(CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn each_tls_error_has_its_own_advice() {
        let sentence = |error: rustls::Error| {
            let fault = Fault::Tls(Arc::new(io::Error::new(io::ErrorKind::InvalidData, error)));
            fault_sentence(&fault, &Site { host: "app.example:443", origin: "wps.example" })
        };
        for (error, part) in [
            (CertificateError::UnknownIssuer, "an authority that this machine does not trust"),
            (CertificateError::Expired, "has expired. Renew it"),
            (CertificateError::NotValidYet, "is not valid yet"),
            (CertificateError::NotValidForName, "is for another name"),
            (CertificateError::Revoked, "is not good"),
        ] {
            let sentence = sentence(rustls::Error::InvalidCertificate(error));
            assert!(
                sentence.starts_with("The certificate of app.example:443") && sentence.contains(part),
                "{sentence}"
            );
        }
        let other = sentence(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType));
        assert!(other.contains("Write http instead of https"), "{other}");
        let other = sentence(rustls::Error::HandshakeNotComplete);
        assert!(other.starts_with("There is no TLS with app.example:443"), "{other}");
    }
}
