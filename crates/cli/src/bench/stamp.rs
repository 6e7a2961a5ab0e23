//! Payloads that carry a number, in text that no format has to escape.

/// Digits of the number, with which every payload begins.
pub(super) const DIGITS: usize = 16;

/// A payload of `bytes` bytes, at least as many as the number needs.
pub(super) fn payload(bytes: usize) -> String {
    format!("{:0>DIGITS$}{}", "", "x".repeat(bytes.saturating_sub(DIGITS)))
}

/// Writes `number` over the digits at the beginning of `payload`.
pub(super) fn write(payload: &mut [u8], mut number: u64) {
    for digit in payload.iter_mut().take(DIGITS).rev() {
        *digit = b"0123456789abcdef"[(number % 16) as usize];
        number /= 16;
    }
}

/// The number in a message: the message is the payload, or a JSON message with it as `data`.
pub(super) fn read(message: &[u8]) -> Option<u64> {
    const KEY: &[u8] = br#","data":""#;
    let at = if message.first() == Some(&b'{') {
        message.windows(KEY.len()).position(|window| window == KEY)? + KEY.len()
    } else {
        0
    };
    let digits = std::str::from_utf8(message.get(at..at + DIGITS)?).ok()?;
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_goes_through() {
        for number in [0, 1, 0xfedc_ba98_7654_3210, u64::MAX] {
            let mut payload = payload(20).into_bytes();
            write(&mut payload, number);
            assert_eq!(payload.len(), 20);
            assert_eq!(read(&payload), Some(number));
            let text = String::from_utf8(payload).unwrap();
            let message = format!(r#"{{"type":"message","from":"group","dataType":"text","data":"{text}"}}"#);
            assert_eq!(read(message.as_bytes()), Some(number));
        }
        assert_eq!(payload(1).len(), DIGITS);
        assert_eq!(read(b"short"), None);
        assert_eq!(read(br#"{"type":"ack","ackId":1,"success":true}"#), None);
    }
}
