//! What an administrator is told when something cannot be done. Nobody parses these as exceptions of the service, so they
//! are plain: a status, a message, and where in a document the message belongs, if anywhere.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use store::StoreError;

use super::body;
use crate::error::ServerFault;

/// Why a request is not served.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("the administration key is missing or wrong: send it as `Authorization: Bearer KEY`")]
    Unauthenticated,
    #[error("too many wrong keys from this address; try again in a second")]
    TooManyAttempts,
    #[error(
        "the administration is not for pages of a browser; the server's own may ask about tokens only"
    )]
    Browser,
    #[error(
        "with the key that everybody knows, the administration is at localhost or an IP address only; set admin.key for other names"
    )]
    Host,
    #[error("there is no such path under /_downstage/")]
    NoRoute,
    #[error("the path does not take this method")]
    Method,
    #[error("the query is not one that this path takes")]
    Query,
    #[error("the request body is longer than {} bytes", body::BYTES_MAX)]
    BodyTooLarge,
    #[error("the request body could not be read")]
    BodyBroken,
    #[error("request bodies with a content encoding are not accepted")]
    BodyEncoded,
    #[error("the request body must be {{\"token\": \"…\"}}")]
    NoToken,
    #[error("the history is longer than {max} bytes; read it through the API")]
    HistoryTooLarge {
        /// The most that is printed.
        max: usize,
    },
    #[error("{message}")]
    Document {
        /// Where, such as `stages[2].name`; empty for the document as a whole.
        at: String,
        /// What does not hold there. It repeats no value, which may be a secret.
        message: String,
    },
    #[error(transparent)]
    Server(#[from] ServerFault),
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Server(error.into())
    }
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::TooManyAttempts => StatusCode::TOO_MANY_REQUESTS,
            Self::Browser | Self::Host => StatusCode::FORBIDDEN,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge | Self::HistoryTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyEncoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Query | Self::BodyBroken | Self::NoToken | Self::Document { .. } => {
                StatusCode::BAD_REQUEST
            }
            Self::Server(fault) => StatusCode::from_u16(fault.reply().status())
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// Where in a document it belongs.
    pub(super) fn place(&self) -> Option<&str> {
        if let Self::Document { at, .. } = self
            && !at.is_empty()
        {
            return Some(at);
        }
        None
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if let Self::Server(fault) = &self {
            let source = std::error::Error::source(fault).map(tracing::field::display);
            tracing::warn!(source, "{fault}");
        }
        let body = match self.place() {
            Some(at) => json!({ "message": self.to_string(), "at": at }),
            None => json!({ "message": self.to_string() }),
        };
        let mut response = super::json(self.status(), format!("{body}\n"));
        let header = match self.status() {
            StatusCode::UNAUTHORIZED => (header::WWW_AUTHENTICATE, "Bearer"),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                (header::RETRY_AFTER, "1")
            }
            _ => return response,
        };
        let value = HeaderValue::from_static(header.1);
        response.headers_mut().insert(header.0, value);
        response
    }
}
