//! What is said about an input that breaks a constraint, and what all operations' errors have in common.

use crate::error::ErrorShape;

/// An input that the service does not accept. The caller has to change it.
///
/// The text names the member and the bound and never repeats a value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The path of the member, such as `participantTokenConfigurations.1.member.duration`; list items count from 1. Empty if the
    /// body as a whole is at fault.
    pub at: String,
    /// What does not hold.
    pub message: String,
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { at, message } = self;
        if at.is_empty() {
            return f.write_str(message);
        }
        write!(
            f,
            "1 validation error detected: Value at '{at}' failed to satisfy constraint: {message}"
        )
    }
}

impl std::error::Error for Invalid {}

/// An error that an operation declares.
pub trait OperationError {
    /// The shape in the model.
    fn shape(&self) -> ErrorShape;

    /// What the caller is told, as `exceptionMessage`.
    fn message(&self) -> &str;

    /// The name on the wire, such as `ValidationException`.
    fn name(&self) -> &'static str {
        self.shape().name()
    }

    /// The HTTP status.
    fn status(&self) -> u16 {
        self.shape().status()
    }
}
