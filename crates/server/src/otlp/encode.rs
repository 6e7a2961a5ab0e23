//! Spans as the binary form of OTLP (`opentelemetry.proto.collector.trace.v1`, stable since 1.0). The schema's part that is
//! needed is small, so it is written without generated code.

use hublet_wire::client::protobuf::{Out, Value as Field, fields};

use super::span::{Attribute, Kind, Span, SpanEvent, Value};

/// What all spans here belong to.
const SCOPE: &str = "hublet";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// `STATUS_CODE_ERROR`.
const ERROR: u64 = 2;

/// `ExportTraceServiceRequest`, with the attributes of this process.
pub(super) fn request(resource: &[Attribute], spans: &[Span]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Out::Write(&mut bytes).message(1, |out| {
        out.message(1, |out| attributes(out, 1, resource));
        out.message(2, |out| {
            out.message(1, |out| {
                out.text(1, SCOPE);
                out.text(2, VERSION);
            });
            for each in spans {
                out.message(2, |out| span(out, each));
            }
        });
    });
    bytes
}

/// How many spans the collector refused, according to its `ExportTraceServiceResponse`.
pub(super) fn rejected(response: &[u8]) -> u64 {
    let partial_success = first(response).and_then(Field::bytes).unwrap_or_default();
    let count = first(partial_success).and_then(Field::number).unwrap_or_default();
    // Below 0 makes no sense.
    if i64::try_from(count).is_ok() { count } else { 0 }
}

/// The value of field 1.
fn first(message: &[u8]) -> Option<Field<'_>> {
    fields(message).flatten().find_map(|(number, value)| (number == 1).then_some(value))
}

fn span(out: &mut Out<'_>, span: &Span) {
    let Span { context, parent, name, kind, start_ns, end_ns, events, error, .. } = span;
    out.bytes(1, &context.trace.to_be_bytes());
    out.bytes(2, &context.span.to_be_bytes());
    out.text(3, &context.state);
    if let Some(parent) = parent {
        out.bytes(4, &parent.to_be_bytes());
    }
    out.text(5, name);
    out.number(
        6,
        match kind {
            Kind::Server => 2,
            Kind::Client => 3,
        },
    );
    out.fixed64(7, *start_ns);
    out.fixed64(8, *end_ns);
    attributes(out, 9, &span.attributes);
    for SpanEvent { time_ns, name, attributes: own } in events {
        out.message(11, |out| {
            out.fixed64(1, *time_ns);
            out.text(2, name);
            attributes(out, 3, own);
        });
    }
    if let Some(error) = error {
        out.message(15, |out| {
            out.text(2, error);
            out.number(3, ERROR);
        });
    }
}

fn attributes(out: &mut Out<'_>, field: u8, attributes: &[Attribute]) {
    for (name, value) in attributes {
        out.message(field, |out| {
            out.text(1, name);
            out.message(2, |out| match value {
                Value::Text(text) => out.bytes(1, text.as_bytes()),
                Value::Number(number) => out.number(3, *number),
            });
        });
    }
}
