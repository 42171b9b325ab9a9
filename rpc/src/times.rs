//! Instants on the wire: RFC 3339 text for MCP, `google.protobuf.Timestamp` for gRPC, microseconds inside.

use cortexkg_engine::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::Error;

const RFC3339_RULE: &str = "must be an RFC 3339 date-time such as 2026-01-31T09:30:00Z";
const PROTO_RULE: &str = "must lie between the years 1 and 9999, with nanos from 0 to 999999999";
/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z: what both wire forms can say.
const PROTO_SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Reads an RFC 3339 date-time; parts of a microsecond are cut off.
pub(crate) fn from_rfc3339(field: &str, text: &str) -> Result<Timestamp, Error> {
    let instant = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| Error::field(field, RFC3339_RULE))?;
    let micros = instant.unix_timestamp_nanos().div_euclid(1_000);
    i64::try_from(micros).map(Timestamp).map_err(|_| Error::field(field, RFC3339_RULE))
}

/// Writes RFC 3339 in UTC; none for what that form cannot say.
pub(crate) fn to_rfc3339(at: Timestamp) -> Option<String> {
    let instant = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000).ok()?;
    instant.format(&Rfc3339).ok()
}

/// The time of day, in RFC 3339.
pub(crate) fn now_rfc3339() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).expect("the present lies between the years 0 and 9999")
}

/// Reads a protobuf timestamp; parts of a microsecond are cut off.
pub(crate) fn from_proto(field: &str, at: prost_types::Timestamp) -> Result<Timestamp, Error> {
    if !PROTO_SECONDS.contains(&at.seconds) || !(0..1_000_000_000).contains(&at.nanos) {
        return Err(Error::field(field, PROTO_RULE));
    }
    Ok(Timestamp(at.seconds * 1_000_000 + i64::from(at.nanos / 1_000)))
}

/// Writes a protobuf timestamp.
pub(crate) fn to_proto(at: Timestamp) -> prost_types::Timestamp {
    let nanos = at.0.rem_euclid(1_000_000) * 1_000;
    prost_types::Timestamp { seconds: at.0.div_euclid(1_000_000), nanos: nanos as i32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_wire_forms_read_back(micros in -62_135_596_800_000_000i64..=253_402_300_799_999_999) {
            let at = Timestamp(micros);
            prop_assert_eq!(from_proto("at", to_proto(at)).unwrap(), at);
            prop_assert_eq!(from_rfc3339("at", &to_rfc3339(at).unwrap()).unwrap(), at);
        }
    }

    #[test]
    fn offsets_are_understood() {
        let here = from_rfc3339("start", "2026-01-31T10:30:00+01:00").unwrap();
        assert_eq!(to_rfc3339(here).unwrap(), "2026-01-31T09:30:00Z");
    }

    #[test]
    fn what_is_no_instant_is_refused_by_field_and_rule() {
        for bad in ["", "yesterday", "2026-01-31", "2026-02-30T00:00:00Z", "2026-01-31T09:30:00"] {
            assert_eq!(from_rfc3339("end", bad).unwrap_err().to_string(), format!("end: {RFC3339_RULE}"));
        }
        for (seconds, nanos) in [(i64::MAX, 0), (i64::MIN, 0), (0, -1), (0, 1_000_000_000)] {
            let error = from_proto("occurred_at", prost_types::Timestamp { seconds, nanos }).unwrap_err();
            assert_eq!(error.to_string(), format!("occurred_at: {PROTO_RULE}"));
        }
    }

    #[test]
    fn an_instant_beyond_the_calendar_is_not_written() {
        assert_eq!(to_rfc3339(Timestamp(i64::MAX)), None);
    }
}
