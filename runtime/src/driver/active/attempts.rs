//! Attempts of steps: begun when the engine says so, each in a task of its own that sends its result to the loop; and the watches of steps that wait.

use super::{Active, Attempt, Message};
use crate::driver::record::Record;
use crate::driver::shadow::Replay;
use crate::driver::step::{self, Wanted, Work};
use crate::driver::subject::Subject;
use crate::driver::types::{self, Types};
use crate::driver::{DriveError, Driver, watch};
use crate::engine::{Event, Outcome, State, StepBook, StepResult, Watched};
use crate::model::definition::Kind;
use crate::model::run::Reason;
use crate::ops::support::secret::Again;
use crate::ops::{Cx, Vars};
use serde_json::Map;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

impl Active {
    pub(super) fn unwatch(&mut self, step: &str) {
        if let Some(task) = self.watches.remove(step) {
            task.abort();
        }
    }

    pub(super) fn watch(&mut self, step: String, watches: Vec<Watched>) {
        self.unwatch(&step);
        if watches.is_empty() {
            return;
        }
        let (client, kinds, messages) =
            (self.driver.client.clone(), self.driver.kinds.clone(), self.messages.clone());
        let id = step.clone();
        let task = tokio::spawn(async move {
            watch::any_changed(&client, &kinds, &watches).await;
            let _ = messages.send(Message::Event(Event::Changed { step: id })).await;
        });
        self.watches.insert(step, task.abort_handle());
    }

    /// Begins an attempt, unless it is under way, or what was taken in since has made it pointless.
    pub(super) fn execute(&mut self, id: &str, attempt: u32) {
        let Some((name, kind, book)) = self.wanted(id, attempt) else { return };
        if self.attempts.get(id).is_some_and(|a| a.number == attempt) {
            return;
        }
        self.unwatch(id);
        let hold = self.driver.clock.hold();
        let task = match self.subject.types.get(&kind).is_some() {
            true => self.spawn(&name, id, attempt, book),
            false => self.look_for(kind, id, attempt),
        };
        self.attempts.insert(id.to_string(), Attempt { number: attempt, task, _hold: hold });
    }

    /// Name, type and notes of the step whose attempt this is, if it is still to be made.
    pub(super) fn wanted(&self, id: &str, attempt: u32) -> Option<(String, String, StepBook)> {
        let status = self.state.status.all().find(|s| s.id == id && !s.finished())?;
        let book = self.state.book.steps.get(id).cloned().unwrap_or_default();
        (book.in_flight && book.attempt == attempt).then(|| (status.name.clone(), status.kind.clone(), book))
    }

    fn spawn(&self, name: &str, id: &str, attempt: u32, book: StepBook) -> AbortHandle {
        let attempted = match self.work(name, id, attempt, book) {
            Ok(work) => tokio::spawn(step::attempt(work)),
            Err(outcome) => {
                tokio::spawn(async move { Some(StepResult { outcome, message: None, outputs: Vec::new() }) })
            }
        };
        let task = attempted.abort_handle();
        let (messages, step) = (self.messages.clone(), id.to_string());
        tokio::spawn(async move {
            let result = match attempted.await {
                Ok(Some(result)) => result,
                Err(e) if e.is_panic() => {
                    let message = "the evaluation of the step broke down".to_string();
                    let outcome = Outcome::Failed { reason: Reason::Rendering, message, retry: false };
                    StepResult { outcome, message: None, outputs: Vec::new() }
                }
                _ => return,
            };
            let _ = messages.send(Message::Event(Event::Done { step, attempt, result })).await;
        });
        task
    }

    /// Looks for a step type that was not there.
    fn look_for(&self, kind: String, id: &str, attempt: u32) -> AbortHandle {
        let (driver, messages, step) = (self.driver.clone(), self.messages.clone(), id.to_string());
        let namespace = self.record.reference.namespace.clone();
        let look = tokio::spawn(async move {
            let none = Types::of_library(driver.library.clone());
            let found = driver
                .types(&namespace, &[(Kind::WorkflowStep, kind)].into(), &none)
                .await
                .map_err(|e| e.to_string());
            let _ = messages.send(Message::Types { step, attempt, found }).await;
        });
        look.abort_handle()
    }

    /// Makes the attempt whose step type was looked for, or waits for the type.
    pub(super) async fn types(
        &mut self,
        id: &str,
        attempt: u32,
        found: Result<Types, String>,
    ) -> Result<(), DriveError> {
        let Some((name, kind, book)) = self.wanted(id, attempt) else { return Ok(()) };
        let outcome = match found {
            Ok(types) if types.get(&kind).is_some() => {
                self.subject.types.absorb(types);
                self.keep_types().await?;
                let task = self.spawn(&name, id, attempt, book);
                if let Some(known) = self.attempts.get_mut(id) {
                    known.task = task;
                }
                return Ok(());
            }
            Ok(_) => Outcome::Waiting {
                message: format!("waits for the step type `{kind}`, which is not there yet"),
                watches: types::watches(&self.record.reference.namespace, &kind),
                within: None,
            },
            Err(message) => Outcome::Failed { reason: Reason::Execute, message, retry: true },
        };
        let result = StepResult { outcome, message: None, outputs: Vec::new() };
        let _ = self.event(Event::Done { step: id.to_string(), attempt, result });
        Ok(())
    }

    fn work(&self, name: &str, id: &str, attempt: u32, book: StepBook) -> Result<Work, Outcome> {
        let failed = |reason, message| Outcome::Failed { reason, message, retry: false };
        let plan = &self.subject.plan;
        let missing = || failed(Reason::Rendering, format!("the workflow has no step `{name}` any more"));
        let node = plan.find(name).ok_or_else(missing)?;
        let step = &plan.nodes[node].step;
        let unknown = || failed(Reason::Rendering, self.subject.types.unknown(&step.kind).to_string());
        let definition = self.subject.types.get(&step.kind).cloned().ok_or_else(unknown)?;
        let inputs = plan.inputs(&self.state, node).map_err(|e| failed(Reason::Input, e.to_string()))?;
        let cx = step_work(&self.driver, &self.subject, &self.record, &self.state, name, id, attempt);
        let (messages, step_id) = (self.messages.clone(), id.to_string());
        let record = Box::new(move |wanted: Wanted| {
            let (messages, step) = (messages.clone(), step_id.clone());
            let future = async move {
                let (given, (saved, done)) = match wanted {
                    Wanted::Now(given) => (given, Some(oneshot::channel()).unzip()),
                    Wanted::Soon(given) => (Some(given), (None, None)),
                };
                messages.send(Message::Record { step, attempt, given, saved }).await.map_err(|_| ())?;
                match done {
                    Some(done) => done.await.map_err(|_| ()),
                    None => Ok(()),
                }
            };
            Box::pin(future) as futures::future::BoxFuture<'static, Result<(), ()>>
        });
        Ok(Work {
            definition,
            step: step.clone(),
            inputs,
            context: plan.context_of(&self.state, node),
            cx,
            room: self.room.taken_by(&book.journal),
            journal: book.journal,
            resumed: book.suspension.map(|s| s.resumed).unwrap_or_default(),
            record,
            library: self.subject.types.library().clone(),
            observer: self.driver.observer.clone(),
            attempt,
        })
    }
}

/// What the ops of a step are given.
pub(in crate::driver) fn step_work(
    driver: &Driver,
    subject: &Subject,
    record: &Record,
    state: &State,
    name: &str,
    id: &str,
    attempt: u32,
) -> Cx {
    let owner = record.owner();
    // Only few step types look at what others have put out, and it may be much.
    let kind = subject.plan.find(name).map(|n| subject.plan.nodes[n].step.kind.as_str());
    let definition = kind.and_then(|k| subject.types.get(k));
    let reads =
        definition.is_some_and(|d| subject.types.library().compiled(d).is_ok_and(|c| c.vars > Vars::None));
    let names = state.vars.keys().filter(|_| reads);
    let vars: BTreeMap<_, _> = names.filter_map(|n| Some((n.clone(), state.given(n)?))).collect();
    // Nothing was made of secrets, nothing has to be made again.
    let marked = !state.marks.is_empty() || state.book.steps.values().any(|b| !b.journal.is_empty());
    let again = marked.then(|| Arc::new(Replay::new(&subject.types)) as Arc<dyn Again>);
    let context = match reads {
        true => subject.plan.find(name).map(|n| subject.plan.context_of(state, n)).unwrap_or_default(),
        false => Map::new(),
    };
    Cx {
        context,
        client: driver.client.clone(),
        kinds: driver.kinds.clone(),
        http: driver.http.clone(),
        local: driver.local,
        components: subject.components.clone(),
        tracking: subject.rollout.as_ref().map(|r| r.tracking.clone()),
        run: state.run_id(),
        vars,
        step: name.to_string(),
        session: id.to_string(),
        op: String::new(),
        identity: format!("{}/{id}/{attempt}", owner.uid),
        secrets: Mutex::default(),
        noted: Mutex::default(),
        again,
        now: driver.clock.now(),
        resumed: false,
        watches: step::watches(),
        within: Mutex::default(),
        owner,
    }
}
