//! What is rolled out by a run of an Application: its revision, and the record of its objects. When the run has succeeded the revision is kept, and what it no
//! longer has is collected; when the Application is deleted, all that it has goes with it.
//!
//! Both come before the end of the run is saved, and both may be repeated: whoever is killed in between does them again. The number of a revision is that of
//! the latest and one, so it is the same however often the run is taken up. Why it is so: `docs/decisions/revisions.md`.

use super::environments::bound_to;
use super::record::{Record, RunKind, RunRef, cluster};
use super::subject::spec_print;
use super::types::{Types, named};
use super::{DriveError, Driver, told};
use crate::document::Document;
use crate::model::application::Application;
use crate::model::run::RunPhase;
use crate::model::workflow::{Step, Workflow};
use crate::ops::OpError;
use crate::resources::{App, FINALIZER, Keep, Policies, Tracking};
use crate::revisions::{self, CODE_COMMIT, KEPT, PUBLISH_VERSION, Rendered, Revision, Revisions, Summary};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The annotation of an Application that goes back to a revision: its number, and what tells the `spec` with which it does.
pub(super) const ROLLBACK: &str = "rollback.stepwell.dev/to";

/// Annotations that are said to this program and mean nothing to what is delivered.
const OURS: [&str; 7] = [
    ROLLBACK,
    super::record::PENDING,
    super::asked::PREFIX,
    crate::ops::builtin_restart::RESTART,
    crate::ops::oam_component_write::WRITTEN,
    crate::template::ANNOTATION,
    "kubectl.kubernetes.io/last-applied-configuration",
];

/// What `status.latestRevision` of the Application becomes, if a run has changed it.
pub(super) type Settled = Option<Value>;

/// What a run rolls out.
pub(super) struct Rollout {
    /// The revision, without its objects.
    revision: Revision,
    /// The record of its objects.
    pub(super) tracking: Arc<Tracking>,
}

/// A cluster's answer to something that is done for a run.
pub(super) fn refused(e: OpError) -> DriveError {
    match e.retry {
        true => DriveError::Cluster(e.message),
        false => DriveError::Refused(e.message),
    }
}

/// The revision that an Application goes back to, while its `spec` is the one that it went back with.
pub(super) fn going_back(object: &Value) -> Option<u64> {
    let text = object.get("metadata")?.get("annotations")?.get(ROLLBACK)?.as_str()?;
    let (number, spec) = text.split_once('@')?;
    if spec != spec_print(object) {
        return None;
    }
    number.parse().ok()
}

/// The workflow of an Application that goes back to a revision.
pub(super) fn back(number: u64) -> Workflow {
    let step = Step {
        name: "rollback".into(),
        kind: "rollback".into(),
        properties: Map::from_iter([("to".to_string(), json!(number))]),
        ..Step::default()
    };
    Workflow { steps: vec![step], ..Workflow::default() }
}

/// The Application without what is said to this program.
pub(super) fn without_ours(app: &mut Application) {
    app.annotations.retain(|key, _| !OURS.iter().any(|ours| key.starts_with(ours)));
}

/// The Application as it is kept: what was asked for, and nothing of how it fares.
fn kept(object: &Value, app: &Application) -> Value {
    let mut metadata = json!({"name": app.name, "namespace": app.namespace_or_default()});
    for (key, texts) in [("labels", &app.labels), ("annotations", &app.annotations)] {
        if !texts.is_empty() {
            metadata[key] = json!(texts);
        }
    }
    json!({"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": metadata,
        "spec": object.get("spec").cloned().unwrap_or_default()})
}

/// The definitions that an Application uses, as objects; types that are not there are told elsewhere.
fn definitions(app: &Application, workflow: &Workflow, types: &Types) -> Vec<Value> {
    let names = named(app);
    let known = names.iter().filter_map(|(kind, name)| types.library().get(*kind, name));
    let mut all: Vec<Value> = known.map(|d| d.to_object()).collect();
    let steps: BTreeSet<&str> = workflow.all().map(|s| s.kind.as_str()).collect();
    all.extend(steps.into_iter().filter_map(|s| types.get(s)).map(|d| d.to_object()));
    all
}

/// The components, each after those that it depends on; those in a circle last.
fn order(app: &Application) -> Vec<String> {
    let mut order: Vec<String> = Vec::new();
    let known = |name: &String| app.components.iter().any(|c| c.name == *name);
    loop {
        let next: Vec<String> = app
            .components
            .iter()
            .filter(|c| !order.contains(&c.name))
            .filter(|c| c.depends_on.iter().all(|d| order.contains(d) || !known(d)))
            .map(|c| c.name.clone())
            .collect();
        if next.is_empty() {
            let rest = app.components.iter().map(|c| c.name.clone()).filter(|n| !order.contains(n));
            let rest: Vec<String> = rest.collect();
            order.extend(rest);
            return order;
        }
        order.extend(next);
    }
}

impl Rollout {
    /// The name and the number of the revision.
    pub(super) fn name(&self) -> (&str, u64) {
        (&self.revision.summary.name, self.revision.summary.number)
    }
}

impl Driver {
    pub(super) fn revisions_of(&self, reference: &RunRef) -> Revisions {
        let app = App { name: reference.name.clone(), namespace: reference.namespace.clone() };
        Revisions::of(self.client.clone(), self.kinds.clone(), app)
    }

    /// What a run of an Application rolls out. `object` is the Application on the cluster, `app` what it says.
    pub(super) async fn rollout(
        &self,
        reference: &RunRef,
        object: &Value,
        app: &Application,
        workflow: &Workflow,
        (types, policies): (&Types, Policies),
    ) -> Result<Rollout, DriveError> {
        let revisions = self.revisions_of(reference);
        let known = revisions.list().await.map_err(refused)?;
        let latest = known.last();
        let text =
            |key: &str| app.annotations.get(key).and_then(Value::as_str).unwrap_or_default().to_string();
        let mut revision = match going_back(object) {
            Some(to) => {
                let target = revisions.get(to).await.map_err(refused)?;
                let summary =
                    Summary { rolled_back_to: target.summary.name.clone(), ..target.summary.clone() };
                Revision { summary, rendered: Vec::new(), ..target }
            }
            None => {
                // Kept as it is written; what its environments make of it counts as well.
                let application = kept(object, app);
                let asked = kept(&app.document.value, app);
                let definitions = definitions(app, workflow, types);
                let summary = Summary {
                    hash: revisions::content(&asked, bound_to(app), &definitions),
                    publish_version: text(PUBLISH_VERSION),
                    code_commit: text(CODE_COMMIT),
                    environment: bound_to(app).to_string(),
                    ..Summary::default()
                };
                Revision { summary, application, definitions, ..Revision::default() }
            }
        };
        let number = match latest {
            Some(latest) if latest.hash == revision.summary.hash => latest.number,
            other => other.map_or(0, |l| l.number) + 1,
        };
        revision.succeeded = true;
        revision.summary.number = number;
        revision.summary.name = revisions::name(&reference.name, number);
        let at = (self.client.clone(), self.kinds.clone());
        let mut object = object.clone();
        object["metadata"]["namespace"] = json!(reference.namespace);
        let name = revision.summary.name.clone();
        let tracking = Arc::new(Tracking::new(at, &object, name, policies, order(app)));
        Ok(Rollout { revision, tracking })
    }

    /// Keeps the revision of a run that has succeeded, and collects what it no longer has; of one that has failed, only that if its policy says so. What
    /// cannot be collected is told by an Event, and looked for again when the next run has succeeded.
    pub(super) async fn settle(
        &self,
        rollout: &Rollout,
        record: &Record,
        phase: RunPhase,
        run: &str,
    ) -> Result<Settled, DriveError> {
        let policies = &rollout.tracking.policies.garbage;
        let good = phase == RunPhase::Succeeded;
        if !good && !policies.continue_on_failure {
            return Ok(None);
        }
        let mut latest = None;
        if good {
            let entries = rollout.tracking.applied(run).await.map_err(refused)?;
            let secret: Vec<_> = entries.iter().filter(|e| e.sealed).map(|e| e.key.clone()).collect();
            let mut unsealed = rollout.tracking.unsealed(&secret).await.map_err(refused)?;
            let rendered = entries.into_iter().filter_map(|e| {
                let manifest = match e.sealed {
                    true => unsealed.remove(&e.key)?,
                    false => (*e.manifest?).clone(),
                };
                Some(Rendered { manifest, secret: e.sealed })
            });
            let revision = Revision { rendered: rendered.collect(), ..rollout.revision.clone() };
            let limit = policies.application_revision_limit.and_then(|l| usize::try_from(l).ok());
            let mut owner = record.owner_reference();
            owner["controller"] = json!(true);
            let revisions = self.revisions_of(&record.reference);
            match revisions.keep(&revision, &owner, limit.unwrap_or(KEPT)).await {
                Ok(kept) => {
                    let s = kept.latest;
                    latest = Some(json!({"name": s.name, "revision": s.number, "revisionHash": s.hash}));
                }
                Err(e) if e.retry => return Err(refused(e)),
                // What the cluster does not allow keeps no run from its end.
                Err(e) => {
                    let message = format!("{}: it cannot be rolled back to", e.message);
                    tracing::warn!(run = %record.reference, "{message}");
                    told::event(&self.client, &record.owner(), "Warning", "Revision", &message);
                }
            }
        }
        let collected = rollout.tracking.collect(&Keep::Run(run.to_string())).await;
        let failed = match collected {
            Ok(collected) => {
                for words in &collected.deleted {
                    tracing::info!(run = %record.reference, "{words} is no longer part of it and was deleted");
                }
                collected.failed
            }
            Err(e) => vec![e.message],
        };
        if !failed.is_empty() {
            let message = format!("not all that is no longer wanted could be deleted: {}", failed.join("; "));
            tracing::warn!(run = %record.reference, "{message}");
            told::event(&self.client, &record.owner(), "Warning", "GarbageCollection", &message);
        }
        Ok(latest)
    }

    /// Deletes all that an Application that is being deleted has applied, and lets it go.
    pub(super) async fn clean_up(&self, record: &Record) -> Result<(), DriveError> {
        let reference = &record.reference;
        let object = serde_json::to_value(&record.object).unwrap_or_default();
        let app = Application::read(Document::from_value(object.clone())).ok();
        // What can no longer be read says nothing against deleting.
        let policies = app.as_ref().and_then(|a| Policies::read(&self.library, a).ok()).unwrap_or_default();
        let order = app.as_ref().map(order).unwrap_or_default();
        let at = (self.client.clone(), self.kinds.clone());
        let tracking = Tracking::new(at, &object, String::new(), policies, order);
        let collected = tracking.collect(&Keep::Nothing).await.map_err(refused)?;
        if !collected.failed.is_empty() {
            let why = collected.failed.join("; ");
            let message = format!("{reference} is being deleted, but not all that it has can be: {why}");
            told::event(&self.client, &record.owner(), "Warning", "GarbageCollection", &message);
            return Err(DriveError::Refused(message));
        }
        let api = self.objects(reference).await?;
        for _ in 0..10 {
            let live = match api.get(&reference.name).await {
                Ok(live) => live,
                Err(kube::Error::Api(s)) if s.code == 404 => return Ok(()),
                Err(e) => return Err(cluster(reference, "read", e)),
            };
            let left: Vec<&String> = live.finalizers().iter().filter(|f| *f != FINALIZER).collect();
            let patch = json!({"metadata": {"finalizers": left, "resourceVersion": live.resource_version()}});
            match api.patch_metadata(&reference.name, &PatchParams::default(), &Patch::Merge(&patch)).await {
                Ok(_) => return Ok(()),
                Err(kube::Error::Api(s)) if s.code == 404 => return Ok(()),
                Err(kube::Error::Api(s)) if s.code == 409 => {}
                Err(e) => return Err(cluster(reference, "let go of", e)),
            }
        }
        Err(DriveError::Cluster(format!("{reference} is written by others all the time")))
    }

    /// Deletes an Application with all that it has applied, or a run. Where somebody else drives it, they do; this comes back when it is gone.
    ///
    /// # Errors
    /// One that is not there, what cannot be deleted, and a cluster that refuses.
    pub async fn delete(&self, reference: &RunRef) -> Result<(), DriveError> {
        let api = self.objects(reference).await?;
        match api.delete(&reference.name, &Default::default()).await {
            Ok(_) => {}
            Err(kube::Error::Api(s)) if s.code == 404 => return Err(DriveError::NotFound(reference.clone())),
            Err(e) => return Err(cluster(reference, "delete", e)),
        }
        loop {
            match self.drive(reference.clone(), super::Until::Suspended).wait().await {
                Err(DriveError::NotFound(_)) => return Ok(()),
                Err(DriveError::Busy(..)) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
                Err(e) => return Err(e),
                // Somebody else's finalizer holds it.
                Ok(_) => {
                    let message =
                        format!("{reference} is marked as deleted, and held by a finalizer of others");
                    return Err(DriveError::Refused(message));
                }
            }
        }
    }

    /// The revisions of an Application, the oldest first.
    ///
    /// # Errors
    /// An Application that is not there, a run that is none, and as [`Driver::status`].
    pub async fn revisions(&self, reference: &RunRef) -> Result<Vec<Summary>, DriveError> {
        self.has_revisions(reference).await?;
        self.revisions_of(reference).list().await.map_err(refused)
    }

    /// One revision of an Application, with what is secret in it.
    ///
    /// # Errors
    /// One that does not exist, told with those that do, and as [`Driver::revisions`].
    pub async fn revision(&self, reference: &RunRef, number: u64) -> Result<Revision, DriveError> {
        self.has_revisions(reference).await?;
        self.revisions_of(reference).get_whole(number).await.map_err(refused)
    }

    /// Starts a run over that is over, unless what its object asks for has changed: then it starts by itself.
    async fn run_again(&self, reference: &RunRef) -> Result<(), DriveError> {
        let (record, state) = Record::load(&self.client, &self.kinds, reference).await?;
        let object = serde_json::to_value(&record.object).unwrap_or_default();
        if state.status.finished && state.book.spec == super::subject::fingerprint(&object) {
            self.operate(reference, crate::engine::Event::Restart { from: None }).await?;
        }
        Ok(())
    }

    async fn has_revisions(&self, reference: &RunRef) -> Result<Record, DriveError> {
        if reference.kind == RunKind::WorkflowRun {
            return Err(DriveError::Refused(format!("{reference} has no revisions: only Applications have")));
        }
        Ok(Record::load(&self.client, &self.kinds, reference).await?.0)
    }

    /// Puts an Application back to a revision, without a number to the last that succeeded before what it is now: its document becomes that of the revision,
    /// and its next run puts the objects of the revision back. Gives the revision.
    ///
    /// # Errors
    /// A revision that does not exist, told with those that do; and as [`Driver::revisions`].
    pub async fn rollback(&self, reference: &RunRef, to: Option<u64>) -> Result<Revision, DriveError> {
        let record = self.has_revisions(reference).await?;
        let revisions = self.revisions_of(reference);
        let number = match to {
            Some(number) => number,
            None => self.before(&record, &revisions).await?,
        };
        let target = revisions.get_whole(number).await.map_err(refused)?;
        let api = self.objects(reference).await?;
        let options = PostParams { field_manager: Some("stepwell".into()), ..PostParams::default() };
        for _ in 0..20 {
            let mut object = api.get(&reference.name).await.map_err(|e| cluster(reference, "read", e))?;
            object.data["spec"] = target.application.get("spec").cloned().unwrap_or_default();
            let spec = spec_print(&object.data);
            let mut annotations = texts(&target.application, "annotations");
            // What others have asked of the run stays asked.
            annotations.extend(object.annotations().iter().filter(|(k, _)| is_ours(k)).map(own));
            annotations.insert(ROLLBACK.into(), format!("{number}@{spec}"));
            object.metadata.annotations = Some(annotations);
            object.metadata.labels = Some(texts(&target.application, "labels"));
            match api.replace(&reference.name, &options, &object).await {
                Ok(_) => {
                    // A run that is over, with the very spec that it goes back to, has nothing to notice.
                    self.run_again(reference).await?;
                    return Ok(target);
                }
                Err(kube::Error::Api(s)) if s.code == 409 => {}
                Err(e) => return Err(cluster(reference, "roll back", e)),
            }
        }
        Err(DriveError::Cluster(format!("{reference} is written by others all the time: try again")))
    }

    /// The last revision that succeeded before what the Application is now.
    async fn before(&self, record: &Record, revisions: &Revisions) -> Result<u64, DriveError> {
        let reference = &record.reference;
        let known = revisions.list().await.map_err(refused)?;
        let Some(latest) = known.last() else {
            return Err(DriveError::Refused(format!(
                "there is nothing to roll {reference} back to: no run of it has succeeded"
            )));
        };
        let now = self.now_at(record).await;
        match known.iter().rev().find(|r| now.is_none_or(|n| r.number < n)) {
            Some(found) => Ok(found.number),
            None => Err(DriveError::Refused(format!(
                "there is nothing to roll {reference} back to: it is at {}, its only revision",
                latest.name
            ))),
        }
    }

    /// The number of the revision that the Application is, or would become; nothing where it cannot be told since it is wrong.
    async fn now_at(&self, record: &Record) -> Option<u64> {
        let object = serde_json::to_value(&record.object).unwrap_or_default();
        let delivery = super::Delivery::read(&Document::from_value(object)).ok()??;
        let kept = self.kept_types(&record.reference).await.ok()?;
        match self.subject(&record.reference, delivery, &kept, false).await.ok()? {
            super::subject::Found::Subject(subject) => subject.rollout.as_ref().map(|r| r.name().1),
            _ => None,
        }
    }
}

fn is_ours(key: &str) -> bool {
    OURS.iter().any(|ours| key.starts_with(ours))
}

fn own((key, text): (&String, &String)) -> (String, String) {
    (key.clone(), text.clone())
}

/// The labels or annotations of a document.
fn texts(document: &Value, of: &str) -> std::collections::BTreeMap<String, String> {
    let all = document.get("metadata").and_then(|m| m.get(of)).and_then(Value::as_object);
    let one = |(k, v): (&String, &Value)| Some((k.clone(), v.as_str()?.to_string()));
    all.into_iter().flatten().filter_map(one).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn app(components: &str) -> Application {
        let text = format!(
            "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: a, annotations: {{mine: '1', rollback.stepwell.dev/to: x, asked.workflowrun.oam.dev/1: resume}}}}\nspec: {{components: [{components}]}}\n"
        );
        Application::from_text("a.yaml", &text).unwrap()
    }

    #[test]
    fn components_come_after_those_that_they_depend_on() {
        let of = |text: &str| order(&app(text)).join(" ");
        assert_eq!(
            of(
                "{name: web, type: t, dependsOn: [api]}, {name: api, type: t, dependsOn: [db, elsewhere]}, {name: db, type: t}"
            ),
            "db api web"
        );
        assert_eq!(
            of("{name: a, type: t, dependsOn: [b]}, {name: b, type: t, dependsOn: [a]}, {name: c, type: t}"),
            "c a b"
        );
    }

    #[test]
    fn the_way_back_holds_for_the_content_it_was_asked_with() {
        let mut object = json!({"metadata": {"annotations": {}}, "spec": {"components": [1]}});
        assert_eq!(going_back(&object), None);
        object["metadata"]["annotations"][ROLLBACK] = json!(format!("7@{}", spec_print(&object)));
        assert_eq!(going_back(&object), Some(7));
        object["spec"]["components"] = json!([2]);
        assert_eq!(going_back(&object), None);
        for text in ["", "7", "@", "x@y"] {
            object["metadata"]["annotations"][ROLLBACK] = json!(text);
            assert_eq!(going_back(&object), None, "{text}");
        }
    }

    #[test]
    fn what_is_said_to_this_program_goes_no_further() {
        let mut app = app("");
        without_ours(&mut app);
        assert_eq!(app.annotations.keys().collect::<Vec<_>>(), ["mine"]);
    }
}
