//! The `log` subresource of pods. No containers run here, so what a pod has written is what its annotation `sim.stepwell.dev/log` says; without one, nothing.
//! Tests: `tests/simulation.rs`.

use super::{Api, Call, text_answer};
use crate::error::{ApiError, ApiResult};
use crate::store::parse;
use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::Value;

/// The annotation with the log.
const LOG: &str = "sim.stepwell.dev/log";

impl Api {
    pub(super) async fn log(&self, call: Call) -> ApiResult<Response<Body>> {
        let Some(bytes) = self.store.get(&call.key())? else {
            return Err(ApiError::not_found(&call.resource, call.name()));
        };
        let pod = parse(&bytes)?;
        let containers: Vec<&str> = pod["spec"]["containers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|c| c["name"].as_str())
            .collect();
        let container = match (call.query.get("container").filter(|c| !c.is_empty()), containers.as_slice()) {
            (Some(asked), all) if all.contains(&asked) => asked,
            (Some(asked), _) => {
                let message = format!("container {asked} is not valid for pod {}", call.name());
                return Err(ApiError::bad_request(message));
            }
            (None, [only]) => only,
            (None, all) => {
                let (name, all) = (call.name(), all.join(" "));
                let message =
                    format!("a container name must be specified for pod {name}, choose one of: [{all}]");
                return Err(ApiError::bad_request(message));
            }
        };
        if matches!(pod["status"]["phase"].as_str(), None | Some("Pending")) {
            let message = format!(
                "container \"{container}\" in pod \"{}\" is waiting to start: ContainerCreating",
                call.name()
            );
            return Err(ApiError::bad_request(message));
        }
        let annotations = &pod["metadata"]["annotations"];
        let mut text = annotations.get(LOG).and_then(Value::as_str).unwrap_or_default();
        if let Some(lines) = call.query.number("tailLines")? {
            let count = text.lines().count();
            let skip = count.saturating_sub(usize::try_from(lines).unwrap_or(usize::MAX));
            let start: usize = text.split_inclusive('\n').take(skip).map(str::len).sum();
            text = &text[start..];
        }
        if let Some(limit) = call.query.number("limitBytes")? {
            let mut end = text.len().min(usize::try_from(limit).unwrap_or(usize::MAX));
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text = &text[..end];
        }
        Ok(text_answer(StatusCode::OK, text.to_owned()))
    }
}
