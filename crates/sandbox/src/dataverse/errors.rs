//! Errors in the shape and with the codes of the Dataverse Web API (protocol reference A13).

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::rows::RowsError;

/// An error that a client sees.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} {message}")]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    /// Seconds for `Retry-After`.
    pub(super) retry_after: Option<u64>,
}

pub(super) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after: None,
        }
    }

    fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// The row with this id does not exist.
    pub(super) fn no_record(table: &str, id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "0x80040217",
            format!("{table} With Id = {id} Does Not Exist"),
        )
    }

    /// No row has these alternate key values.
    pub(super) fn no_record_by_key(table: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "0x80060891",
            format!("A record with the specified key values does not exist in {table} entity"),
        )
    }

    /// The URL names something that is not there.
    pub(super) fn no_segment(segment: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "0x80060888",
            format!("Resource not found for the segment '{segment}'."),
        )
    }

    /// The request is malformed.
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self::bad_request("0x80060888", message)
    }

    /// A column that a query names is not there.
    pub(super) fn no_property(name: &str, table: &str) -> Self {
        Self::malformed(format!(
            "Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table}'."
        ))
    }

    /// The key in the URL names other columns than any key of the table.
    pub(super) fn wrong_key(table: &str) -> Self {
        Self::malformed(format!(
            "The key in the request URI is not valid for resource \
             'Microsoft.Dynamics.CRM.{table}'. Ensure that the names and number of key properties \
             match the declared or alternate key properties for the resource \
             'Microsoft.Dynamics.CRM.{table}'."
        ))
    }

    /// The body of a write does not fit its table.
    pub(super) fn payload(entity_set: &str, detail: impl std::fmt::Display) -> Self {
        Self::bad_request(
            "0x80048d19",
            format!(
                "Error identified in Payload provided by the user for Entity :'{entity_set}', For \
                 more information on this error please follow this help link \
                 https://go.microsoft.com/fwlink/?linkid=2195293  ---->  InnerException : \
                 Microsoft.OData.ODataException: {detail}"
            ),
        )
    }

    /// The body has a property that the table has not.
    pub(super) fn undeclared(entity_set: &str, table: &str, name: &str) -> Self {
        Self::payload(
            entity_set,
            format_args!(
                "The property '{name}' does not exist on type 'Microsoft.Dynamics.CRM.{table}'. \
                 Make sure to only use property names that are defined by the type."
            ),
        )
    }

    /// The body binds a navigation property that the table has not, in this very spelling.
    pub(super) fn undeclared_navigation(entity_set: &str, name: &str) -> Self {
        Self::payload(
            entity_set,
            format_args!(
                "An undeclared property '{name}' which only has property annotations in the \
                 payload but no property value was found in the payload. In OData, only declared \
                 navigation properties and declared named streams can be represented as \
                 properties without values."
            ),
        )
    }

    /// A row with the same primary key exists, or one exists where none should.
    pub(super) fn duplicate() -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "0x80040237",
            "A record with matching key values already exists.",
        )
    }

    /// An alternate key's values exist already.
    pub(super) fn duplicate_key(key: &str, columns: &str) -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "0x80060892",
            format!(
                "Entity Key {key} violated. A record with the same value for {columns} already \
                 exists. A duplicate record cannot be created. Select one or more unique values \
                 and try again."
            ),
        )
    }

    /// `If-Match` names another version than the stored one.
    pub(super) fn version_mismatch() -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "0x80060882",
            "The version of the existing record doesn't match the RowVersion property provided.",
        )
    }

    pub(super) fn too_long(table: &str, column: &str, max: u32) -> Self {
        Self::bad_request(
            "0x80044331",
            format!(
                "A validation error occurred.  The length of the '{column}' attribute of the \
                 '{table}' entity exceeded the maximum allowed length of '{max}'."
            ),
        )
    }

    pub(super) fn integer_range(table: &str, column: &str) -> Self {
        Self::bad_request(
            "0x8004432f",
            format!(
                "A validation error occurred.  The value of '{column}' on record of type \
                 '{table}' is outside the valid range."
            ),
        )
    }

    pub(super) fn decimal_range(table: &str, column: &str) -> Self {
        Self {
            code: "0x80044330",
            ..Self::integer_range(table, column)
        }
    }

    pub(super) fn date_range() -> Self {
        Self::bad_request(
            "0x80040239",
            "DateTime is less than minumum value supported by CrmDateTime. Minimum value \
             supported: 01/01/1753 00:00:00",
        )
    }

    pub(super) fn picklist_range(table: &str, column: &str, accepted: &str) -> Self {
        Self::bad_request(
            "0x8004431A",
            format!(
                "A validation error occurred. The value of '{column}' on record of type '{table}' \
                 is outside the valid range. Accepted Values: {accepted}"
            ),
        )
    }

    pub(super) fn required(table: &str, column: &str) -> Self {
        Self::bad_request(
            "0x80040200",
            format!("Required field '{column}' is missing for the entity '{table}'."),
        )
    }

    pub(super) fn invalid_argument(message: impl Into<String>) -> Self {
        Self::bad_request("0x80040203", message)
    }

    pub(super) fn not_implemented(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "0x80060888", message)
    }

    /// The JSON text of the error.
    pub(super) fn body(&self, annotated: bool) -> Value {
        let mut error = json!({"code": self.code, "message": self.message});
        if annotated && let Some(fields) = error.as_object_mut() {
            let details = "@Microsoft.PowerApps.CDS.ErrorDetails.ApiExceptionHttpStatusCode";
            fields.insert(details.into(), json!(self.status.as_str()));
            fields.insert(
                "@Microsoft.PowerApps.CDS.HelpLink".into(),
                json!(format!(
                    "http://go.microsoft.com/fwlink/?LinkID=398563&error=Microsoft.Crm.CrmException%3a{}",
                    self.code.trim_start_matches("0x")
                )),
            );
            fields.insert("@Microsoft.PowerApps.CDS.TraceText".into(), json!(""));
            fields.insert(
                "@Microsoft.PowerApps.CDS.InnerError.Message".into(),
                json!(self.message),
            );
        }
        json!({"error": error})
    }
}

impl From<RowsError> for ApiError {
    fn from(error: RowsError) -> Self {
        match error {
            RowsError::Duplicate { columns, .. } => Self::duplicate_key(&columns, &columns),
            other => {
                tracing::error!(
                    error = &other as &dyn std::error::Error,
                    "a statement failed"
                );
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "0x80040216",
                    "An unexpected error occurred.",
                )
            }
        }
    }
}
