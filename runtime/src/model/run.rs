//! The record of a run as users and their tools read it: the status of a WorkflowRun, or `status.workflow` of an Application.
//!
//! Field for field KubeVela's, so that its command line and dashboards work. What only the engine needs is in `engine::Book`.

use crate::model::workflow::Modes;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A moment: milliseconds since 1970. In a status it is shown in whole seconds, as Kubernetes does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Time(pub i64);

impl Time {
    /// The moment `d` later.
    pub fn plus(self, d: Duration) -> Time {
        Time(self.0.saturating_add(i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long it is until `later`; nothing if that has passed.
    pub fn until(self, later: Time) -> Duration {
        Duration::from_millis(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_second(self.0.div_euclid(1000)) {
            Ok(t) => t.fmt(f),
            Err(_) => f.write_str("0001-01-01T00:00:00Z"),
        }
    }
}

mod seconds {
    use super::Time;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(t: &Option<Time>, s: S) -> Result<S::Ok, S::Error> {
        match t {
            Some(t) => s.collect_str(t),
            None => s.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Time>, D::Error> {
        let Some(text) = Option::<String>::deserialize(d)? else { return Ok(None) };
        let at: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Some(Time(at.as_millisecond())))
    }
}

/// Where a run as a whole stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunPhase {
    /// Nothing has been done yet.
    #[default]
    Initializing,
    /// Steps are running or waiting.
    Executing,
    /// Waits to be resumed.
    Suspending,
    /// All is done and well.
    Succeeded,
    /// All is done, a step failed.
    Failed,
    /// Ended on request.
    Terminated,
    /// Did not have to run.
    Skipped,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepPhase {
    /// Waits for an input or for another step.
    Pending,
    /// Is being carried out, or waits for the world.
    Running,
    /// Waits to be resumed.
    Suspending,
    /// Done and well.
    Succeeded,
    /// Failed; it is tried again if the reason is `Execute`.
    Failed,
    /// Did not have to run.
    Skipped,
}

/// Why a step is in its phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// It waits for the world.
    Wait,
    /// Its condition, or a failure before it, made it unnecessary.
    Skip,
    /// It waits to be resumed.
    Suspend,
    /// It was ended on request.
    Terminate,
    /// An op ended it for good.
    Action,
    /// An attempt failed; another one follows.
    Execute,
    /// Its template does not evaluate.
    Rendering,
    /// Its parameters do not fit.
    ProcessParameter,
    /// An input could not be set.
    Input,
    /// An output could not be evaluated.
    Output,
    /// It took longer than its `timeout`.
    Timeout,
    /// It failed in every attempt.
    FailedAfterRetries,
}

/// The status of a step or sub-step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepStatus {
    /// Ten letters and digits that stay the same over attempts.
    #[serde(default)]
    pub id: String,
    /// The step's name.
    #[serde(default)]
    pub name: String,
    /// The step's type.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// Where it stands.
    pub phase: StepPhase,
    /// What there is to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// When it was first tried.
    #[serde(default, with = "seconds", skip_serializing_if = "Option::is_none")]
    pub first_execute_time: Option<Time>,
    /// When its state last changed.
    #[serde(default, with = "seconds", skip_serializing_if = "Option::is_none")]
    pub last_execute_time: Option<Time>,
    /// The sub-steps of a group, in the order in which they were first tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sub_steps: Vec<StepStatus>,
}

impl StepStatus {
    /// Whether nothing will happen to the step any more.
    pub fn finished(&self) -> bool {
        match self.phase {
            StepPhase::Succeeded | StepPhase::Skipped => true,
            StepPhase::Failed => !matches!(self.reason, None | Some(Reason::Execute)),
            _ => false,
        }
    }

    /// The same without its sub-steps.
    pub fn alone(&self) -> StepStatus {
        StepStatus {
            id: self.id.clone(),
            name: self.name.clone(),
            kind: self.kind.clone(),
            phase: self.phase,
            message: self.message.clone(),
            reason: self.reason,
            first_execute_time: self.first_execute_time,
            last_execute_time: self.last_execute_time,
            sub_steps: Vec::new(),
        }
    }
}

/// A reference to an object, as Kubernetes writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContextBackend {
    /// Its API version.
    #[serde(default)]
    pub api_version: String,
    /// Its kind.
    #[serde(default)]
    pub kind: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its namespace.
    #[serde(default)]
    pub namespace: String,
    /// Its uid.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Which of the engine's own notes the status has taken in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub resource_version: String,
}

/// The status of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunStatus {
    /// The order of steps and sub-steps.
    #[serde(default)]
    pub mode: Modes,
    /// Where the run stands.
    #[serde(default, rename = "status")]
    pub phase: RunPhase,
    /// What there is to say about the run as a whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Whether something waits to be resumed.
    #[serde(default)]
    pub suspend: bool,
    /// Kept as others wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend_state: Option<String>,
    /// Whether the run ended otherwise than well.
    #[serde(default)]
    pub terminated: bool,
    /// Whether the run is over.
    #[serde(default)]
    pub finished: bool,
    /// Where outputs and the engine's own notes are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_backend: Option<ContextBackend>,
    /// The steps, in the order in which they were first tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepStatus>,
    /// When the run began.
    #[serde(default, with = "seconds", skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When it was over.
    #[serde(default, with = "seconds", skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Time>,
}

impl RunStatus {
    /// All steps and sub-steps, each group before its own.
    pub fn all(&self) -> impl Iterator<Item = &StepStatus> {
        self.steps.iter().flat_map(|s| std::iter::once(s).chain(&s.sub_steps))
    }

    /// The step or sub-step of this name.
    pub fn step(&self, name: &str) -> Option<&StepStatus> {
        self.all().find(|s| s.name == name)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_as_it_was_written() {
        let text = r#"{"mode":{"steps":"StepByStep","subSteps":"DAG"},"status":"suspending","suspend":true,"terminated":false,"finished":false,"steps":[{"id":"a","name":"s","type":"suspend","phase":"suspending","reason":"Suspend","firstExecuteTime":"2026-11-21T09:38:08Z"}],"startTime":"2026-11-21T09:38:08Z"}"#;
        let status: RunStatus = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&status).unwrap(), text);
        assert_eq!(status.start_time, Some(Time(1795253888000)));
    }

    #[test]
    fn finished_is_what_is_not_tried_again() {
        let step = |phase, reason| StepStatus {
            id: String::new(),
            name: String::new(),
            kind: String::new(),
            phase,
            message: String::new(),
            reason,
            first_execute_time: None,
            last_execute_time: None,
            sub_steps: Vec::new(),
        };
        assert!(step(StepPhase::Succeeded, None).finished());
        assert!(step(StepPhase::Failed, Some(Reason::Action)).finished());
        assert!(!step(StepPhase::Failed, Some(Reason::Execute)).finished());
        assert!(!step(StepPhase::Suspending, Some(Reason::Suspend)).finished());
    }
}
