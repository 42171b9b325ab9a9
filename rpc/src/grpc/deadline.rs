//! The caller's deadline, from the `grpc-timeout` header.
//!
//! tonic's transport watches that header too, but answers CANCELLED, and the engine would never learn of it. So it is
//! read here, carried into the call, and made a little shorter: the answer that names the deadline has to travel.

use std::time::Duration;

use tonic::metadata::MetadataMap;

/// Longest allowance for the way back.
const TRAVEL_MAX: Duration = Duration::from_millis(5);

/// How long the caller allows, less the way back; none if it names no (readable) deadline.
pub(super) fn allowed(metadata: &MetadataMap) -> Option<Duration> {
    let timeout = parse(metadata.get("grpc-timeout")?.to_str().ok()?)?;
    Some(timeout - (timeout / 10).min(TRAVEL_MAX))
}

/// `TimeoutValue TimeoutUnit` of the gRPC over HTTP/2 specification: at most 8 digits, then one of H M S m u n.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3_600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_the_specification_are_read() {
        assert_eq!(parse("2H"), Some(Duration::from_secs(7_200)));
        assert_eq!(parse("99999999S"), Some(Duration::from_secs(99_999_999)));
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("7n"), Some(Duration::from_nanos(7)));
    }

    #[test]
    fn anything_else_is_no_deadline() {
        for bad in ["", "S", "5", "+5S", "123456789S", "5s", "5 S", "-1S", "5é"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_answer_gets_time_to_travel() {
        let mut metadata = MetadataMap::new();
        assert_eq!(allowed(&metadata), None);
        metadata.insert("grpc-timeout", "1S".parse().unwrap());
        assert_eq!(allowed(&metadata), Some(Duration::from_millis(995)));
        metadata.insert("grpc-timeout", "10m".parse().unwrap());
        assert_eq!(allowed(&metadata), Some(Duration::from_millis(9)));
    }
}
