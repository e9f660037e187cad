//! What the loop saves and tells, and what it learns from what others write to the record.

use super::{Active, Message, SAVE_TRIES, find};
use crate::driver::asked;
use crate::driver::record::Saved;
use crate::driver::subject::Found;
use crate::driver::types::Types;
use crate::driver::{DriveError, Progress, told};
use crate::engine::{Event, Touched, changes};
use crate::model::run::StepStatus;
use futures::TryStreamExt;
use kube::api::{Api, DynamicObject, WatchEvent, WatchParams};
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;

impl Active {
    /// Saves what is unsaved, and publishes the status if that is asked for or due. If others have written in between, what they ask for is taken in.
    pub(super) async fn flush(&mut self, publish: bool) -> Result<(), DriveError> {
        let mut tries = 0;
        while self.unsaved.is_some() || self.record.due().is_some_and(|at| publish || at <= Instant::now()) {
            // A run that only waits is shown as it waits.
            let publish = publish || self.attempts.is_empty();
            let now = self.driver.clock.now();
            if let Some(components) = &self.subject.components {
                self.record.services = components.services();
            }
            let saved = match self.settle().await {
                Ok(()) => self.record.save(&mut self.state, &self.touched, publish, now).await,
                Err(e) => Err(e),
            };
            let end = match saved {
                Ok(Saved::Done) => {
                    self.own.insert(self.record.version());
                    self.unsaved = None;
                    let touched = std::mem::take(&mut self.touched);
                    self.show(&touched);
                    return Ok(());
                }
                Ok(Saved::Crossed) => self.take_in().await.err(),
                Err(e) => Some(e),
            };
            tries += 1;
            match end {
                Some(DriveError::Cluster(why)) if tries < SAVE_TRIES => {
                    tracing::warn!(run = %self.record.reference, "{why}; trying again");
                    tokio::time::sleep(Duration::from_millis(100 << tries.min(6))).await;
                }
                None if tries < SAVE_TRIES => {}
                Some(e) => return Err(e),
                None => {
                    let what = format!("{} is written by others all the time", self.record.reference);
                    return Err(DriveError::Cluster(what));
                }
            }
        }
        Ok(())
    }

    /// Does what comes with the end of a run, before that is saved.
    async fn settle(&mut self) -> Result<(), DriveError> {
        let status = &self.state.status;
        if !status.finished {
            self.settled = false;
        } else if !self.settled {
            if let Some(rollout) = &self.subject.rollout {
                let run = self.state.run_id();
                let latest = self.driver.settle(rollout, &self.record, status.phase, &run).await?;
                self.record.latest_revision = latest.or(self.record.latest_revision.take());
            }
            self.settled = true;
        }
        Ok(())
    }

    /// Notes that something is other than it was, beside what the engine tells.
    pub(super) fn touch(&mut self, touched: Touched) {
        self.touched.add(touched);
        self.unsaved.get_or_insert_with(Instant::now);
    }

    /// Reads the record again and applies what others have asked for by writing it.
    async fn take_in(&mut self) -> Result<(), DriveError> {
        let ours = self.record.published().clone();
        let theirs = self.record.look().await?;
        if self.record.is_deleted() {
            return Err(DriveError::NotFound(self.record.reference.clone()));
        }
        for event in changes(&ours, &theirs) {
            if let Err(refused) = self.event(event) {
                tracing::debug!(run = %self.record.reference, "{refused}");
            }
        }
        Ok(())
    }

    /// Somebody has written the record; if it was not this loop, what they ask for is done.
    pub(super) async fn written(&mut self, version: &str) -> Result<(), DriveError> {
        if self.own.remove(version) || self.record.version() == version {
            return Ok(());
        }
        self.take_in().await?;
        if !self.respecified() {
            self.answer().await?;
            return self.flush(false).await;
        }
        let held = self.make_of_template().await?;
        self.begin_anew(held).await
    }

    /// Begins anew with what the object asks for now, or does not, for what keeps it from that.
    async fn begin_anew(&mut self, held: Option<Found>) -> Result<(), DriveError> {
        let fresh = Types::of_library(self.driver.library.clone());
        let found = match held {
            Some(held) => held,
            None => find(&self.driver, &self.record, &fresh).await?,
        };
        match found {
            Found::Subject(subject) => self.start(*subject, false).await,
            Found::Wrong(problems) => {
                self.clear();
                let _ = self.event(Event::Refuse { message: problems.to_string() });
                self.flush(true).await
            }
            Found::NotYet { message, .. } => Err(DriveError::Refused(message)),
        }
    }

    /// Does what was asked of the run while somebody drove it. What was done is saved with the notes before the request is taken away, so that it is done
    /// once, whatever happens in between.
    pub(super) async fn answer(&mut self) -> Result<(), DriveError> {
        let all = asked::of(&self.record.object);
        let known = self.state.book.answered.len();
        self.state.book.answered.retain(|id| all.iter().any(|a| a.id == *id));
        if self.state.book.answered.len() != known {
            self.touch(Touched { notes: true, ..Touched::default() });
        }
        if all.is_empty() {
            return Ok(());
        }
        for request in &all {
            if self.state.book.answered.contains(&request.id) {
                continue;
            }
            if matches!(request.event, Event::Restart { from: None }) {
                // What the template gives now may be another workflow: then the run begins anew with that.
                let held = self.make_of_template().await?;
                if held.is_some() || self.respecified() {
                    self.begin_anew(held).await?;
                    self.state.book.answered.push(request.id.clone());
                    self.touch(Touched { notes: true, ..Touched::default() });
                    continue;
                }
                self.renew_types().await?;
            }
            if let Err(refused) = self.event(request.event.clone()) {
                let (client, owner) = (&self.driver.client, self.record.owner());
                told::event(client, &owner, "Warning", "Refused", &format!("{}: {refused}", request.text));
            }
            self.state.book.answered.push(request.id.clone());
            self.touch(Touched { notes: true, ..Touched::default() });
        }
        self.flush(true).await?;
        self.record.forget_asked(&all).await?;
        self.own.insert(self.record.version());
        Ok(())
    }

    /// Takes the step types that there are now: the run starts over.
    async fn renew_types(&mut self) -> Result<(), DriveError> {
        self.driver.forget_types(&self.record.reference).await?;
        let fresh = Types::of_library(self.driver.library.clone());
        if let Found::Subject(subject) = find(&self.driver, &self.record, &fresh).await? {
            self.subject = *subject;
            if self.subject.types.any_of_cluster() {
                self.keep_types().await?;
            }
        }
        Ok(())
    }

    /// Tells what has changed since it was told last.
    pub(super) fn show(&mut self, touched: &Touched) {
        let status = &self.state.status;
        let told = &self.shown;
        if (status.phase, status.suspend, &status.message) != (told.phase, told.suspend, &told.message) {
            let message = status.message.clone();
            let _ =
                self.progress.send(Progress::Run { phase: status.phase, suspend: status.suspend, message });
            if status.phase != told.phase && (told.start_time.is_some() || status.finished) {
                told::phase(&self.driver.client, &self.record.owner(), status);
            }
        }
        let places: Vec<(usize, Option<usize>)> = match touched.all {
            false => touched.steps.iter().copied().collect(),
            true => {
                let of = |(i, step): (usize, &StepStatus)| {
                    std::iter::once((i, None)).chain((0..step.sub_steps.len()).map(move |j| (i, Some(j))))
                };
                status.steps.iter().enumerate().flat_map(of).collect()
            }
        };
        for place in places {
            let Some(step) = status.at(place) else { continue };
            let same = told.at(place).is_some_and(|b| {
                (&b.id, b.phase, b.reason, &b.message) == (&step.id, step.phase, step.reason, &step.message)
            });
            if !same {
                let group = place.1.and_then(|_| status.steps.get(place.0)).map(|g| g.name.clone());
                let _ = self.progress.send(Progress::Step { group, step: step.alone() });
            }
        }
        self.shown.follow(status, &Touched { run: true, ..touched.clone() });
    }

    /// Watches the record itself: others may resume, suspend or end the run by writing it.
    pub(super) async fn watch_record(&self) -> AbortHandle {
        let (api_version, kind) = self.record.reference.types();
        let found = self.driver.kinds.find(&self.driver.client, api_version, kind).await;
        let (client, reference) = (self.driver.client.clone(), self.record.reference.clone());
        let (messages, mut version) = (self.messages.clone(), self.record.version());
        let task = tokio::spawn(async move {
            let Ok((resource, _)) = found else { return };
            let api: Api<DynamicObject> = Api::namespaced_with(client, &reference.namespace, &resource);
            let params = WatchParams::default().fields(&format!("metadata.name={}", reference.name));
            loop {
                if let Ok(events) = api.watch_metadata(&params, &version).await {
                    let mut events = std::pin::pin!(events);
                    while let Ok(Some(event)) = events.try_next().await {
                        let message = match event {
                            WatchEvent::Added(o) | WatchEvent::Modified(o) => {
                                version = o.metadata.resource_version.unwrap_or_default();
                                Message::Written(version.clone())
                            }
                            WatchEvent::Bookmark(b) => {
                                version = b.metadata.resource_version;
                                continue;
                            }
                            WatchEvent::Deleted(_) => Message::Deleted,
                            WatchEvent::Error(_) => break,
                        };
                        if messages.send(message).await.is_err() {
                            return;
                        }
                    }
                }
                // The watch has ended or its start is too old: look at what is there, and watch on from it.
                tokio::time::sleep(Duration::from_millis(200)).await;
                if let Ok(object) = api.get_metadata(&reference.name).await {
                    version = object.metadata.resource_version.unwrap_or_default();
                    if messages.send(Message::Written(version.clone())).await.is_err() {
                        return;
                    }
                }
            }
        });
        task.abort_handle()
    }
}
