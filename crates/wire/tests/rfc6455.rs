//! The decoder against RFC 6455, in the order of the Autobahn case list.
//!
//! Every stream is decoded whole, byte by byte and in odd pieces: the events must be the same. The same cases run over
//! a socket in `tests/tests/autobahn.rs`; this table needs no tools and says what the decoder itself finds.

use hublet_wire::ws::{CloseCode, Decoder, Event, Opcode, ProtocolError, Role};

#[path = "../../../fuzz/fuzz_targets/checks/frame_decoder.rs"]
#[allow(dead_code, reason = "the corpus test uses the rest")]
mod checks;

use checks::Owned;
use checks::Owned::{Binary, Close, Ping, Pong, Text};

const LIMIT: usize = 1 << 20;
const KEY: [u8; 4] = [0xde, 0xad, 0xbe, 0xef];
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const FIN: u8 = 0x80;

/// One masked frame; `first` is the whole first byte.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(0x80 | u8::try_from(len).expect("a short length")),
        len @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&u16::try_from(len).expect("a medium length").to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&KEY);
    bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// Decodes a client's stream and checks that it does not matter how it is cut.
#[track_caller]
fn decode(frames: &[Vec<u8>]) -> (Vec<Owned>, Option<ProtocolError>) {
    let stream = frames.concat();
    let whole = checks::decode(Role::Server, LIMIT, &stream, &[]);
    for sizes in [&[1][..], &[997], &[3, 1, 64, 2]] {
        assert_eq!(checks::decode(Role::Server, LIMIT, &stream, sizes), whole, "in pieces of {sizes:?}");
    }
    (whole.events, whole.error)
}

#[track_caller]
fn accepts(frames: &[Vec<u8>], events: &[Owned]) {
    assert_eq!(decode(frames), (events.to_vec(), None));
}

/// The events come, then the error.
#[track_caller]
fn fails(frames: &[Vec<u8>], events: &[Owned], error: ProtocolError) {
    assert_eq!(decode(frames), (events.to_vec(), Some(error)));
}

fn text(text: &str) -> Owned {
    Text(text.to_owned())
}

/// Autobahn 1.1 and 1.2: the forms of the length.
#[test]
fn case_1_sizes() {
    for len in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 70_000] {
        let payload = vec![b'*'; len];
        accepts(&[frame(FIN | TEXT, &payload)], &[text(&"*".repeat(len))]);
        accepts(&[frame(FIN | BINARY, &payload)], &[Binary(payload.clone())]);
    }
}

/// Autobahn 2: pings and pongs.
#[test]
fn case_2_pings_and_pongs() {
    accepts(&[frame(FIN | PING, b"")], &[Ping(vec![])]);
    accepts(&[frame(FIN | PING, b"Hello")], &[Ping(b"Hello".to_vec())]);
    let bytes = vec![0xfe; 125];
    accepts(&[frame(FIN | PING, &bytes)], &[Ping(bytes.clone())]);
    fails(&[frame(FIN | PING, &[0xfe; 126])], &[], ProtocolError::LongControl);
    accepts(
        &[frame(FIN | PONG, b"unasked"), frame(FIN | PING, b"1")],
        &[Pong(b"unasked".to_vec()), Ping(b"1".to_vec())],
    );
    let (many, events): (Vec<_>, Vec<_>) =
        (0..10_u8).map(|i| (frame(FIN | PING, &[i]), Ping(vec![i]))).unzip();
    accepts(&many, &events);
}

/// Autobahn 3: reserved bits.
#[test]
fn case_3_reserved_bits() {
    for bits in 1..8 {
        let hello = frame(FIN | TEXT, b"Hello");
        for opcode in [TEXT, BINARY, CLOSE, PING] {
            fails(
                &[hello.clone(), frame(FIN | bits << 4 | opcode, b"x"), hello.clone()],
                &[text("Hello")],
                ProtocolError::ReservedBits,
            );
        }
    }
}

/// Autobahn 4: reserved opcodes.
#[test]
fn case_4_opcodes() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        fails(&[frame(FIN | opcode, b"")], &[], ProtocolError::Opcode);
        fails(
            &[frame(FIN | TEXT, b"Hello"), frame(FIN | opcode, b"x"), frame(FIN | PING, b"")],
            &[text("Hello")],
            ProtocolError::Opcode,
        );
    }
}

/// Autobahn 5: fragments.
#[test]
fn case_5_fragments() {
    for opcode in [PING, PONG, CLOSE] {
        fails(&[frame(opcode, b"frag"), frame(FIN, b"ment")], &[], ProtocolError::FragmentedControl);
    }
    accepts(&[frame(TEXT, b"frag"), frame(FIN, b"ment")], &[text("fragment")]);
    accepts(&[frame(BINARY, b"frag"), frame(FIN, b"ment")], &[Binary(b"fragment".to_vec())]);
    accepts(
        &[
            frame(TEXT, b"f1,"),
            frame(FIN | PING, b"p1"),
            frame(CONTINUATION, b"f2,"),
            frame(FIN | PONG, b"p2"),
            frame(FIN | PING, b""),
            frame(FIN, b"f3"),
            frame(FIN | PING, b"p3"),
        ],
        &[Ping(b"p1".to_vec()), Pong(b"p2".to_vec()), Ping(vec![]), text("f1,f2,f3"), Ping(b"p3".to_vec())],
    );
    // 5.9 to 5.14: nothing to continue.
    fails(&[frame(FIN, b"x"), frame(FIN | TEXT, b"y")], &[], ProtocolError::Fragmentation);
    fails(&[frame(CONTINUATION, b"x"), frame(FIN | TEXT, b"y")], &[], ProtocolError::Fragmentation);
    fails(
        &[frame(TEXT, b"a"), frame(FIN, b"b"), frame(FIN, b"c")],
        &[text("ab")],
        ProtocolError::Fragmentation,
    );
    // 5.18: a message inside a message.
    fails(&[frame(TEXT, b"a"), frame(FIN | TEXT, b"b")], &[], ProtocolError::Fragmentation);
    fails(&[frame(TEXT, b"a"), frame(BINARY, b"b")], &[], ProtocolError::Fragmentation);
    // A close between fragments ends the connection.
    accepts(
        &[frame(TEXT, b"a"), frame(FIN | CLOSE, b"\x03\xe8"), frame(FIN, b"b")],
        &[Close(Some(1000), String::new())],
    );
}

/// Autobahn 6.1 and 6.2: text over fragments of any size.
#[test]
fn case_6_fragmented_text() {
    accepts(&[frame(FIN | TEXT, b"")], &[text("")]);
    accepts(&[frame(TEXT, b""), frame(CONTINUATION, b""), frame(FIN, b"")], &[text("")]);
    accepts(&[frame(TEXT, b""), frame(CONTINUATION, b"mid"), frame(FIN, b"")], &[text("mid")]);

    let message = "Hello-µ@ßöäüàá-UTF-8!!κόσμε\u{10ffff}";
    accepts(&[frame(FIN | TEXT, message.as_bytes())], &[text(message)]);
    for size in 1..6 {
        let mut frames: Vec<_> = message
            .as_bytes()
            .chunks(size)
            .enumerate()
            .map(|(i, bytes)| frame(if i == 0 { TEXT } else { CONTINUATION }, bytes))
            .collect();
        frames.push(frame(FIN, b""));
        accepts(&frames, &[text(message)]);
    }
}

/// Autobahn 6.5 to 6.23: what is UTF-8 and what is not.
#[test]
fn case_6_utf8() {
    let valid: &[&[u8]] = &[
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5",
        b"\x00",
        b"\x7f",
        b"\xc2\x80",
        b"\xdf\xbf",
        b"\xe0\xa0\x80",
        b"\xed\x9f\xbf",
        b"\xee\x80\x80",
        b"\xef\xbf\xbd",
        b"\xef\xbf\xbe",
        b"\xef\xbf\xbf",
        b"\xf0\x90\x80\x80",
        b"\xf4\x8f\xbf\xbf",
    ];
    for bytes in valid {
        accepts(&[frame(FIN | TEXT, bytes)], &[text(std::str::from_utf8(bytes).unwrap())]);
    }
    let invalid: &[&[u8]] = &[
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
        b"\xf8\x88\x80\x80\x80",
        b"\xfc\x84\x80\x80\x80\x80",
        b"\xf7\xbf\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\x80",
        b"\xbf\x80",
        b"\xc0 ",
        b"\xe0\x80",
        b"\xf0\x80\x80",
        b"\xfe",
        b"\xff",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xf0\x80\x80\xaf",
        b"\xc1\xbf",
        b"\xe0\x9f\xbf",
        b"\xf0\x8f\xbf\xbf",
        b"\xed\xa0\x80",
        b"\xed\xaf\xbf\xed\xb0\x80",
        b"\xed\xbf\xbf",
        // Cut short.
        b"\xce",
        b"\xe1\xbd",
        b"\xf0\x9f\x98",
    ];
    for bytes in invalid {
        fails(&[frame(FIN | TEXT, bytes)], &[], ProtocolError::Utf8);
        for cut in 0..=bytes.len() {
            fails(&[frame(TEXT, &bytes[..cut]), frame(FIN, &bytes[cut..])], &[], ProtocolError::Utf8);
        }
        // As binary they are nobody's business.
        accepts(&[frame(FIN | BINARY, bytes)], &[Binary(bytes.to_vec())]);
    }
}

/// Autobahn 6.4: invalid text fails at its first impossible byte, in a fragment and within a frame.
#[test]
fn case_6_4_fails_fast() {
    let before = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4";
    let whole = [&before[..], b"\x90\x80\x80edited"].concat();

    // One frame, and the first of two: its bytes up to the wrong one are enough.
    for first in [FIN | TEXT, TEXT] {
        let bytes = frame(first, &whole);
        let wrong = bytes.len() - whole.len() + before.len();
        let mut decoder = Decoder::new(Role::Server, LIMIT);
        let mut head = bytes[..wrong].to_vec();
        assert_eq!(decoder.next(&mut head.as_mut_slice()), Ok(None));
        assert_eq!(decoder.next(&mut [bytes[wrong]].as_mut_slice()), Err(ProtocolError::Utf8));
        assert!(decoder.is_idle(), "an error frees what was kept");
    }
    // The wrong byte in the second fragment, which is not complete either.
    let mut decoder = Decoder::new(Role::Server, LIMIT);
    let mut input = [frame(TEXT, before), frame(CONTINUATION, b"\x90\x80\x80")].concat();
    let len = input.len() - 2;
    assert_eq!(decoder.next(&mut &mut input[..len]), Err(ProtocolError::Utf8));
}

/// Autobahn 7.1: nothing counts after a close frame.
#[test]
fn case_7_after_close() {
    let close = frame(FIN | CLOSE, b"\x03\xe8");
    let closed = Close(Some(1000), String::new());
    for after in [frame(FIN | CLOSE, b""), frame(FIN | PING, b""), frame(FIN | TEXT, b"x"), vec![0xff; 100]] {
        accepts(&[close.clone(), after], std::slice::from_ref(&closed));
    }
    accepts(&[frame(FIN | TEXT, b"x"), close], &[text("x"), closed]);
}

/// Autobahn 7.3 and 7.5: payloads of close frames.
#[test]
fn case_7_close_payloads() {
    accepts(&[frame(FIN | CLOSE, b"")], &[Close(None, String::new())]);
    fails(&[frame(FIN | CLOSE, b"a")], &[], ProtocolError::ClosePayload);
    accepts(&[frame(FIN | CLOSE, b"\x03\xe8Hello")], &[Close(Some(1000), "Hello".to_owned())]);
    let longest = "*".repeat(123);
    accepts(
        &[frame(FIN | CLOSE, &[b"\x03\xe8", longest.as_bytes()].concat())],
        &[Close(Some(1000), longest)],
    );
    fails(&[frame(FIN | CLOSE, &[b"\x03\xe8", &[b'*'; 124][..]].concat())], &[], ProtocolError::LongControl);
    fails(&[frame(FIN | CLOSE, b"\x03\xe8\xce\xba\xed\xa0\x80")], &[], ProtocolError::Utf8);
    fails(&[frame(FIN | CLOSE, b"\x03\xe8\xce")], &[], ProtocolError::Utf8);
}

/// Autobahn 7.7, 7.9 and 7.13: close codes.
#[test]
fn case_7_close_codes() {
    for code in (1000..=1003).chain(1007..=1014).chain([3000, 3999, 4000, 4999]) {
        accepts(&[frame(FIN | CLOSE, &u16::to_be_bytes(code))], &[Close(Some(code), String::new())]);
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        fails(&[frame(FIN | CLOSE, &u16::to_be_bytes(code))], &[], ProtocolError::CloseCode);
    }
}

/// In place of Autobahn 9, which is about large messages: the limit, over one frame and over all fragments.
#[test]
fn case_9_limit() {
    let most = vec![b'x'; LIMIT];
    accepts(&[frame(FIN | BINARY, &most)], &[Binary(most.clone())]);
    let (half, rest) = most.split_at(LIMIT / 2);
    accepts(&[frame(BINARY, half), frame(CONTINUATION, b""), frame(FIN, rest)], &[Binary(most.clone())]);
    fails(&[frame(BINARY, &most), frame(FIN, b"x")], &[], ProtocolError::TooLarge);

    // The claim is enough, before any payload or even the key came.
    for claimed in [LIMIT as u64 + 1, (1 << 63) - 1] {
        let header = [&[FIN | TEXT, 0x80 | 127][..], &claimed.to_be_bytes()].concat();
        fails(&[header], &[], ProtocolError::TooLarge);
    }
    assert_eq!(ProtocolError::TooLarge.close_code(), CloseCode::TOO_LARGE);
    assert_eq!(ProtocolError::TooLarge.to_string(), "The client message is too large.");
}

/// Autobahn 10: a large message in small fragments.
#[test]
fn case_10_many_fragments() {
    let payload = vec![b'*'; 65_536];
    let frames: Vec<_> = payload
        .chunks(1300)
        .enumerate()
        .map(|(i, bytes)| {
            let fin = if bytes.len() < 1300 { FIN } else { 0 };
            frame(fin | if i == 0 { TEXT } else { CONTINUATION }, bytes)
        })
        .collect();
    accepts(&frames, &[text(&"*".repeat(65_536))]);
}

/// Rules that the Autobahn list leaves out (RFC 6455 §5.1, §5.2).
#[test]
fn masking_and_minimal_lengths() {
    fails(&[vec![FIN | TEXT, 1, b'x']], &[], ProtocolError::Unmasked);
    let mut masked = frame(FIN | TEXT, b"x");
    let mut client = Decoder::new(Role::Client, LIMIT);
    assert_eq!(client.next(&mut masked.as_mut_slice()), Err(ProtocolError::Masked));

    for (length, first) in [(125_u16, 126), (0, 126)] {
        fails(
            &[[&[FIN | BINARY, 0x80 | first][..], &length.to_be_bytes()].concat()],
            &[],
            ProtocolError::Length,
        );
    }
    for length in [0, 125, 65_535, 1 << 63, u64::MAX] {
        fails(
            &[[&[FIN | BINARY, 0x80 | 127][..], &length.to_be_bytes()].concat()],
            &[],
            ProtocolError::Length,
        );
    }
}

/// The decoder takes a frame that is whole from where it lies, and gives its memory back.
#[test]
fn memory() {
    assert!(size_of::<Decoder>() <= 24);
    let mut decoder = Decoder::new(Role::Server, LIMIT);

    let mut whole = frame(FIN | BINARY, b"in place");
    let range = whole.as_ptr_range();
    let mut input = whole.as_mut_slice();
    let Ok(Some(Event::Binary(payload))) = decoder.next(&mut input) else { panic!("a message") };
    assert!(range.contains(&payload.as_ptr()), "no copy");
    assert_eq!(payload, b"in place");
    assert!(decoder.is_idle());

    let mut bytes = frame(FIN | BINARY, b"in two pieces");
    let (first, second) = bytes.split_at_mut(10);
    assert_eq!(decoder.next(&mut &mut *first), Ok(None));
    assert!(!decoder.is_idle());
    let mut input = second;
    assert_eq!(decoder.next(&mut input), Ok(Some(Event::Binary(b"in two pieces"))));
    assert_eq!(decoder.next(&mut input), Ok(None));
    assert!(decoder.is_idle(), "the call after the message frees it");

    // A beginning of a header is pending, but it is no message yet.
    assert_eq!(decoder.next(&mut [FIN | TEXT].as_mut_slice()), Ok(None));
    assert!(!decoder.is_idle());
}

/// Errors carry the code and a reason that fits into a close frame.
#[test]
fn close_codes_of_errors() {
    let errors = [
        (ProtocolError::ReservedBits, CloseCode::PROTOCOL_ERROR),
        (ProtocolError::Opcode, CloseCode::PROTOCOL_ERROR),
        (ProtocolError::FragmentedControl, CloseCode::PROTOCOL_ERROR),
        (ProtocolError::LongControl, CloseCode::PROTOCOL_ERROR),
        (ProtocolError::Fragmentation, CloseCode::PROTOCOL_ERROR),
        (ProtocolError::Unmasked, CloseCode::PROTOCOL_ERROR),
        (ProtocolError::Masked, CloseCode::PROTOCOL_ERROR),
        (ProtocolError::Length, CloseCode::PROTOCOL_ERROR),
        (ProtocolError::ClosePayload, CloseCode::PROTOCOL_ERROR),
        (ProtocolError::CloseCode, CloseCode::PROTOCOL_ERROR),
        (ProtocolError::Utf8, CloseCode::INVALID_PAYLOAD),
        (ProtocolError::TooLarge, CloseCode::TOO_LARGE),
    ];
    for (error, code) in errors {
        assert_eq!(error.close_code(), code, "{error:?}");
        assert!(error.to_string().len() <= 123, "{error:?}");
    }
    assert_eq!(hublet_wire::ws::encode_control(Opcode::Close, b"")[..], [0x88, 0]);
}
