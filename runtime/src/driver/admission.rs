//! Admission: what a cluster asks before it takes an Application or a WorkflowRun, answered by the checks that a run goes through before it starts.
//!
//! Pure but for looking at the cluster: a server hands in the text of an `AdmissionReview` (v1) and sends back what it gets. What only waits for something to
//! come, such as a step type or a Workflow that is not there yet, is let in. Tests: `tests/program/admission.rs`.

use super::subject::{Delivery, Found};
use super::types::Types;
use super::{DriveError, Driver};
use crate::document::Document;
use crate::problem::Problem;
use crate::render::{self, RenderOptions};
use serde_json::{Value, json};

impl Driver {
    /// Answers an `AdmissionReview`: objects with faults are refused with all of them, parameters that nobody declares are warnings.
    ///
    /// # Errors
    /// What is wrong with the question.
    pub async fn review(&self, review: &Value) -> Result<Value, String> {
        let request = &review["request"];
        let uid = request["uid"].as_str().ok_or("this is no AdmissionReview: it has no `request.uid`")?;
        let (faults, warnings) = self.faults(request).await.unwrap_or_else(|e| {
            // A cluster that cannot be asked is no fault of the object; the run is checked again before it starts.
            (Vec::new(), vec![format!("it could not be checked: {e}")])
        });
        let mut response = json!({"uid": uid, "allowed": faults.is_empty()});
        if !faults.is_empty() {
            response["status"] =
                json!({"status": "Failure", "reason": "Invalid", "code": 422, "message": faults.join("\n")});
        }
        if !warnings.is_empty() {
            response["warnings"] = json!(warnings);
        }
        Ok(json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}))
    }

    /// What is wrong with the object that is to be made, and what is odd about it.
    async fn faults(&self, request: &Value) -> Result<(Vec<String>, Vec<String>), DriveError> {
        let object = &request["object"];
        let changes = match request["operation"].as_str() {
            Some("CREATE") => true,
            // What was let in with a fault can still be labelled and deleted.
            Some("UPDATE") => object["spec"] != request["oldObject"]["spec"],
            _ => false,
        };
        if !changes || object.is_null() {
            return Ok((Vec::new(), Vec::new()));
        }
        let told = |list: &[Problem]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let delivery = match Delivery::read(&Document::from_value(object.clone())) {
            Ok(Some(delivery)) => delivery,
            Ok(None) => return Ok((Vec::new(), Vec::new())),
            Err(problems) => return Ok((told(&problems.list), Vec::new())),
        };
        let (mut faults, mut warnings) = (Vec::new(), Vec::new());
        let reference = delivery.reference(request["namespace"].as_str().unwrap_or("default"));
        if let Delivery::Application(app) = &delivery {
            let options = RenderOptions {
                namespace: Some(reference.namespace.clone()),
                without_references: true,
                ..RenderOptions::default()
            };
            match render::application(&self.definitions(app).await?, app, &options) {
                Ok(rendered) => warnings.extend(told(&rendered.warnings)),
                Err(problems) => faults.extend(told(&problems.list)),
            }
        }
        let none = Types::of_library(self.library.clone());
        match self.subject(&reference, delivery, &none, false).await? {
            Found::Wrong(problems) => faults.extend(told(&problems.list)),
            Found::Subject(subject) => warnings.extend(told(&subject.warnings)),
            Found::NotYet { .. } => {}
        }
        faults.dedup();
        Ok((faults, warnings))
    }
}
