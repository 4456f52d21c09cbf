//! What F&O answers when it cannot do as asked (protocol reference B2, B5).
//!
//! Nearly everything is a 400 whose `error.code` is empty and whose `innererror.message` holds the
//! Infolog: clients classify by that text, so it is worded as the service words it.

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use crate::rows::RowsError;
use crate::schema::Entity;

/// The type names that the service gives for its errors.
const ODATA: &str = "Microsoft.OData.ODataException";
const INVALID_OPERATION: &str = "System.InvalidOperationException";
const WRITE: &str = "Microsoft.Dynamics.Platform.Integration.Services.OData.ODataWriteException";

/// An answer that is not success.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// The request itself does not make sense: 400.
    #[error("{0}")]
    Request(String),
    /// A row was refused by its entity: 400 with an Infolog.
    #[error("{text}")]
    Write {
        /// What the service says before the Infolog.
        verb: &'static str,
        /// The entity's name in the application object tree.
        object: String,
        /// The Infolog: warnings and errors, `;` between them.
        text: String,
    },
    /// No row answers to the key of a write: 400.
    #[error("No resources were found when selecting for update.")]
    NothingToUpdate,
    /// No row answers to the key of a read, or there is no such entity set: 404.
    #[error("{0}")]
    NotFound(String),
    /// No row answers to the key of a read: the status that the settings say.
    #[error("No row of '{collection}' has this key.")]
    NoRow {
        /// Collection name of the entity.
        collection: String,
        /// The status of the answer.
        status: u16,
    },
    /// The row has moved on since the client read it: 412.
    #[error("the row has another version than the request's If-Match")]
    Stale,
    /// There is nothing of this kind here: 405.
    #[error("{0}")]
    Method(String),
    /// The connection is to be cut, by an injected fault.
    #[error("cut")]
    Cut,
    /// The database failed: 500.
    #[error("the rows cannot be read or written")]
    Rows(#[from] RowsError),
}

impl Refused {
    /// A malformed request.
    pub(super) fn request(text: impl Into<String>) -> Self {
        Self::Request(text.into())
    }

    /// A refused write of a row.
    pub(super) fn write(entity: &Entity, text: impl Into<String>) -> Self {
        Self::Write {
            verb: "Write",
            object: object(entity).to_owned(),
            text: text.into(),
        }
    }

    /// A refused deletion of a row.
    pub(super) fn delete(entity: &Entity, text: impl Into<String>) -> Self {
        Self::Write {
            verb: "Delete",
            object: object(entity).to_owned(),
            text: text.into(),
        }
    }

    /// The status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Request(_) | Self::Write { .. } | Self::NothingToUpdate => {
                StatusCode::BAD_REQUEST
            }
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::NoRow { status, .. } => {
                StatusCode::from_u16(*status).unwrap_or(StatusCode::NOT_FOUND)
            }
            Self::Stale => StatusCode::PRECONDITION_FAILED,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Cut => StatusCode::SERVICE_UNAVAILABLE,
            Self::Rows(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The body of the answer.
    pub(super) fn body(&self) -> Value {
        let (message, kind) = match self {
            Self::Write { verb, object, text } => (
                format!("{verb} failed for table row of type '{object}'. Infolog: {text}."),
                WRITE,
            ),
            Self::Request(text) | Self::NotFound(text) | Self::Method(text) => {
                (text.clone(), ODATA)
            }
            Self::NoRow { .. } => (self.to_string(), INVALID_OPERATION),
            Self::NothingToUpdate => (
                "No resources were found when selecting for update.".to_owned(),
                INVALID_OPERATION,
            ),
            Self::Stale => (
                "An update conflict occurred due to another user process deleting the record or \
                 changing one or more fields in the record."
                    .to_owned(),
                INVALID_OPERATION,
            ),
            Self::Cut | Self::Rows(_) => (
                "The sandbox database refused a statement.".to_owned(),
                INVALID_OPERATION,
            ),
        };
        body(&message, kind)
    }

    /// The whole answer.
    pub(super) fn response(&self) -> Response<Bytes> {
        if let Self::Rows(error) = self {
            tracing::error!(%error, source = ?std::error::Error::source(error), "a request failed");
        }
        json_response(self.status(), &self.body())
    }
}

/// The body of an error.
pub(super) fn body(message: &str, kind: &str) -> Value {
    json!({"error": {
        "code": "",
        "message": "An error has occurred.",
        "innererror": {
            "message": message,
            "type": kind,
            "stacktrace":
                "   at Microsoft.Dynamics.Platform.Integration.Services.OData.Sandbox()",
        },
    }})
}

/// An answer with a JSON body.
pub(super) fn json_response(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static(
            "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8",
        ),
    );
    response
}

/// The name that messages give an entity: the one in the application object tree.
pub(super) fn object(entity: &Entity) -> &str {
    if entity.object.is_empty() {
        &entity.name
    } else {
        &entity.object
    }
}
