//! Errors as gRPC statuses with google.rpc details, and as the error of one item.

use std::time::Duration;

use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use super::proto;
use crate::{Error, status};

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let mut details = ErrorDetails::new();
        if let Some((field, rule)) = error.violation() {
            details.add_bad_request_violation(field, rule);
        }
        if let Some(after_ms) = error.retry_after_ms() {
            details.set_retry_info(Some(Duration::from_millis(after_ms)));
        }
        Status::with_error_details(status::codes(error.kind()).grpc, error.to_string(), details)
    }
}

impl From<Error> for proto::ItemError {
    fn from(error: Error) -> Self {
        proto::ItemError {
            code: status::codes(error.kind()).grpc as i32,
            message: error.to_string(),
            field: error.violation().map(|(field, _)| field),
            retry_after_ms: error.retry_after_ms(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;

    #[test]
    fn a_broken_rule_names_its_field() {
        let status = Status::from(Error::field("items[3].kind", "must be a known kind"));
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let violation = &details.bad_request().unwrap().field_violations[0];
        assert_eq!(violation.field, "items[3].kind");
        assert_eq!(violation.description, "must be a known kind");
    }

    #[test]
    fn a_full_queue_says_when_to_come_back() {
        let busy = || Error::from(cortexkg_engine::Error::Overloaded { rows: 8, retry_after_ms: 250 });
        let status = Status::from(busy());
        assert_eq!(status.code(), Code::ResourceExhausted);
        let retry = status.get_error_details().retry_info().unwrap().retry_delay;
        assert_eq!(retry, Some(Duration::from_millis(250)));
        assert_eq!(proto::ItemError::from(busy()).retry_after_ms, Some(250));
    }
}
