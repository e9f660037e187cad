//! `builtin/restart`: has the workflow start over later.
//!
//! When is written at the object itself, so that whoever looks after the runs of the cluster finds it (`driver/fleet.rs`).

use super::support::objects::{self, FIELD_MANAGER, Target};
use super::{Answer, Cx, Op, OpError, read};
use crate::model::run::Time;
use futures::future::BoxFuture;
use kube::api::{Patch, PatchParams};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The annotation with the time when the workflow starts over.
pub(crate) const RESTART: &str = "app.oam.dev/restart-workflow";
/// The annotation with the restart that was asked for once, and for which generation of the object: the run that it starts does not ask again.
const ONCE: &str = "app.oam.dev/restart-workflow-once";

pub(super) struct Restart;

#[derive(Deserialize)]
struct Params {
    at: Option<String>,
    after: Option<String>,
    every: Option<String>,
}

impl Op for Restart {
    fn provider(&self) -> &'static str {
        "builtin"
    }

    fn name(&self) -> &'static str {
        "restart"
    }

    fn doc(&self) -> &'static str {
        "Has the workflow start over once it is over: `at` a time (nothing happens where it has passed), once `after` a while, or `every` so often. A controller \
         (`stepwell cluster start`) does it; until then it stands in the annotation `app.oam.dev/restart-workflow`, and deleting that is calling it off. Returns \
         the time as `at`, empty where nothing is to happen any more."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            let (at, once) = match (params.at, params.after, params.every) {
                (Some(at), None, None) => (moment(&at)?, None),
                (None, Some(after), None) => (cx.now.plus(span("after", &after)?), Some(after)),
                (None, None, Some(every)) => (cx.now.plus(span("every", &every)?), None),
                _ => {
                    return Err(OpError::permanent(
                        "one of `at`, `after` and `every` must be given, and no more",
                    ));
                }
            };
            let mut target = Target {
                api_version: cx.owner.api_version.clone(),
                kind: cx.owner.kind.clone(),
                namespace: cx.owner.namespace.clone(),
                name: cx.owner.name.clone(),
            };
            let api = objects::api(cx, &mut target).await?;
            let own = api
                .get(&target.name)
                .await
                .map_err(|e| objects::refused(&format!("read {}", target.words()), e))?;
            let once = once.map(|after| format!("{after}@{}", own.metadata.generation.unwrap_or_default()));
            let there = |name: &str| own.metadata.annotations.as_ref().and_then(|a| a.get(name));
            if at.0 <= cx.now.0 || once.as_ref().is_some_and(|once| there(ONCE) == Some(once)) {
                let waiting = there(RESTART).filter(|_| once.is_some()).cloned().unwrap_or_default();
                return Ok(Answer::one("at", json!(waiting)));
            }
            let text = at.to_string();
            let patch = json!({"metadata": {"annotations": {RESTART: text, ONCE: once}}});
            let options =
                PatchParams { field_manager: Some(FIELD_MANAGER.to_string()), ..PatchParams::default() };
            let done = api.patch(&target.name, &options, &Patch::Merge(&patch)).await;
            done.map_err(|e| objects::refused(&format!("patch {}", target.words()), e))?;
            Ok(Answer::one("at", json!(text)))
        })
    }
}

/// A time as in RFC 3339.
fn moment(text: &str) -> Result<Time, OpError> {
    let wrong =
        |_| OpError::permanent(format!("`at` is `{text}`, and must be a time such as 2030-01-31T08:00:00Z"));
    text.parse::<jiff::Timestamp>().map(|t| Time(t.as_millisecond())).map_err(wrong)
}

/// A number and its unit: `30s`, `5m`, `2h`, `1d`.
fn span(name: &str, text: &str) -> Result<Duration, OpError> {
    let wrong = || {
        OpError::permanent(format!(
            "`{name}` is `{text}`, and must be a number and one of s, m, h and d, such as 30s or 1d"
        ))
    };
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ => return Err(wrong()),
    };
    let number = text.get(..text.len() - 1).and_then(|n| n.parse::<u64>().ok()).ok_or_else(wrong)?;
    // Nobody plans further ahead than a century, and times have an end.
    number
        .checked_mul(unit)
        .filter(|s| *s > 0 && *s < 100 * 366 * 86_400)
        .map(Duration::from_secs)
        .ok_or_else(wrong)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_unit() {
        assert_eq!(span("after", "2h").unwrap(), Duration::from_secs(7200));
        assert_eq!(span("after", "1d").unwrap(), Duration::from_secs(86_400));
        for wrong in ["", "h", "0s", "1w", "1.5h", "-1s", "99999999999999999999d", "99999999d", "1é"] {
            assert!(span("every", wrong).unwrap_err().message.starts_with("`every` is `"), "{wrong}");
        }
    }

    #[test]
    fn times_are_those_of_rfc_3339() {
        assert_eq!(moment("1970-01-01T01:00:01+01:00").unwrap(), Time(1000));
        assert!(!moment("tomorrow").unwrap_err().retry);
    }
}
