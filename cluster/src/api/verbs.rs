//! The verbs on a resource: get, list, create, replace, patch, delete. Each reads its options, runs one write of the
//! store where it writes, and answers in the format asked for. Tests: `tests/requests.rs`.

use axum::body::Body;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    Api, Call,
    decode::{decode, fit, read_body},
    head, json_answer, present,
    request::Format,
    splice, success,
    table::table,
    value_answer,
};
use crate::{
    admission::admit,
    convert,
    error::{ApiError, ApiResult, FieldError},
    kinds::Resource,
    objects::{self, Propagation, Write},
    patch::{Patch, apply::apply, check_applied},
    selector::Selector,
    store::{Key, Txn, parse},
};

/// Kinds whose DELETE answers with the object rather than a Status.
const RETURN_DELETED: &[&str] = &[
    "Pod",
    "PodTemplate",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "ResourceQuota",
    "Service",
    "ServiceAccount",
];

impl Call {
    pub(super) fn name(&self) -> &str {
        self.path.name.as_deref().unwrap_or_default()
    }

    pub(crate) fn namespace(&self) -> &str {
        self.path.namespace.as_deref().unwrap_or_default()
    }

    pub(super) fn key(&self) -> Key {
        Key::new(&self.resource.stored_as, self.namespace(), self.name())
    }

    pub(crate) fn prefix(&self) -> String {
        Key::prefix(&self.resource.stored_as, self.path.namespace.as_deref())
    }

    /// The prefix of what a selector can select: of one object where it asks for a name.
    pub(crate) fn prefix_of(&self, selector: &Selector) -> String {
        match selector.name() {
            Some(name) if !self.resource.namespaced || self.path.namespace.is_some() => {
                Key::new(&self.resource.stored_as, self.namespace(), name).as_str().to_owned()
            }
            _ => self.prefix(),
        }
    }

    pub(crate) fn selector(&self) -> ApiResult<Selector> {
        Selector::parse(&self.resource, self.query.get("labelSelector"), self.query.get("fieldSelector"))
    }

    pub(super) fn write(&self, api: &Api) -> Write<'_> {
        Write {
            resource: &self.stored,
            namespace: self.namespace(),
            now: api.clock.now(),
            subresource: self.path.subresource.as_deref(),
            manager: &self.manager,
            applied: false,
        }
    }

    /// The answer that is one object, in the format asked for.
    pub(super) fn one(&self, api: &Api, code: StatusCode, object: Value) -> Response<Body> {
        let shown = match self.format {
            Format::Object => present(&self.resource, object),
            Format::Metadata => partial(object),
            Format::Table => {
                let meta = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
                table(&self.resource, &self.query, vec![object], meta, api.clock.now(), true)
            }
        };
        value_answer(code, &shown)
    }
}

/// `PartialObjectMetadata`: what clients see that want only metadata.
pub(crate) fn partial(mut object: Value) -> Value {
    let mut shown = json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"});
    shown["metadata"] = object["metadata"].take();
    shown
}

impl Api {
    pub(super) async fn get(&self, call: Call) -> ApiResult<Response<Body>> {
        let Some(bytes) = self.store.get(&call.key())? else {
            return Err(ApiError::not_found(&call.resource, call.name()));
        };
        if call.format == Format::Object && !convert::converts(&call.resource) {
            let mut out = Vec::with_capacity(bytes.len() + 64);
            splice(&mut out, &head(&call.resource), &bytes);
            return Ok(json_answer(StatusCode::OK, out));
        }
        Ok(call.one(self, StatusCode::OK, parse(&bytes)?))
    }

    pub(super) async fn list(&self, call: Call) -> ApiResult<Response<Body>> {
        let selector = call.selector()?;
        call.query.check_list()?;
        let limit = call.query.number("limit")?.filter(|limit| *limit > 0).unwrap_or(u64::MAX);
        let prefix = call.prefix_of(&selector);
        let after = call.query.get("continue").map(|token| continue_from(token, &prefix)).transpose()?;
        let mut items: Vec<Value> = Vec::new();
        let mut raw = Vec::new();
        let mut count = 0;
        let mut more = None;
        let mut last = None;
        let mut remaining = 0u64;
        // Without selectors and in plain format the stored bytes are the answer's.
        let copy = selector.is_empty() && call.format == Format::Object && !convert::converts(&call.resource);
        let object_head = if call.resource.custom.is_some() { head(&call.resource) } else { String::new() };
        let version = self.store.list(&prefix, after.as_deref(), |key, bytes| {
            if count >= limit {
                more = more.take().or_else(|| last.take());
                remaining += 1;
                // What is left is only counted, and only where the count is exact.
                return Ok(selector.is_empty());
            }
            if copy {
                if count > 0 {
                    raw.push(b',');
                }
                splice(&mut raw, &object_head, bytes);
            } else {
                let object = parse(bytes)?;
                if !selector.matches(&object) {
                    return Ok(true);
                }
                items.push(object);
            }
            count += 1;
            if count >= limit {
                last = Some(key);
            }
            Ok(true)
        })?;
        let mut meta = json!({"resourceVersion": version.to_string()});
        if call.resource.custom.is_some() {
            meta["continue"] = "".into();
        }
        if let Some(key) = more {
            meta["continue"] = continue_token(&key, version).into();
            if selector.is_empty() {
                meta["remainingItemCount"] = remaining.into();
            }
        }
        if call.format == Format::Table {
            let table = table(&call.resource, &call.query, items, meta, self.clock.now(), true);
            return Ok(value_answer(StatusCode::OK, &table));
        }
        let (kind, api_version) = match call.format {
            Format::Metadata => ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1".to_owned()),
            _ => (call.resource.list_kind.clone(), call.resource.api_version()),
        };
        if !copy {
            for (index, object) in items.into_iter().enumerate() {
                if index > 0 {
                    raw.push(b',');
                }
                let shown = match call.format {
                    Format::Metadata => partial(object),
                    _ if call.resource.custom.is_some() => present(&call.resource, object),
                    _ => convert::from_storage(&call.resource, object),
                };
                raw.extend_from_slice(shown.to_string().as_bytes());
            }
        }
        let mut out =
            format!("{{\"kind\":{kind:?},\"apiVersion\":{api_version:?},\"metadata\":{meta},\"items\":[")
                .into_bytes();
        out.append(&mut raw);
        out.extend_from_slice(b"]}");
        Ok(json_answer(StatusCode::OK, out))
    }

    pub(super) async fn create(&self, call: Call) -> ApiResult<Response<Body>> {
        if call.resource.namespaced && call.path.namespace.is_none() {
            return Err(ApiError::method_not_allowed());
        }
        let (mut object, warnings) = decode(self, &call)?;
        check_namespace_of_body(&call, &object)?;
        let dry_run = dry_run(&call, "CreateOptions")?;
        if object["metadata"]["resourceVersion"].as_str().is_some_and(|version| !version.is_empty()) {
            let message = "resourceVersion should not be set on objects to be created";
            return Err(ApiError::new(500, "", message));
        }
        object = convert::to_storage(&call.resource, object, None);
        generate_name(&mut object)?;
        let errors = objects::check_metadata(&call.resource, &object);
        if !errors.is_empty() {
            let name = objects::text(&object["metadata"]["name"]);
            return Err(ApiError::invalid(&call.resource, &name, errors));
        }
        if let Some(webhooks) = self.webhooks(&call) {
            admit(&webhooks, &call, "CREATE", object.clone(), None).await?;
        }
        let api = self.clone();
        let (call, object) = self
            .store
            .write(move |txn| {
                let mut object = call.write(&api).create(txn, object)?;
                if dry_run {
                    txn.discard();
                    objects::metadata(&mut object)?.shift_remove("resourceVersion");
                }
                Ok((call, object))
            })
            .await?;
        Ok(warned(call.one(self, StatusCode::CREATED, object), &warnings))
    }

    pub(super) async fn replace(&self, call: Call) -> ApiResult<Response<Body>> {
        let (object, warnings) = decode(self, &call)?;
        check_namespace_of_body(&call, &object)?;
        dry_run(&call, "UpdateOptions")?;
        let name = objects::text(&object["metadata"]["name"]);
        if name.is_empty() {
            return Err(ApiError::bad_request("the name of the object must be set on an update"));
        }
        if name != call.name() {
            return Err(ApiError::bad_request(format!(
                "the name of the object ({name}) does not match the name on the URL ({})",
                call.name()
            )));
        }
        if call.resource.custom.is_some() && objects::text(&object["metadata"]["resourceVersion"]).is_empty()
        {
            let error = FieldError::invalid("metadata.resourceVersion", 0, "must be specified for an update");
            return Err(ApiError::invalid_resource(&call.resource, &name, &error));
        }
        self.admit_update(&call, |_| Ok(object.clone())).await?;
        let response = self
            .change(call, move |_, call, old| {
                Ok((convert::to_storage(&call.resource, object, Some(old)), vec![]))
            })
            .await?;
        Ok(warned(response, &warnings))
    }

    pub(super) async fn patch(&self, call: Call) -> ApiResult<Response<Body>> {
        let patch = Patch::parse(&call.resource, &call.content_type, &call.body)?;
        dry_run(&call, "PatchOptions")?;
        if let Patch::Apply(config) = patch {
            return self.apply(call, config).await;
        }
        if call.query.flag("force") {
            let error = FieldError::forbidden("force", "may not be specified for non-apply patch");
            return Err(ApiError::invalid_options("PatchOptions", &error));
        }
        self.admit_update(&call, |old| {
            patch.apply(&call.resource, &convert::from_storage(&call.resource, old.clone()))
        })
        .await?;
        self.change(call, move |_, call, old| {
            let served = convert::from_storage(&call.resource, old.clone());
            let object = patch.apply(&call.resource, &served)?;
            let name = objects::text(&object["metadata"]["name"]);
            if name != call.name() {
                return Err(ApiError::bad_request(format!(
                    "the name of the object ({name}) does not match the name on the URL ({})",
                    call.name()
                )));
            }
            // What does not fit the kind is the patch's fault, which a real server calls invalid.
            let (object, warnings) = fit(&call.resource, &call.query, object).map_err(|error| match error
                .code
            {
                400 => ApiError::new(422, "Invalid", format!(" \"\" is invalid: patch: {}", error.message)),
                _ => error,
            })?;
            Ok((convert::to_storage(&call.resource, object, Some(old)), warnings))
        })
        .await
    }

    /// Asks the webhooks about a change, as it would be of the object that is there now. One that is not there, or a change that cannot be made, is refused
    /// afterwards.
    async fn admit_update(&self, call: &Call, new: impl FnOnce(&Value) -> ApiResult<Value>) -> ApiResult<()> {
        let Some(webhooks) = self.webhooks(call) else { return Ok(()) };
        let Some(bytes) = self.store.get(&call.key())? else { return Ok(()) };
        let old = parse(&bytes)?;
        let Ok(new) = new(&old) else { return Ok(()) };
        admit(&webhooks, call, "UPDATE", new, Some(old)).await
    }

    /// Reads, changes and stores one object in a single write.
    async fn change(
        &self,
        call: Call,
        produce: impl FnOnce(&Api, &Call, &Value) -> ApiResult<(Value, Vec<String>)> + Send + 'static,
    ) -> ApiResult<Response<Body>> {
        let dry_run = call.query.flag("dryRun") || call.query.get("dryRun").is_some();
        let api = self.clone();
        let (call, object, warnings) = self
            .store
            .write(move |txn| {
                let old = find(txn, &call.resource, &call.key(), call.name())?;
                let (new, warnings) = produce(&api, &call, &old)?;
                check_preconditions(&call, &old, &new)?;
                let (mut object, _) = call.write(&api).update(txn, &old, new)?;
                if dry_run {
                    txn.discard();
                    object["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
                }
                Ok((call, object, warnings))
            })
            .await?;
        Ok(warned(call.one(self, StatusCode::OK, object), &warnings))
    }

    /// Server-side apply, which also creates.
    async fn apply(&self, call: Call, config: Value) -> ApiResult<Response<Body>> {
        let Some(manager) = call.query.get("fieldManager").map(str::to_owned) else {
            let error = FieldError::required("fieldManager", "is required for apply patch");
            return Err(ApiError::invalid_options("PatchOptions", &error));
        };
        let force = call.query.flag("force");
        let dry_run = call.query.get("dryRun").is_some();
        let config = check_applied(&call.resource, call.name(), config)?;
        check_namespace_of_body(&call, &config)?;
        if let Some(webhooks) = self.webhooks(&call) {
            match self.store.get(&call.key())? {
                None => admit(&webhooks, &call, "CREATE", config.clone(), None).await?,
                Some(_) => {
                    let write = Write { manager: &manager, applied: true, ..call.write(self) };
                    let merged = |old: &Value| {
                        let config = convert::to_storage(&call.resource, config.clone(), Some(old));
                        apply(write.writer(), Some(old), &config, force)
                    };
                    self.admit_update(&call, merged).await?;
                }
            }
        }
        let api = self.clone();
        let (call, code, object) =
            self.store
                .write(move |txn| {
                    let live = txn.get(&call.key())?;
                    let config = convert::to_storage(&call.resource, config, live.as_ref());
                    let write = Write { manager: &manager, applied: true, ..call.write(&api) };
                    let merged = apply(write.writer(), live.as_ref(), &config, force)?;
                    let (code, mut object) = match &live {
                        Some(old) => {
                            check_preconditions(&call, old, &merged)?;
                            (StatusCode::OK, write.update(txn, old, merged)?.0)
                        }
                        None if call.path.subresource.is_some() => {
                            return Err(ApiError::not_found(&call.resource, call.name()));
                        }
                        None => (StatusCode::CREATED, write.create(txn, merged)?),
                    };
                    if dry_run {
                        txn.discard();
                        let meta = objects::metadata(&mut object)?;
                        match &live {
                            Some(old) => meta
                                .insert("resourceVersion".into(), old["metadata"]["resourceVersion"].clone()),
                            None => meta.shift_remove("resourceVersion"),
                        };
                    }
                    Ok((call, code, object))
                })
                .await?;
        Ok(call.one(self, code, object))
    }

    pub(super) async fn delete(&self, mut call: Call) -> ApiResult<Response<Body>> {
        let options = delete_options(&mut call)?;
        let api = self.clone();
        let (call, object, gone) = self
            .store
            .write(move |txn| {
                let old = find(txn, &call.resource, &call.key(), call.name())?;
                options.check(&call.resource, &old)?;
                let (object, gone) = call.write(&api).delete(txn, old, &options.propagation)?;
                if options.dry_run {
                    txn.discard();
                }
                Ok((call, object, gone))
            })
            .await?;
        let whole = !gone
            || (call.resource.custom.is_none() && RETURN_DELETED.contains(&call.resource.kind.as_str()));
        if whole {
            return Ok(call.one(self, StatusCode::OK, object));
        }
        Ok(value_answer(StatusCode::OK, &success(&call.resource, &object)))
    }

    pub(super) async fn delete_collection(&self, mut call: Call) -> ApiResult<Response<Body>> {
        if call.resource.namespaced && call.path.namespace.is_none() {
            return Err(ApiError::method_not_allowed());
        }
        let options = delete_options(&mut call)?;
        let selector = call.selector()?;
        let api = self.clone();
        let (call, items, version) = self
            .store
            .write(move |txn| {
                let mut items = Vec::new();
                for (_, object) in txn.list(&call.prefix())? {
                    if selector.matches(&object) {
                        options.check(&call.resource, &object)?;
                        items.push(call.write(&api).delete(txn, object, &options.propagation)?.0);
                    }
                }
                if options.dry_run {
                    txn.discard();
                }
                Ok((call, items, *api.store.version().borrow()))
            })
            .await?;
        let items: Vec<Value> = items.into_iter().map(|object| present(&call.resource, object)).collect();
        let list = json!({
            "kind": call.resource.list_kind, "apiVersion": call.resource.api_version(),
            "metadata": {"resourceVersion": version.to_string()}, "items": items,
        });
        Ok(value_answer(StatusCode::OK, &list))
    }
}

pub(super) fn find(txn: &Txn<'_>, resource: &Resource, key: &Key, name: &str) -> ApiResult<Value> {
    txn.get(key)?.ok_or_else(|| ApiError::not_found(resource, name))
}

pub(super) fn dry_run(call: &Call, options: &str) -> ApiResult<bool> {
    match call.query.get("dryRun") {
        None => Ok(false),
        Some("All") => Ok(true),
        Some(other) => {
            let error = FieldError::not_supported("dryRun", json!([other]), &["All"]);
            Err(ApiError::invalid_options(options, &error))
        }
    }
}

/// Adds warnings as a real server sends them.
fn warned(mut response: Response<Body>, warnings: &[String]) -> Response<Body> {
    for warning in warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = http::HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            response.headers_mut().append(http::header::WARNING, value);
        }
    }
    response
}

/// A uid or resourceVersion in what is written must be the present one.
pub(super) fn check_preconditions(call: &Call, old: &Value, new: &Value) -> ApiResult<()> {
    let resource = &*call.resource;
    let (uid, have) = (objects::text(&new["metadata"]["uid"]), objects::text(&old["metadata"]["uid"]));
    if !uid.is_empty() && uid != have {
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: /registry/{}/{}/{}, ResourceVersion: 0, AdditionalErrorMsg: \
             Precondition failed: UID in precondition: {uid}, UID in object meta: {have}",
            resource.plural,
            call.namespace(),
            call.name()
        );
        return Err(ApiError::conflict(resource, call.name(), why));
    }
    let wanted = new["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    let have = old["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    if wanted.is_empty() || wanted == have {
        return Ok(());
    }
    let name = objects::text(&old["metadata"]["name"]);
    if wanted.parse::<u64>().is_err() {
        let error = FieldError::invalid("metadata.resourceVersion", wanted, "must be an unsigned integer");
        return Err(ApiError::invalid(resource, &name, vec![error]));
    }
    Err(ApiError::modified(resource, &name))
}

struct DeleteOptions {
    propagation: Propagation,
    uid: Option<String>,
    version: Option<String>,
    dry_run: bool,
}

impl DeleteOptions {
    fn check(&self, resource: &Resource, object: &Value) -> ApiResult<()> {
        let meta = &object["metadata"];
        for (what, wanted, have) in
            [("UID", &self.uid, &meta["uid"]), ("ResourceVersion", &self.version, &meta["resourceVersion"])]
        {
            let have = have.as_str().unwrap_or_default();
            if let Some(wanted) = wanted
                && wanted != have
            {
                let why = format!(
                    "the {what} in the precondition ({wanted}) does not match the {what} in record ({have}). \
                     The object might have been {} and then recreated",
                    if what == "UID" { "deleted" } else { "modified" }
                );
                let name = meta["name"].as_str().unwrap_or_default();
                return Err(ApiError::conflict_of_kind(resource, name, why));
            }
        }
        Ok(())
    }
}

/// Options of a DELETE, from its body or its query.
fn delete_options(call: &mut Call) -> ApiResult<DeleteOptions> {
    let body = if call.body.is_empty() { json!({}) } else { read_body(&call.content_type, &call.body)? };
    if !(body["gracePeriodSeconds"].is_null() || body["gracePeriodSeconds"].is_i64()) {
        return Err(ApiError::bad_request("DeleteOptions.gracePeriodSeconds: not an integer"));
    }
    if let Some(policy) = body["propagationPolicy"].as_str() {
        call.query.default_to("propagationPolicy", policy);
    }
    if let Some(all) = body["dryRun"][0].as_str() {
        call.query.default_to("dryRun", all);
    }
    // Jobs and replication controllers made before there was garbage collection kept their pods; they still do.
    let keeps = matches!(call.resource.kind.as_str(), "Job" | "ReplicationController")
        && call.resource.custom.is_none();
    let propagation = match call.query.get("propagationPolicy") {
        None if body["orphanDependents"] == true || call.query.flag("orphanDependents") => {
            Propagation::Orphan
        }
        None if body["orphanDependents"] == false => Propagation::Background,
        None if keeps => Propagation::Orphan,
        None | Some("Background") => Propagation::Background,
        Some("Foreground") => Propagation::Foreground,
        Some("Orphan") => Propagation::Orphan,
        Some(other) => {
            let allowed = ["Foreground", "Background", "Orphan", "nil"];
            let error = FieldError::not_supported("propagationPolicy", other, &allowed);
            return Err(ApiError::invalid_options("DeleteOptions", &error));
        }
    };
    Ok(DeleteOptions {
        propagation,
        uid: body["preconditions"]["uid"].as_str().map(str::to_owned),
        version: body["preconditions"]["resourceVersion"].as_str().map(str::to_owned),
        dry_run: dry_run(call, "DeleteOptions")?,
    })
}

fn check_namespace_of_body(call: &Call, object: &Value) -> ApiResult<()> {
    match object["metadata"]["namespace"].as_str() {
        Some(namespace)
            if !namespace.is_empty() && call.resource.namespaced && namespace != call.namespace() =>
        {
            Err(ApiError::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ))
        }
        _ => Ok(()),
    }
}

fn generate_name(object: &mut Value) -> ApiResult<()> {
    let meta = objects::metadata(object)?;
    let has_name = meta.get("name").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    let Some(start) = meta.get("generateName").and_then(Value::as_str).filter(|start| !start.is_empty())
    else {
        return Ok(());
    };
    if has_name {
        return Ok(());
    }
    let start: String = start.chars().take(58).collect();
    // Letters and digits that cannot spell words, as the real server's generator has them.
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut name = start;
    for byte in uuid::Uuid::new_v4().as_bytes().iter().take(5) {
        name.push(char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
    }
    meta.insert("name".into(), name.into());
    Ok(())
}

/// Where a list goes on: after a key, as read at a version.
fn continue_token(key: &Key, version: u64) -> String {
    let start = format!("{}/{}", key.namespace(), key.name());
    BASE64.encode(json!({"v": "meta.k8s.io/v1", "rv": version, "start": start}).to_string())
}

fn continue_from(token: &str, prefix: &str) -> ApiResult<String> {
    let wrong = || ApiError::bad_request("continue key is not valid");
    let bytes = BASE64.decode(token).map_err(|_| wrong())?;
    let token: Value = serde_json::from_slice(&bytes).map_err(|_| wrong())?;
    let resource = prefix.split('/').next().unwrap_or_default();
    let key = format!("{resource}/{}", token["start"].as_str().ok_or_else(wrong)?);
    if key.starts_with(prefix) { Ok(key) } else { Err(wrong()) }
}
