//! What happens to an object between the request and the store: identity, the immutable parts of metadata, generation,
//! finalizers and deletion. Everything here runs inside one write of the store and knows nothing of HTTP.
//! Tests: `tests/requests.rs`.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    clock::rfc3339,
    error::{ApiError, ApiResult, FieldError},
    kinds::Resource,
    names,
    patch::managed::Writer,
    schema::defaults,
    store::{Key, Txn},
    strategy,
    validate::validate,
};

/// One write to one object.
pub(crate) struct Write<'a> {
    pub(crate) resource: &'a Resource,
    pub(crate) namespace: &'a str,
    pub(crate) now: Timestamp,
    /// `status` where the subresource is written.
    pub(crate) subresource: Option<&'a str>,
    /// Who writes, as managedFields has it.
    pub(crate) manager: &'a str,
    /// An apply has settled managedFields already.
    pub(crate) applied: bool,
}

impl Write<'_> {
    pub(crate) fn writer(&self) -> Writer<'_> {
        Writer {
            resource: self.resource,
            manager: self.manager,
            subresource: self.subresource,
            now: self.now,
        }
    }

    pub(crate) fn key(&self, name: &str) -> Key {
        Key::new(&self.resource.stored_as, self.namespace, name)
    }

    /// Stores a new object. `object` is complete but for what the server sets.
    pub(crate) fn create(&self, txn: &mut Txn<'_>, mut object: Value) -> ApiResult<Value> {
        let name = text(&object["metadata"]["name"]);
        if self.resource.namespaced {
            check_namespace(txn, self.resource, self.namespace, &name, true)?;
        }
        let key = self.key(&name);
        if txn.has(&key)? {
            return Err(ApiError::already_exists(self.resource, &name));
        }
        {
            let meta = metadata(&mut object)?;
            for field in ["resourceVersion", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"] {
                meta.remove(field);
            }
            if self.resource.namespaced {
                meta.insert("namespace".into(), self.namespace.into());
            } else {
                meta.remove("namespace");
            }
            meta.insert("uid".into(), uuid::Uuid::new_v4().to_string().into());
            meta.insert("creationTimestamp".into(), rfc3339(self.now).into());
            if self.resource.generation {
                meta.insert("generation".into(), 1.into());
            }
        }
        if self.resource.status {
            object.as_object_mut().ok_or_else(not_an_object)?.shift_remove("status");
        }
        let given = object.clone();
        drop_empty_metadata(&mut object)?;
        defaults::fill(self.resource, &mut object);
        strategy::on_create(txn, self.resource, &mut object, self.now)?;
        let mut errors = check_metadata(self.resource, &object);
        errors.extend(validate(self.resource, &object, None));
        if !errors.is_empty() {
            return Err(ApiError::invalid(self.resource, &name, errors));
        }
        if !self.applied {
            let nothing = match self.resource.custom {
                Some(_) => json!({"metadata": {}}),
                None => defaults::hollow(&self.resource.schema),
            };
            // The writer owns what it gave and the defaults, not what the server allocates.
            let mut written = object.clone();
            strategy::take_out_allocated(self.resource, &given, &mut written);
            self.writer().record_update(&nothing, &mut written)?;
            if let Some(managed) = written["metadata"].get_mut("managedFields") {
                metadata(&mut object)?.insert("managedFields".into(), managed.take());
            }
        }
        txn.put(&key, &mut object)?;
        Ok(object)
    }

    /// Stores `new` over `old`. Returns what is stored now, and whether the object went away with it (its last finalizer
    /// was removed while it was being deleted).
    pub(crate) fn update(&self, txn: &mut Txn<'_>, old: &Value, mut new: Value) -> ApiResult<(Value, bool)> {
        let name = text(&old["metadata"]["name"]);
        self.keep_what_clients_may_not_change(old, &mut new)?;
        drop_empty_metadata(&mut new)?;
        defaults::fill(self.resource, &mut new);
        strategy::on_update(self.resource, old, &mut new, self.now);
        let mut errors = self.check_metadata_update(old, &new);
        errors.extend(validate(self.resource, &new, Some(old)));
        if !errors.is_empty() {
            return Err(ApiError::invalid(self.resource, &name, errors));
        }
        if !self.applied {
            self.writer().record_update(old, &mut new)?;
        }
        if self.resource.generation && self.changes_generation(old, &new) {
            let generation = old["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
            metadata(&mut new)?.insert("generation".into(), generation.into());
        }
        let key = self.key(&name);
        let meta = &new["metadata"];
        if !meta["deletionTimestamp"].is_null() && no_finalizers(&new) {
            // Watches are told of the object as it was last stored.
            txn.remove(&key, &mut old.clone())?;
            return Ok((new, true));
        }
        if same(old, &new) {
            return Ok((old.clone(), false));
        }
        txn.put(&key, &mut new)?;
        Ok((new, false))
    }

    /// Deletes, or marks as being deleted while finalizers hold. Returns the object's state and whether it is gone.
    pub(crate) fn delete(
        &self,
        txn: &mut Txn<'_>,
        mut object: Value,
        propagation: &Propagation,
    ) -> ApiResult<(Value, bool)> {
        let name = text(&object["metadata"]["name"]);
        let key = self.key(&name);
        let before = object.clone();
        {
            let meta = metadata(&mut object)?;
            let marked = meta.get("deletionTimestamp").is_some_and(|v| !v.is_null());
            let mut finalizers: Vec<Value> = match meta.get("finalizers") {
                Some(Value::Array(list)) => list.clone(),
                _ => vec![],
            };
            let wanted = match propagation {
                Propagation::Background => None,
                Propagation::Foreground => Some("foregroundDeletion"),
                Propagation::Orphan => Some("orphan"),
            };
            finalizers
                .retain(|f| f != "foregroundDeletion" && f != "orphan" || wanted.is_some_and(|w| f == w));
            if let Some(wanted) = wanted
                && !finalizers.iter().any(|f| f == wanted)
            {
                finalizers.push(wanted.into());
            }
            if finalizers.is_empty() {
                meta.remove("finalizers");
            } else {
                meta.insert("finalizers".into(), finalizers.into());
            }
            if !marked {
                meta.insert("deletionTimestamp".into(), rfc3339(self.now).into());
                meta.insert("deletionGracePeriodSeconds".into(), 0.into());
                if let Some(generation) = meta.get("generation").and_then(Value::as_i64) {
                    meta.insert("generation".into(), (generation + 1).into());
                }
            }
        }
        if self.resource.kind == "Namespace" && self.resource.group.is_empty() {
            object["status"]["phase"] = "Terminating".into();
        }
        if no_finalizers(&object) {
            let mut last = before;
            txn.remove(&key, &mut last)?;
            return Ok((last, true));
        }
        if !same(&before, &object) {
            txn.put(&key, &mut object)?;
        }
        Ok((object, false))
    }

    /// A write to the main resource cannot touch status where that is a subresource, one to status nothing else; what the
    /// server set stays as it was.
    fn keep_what_clients_may_not_change(&self, old: &Value, new: &mut Value) -> ApiResult<()> {
        if self.subresource == Some("status") {
            let status = new.get("status").cloned();
            let managed = new["metadata"].get("managedFields").cloned();
            // Custom kinds let the status subresource touch nothing of metadata but managedFields; built-in ones let
            // labels, annotations and finalizers through.
            let meta = if self.resource.custom.is_some() { None } else { new.get("metadata").cloned() };
            *new = old.clone();
            let object = new.as_object_mut().ok_or_else(not_an_object)?;
            match status {
                Some(status) => object.insert("status".into(), status),
                None => object.shift_remove("status"),
            };
            if let Some(meta) = meta {
                object.insert("metadata".into(), meta);
            }
            if let Some(managed) = managed {
                metadata(new)?.insert("managedFields".into(), managed);
            }
        } else if self.resource.status {
            let object = new.as_object_mut().ok_or_else(not_an_object)?;
            match old.get("status") {
                Some(status) => object.insert("status".into(), status.clone()),
                None => object.shift_remove("status"),
            };
        }
        let meta = metadata(new)?;
        for field in
            ["creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink"]
        {
            match old["metadata"].get(field) {
                Some(value) => meta.insert(field.into(), value.clone()),
                None => meta.shift_remove(field),
            };
        }
        for field in ["uid", "namespace", "generateName"] {
            if let (None | Some(Value::Null), Some(value)) = (meta.get(field), old["metadata"].get(field)) {
                meta.insert(field.into(), value.clone());
            }
        }
        if meta.get("name").is_none_or(Value::is_null) {
            meta.insert("name".into(), old["metadata"]["name"].clone());
        }
        Ok(())
    }

    fn check_metadata_update(&self, old: &Value, new: &Value) -> Vec<FieldError> {
        let mut errors = check_metadata(self.resource, new);
        for field in ["name", "namespace", "uid"] {
            if old["metadata"][field] != new["metadata"][field] {
                errors.push(FieldError::invalid(
                    format!("metadata.{field}"),
                    new["metadata"][field].clone(),
                    "field is immutable",
                ));
            }
        }
        if !old["metadata"]["deletionTimestamp"].is_null() {
            let before = list(&old["metadata"]["finalizers"]);
            let added: Vec<&str> = list(&new["metadata"]["finalizers"])
                .iter()
                .filter(|f| !before.contains(f))
                .filter_map(|f| f.as_str())
                .collect();
            if !added.is_empty() {
                errors.push(FieldError::forbidden(
                    "metadata.finalizers",
                    format!(
                        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                        added.iter().map(|f| format!("{f:?}")).collect::<Vec<_>>().join(", ")
                    ),
                ));
            }
        }
        errors
    }

    fn changes_generation(&self, old: &Value, new: &Value) -> bool {
        let status_apart = self.resource.status || self.resource.custom.is_none();
        let apart = |field: &str| field == "metadata" || status_apart && field == "status";
        !agree(old, new, |field, old, new| apart(field) || old == new)
    }
}

/// What becomes of the objects that a deleted one owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// Equal in all but who wrote it when, and its version.
fn same(old: &Value, new: &Value) -> bool {
    let written = |field: &str, old: Option<&Value>, new: Option<&Value>| field == "time" || old == new;
    let managed = |old: &Value, new: &Value| {
        let (old, new) = (list(old), list(new));
        old.len() == new.len() && old.iter().zip(new).all(|(old, new)| agree(old, new, written))
    };
    let meta = |field: &str, old: Option<&Value>, new: Option<&Value>| match (field, old, new) {
        ("resourceVersion", _, _) => true,
        ("managedFields", Some(old), Some(new)) => managed(old, new),
        (_, old, new) => old == new,
    };
    agree(old, new, |field, old, new| match (field, old, new) {
        ("metadata", Some(old), Some(new)) => agree(old, new, meta),
        (_, old, new) => old == new,
    })
}

/// Whether two objects agree in every field that one of them has.
fn agree(old: &Value, new: &Value, field: impl Fn(&str, Option<&Value>, Option<&Value>) -> bool) -> bool {
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return old == new };
    old.iter().all(|(name, value)| field(name, Some(value), new.get(name)))
        && new.iter().all(|(name, value)| old.contains_key(name) || field(name, None, Some(value)))
}

/// Refuses where the namespace is not there, or (for a create) is being deleted.
pub(crate) fn check_namespace(
    txn: &Txn<'_>,
    resource: &Resource,
    namespace: &str,
    name: &str,
    creating: bool,
) -> ApiResult<()> {
    let Some(found) = txn.get(&Key::new("namespaces", "", namespace))? else {
        let mut error = ApiError::new(404, "NotFound", format!("namespaces \"{namespace}\" not found"));
        error.details = Some(Box::new(json!({"name": namespace, "kind": "namespaces"})));
        return Err(error);
    };
    if creating && !found["metadata"]["deletionTimestamp"].is_null() {
        let why =
            format!("unable to create new content in namespace {namespace} because it is being terminated");
        let mut error = ApiError::forbidden(resource, name, why);
        if let Some(details) = error.details.as_deref_mut() {
            details["causes"] = json!([{
                "reason": "NamespaceTerminating",
                "message": format!("namespace {namespace} is being terminated"),
                "field": "metadata.namespace",
            }]);
        }
        return Err(error);
    }
    Ok(())
}

/// The metadata of an object, made where it has none.
pub(crate) fn metadata(object: &mut Value) -> ApiResult<&mut Map<String, Value>> {
    let object = object.as_object_mut().ok_or_else(not_an_object)?;
    let meta = object.entry("metadata").or_insert_with(|| json!({}));
    if meta.is_null() {
        *meta = json!({});
    }
    meta.as_object_mut().ok_or_else(|| ApiError::bad_request("metadata must be an object"))
}

/// An empty list or map in metadata is as good as none, and is not kept.
fn drop_empty_metadata(object: &mut Value) -> ApiResult<()> {
    let meta = metadata(object)?;
    for field in ["labels", "annotations", "finalizers", "ownerReferences"] {
        let empty = match meta.get(field) {
            Some(Value::Array(items)) => items.is_empty(),
            Some(Value::Object(entries)) => entries.is_empty(),
            _ => false,
        };
        if empty {
            meta.shift_remove(field);
        }
    }
    Ok(())
}

fn not_an_object() -> ApiError {
    ApiError::bad_request("the object is not a JSON object")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn no_finalizers(object: &Value) -> bool {
    list(&object["metadata"]["finalizers"]).is_empty() && list(&object["spec"]["finalizers"]).is_empty()
}

/// A string field, or the empty string.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What metadata must look like, whatever the kind.
pub(crate) fn check_metadata(resource: &Resource, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let meta = &object["metadata"];
    let name = meta["name"].as_str().unwrap_or_default();
    if name.is_empty() {
        errors.push(FieldError::required("metadata.name", "name or generateName is required"));
    } else {
        let outcome = match (resource.group.as_str(), resource.kind.as_str()) {
            ("", "Namespace") if name.contains('.') => Err("must not contain dots".into()),
            ("", "Namespace") => names::dns_label(name),
            ("", "Service") => names::dns1035_label(name),
            ("rbac.authorization.k8s.io", _) => names::path_segment(name),
            _ => names::dns_subdomain(name),
        };
        if let Err(why) = outcome {
            errors.push(FieldError::invalid("metadata.name", name, why));
        }
    }
    names::check_labels(&meta["labels"], "metadata.labels", &mut errors);
    names::check_annotations(&meta["annotations"], "metadata.annotations", &mut errors);
    for (index, owner) in list(&meta["ownerReferences"]).iter().enumerate() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner[field].as_str().unwrap_or_default().is_empty() {
                errors.push(FieldError::invalid(
                    format!("metadata.ownerReferences[{index}].{field}"),
                    "",
                    match field {
                        "apiVersion" => "version must not be empty",
                        _ => "must not be empty",
                    },
                ));
            }
        }
    }
    for finalizer in list(&meta["finalizers"]).iter().filter_map(Value::as_str) {
        if let Err(why) = names::qualified_name(finalizer) {
            errors.push(FieldError::invalid("metadata.finalizers", finalizer, why));
        }
    }
    errors
}
