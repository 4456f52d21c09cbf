//! The body of a failed request.

use serde_json::{Map, Value};

use super::{PayloadError, object};

/// `{"error":{"code":"…","message":"…"}}` and what may hang on it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ErrorBody {
    /// The service's code; often empty in F&O.
    pub code: String,
    /// The message for people.
    pub message: String,
    /// What the error is about, such as a property.
    pub target: Option<String>,
    /// Several faults of one request.
    pub details: Vec<ErrorDetail>,
    /// What the service's own exception said.
    pub inner: Option<InnerError>,
    /// Members of other names, annotations included, as written.
    pub other: Map<String, Value>,
}

/// One fault among several.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorDetail {
    /// The service's code.
    pub code: String,
    /// The message for people.
    pub message: String,
    /// What it is about.
    pub target: Option<String>,
}

/// The `innererror` of Microsoft's services; F&O tells the true cause here (reference B5).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InnerError {
    /// What the exception said.
    pub message: String,
    /// The exception's type.
    pub type_name: Option<String>,
    /// Where it was thrown.
    pub stack_trace: Option<String>,
    /// The exception inside the exception.
    pub inner: Option<Box<InnerError>>,
}

/// Exceptions inside exceptions are read so deep; what lies below is dropped.
const MAX_INNER: usize = 16;

impl ErrorBody {
    /// An error with a code and a message.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            ..Self::default()
        }
    }

    /// Adds what the service's own exception said.
    #[must_use]
    pub fn with_inner(mut self, inner: InnerError) -> Self {
        self.inner = Some(inner);
        self
    }

    /// Reads an error from a body.
    ///
    /// ```
    /// use duet_odata::payload::ErrorBody;
    ///
    /// let error = ErrorBody::parse(
    ///     br#"{"error":{"code":"","message":"An error has occurred.",
    ///          "innererror":{"message":"Write failed."}}}"#,
    /// )?;
    /// assert_eq!(error.best_message(), "Write failed.");
    /// # Ok::<(), duet_odata::payload::PayloadError>(())
    /// ```
    pub fn parse(body: &[u8]) -> Result<Self, PayloadError> {
        let mut members = object(body)?;
        let inside = members
            .shift_remove("error")
            .or_else(|| members.shift_remove("odata.error"));
        let Some(Value::Object(mut error)) = inside else {
            return Err(PayloadError::Shape {
                what: "has no object `error`",
            });
        };
        let details = match error.shift_remove("details") {
            Some(Value::Array(details)) => details.into_iter().filter_map(detail).collect(),
            _ => Vec::new(),
        };
        let inner = error
            .shift_remove("innererror")
            .and_then(|value| inner_error(value, 0));
        Ok(Self {
            code: take(&mut error, "code").unwrap_or_default(),
            message: message(&mut error),
            target: take(&mut error, "target"),
            details,
            inner,
            other: error,
        })
    }

    /// The message that tells most: the innermost one that is not empty.
    pub fn best_message(&self) -> &str {
        let mut best = self.message.as_str();
        let mut next = self.inner.as_ref();
        while let Some(inner) = next {
            if !inner.message.is_empty() {
                best = &inner.message;
            }
            next = inner.inner.as_deref();
        }
        best
    }

    /// The JSON object, `error` and all.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut error = Map::new();
        error.insert("code".to_owned(), self.code.clone().into());
        error.insert("message".to_owned(), self.message.clone().into());
        if let Some(target) = &self.target {
            error.insert("target".to_owned(), target.clone().into());
        }
        if !self.details.is_empty() {
            let details = self
                .details
                .iter()
                .map(ErrorDetail::to_json)
                .map(Value::Object);
            error.insert("details".to_owned(), Value::Array(details.collect()));
        }
        if let Some(inner) = &self.inner {
            error.insert("innererror".to_owned(), Value::Object(inner.to_json()));
        }
        error.extend(self.other.clone());
        let mut members = Map::new();
        members.insert("error".to_owned(), Value::Object(error));
        members
    }
}

impl ErrorDetail {
    fn to_json(&self) -> Map<String, Value> {
        let mut members = Map::new();
        members.insert("code".to_owned(), self.code.clone().into());
        members.insert("message".to_owned(), self.message.clone().into());
        if let Some(target) = &self.target {
            members.insert("target".to_owned(), target.clone().into());
        }
        members
    }
}

impl InnerError {
    fn to_json(&self) -> Map<String, Value> {
        let mut members = Map::new();
        members.insert("message".to_owned(), self.message.clone().into());
        if let Some(name) = &self.type_name {
            members.insert("type".to_owned(), name.clone().into());
        }
        if let Some(trace) = &self.stack_trace {
            members.insert("stacktrace".to_owned(), trace.clone().into());
        }
        if let Some(inner) = &self.inner {
            members.insert(
                "internalexception".to_owned(),
                Value::Object(inner.to_json()),
            );
        }
        members
    }
}

fn take(members: &mut Map<String, Value>, name: &str) -> Option<String> {
    match members.shift_remove(name)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The message, also in the older form `{"lang":"en","value":"…"}`.
fn message(members: &mut Map<String, Value>) -> String {
    match members.shift_remove("message") {
        Some(Value::String(text)) => text,
        Some(Value::Object(mut inside)) => take(&mut inside, "value").unwrap_or_default(),
        _ => String::new(),
    }
}

fn detail(value: Value) -> Option<ErrorDetail> {
    let Value::Object(mut members) = value else {
        return None;
    };
    Some(ErrorDetail {
        code: take(&mut members, "code").unwrap_or_default(),
        message: message(&mut members),
        target: take(&mut members, "target"),
    })
}

fn inner_error(value: Value, depth: usize) -> Option<InnerError> {
    let Value::Object(mut members) = value else {
        return None;
    };
    if depth >= MAX_INNER {
        return None;
    }
    let inner = members
        .shift_remove("internalexception")
        .or_else(|| members.shift_remove("innererror"))
        .and_then(|value| inner_error(value, depth + 1));
    Some(InnerError {
        message: message(&mut members),
        type_name: take(&mut members, "type"),
        stack_trace: take(&mut members, "stacktrace"),
        inner: inner.map(Box::new),
    })
}
