//! What the API answers when it refuses: an [`ApiError`] becomes a `Status` object with the code, reason, wording and
//! details that users of kubectl know. [`FieldError`] is one cause of a 422; its text follows the API conventions.
//! Tests: at the end of this file, and every integration test that reads a message.

use serde_json::{Map, Value, json};

use crate::kinds::Resource;

/// A refusal, with what is needed to write its `Status`.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ApiError {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) details: Option<Box<Value>>,
}

/// The outcome of anything a request does.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        ApiError { code, reason, message: message.into(), details: None }
    }

    fn about(mut self, resource: &Resource, name: &str) -> Self {
        let mut details = Map::new();
        if !name.is_empty() {
            details.insert("name".into(), name.into());
        }
        if !resource.group.is_empty() {
            details.insert("group".into(), resource.group.clone().into());
        }
        details.insert("kind".into(), resource.plural.clone().into());
        self.details = Some(Box::new(Value::Object(details)));
        self
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn internal(message: impl std::fmt::Display) -> Self {
        Self::new(500, "InternalError", format!("Internal error occurred: {message}"))
    }

    pub(crate) fn not_found(resource: &Resource, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", resource.qualified()))
            .about(resource, name)
    }

    pub(crate) fn already_exists(resource: &Resource, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} \"{name}\" already exists", resource.qualified()))
            .about(resource, name)
    }

    pub(crate) fn forbidden(resource: &Resource, name: &str, why: impl std::fmt::Display) -> Self {
        Self::new(403, "Forbidden", format!("{} \"{name}\" is forbidden: {why}", resource.qualified()))
            .about(resource, name)
    }

    pub(crate) fn conflict(resource: &Resource, name: &str, why: impl std::fmt::Display) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", resource.qualified());
        Self::new(409, "Conflict", message).about(resource, name)
    }

    /// A conflict that names the kind rather than the resource, as preconditions of a DELETE do.
    pub(crate) fn conflict_of_kind(resource: &Resource, name: &str, why: impl std::fmt::Display) -> Self {
        let kind = match resource.group.as_str() {
            "" => resource.kind.clone(),
            group => format!("{}.{group}", resource.kind),
        };
        let message = format!("Operation cannot be fulfilled on {kind} \"{name}\": {why}");
        let mut error = Self::new(409, "Conflict", message).about(resource, name);
        if let Some(details) = error.details.as_deref_mut() {
            details["kind"] = resource.kind.clone().into();
        }
        error
    }

    pub(crate) fn modified(resource: &Resource, name: &str) -> Self {
        let why =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, why)
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        let mut error = Self::new(405, "MethodNotAllowed", message);
        error.details = Some(Box::new(json!({})));
        error
    }

    pub(crate) fn unsupported_media(accepted: &[&str]) -> Self {
        let accepted = accepted.join(", ");
        Self::new(
            415,
            "UnsupportedMediaType",
            format!(
                "the body of the request was in an unknown format - accepted media types include: {accepted}"
            ),
        )
    }

    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(413, "RequestEntityTooLarge", format!("Request entity too large: limit is {limit}"))
    }

    /// A 422 that names the resource rather than the kind, as the generic parts of a real server do.
    pub(crate) fn invalid_resource(resource: &Resource, name: &str, error: &FieldError) -> Self {
        let message = format!("{} \"{name}\" is invalid: {error}", resource.qualified());
        let mut out = Self::new(422, "Invalid", message).about(resource, name);
        if let Some(details) = out.details.as_deref_mut() {
            let cause =
                json!({"reason": error.fault.reason(), "message": error.body(), "field": error.field});
            details["causes"] = json!([cause]);
        }
        out
    }

    /// A 422 about the options of a request (`PatchOptions` and the like).
    pub(crate) fn invalid_options(options: &str, error: &FieldError) -> Self {
        let message = format!("{options}.meta.k8s.io \"\" is invalid: {error}");
        let cause = json!({"reason": error.fault.reason(), "message": error.body(), "field": error.field});
        let mut out = Self::new(422, "Invalid", message);
        out.details = Some(Box::new(json!({"group": "meta.k8s.io", "kind": options, "causes": [cause]})));
        out
    }

    /// What a real server says of a resource it does not have in a group that it has.
    pub(crate) fn no_such_resource() -> Self {
        let mut error = Self::new(404, "NotFound", "the server could not find the requested resource");
        error.details = Some(Box::new(json!({})));
        error
    }

    /// A 422 with one cause per fault. `errors` must not be empty.
    pub(crate) fn invalid(resource: &Resource, name: &str, errors: Vec<FieldError>) -> Self {
        let what = if resource.group.is_empty() {
            resource.kind.clone()
        } else {
            format!("{}.{}", resource.kind, resource.group)
        };
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let list = if texts.len() == 1 { texts[0].clone() } else { format!("[{}]", texts.join(", ")) };
        let causes: Vec<Value> = errors
            .iter()
            .map(|e| json!({"reason": e.fault.reason(), "message": e.body(), "field": e.field}))
            .collect();
        let mut error =
            Self::new(422, "Invalid", format!("{what} \"{name}\" is invalid: {list}")).about(resource, name);
        if let Some(details) = error.details.as_deref_mut().and_then(Value::as_object_mut) {
            details.insert("kind".into(), resource.kind.clone().into());
            details.insert("causes".into(), causes.into());
        }
        error
    }

    /// The `Status` object of this refusal.
    pub(crate) fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message,
        });
        if !self.reason.is_empty() {
            status["reason"] = self.reason.into();
        }
        if let Some(details) = &self.details {
            status["details"] = (**details).clone();
        }
        status["code"] = self.code.into();
        status
    }
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    Required(String),
    Invalid(Value, String),
    TypeInvalid(Value, String),
    NotSupported(Value, Vec<String>),
    Forbidden(String),
    Duplicate(Value),
    TooLong(usize),
    TooMany(usize, usize),
    NotFound(Value),
}

impl Fault {
    fn reason(&self) -> &'static str {
        match self {
            Fault::Required(_) => "FieldValueRequired",
            Fault::Invalid(..) => "FieldValueInvalid",
            Fault::TypeInvalid(..) => "FieldValueTypeInvalid",
            Fault::NotSupported(..) => "FieldValueNotSupported",
            Fault::Forbidden(_) => "FieldValueForbidden",
            Fault::Duplicate(_) => "FieldValueDuplicate",
            Fault::TooLong(_) => "FieldValueTooLong",
            Fault::TooMany(..) => "FieldValueTooMany",
            Fault::NotFound(_) => "FieldValueNotFound",
        }
    }
}

/// One fault of one field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FieldError {
    pub(crate) field: String,
    pub(crate) fault: Fault,
}

impl FieldError {
    pub(crate) fn required(field: impl Into<String>, detail: impl Into<String>) -> Self {
        FieldError { field: field.into(), fault: Fault::Required(detail.into()) }
    }
    pub(crate) fn invalid(
        field: impl Into<String>,
        value: impl Into<Value>,
        detail: impl Into<String>,
    ) -> Self {
        FieldError { field: field.into(), fault: Fault::Invalid(value.into(), detail.into()) }
    }
    pub(crate) fn forbidden(field: impl Into<String>, detail: impl Into<String>) -> Self {
        FieldError { field: field.into(), fault: Fault::Forbidden(detail.into()) }
    }
    pub(crate) fn not_supported(field: impl Into<String>, value: impl Into<Value>, allowed: &[&str]) -> Self {
        let allowed = allowed.iter().map(|s| format!("{s:?}")).collect();
        FieldError { field: field.into(), fault: Fault::NotSupported(value.into(), allowed) }
    }
    pub(crate) fn duplicate(field: impl Into<String>, value: impl Into<Value>) -> Self {
        FieldError { field: field.into(), fault: Fault::Duplicate(value.into()) }
    }

    /// The text without the field's name, as a `Status` cause has it.
    pub(crate) fn body(&self) -> String {
        let with = |head: String, detail: &str| {
            if detail.is_empty() { head } else { format!("{head}: {detail}") }
        };
        match &self.fault {
            Fault::Required(detail) => with("Required value".into(), detail),
            Fault::Invalid(value, detail) | Fault::TypeInvalid(value, detail) => {
                with(format!("Invalid value: {value}"), detail)
            }
            Fault::NotSupported(value, allowed) => {
                format!("Unsupported value: {value}: supported values: {}", allowed.join(", "))
            }
            Fault::Forbidden(detail) => with("Forbidden".into(), detail),
            Fault::Duplicate(value) => format!("Duplicate value: {value}"),
            Fault::TooLong(limit) => format!("Too long: may not be more than {limit} bytes"),
            Fault::NotFound(value) => format!("Not found: {value}"),
            Fault::TooMany(count, limit) => format!("Too many: {count}: must have at most {limit} items"),
        }
    }
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.body())
    }
}
