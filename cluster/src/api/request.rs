//! Reading a request: which resource, which object, which options. Nothing here decides anything.
//! Tests: at the end of this file.

use std::collections::HashMap;

use crate::error::{ApiError, ApiResult, FieldError};

/// Where a path points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/api`, `/apis`, `/version`, `/healthz`, ...: answered from tables.
    Fixed(String),
    /// A group version's list of resources.
    GroupVersion { group: String, version: String },
    /// One group of `/apis`.
    Group(String),
    /// A resource: `/apis/G/V[/namespaces/NS]/RESOURCE[/NAME[/SUBRESOURCE]]`.
    Resource(ResourcePath),
}

/// The parts of a resource's path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ResourcePath {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) namespace: Option<String>,
    pub(crate) plural: String,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
}

/// Takes a path apart.
pub(crate) fn route(path: &str) -> Route {
    let parts: Vec<String> = path
        .split('/')
        .filter(|part| !part.is_empty())
        .map(|part| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect();
    let fixed = || Route::Fixed(format!("/{}", parts.join("/")));
    let (group, version, rest) = match parts.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["api", version, rest @ ..] => (String::new(), (*version).to_owned(), rest.len()),
        ["apis", group] => return Route::Group((*group).to_owned()),
        ["apis", group, version, rest @ ..] => ((*group).to_owned(), (*version).to_owned(), rest.len()),
        _ => return fixed(),
    };
    let mut rest = parts[parts.len() - rest..].to_vec();
    if rest.is_empty() {
        return Route::GroupVersion { group, version };
    }
    let mut path = ResourcePath { group, version, ..ResourcePath::default() };
    // `namespaces/NS/status` and `namespaces/NS/finalize` are subresources of the namespace itself.
    let of_namespace = rest.len() == 3 && (rest[2] == "status" || rest[2] == "finalize");
    if rest[0] == "namespaces" && rest.len() > 2 && !of_namespace {
        path.namespace = Some(rest[1].clone());
        rest.drain(..2);
    }
    let mut rest = rest.into_iter();
    path.plural = rest.next().unwrap_or_default();
    path.name = rest.next();
    let subresource: Vec<String> = rest.collect();
    if !subresource.is_empty() {
        path.subresource = Some(subresource.join("/"));
    }
    Route::Resource(path)
}

/// The options of a request: its query string.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(HashMap<String, String>);

impl Query {
    pub(crate) fn parse(query: Option<&str>) -> Self {
        Query(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// The value, where there is one that is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Takes options given in the body of a DELETE as if they stood in the query.
    pub(crate) fn default_to(&mut self, name: &str, value: &str) {
        self.0.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.0.get(name).map(String::as_str), Some("" | "true" | "1" | "True" | "TRUE" | "t" | "T"))
    }

    pub(crate) fn number(&self, name: &str) -> ApiResult<Option<u64>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        text.parse()
            .map(Some)
            .map_err(|_| ApiError::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax")))
    }

    /// Refuses what the options of a list may not be.
    pub(crate) fn check_list(&self) -> ApiResult<()> {
        if let Err(error) = self.resource_version() {
            return Err(ApiError::bad_request(format!("invalid resource version: {}", error.message)));
        }
        if self.get("resourceVersionMatch").is_some() && self.get("resourceVersion").is_none() {
            let error = FieldError::forbidden(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden unless resourceVersion is provided",
            );
            return Err(ApiError::invalid_options("ListOptions", &error));
        }
        Ok(())
    }

    /// `resourceVersion`; `None` for unset and 0, which both mean "any".
    pub(crate) fn resource_version(&self) -> ApiResult<Option<u64>> {
        let Some(text) = self.get("resourceVersion") else { return Ok(None) };
        let version: u64 = text.parse().map_err(|_| {
            let why = format!("strconv.ParseUint: parsing {text:?}: invalid syntax");
            ApiError::new(500, "", format!("resourceVersion: Invalid value: {text:?}: {why}"))
        })?;
        Ok(Some(version).filter(|version| *version != 0))
    }
}

/// How an answer is to be written, from the Accept header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Object,
    Table,
    Metadata,
}

/// Reads Accept; an error when only formats are asked for that are not spoken here.
pub(crate) fn format(accept: Option<&str>) -> ApiResult<Format> {
    let Some(accept) = accept else { return Ok(Format::Object) };
    for choice in accept.split(',') {
        let mut parts = choice.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        if !matches!(media, "application/json" | "*/*" | "application/*" | "" | "application/yaml") {
            continue;
        }
        let shape = parts.find_map(|part| part.strip_prefix("as="));
        match shape {
            None => return Ok(Format::Object),
            Some("Table") => return Ok(Format::Table),
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") => return Ok(Format::Metadata),
            Some(_) => {}
        }
    }
    let mut error = ApiError::new(
        406,
        "NotAcceptable",
        "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, \
         application/vnd.kubernetes.protobuf, application/json;stream=watch, \
         application/vnd.kubernetes.protobuf;stream=watch",
    );
    error.details = Some(Box::new(serde_json::json!({})));
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(path: &str) -> ResourcePath {
        match route(path) {
            Route::Resource(path) => path,
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn paths_are_taken_apart() {
        let path = resource("/apis/apps/v1/namespaces/prod/deployments/web/status");
        assert_eq!((path.group.as_str(), path.plural.as_str()), ("apps", "deployments"));
        assert_eq!(path.namespace.as_deref(), Some("prod"));
        assert_eq!((path.name.as_deref(), path.subresource.as_deref()), (Some("web"), Some("status")));

        let path = resource("/api/v1/namespaces/prod");
        assert_eq!(
            (path.plural.as_str(), path.name.as_deref(), path.namespace),
            ("namespaces", Some("prod"), None)
        );
        let path = resource("/api/v1/namespaces/prod/status");
        assert_eq!((path.plural.as_str(), path.subresource.as_deref()), ("namespaces", Some("status")));
        let path = resource("/api/v1/namespaces/prod/pods");
        assert_eq!((path.plural.as_str(), path.name), ("pods", None));
        let path = resource("/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode");
        assert_eq!(path.name.as_deref(), Some("system:node"));

        assert_eq!(route("/apis/"), Route::Fixed("/apis".into()));
        assert_eq!(route("/apis/apps"), Route::Group("apps".into()));
        assert_eq!(route("/api/v1"), Route::GroupVersion { group: String::new(), version: "v1".into() });
    }

    #[test]
    fn accept_chooses_the_format() {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        assert_eq!(format(Some(table)).unwrap(), Format::Table);
        assert_eq!(format(Some("application/vnd.kubernetes.protobuf, */*")).unwrap(), Format::Object);
        assert_eq!(format(Some("text/html")).unwrap_err().code, 406);
    }
}
