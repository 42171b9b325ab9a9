//! What a door answers instead of a result.

use cortexkg_engine::ErrorKind;

/// Errors of the doors.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine refused or failed.
    #[error(transparent)]
    Engine(#[from] cortexkg_engine::Error),
    /// A field that no request of the domain can be made of; nothing was changed.
    #[error("{field}: {rule}")]
    Field {
        /// The field as the caller named it, with its place in a list.
        field: String,
        /// The rule it broke, in words.
        rule: String,
    },
    /// The deadline passed before the engine answered.
    #[error(
        "deadline exceeded before the engine answered; a write may still take effect: look before repeating it, or repeat it with the same idempotency key"
    )]
    TimedOut,
    /// The caller went away.
    #[error("the call was withdrawn by its caller")]
    Withdrawn,
    /// The MCP peer on stdio did not get as far as a session.
    #[error("MCP over stdio: {0}")]
    Stdio(String),
}

impl Error {
    /// A field that cannot be translated.
    pub(crate) fn field(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Error::Field { field: field.into(), rule: rule.into() }
    }

    /// What it means to a caller.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Engine(error) => error.kind(),
            Error::Field { .. } => ErrorKind::Invalid,
            Error::TimedOut | Error::Withdrawn => ErrorKind::DeadlineExceeded,
            Error::Stdio(_) => ErrorKind::Unavailable,
        }
    }

    /// The field at fault and the rule it broke, where that is what went wrong.
    pub(crate) fn violation(&self) -> Option<(String, String)> {
        if self.kind() != ErrorKind::Invalid {
            return None;
        }
        // The domain writes its refusals as `field: rule`, too.
        let text = self.to_string();
        text.split_once(": ").map(|(field, rule)| (field.to_owned(), rule.to_owned()))
    }

    /// When to come back, milliseconds, where waiting helps.
    pub(crate) fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Error::Engine(cortexkg_engine::Error::Overloaded { retry_after_ms, .. }) => Some(*retry_after_ms),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cortexkg_engine::request::Store;

    #[test]
    fn refusals_of_the_domain_keep_their_field() {
        let refused = Store::default().check().expect_err("an empty memory");
        let error = Error::from(cortexkg_engine::Error::from(refused));
        assert_eq!(error.violation(), Some(("content".into(), "must not be empty or blank".into())));
    }

    #[test]
    fn only_broken_rules_name_a_field() {
        let closing = Error::from(cortexkg_engine::Error::Journal("segment 3: disk full".into()));
        assert_eq!(closing.violation(), None);
        let busy = Error::from(cortexkg_engine::Error::Overloaded { rows: 9, retry_after_ms: 40 });
        assert_eq!((busy.violation(), busy.retry_after_ms()), (None, Some(40)));
    }
}
