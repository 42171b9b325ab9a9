//! The one table from what an error means to the codes of each protocol.

use cortexkg_engine::ErrorKind;

/// How one kind of error is written in each protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codes {
    /// gRPC status code.
    pub grpc: tonic::Code,
    /// HTTP status.
    pub http: u16,
    /// JSON-RPC error code; none where MCP answers with a tool result that says `isError`, which is what a model gets
    /// to read and can act on.
    pub json_rpc: Option<i32>,
}

/// The codes of `kind`.
pub fn codes(kind: ErrorKind) -> Codes {
    use tonic::Code;
    let (grpc, http, json_rpc) = match kind {
        ErrorKind::Invalid => (Code::InvalidArgument, 400, None),
        ErrorKind::NotFound => (Code::NotFound, 404, None),
        ErrorKind::Refused => (Code::FailedPrecondition, 409, None),
        ErrorKind::NotAvailable => (Code::Unimplemented, 501, None),
        ErrorKind::Overloaded => (Code::ResourceExhausted, 429, None),
        ErrorKind::DeadlineExceeded => (Code::DeadlineExceeded, 504, None),
        ErrorKind::Unavailable => (Code::Unavailable, 503, None),
        ErrorKind::Internal => (Code::Internal, 500, Some(-32603)),
    };
    Codes { grpc, http, json_rpc }
}

/// HTTP status of an error, for routes beside the doors.
pub fn http(kind: ErrorKind) -> u16 {
    codes(kind).http
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_can_tell_the_kinds_apart() {
        let kinds = [
            ErrorKind::Invalid,
            ErrorKind::NotFound,
            ErrorKind::Refused,
            ErrorKind::NotAvailable,
            ErrorKind::Overloaded,
            ErrorKind::DeadlineExceeded,
            ErrorKind::Unavailable,
            ErrorKind::Internal,
        ];
        for (index, kind) in kinds.iter().enumerate() {
            for other in &kinds[..index] {
                assert_ne!(codes(*kind).grpc, codes(*other).grpc);
                assert_ne!(codes(*kind).http, codes(*other).http);
            }
        }
    }

    #[test]
    fn only_our_own_fault_hides_from_the_model() {
        assert_eq!(codes(ErrorKind::Internal).json_rpc, Some(-32603));
        assert_eq!(codes(ErrorKind::Invalid).json_rpc, None);
    }
}
