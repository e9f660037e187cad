//! The API server: a request comes in, an answer goes out. [`Api`] is a tower service; `kube::Client` and the HTTP
//! listener both call it. This file routes; `verbs.rs` does the work, `watch.rs` streams.
//! Tests: `tests/requests.rs`.

pub(crate) mod decode;
mod discovery;
mod log;
mod openapi;
mod protobuf;
pub(crate) mod request;
mod scale;
mod table;
mod verbs;
mod watch;

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value, json};

use crate::{
    admission::{self, Webhook},
    clock::SharedClock,
    convert, crd,
    error::{ApiError, ApiResult},
    kinds::{self, Resource},
    store::{Change, Key, Store, parse},
};
pub(crate) use request::Query;
use request::{Format, ResourcePath, Route};

/// Bodies above this are refused, as a real server does.
pub(crate) const BODY_LIMIT: usize = 3 << 20;

/// The API server. Clones share one.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) store: Store,
    pub(crate) clock: SharedClock,
    kinds: Arc<RwLock<Arc<Vec<Arc<Resource>>>>>,
    webhooks: Arc<RwLock<Arc<Vec<Arc<Webhook>>>>>,
}

/// A request to a resource, read and resolved.
pub(crate) struct Call {
    pub(crate) resource: Arc<Resource>,
    /// The kind in whose form it is stored.
    pub(crate) stored: Arc<Resource>,
    pub(crate) path: ResourcePath,
    pub(crate) query: Query,
    pub(crate) format: Format,
    pub(crate) content_type: String,
    /// The name that changes are recorded under in managedFields.
    pub(crate) manager: String,
    pub(crate) body: Bytes,
}

impl Api {
    /// The server over a store, with the custom kinds that are defined in it.
    pub(crate) fn new(store: Store, clock: SharedClock) -> ApiResult<Self> {
        let mut served = kinds::builtin();
        store.list(&Key::prefix(crd::STORED_AS, None), None, |_, bytes| {
            served.extend(crd::resources(&parse(bytes)?));
            Ok(true)
        })?;
        let mut asked = Vec::new();
        store.list(&Key::prefix(admission::STORED_AS, None), None, |_, bytes| {
            asked.extend(admission::webhooks(&parse(bytes)?));
            Ok(true)
        })?;
        let kinds = Arc::new(RwLock::new(Arc::new(served)));
        let webhooks = Arc::new(RwLock::new(Arc::new(asked)));
        let api = Api { store, clock, kinds: kinds.clone(), webhooks: webhooks.clone() };
        // A definition is served, and a webhook asked, before it is acknowledged.
        api.store.on_commit(move |events| {
            for event in events.iter().filter(|event| event.key.resource() == admission::STORED_AS) {
                let Ok(configuration) = parse(&event.object) else { continue };
                let mut webhooks = webhooks.write().unwrap_or_else(PoisonError::into_inner);
                let mut asked: Vec<Arc<Webhook>> = webhooks.to_vec();
                asked.retain(|w| w.configuration != event.key.name());
                if !matches!(event.change, Change::Deleted) {
                    asked.extend(admission::webhooks(&configuration));
                }
                *webhooks = Arc::new(asked);
            }
            for event in events.iter().filter(|event| event.key.resource() == crd::STORED_AS) {
                let Ok(definition) = parse(&event.object) else { continue };
                let mut kinds = kinds.write().unwrap_or_else(PoisonError::into_inner);
                let mut served: Vec<Arc<Resource>> = kinds.to_vec();
                served
                    .retain(|r| r.custom.as_ref().is_none_or(|custom| custom.definition != event.key.name()));
                if !matches!(event.change, Change::Deleted) {
                    served.extend(crd::resources(&definition));
                }
                *kinds = Arc::new(served);
            }
        });
        Ok(api)
    }

    /// Every kind served now.
    pub(crate) fn kinds(&self) -> Arc<Vec<Arc<Resource>>> {
        self.kinds.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The webhooks to ask about changes; none about their own configurations, which could lock everybody out.
    fn webhooks(&self, call: &Call) -> Option<Arc<Vec<Arc<Webhook>>>> {
        let webhooks = self.webhooks.read().unwrap_or_else(PoisonError::into_inner).clone();
        let own = call.resource.stored_as == admission::STORED_AS;
        (!webhooks.is_empty() && !own).then_some(webhooks)
    }

    /// The resource of a group version by its plural.
    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
        self.kinds().iter().find(|r| r.group == group && r.version == version && r.plural == plural).cloned()
    }

    /// The kind in whose form objects of a stored resource lie in the store.
    pub(crate) fn stored_as(&self, stored: &str) -> Option<Arc<Resource>> {
        let kinds = self.kinds();
        let mut same = kinds.iter().filter(|r| r.stored_as == stored);
        let first = same.next()?;
        let is_storage = |r: &&Arc<Resource>| r.storage == (r.group.clone(), r.version.clone());
        if is_storage(&first) { Some(first.clone()) } else { same.find(is_storage).or(Some(first)).cloned() }
    }

    async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let body = match Limited::new(body, BODY_LIMIT).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
                return refusal(&ApiError::too_large(BODY_LIMIT));
            }
            Err(error) => {
                return refusal(&ApiError::bad_request(format!("the body cannot be read: {error}")));
            }
        };
        match self.dispatch(&parts, body).await {
            Ok(response) => response,
            Err(error) => refusal(&error),
        }
    }

    async fn dispatch(&self, parts: &Parts, body: Bytes) -> ApiResult<Response<Body>> {
        match request::route(parts.uri.path()) {
            Route::Resource(path) => {
                let Some(resource) = self.find(&path.group, &path.version, &path.plural) else {
                    let known = self.kinds().iter().any(|r| r.group == path.group && r.custom.is_none());
                    return if known { Err(ApiError::no_such_resource()) } else { Ok(nothing_here()) };
                };
                let misplaced = if resource.namespaced {
                    path.namespace.is_none() && path.name.is_some()
                } else {
                    path.namespace.is_some()
                };
                if misplaced {
                    let custom = resource.custom.is_some();
                    return if custom { Ok(nothing_here()) } else { Err(ApiError::no_such_resource()) };
                }
                let text = |name| parts.headers.get(name).and_then(|v: &header::HeaderValue| v.to_str().ok());
                let query = Query::parse(parts.uri.query());
                let content_type = text(header::CONTENT_TYPE).unwrap_or_default();
                let content_type = content_type.split(';').next().unwrap_or_default().trim().to_owned();
                let agent = text(header::USER_AGENT).unwrap_or("unknown");
                let manager = query.get("fieldManager").unwrap_or(agent.split('/').next().unwrap_or(agent));
                let stored = match convert::converts(&resource) {
                    true => self.stored_as(&resource.stored_as).unwrap_or_else(|| resource.clone()),
                    false => resource.clone(),
                };
                let call = Call {
                    stored,
                    format: request::format(text(header::ACCEPT))?,
                    manager: manager.to_owned(),
                    resource,
                    path,
                    query,
                    content_type,
                    body,
                };
                self.resource(&parts.method, call).await
            }
            Route::Fixed(path) => Ok(self.fixed(&path, parts)),
            Route::Group(group) => Ok(self.group(&group)),
            Route::GroupVersion { group, version } => self.group_version(&group, &version),
        }
    }

    async fn resource(&self, method: &Method, call: Call) -> ApiResult<Response<Body>> {
        let named = call.path.name.is_some();
        match (method, named, call.path.subresource.as_deref()) {
            (&Method::GET, false, None) if call.query.flag("watch") => self.watch(call).await,
            (&Method::GET, false, None) => self.list(call).await,
            (&Method::POST, false, None) => self.create(call).await,
            (&Method::DELETE, false, None) => self.delete_collection(call).await,
            (&Method::GET, true, None) => self.get(call).await,
            (&Method::PUT, true, None) => self.replace(call).await,
            (&Method::PATCH, true, None) => self.patch(call).await,
            (&Method::DELETE, true, None) => self.delete(call).await,
            (method, true, Some("status")) if call.resource.status => match *method {
                Method::GET => self.get(call).await,
                Method::PUT => self.replace(call).await,
                Method::PATCH => self.patch(call).await,
                _ => Err(ApiError::method_not_allowed()),
            },
            (&Method::GET, true, Some("log")) if call.resource.qualified() == "pods" => self.log(call).await,
            (method, true, Some("scale")) if call.resource.scale.is_some() => match *method {
                Method::GET => self.get_scale(call).await,
                Method::PUT | Method::PATCH => self.set_scale(method, call).await,
                _ => Err(ApiError::method_not_allowed()),
            },
            (_, true, Some(_)) => Err(ApiError::no_such_resource()),
            _ => Err(ApiError::method_not_allowed()),
        }
    }
}

/// A stored object as clients see it: `kind` and `apiVersion` first, then the rest.
pub(crate) fn present(resource: &Resource, object: Value) -> Value {
    let object = convert::from_storage(resource, object);
    let mut shown = Map::new();
    shown.insert("kind".into(), resource.kind.clone().into());
    shown.insert("apiVersion".into(), resource.api_version().into());
    if let Value::Object(fields) = object {
        shown.extend(fields);
    }
    Value::Object(shown)
}

/// Puts `kind` and `apiVersion` in front of a stored object without parsing it.
pub(crate) fn splice(out: &mut Vec<u8>, head: &str, object: &[u8]) {
    out.push(b'{');
    out.extend_from_slice(head.as_bytes());
    match object {
        [b'{', b'}'] => out.push(b'}'),
        [b'{', rest @ ..] => {
            if !head.is_empty() {
                out.push(b',');
            }
            out.extend_from_slice(rest);
        }
        _ => out.push(b'}'),
    }
}

/// `"kind":"Pod","apiVersion":"v1"`, for [`splice`].
pub(crate) fn head(resource: &Resource) -> String {
    format!("\"kind\":{:?},\"apiVersion\":{:?}", resource.kind, resource.api_version())
}

pub(crate) fn json_answer(code: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

pub(crate) fn value_answer(code: StatusCode, value: &Value) -> Response<Body> {
    json_answer(code, value.to_string())
}

fn text_answer(code: StatusCode, text: impl Into<String>) -> Response<Body> {
    let mut response = Response::new(Body::from(text.into().into_bytes()));
    *response.status_mut() = code;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// What a real server says of a path it does not serve.
fn nothing_here() -> Response<Body> {
    text_answer(StatusCode::NOT_FOUND, "404 page not found\n")
}

pub(crate) fn refusal(error: &ApiError) -> Response<Body> {
    let code = StatusCode::from_u16(error.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    value_answer(code, &error.status())
}

/// The object kubectl sees after something was done that leaves none.
pub(crate) fn success(resource: &Resource, object: &Value) -> Value {
    let mut details = json!({"name": object["metadata"]["name"]});
    if !resource.group.is_empty() {
        details["group"] = resource.group.clone().into();
    }
    details["kind"] = resource.plural.clone().into();
    details["uid"] = object["metadata"]["uid"].clone();
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}

impl<B> tower::Service<Request<B>> for Api
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let api = self.clone();
        Box::pin(async move { Ok(api.answer(request).await) })
    }
}
