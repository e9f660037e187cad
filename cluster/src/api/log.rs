//! The `log` subresource of pods. No containers run here, so what a pod has written is what its annotation `sim.stepwell.dev/log` says; without one, nothing.
//! One that is followed goes on as the annotation grows, until the pod has ended. Tests: `tests/simulation.rs`.

use super::{Api, Call, text_answer};
use crate::error::{ApiError, ApiResult};
use crate::store::{Key, parse};
use axum::body::Body;
use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::Value;
use std::convert::Infallible;
use tokio::sync::watch::Receiver;

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
        let whole = written(&pod);
        let mut text = whole;
        if let Some(lines) = call.query.number("tailLines")? {
            let count = text.lines().count();
            let skip = count.saturating_sub(usize::try_from(lines).unwrap_or(usize::MAX));
            let start: usize = text.split_inclusive('\n').take(skip).map(str::len).sum();
            text = &text[start..];
        }
        let limit =
            call.query.number("limitBytes")?.map_or(usize::MAX, |l| usize::try_from(l).unwrap_or(usize::MAX));
        let text = upto(text, limit);
        if !call.query.flag("follow") {
            return Ok(text_answer(StatusCode::OK, text.to_owned()));
        }
        let follower = Follower {
            api: self.clone(),
            key: call.key(),
            // Before the pod is read again, so that no change is missed.
            moved: self.store.version(),
            written: whole.len(),
            left: limit - text.len(),
            first: Some(text.to_owned()),
            over: false,
        };
        let chunks = futures::stream::unfold(follower, |mut follower| async move {
            let chunk = follower.next().await?;
            Some((Ok::<_, Infallible>(Bytes::from(chunk)), follower))
        });
        let mut answer = text_answer(StatusCode::OK, "");
        *answer.body_mut() = Body::from_stream(chunks);
        Ok(answer)
    }
}

/// What a pod has written.
fn written(pod: &Value) -> &str {
    pod["metadata"]["annotations"].get(LOG).and_then(Value::as_str).unwrap_or_default()
}

/// The beginning of a text, of at most so many bytes.
fn upto(text: &str, limit: usize) -> &str {
    let mut end = text.len().min(limit);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Somebody who follows a log.
struct Follower {
    api: Api,
    key: Key,
    moved: Receiver<u64>,
    /// How much of the log is sent, or left out at its beginning.
    written: usize,
    /// How many bytes may still be sent.
    left: usize,
    /// What is sent at once.
    first: Option<String>,
    over: bool,
}

impl Follower {
    /// What was written since; nothing at the end.
    async fn next(&mut self) -> Option<String> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        while !self.over && self.left > 0 {
            self.moved.borrow_and_update();
            let pod = self.api.store.get(&self.key).ok().flatten().and_then(|bytes| parse(&bytes).ok())?;
            self.over = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
            let more = written(&pod).get(self.written..).unwrap_or_default();
            if !more.is_empty() {
                let more = upto(more, self.left);
                self.written += more.len();
                self.left -= more.len();
                return Some(more.to_owned());
            }
            if !self.over {
                self.moved.changed().await.ok()?;
            }
        }
        None
    }
}
