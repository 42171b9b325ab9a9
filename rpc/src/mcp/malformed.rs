//! What is wrong with bytes that are no MCP message, said so that their sender can mend them.

use rmcp::ErrorData;
use rmcp::model::RequestId;
use serde_json::Value;

/// Why bytes are no message, and whom to tell.
pub(super) struct Malformed {
    /// The id of the request, as far as it can be made out.
    pub(super) id: Option<RequestId>,
    /// What to answer.
    pub(super) error: ErrorData,
    /// Whether an answer is due: notifications and answers get none.
    pub(super) is_request: bool,
}

/// Looks at bytes that did not parse as a message. Nesting is bounded by the parser (128 levels), so no input overflows
/// the stack.
pub(super) fn diagnose(bytes: &[u8]) -> Malformed {
    let (id, error, is_request) = match serde_json::from_slice::<Value>(bytes) {
        Err(error) => {
            (None, ErrorData::parse_error(format!("message: must be JSON in UTF-8: {error}"), None), true)
        }
        Ok(Value::Array(_)) => {
            let rule = "message: must be one JSON object; batches are not part of the protocol, send requests one by one";
            (None, ErrorData::invalid_request(rule, None), true)
        }
        Ok(value) => {
            let rule = "message: must be a JSON-RPC 2.0 request: jsonrpc \"2.0\", id (a string or an integer), method \
                        (a string), params (an object)";
            let is_request = value.get("method").is_none() || value.get("id").is_some();
            (id_of(&value), ErrorData::invalid_request(rule, None), is_request)
        }
    };
    Malformed { id, error, is_request }
}

/// A message that is too long to look at.
pub(super) fn oversize(bytes_max: usize) -> ErrorData {
    ErrorData::invalid_request(format!("message: must be at most {bytes_max} bytes"), None)
}

fn id_of(value: &Value) -> Option<RequestId> {
    match value.get("id")? {
        Value::String(id) => Some(RequestId::String(id.as_str().into())),
        Value::Number(id) => id.as_i64().map(RequestId::Number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(bytes: &[u8]) -> String {
        diagnose(bytes).error.message.into_owned()
    }

    #[test]
    fn each_fault_is_named() {
        assert!(said(b"{\"jsonrpc\":").contains("must be JSON"));
        assert!(said(b"\"\xff\xfe\"").contains("UTF-8"));
        assert!(said(&b"[".repeat(100_000)).contains("recursion limit"));
        assert!(said(b"[{},{}]").contains("one by one"));
        assert!(said(b"7").contains("JSON-RPC 2.0"));
    }

    #[test]
    fn the_id_is_kept_where_there_is_one() {
        assert_eq!(diagnose(br#"{"id": 7}"#).id, Some(RequestId::Number(7)));
        assert_eq!(diagnose(br#"{"id": "a"}"#).id, Some(RequestId::String("a".into())));
        assert_eq!(diagnose(br#"{"id": 1.5}"#).id, None);
    }

    #[test]
    fn notifications_get_no_answer() {
        assert!(!diagnose(br#"{"method": "notifications/cancelled", "params": 3}"#).is_request);
        assert!(diagnose(br#"{"method": "tools/call", "id": {}}"#).is_request);
    }
}
