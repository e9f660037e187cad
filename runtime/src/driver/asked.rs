//! What was asked of a run while somebody drove it: an annotation at its object for each request, written at once and taken away by whoever has done it.
//!
//! So a request is recorded in one write, and is carried out whatever happens to the process that made it. People may write one as well:
//! `kubectl annotate workflowrun NAME asked.workflowrun.oam.dev/1="restart build"`.

use super::record::{Record, RunRef, cluster};
use super::{DriveError, Driver};
use crate::engine::Event;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Map, Value, json};

/// What the annotations of requests begin with; the rest is the request's id.
pub(super) const PREFIX: &str = "asked.workflowrun.oam.dev/";

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) id: String,
    /// As it is written.
    pub(super) text: String,
    pub(super) event: Event,
}

/// The requests at an object, by name. What cannot be understood is passed over.
pub(super) fn of(object: &DynamicObject) -> Vec<Asked> {
    let read = |(key, text): (&String, &String)| {
        let id = key.strip_prefix(PREFIX)?.to_string();
        Some(Asked { id, text: text.clone(), event: event(text)? })
    };
    object.annotations().iter().filter_map(read).collect()
}

fn event(text: &str) -> Option<Event> {
    let (what, step) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let step = Some(step.trim().to_string()).filter(|s| !s.is_empty());
    match what {
        "resume" => Some(Event::Resume { step }),
        "restart" => Some(Event::Restart { from: step }),
        "suspend" => Some(Event::Suspend),
        "terminate" => Some(Event::Terminate),
        "cancel" => Some(Event::Cancel),
        _ => None,
    }
}

fn text(event: &Event) -> Option<String> {
    let with = |what: &str, step: &Option<String>| match step {
        Some(step) => format!("{what} {step}"),
        None => what.to_string(),
    };
    match event {
        Event::Resume { step } => Some(with("resume", step)),
        Event::Restart { from } => Some(with("restart", from)),
        Event::Suspend => Some("suspend".into()),
        Event::Terminate => Some("terminate".into()),
        Event::Cancel => Some("cancel".into()),
        _ => None,
    }
}

impl Driver {
    /// Records a request, and gives its id.
    pub(super) async fn ask(&self, reference: &RunRef, event: &Event) -> Result<String, DriveError> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let patch = json!({"metadata": {"annotations": {format!("{PREFIX}{id}"): text(event)}}});
        let api = self.objects(reference).await?;
        let asked = api.patch(&reference.name, &PatchParams::default(), &Patch::Merge(&patch)).await;
        asked.map_err(|e| cluster(reference, "ask something of", e))?;
        Ok(id)
    }
}

impl Record {
    /// Takes away requests that were carried out.
    pub(super) async fn forget_asked(&mut self, done: &[Asked]) -> Result<(), DriveError> {
        if done.is_empty() {
            return Ok(());
        }
        let gone: Map<String, Value> =
            done.iter().map(|a| (format!("{PREFIX}{}", a.id), Value::Null)).collect();
        let patch = json!({"metadata": {"annotations": gone}});
        let api: &Api<DynamicObject> = self.api();
        let patched = api.patch(&self.reference.name, &PatchParams::default(), &Patch::Merge(&patch)).await;
        self.object = patched.map_err(|e| cluster(&self.reference, "answer", e))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_they_are_written() {
        for event_ in [
            Event::Resume { step: None },
            Event::Resume { step: Some("a".into()) },
            Event::Restart { from: None },
            Event::Restart { from: Some("b".into()) },
            Event::Suspend,
            Event::Terminate,
            Event::Cancel,
        ] {
            assert_eq!(text(&event_).as_deref().and_then(event), Some(event_));
        }
        assert_eq!(event("resum"), None);
    }
}
