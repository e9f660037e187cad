//! `http/do`: a call over HTTP.

use super::support::body::{self, Fault, size};
use super::support::cx::client_builder;
use super::support::objects::innermost;
use super::support::rate::{MOST_CALLS, RATES};
use super::support::secret::{Tls, files};
use super::support::trust::{is_untrusted, same_server};
use super::{Answer, Cx, Op, OpError, read};
use crate::model::workflow::parse_duration;
use crate::problem::nearest;
use futures::future::BoxFuture;
use http_body::Frame;
use http_body_util::StreamBody;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Identity, Method, Url};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The longest body of an answer if nothing is said, and the most that can be asked for.
const BODY: usize = 1 << 20;
const LONGEST_BODY: usize = 64 << 20;
/// The methods that there are; the schema has those of the reference, and who writes the op out can use the others.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
/// How long a call may take if nothing is said.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Do;

#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    method: String,
    url: String,
    #[serde(default)]
    request: Request,
    tls_config: Option<Tls>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Request {
    timeout: Option<String>,
    body: Option<String>,
    header: BTreeMap<String, String>,
    trailer: BTreeMap<String, String>,
    ratelimiter: Option<Limit>,
    headers_from_secret: Vec<SecretHeader>,
    body_limit: Option<i64>,
}

#[derive(Deserialize)]
struct Limit {
    limit: usize,
    period: String,
}

#[derive(Deserialize)]
struct SecretHeader {
    header: String,
    secret: String,
    key: String,
}

impl Op for Do {
    fn provider(&self) -> &'static str {
        "http"
    }

    fn name(&self) -> &'static str {
        "do"
    }

    fn older(&self) -> &'static str {
        "do"
    }

    fn older_fields(&self) -> &'static [&'static str] {
        &["response"]
    }

    fn doc(&self) -> &'static str {
        "Sends a request over HTTP and returns status code, headers and body of the answer, whatever the code is. A call may take `request.timeout` \
         (10 s unless told otherwise). Its answer may have 1 MiB, or what `request.bodyLimit` says in bytes, up to 64 MiB (`64Mi`); \
         a longer one is given up as soon as that is known, and the step fails. Headers can be taken from Secrets, and so can the certificates (`ca.crt`, \
         `client.crt`, `client.key` in the Secret of `tls_config`). `request.ratelimiter` allows so many calls of the same method and address in a period. \
         Redirects are followed, ten at most; with headers or certificates from Secrets only on the same server. \
         Each request carries an `Idempotency-Key` that is the same when it is sent again after a crash. \
         Calls that only ask (GET, HEAD, OPTIONS) are recorded several at a time, so that a crash asks those of the last moment again. \
         If there is no answer at all, the step is tried again."
    }

    fn repeatable(&self) -> bool {
        false
    }

    /// The methods that are safe by RFC 9110 (section 9.2.1) only ask.
    fn touches(&self, params: &Map<String, Value>) -> bool {
        let method = params.get("method").and_then(Value::as_str).unwrap_or_default();
        !matches!(method, "" | "GET" | "HEAD" | "OPTIONS" | "TRACE")
    }

    fn older_returns(&self, _: &Map<String, Value>, returns: Map<String, Value>) -> Map<String, Value> {
        Map::from_iter([("response".to_string(), Value::Object(returns))])
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(call(cx, params))
    }
}

async fn call(cx: &Cx, params: Map<String, Value>) -> Result<Answer, OpError> {
    let params: Params = read(params)?;
    // The URL may hold a token: messages show where it leads, not what it says.
    let url: Url = params.url.parse().map_err(|e| OpError::permanent(format!("`url` is no URL: {e}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(OpError::permanent(format!("`url` is of scheme `{}`, not http or https", url.scheme())));
    }
    let method = if params.method.is_empty() { "GET" } else { params.method.as_str() };
    let method = method_of(method)?;
    let what = format!("{method} {}", url.origin().ascii_serialization());
    let timeout = match params.request.timeout.as_deref().filter(|t| !t.is_empty()) {
        Some(text) => {
            parse_duration(text).map_err(|why| OpError::permanent(format!("`request.timeout`: {why}")))?
        }
        None => TIMEOUT,
    };
    let limit = body_limit(params.request.body_limit)?;
    let client = match &params.tls_config {
        Some(tls) => with_tls(cx, tls).await?,
        None if !params.request.headers_from_secret.is_empty() => careful()?,
        None => cx.http.clone().map_err(|why| OpError::permanent(format!("no calls over HTTP: {why}")))?,
    };
    let headers = headers(cx, &params.request).await?;
    if let Some(limit) = &params.request.ratelimiter {
        let period = parse_duration(&limit.period)
            .map_err(|why| OpError::permanent(format!("`request.ratelimiter.period`: {why}")))?;
        if limit.limit == 0 || limit.limit > MOST_CALLS {
            let message =
                format!("`request.ratelimiter.limit` is {}, and must be 1 to {MOST_CALLS}", limit.limit);
            return Err(OpError::permanent(message));
        }
        let key = format!("{what}{}", url.path());
        let booked = RATES.book(&key, (limit.limit, period), timeout, Instant::now());
        let wait = booked.map_err(|wait| {
            OpError::transient(format!(
                "{what}: {} calls in {period:?} are allowed; the next one in {wait:?}",
                limit.limit
            ))
        })?;
        tokio::time::sleep(wait).await;
    }
    let mut request = client.request(method, url).timeout(timeout).headers(headers);
    let body = params.request.body;
    if !params.request.trailer.is_empty() {
        let names: Vec<&str> = params.request.trailer.keys().map(String::as_str).collect();
        request = request.header("trailer", names.join(", "));
        request = request.body(with_trailers(body.unwrap_or_default(), &params.request.trailer)?);
    } else if let Some(body) = body {
        request = request.body(body);
    }
    let failed = |e: reqwest::Error| {
        let e = e.without_url();
        let why = if e.is_timeout() { format!("no answer within {timeout:?}") } else { innermost(&e) };
        OpError { message: format!("{what}: {why}"), retry: !e.is_builder() && !is_untrusted(&e) }
    };
    let answer = request.send().await.map_err(failed)?;
    let status = answer.status().as_u16();
    let header = shown(answer.headers());
    let (body, trailer) = body::read(answer, limit).await.map_err(|fault| match fault {
        Fault::Broken(e) => failed(e),
        Fault::TooLong => OpError::permanent(format!(
            "{what}: the answer is longer than {}; `request.bodyLimit` may be up to {}",
            size(limit),
            size(LONGEST_BODY)
        )),
    })?;
    let trailer = trailer.as_ref().map(shown).unwrap_or_default();
    let body = String::from_utf8(body).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
    let returns = json!({"body": body, "header": header, "trailer": trailer, "statusCode": status});
    Ok(Answer::Returns(returns.as_object().cloned().unwrap_or_default()))
}

fn method_of(name: &str) -> Result<Method, OpError> {
    if METHODS.contains(&name) {
        return name.parse().map_err(|_| OpError::permanent("`method` is no HTTP method"));
    }
    let near = nearest(&name.to_uppercase(), METHODS).map(|near| format!("; did you mean `{near}`?"));
    let all = METHODS.join("`, `");
    Err(OpError::permanent(format!("`method` is `{name}`, and can be `{all}`{}", near.unwrap_or_default())))
}

fn body_limit(asked: Option<i64>) -> Result<usize, OpError> {
    let Some(asked) = asked else { return Ok(BODY) };
    let fits = usize::try_from(asked).ok().filter(|limit| (1..=LONGEST_BODY).contains(limit));
    let wrong = || {
        OpError::permanent(format!(
            "`request.bodyLimit` is {asked}, and must be 1 to {LONGEST_BODY} bytes ({})",
            size(LONGEST_BODY)
        ))
    };
    fits.ok_or_else(wrong)
}

/// A body with trailers after it.
fn with_trailers(body: String, trailers: &BTreeMap<String, String>) -> Result<reqwest::Body, OpError> {
    let mut map = HeaderMap::new();
    for (name, value) in trailers {
        set(&mut map, name, value.as_bytes())?;
    }
    let frames =
        [Frame::data(bytes::Bytes::from(body)), Frame::trailers(map)].map(Ok::<_, std::convert::Infallible>);
    Ok(reqwest::Body::wrap(StreamBody::new(futures::stream::iter(frames))))
}

fn set(headers: &mut HeaderMap, name: &str, value: &[u8]) -> Result<(), OpError> {
    let wrong =
        |part: &str| OpError::permanent(format!("the {part} of header `{name}` is not allowed in HTTP"));
    let key: HeaderName = name.parse().map_err(|_| wrong("name"))?;
    let mut value = HeaderValue::from_bytes(value).map_err(|_| wrong("value"))?;
    value.set_sensitive(true);
    headers.insert(key, value);
    Ok(())
}

/// Headers as returns, with all values of each.
fn shown(headers: &HeaderMap) -> Map<String, Value> {
    let mut out: Map<String, Value> = Map::new();
    for (name, value) in headers {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let all = out.entry(canonical(name.as_str())).or_insert_with(|| json!([]));
        if let Value::Array(all) = all {
            all.push(Value::String(text));
        }
    }
    out
}

/// `content-type` as `Content-Type`: the form under which existing definitions look for headers.
fn canonical(name: &str) -> String {
    let part = |p: &str| {
        let mut letters = p.chars();
        letters.next().map(|c| c.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    };
    name.split('-').map(part).collect::<Vec<_>>().join("-")
}

async fn headers(cx: &Cx, request: &Request) -> Result<HeaderMap, OpError> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    if let Ok(key) = HeaderValue::from_str(&cx.identity) {
        headers.insert("idempotency-key", key);
    }
    for (name, value) in &request.header {
        set(&mut headers, name, value.as_bytes())?;
    }
    for h in &request.headers_from_secret {
        let secret = files(cx, &h.secret, "").await?;
        let value = secret.get(&h.key);
        let missing = || OpError::transient(format!("the Secret `{}` has no key `{}`", h.secret, h.key));
        set(&mut headers, &h.header, value.ok_or_else(missing)?)?;
    }
    Ok(headers)
}

/// The client for calls with headers from Secrets: these are sent to no other server than the one that is named.
fn careful() -> Result<Client, OpError> {
    static CLIENT: OnceLock<Result<Client, String>> = OnceLock::new();
    let make = || client_builder().redirect(same_server()).build().map_err(|e| innermost(&e));
    CLIENT.get_or_init(make).clone().map_err(|why| OpError::permanent(format!("no calls over HTTP: {why}")))
}

async fn with_tls(cx: &Cx, tls: &Tls) -> Result<Client, OpError> {
    let files = files(cx, &tls.secret, &tls.namespace).await?;
    let wrong = |what: &str| tls.wrong(what);
    let mut client = client_builder().redirect(same_server());
    if let Some(ca) = files.get("ca.crt") {
        let all = Certificate::from_pem_bundle(ca).ok().filter(|all| !all.is_empty());
        client = client.tls_certs_merge(all.ok_or_else(|| wrong("`ca.crt`"))?);
    }
    if let (Some(certificate), Some(key)) = (files.get("client.crt"), files.get("client.key")) {
        let both = [key.as_slice(), b"\n", certificate.as_slice()].concat();
        client =
            client.identity(Identity::from_pem(&both).map_err(|_| wrong("`client.crt` or `client.key`"))?);
    }
    client.build().map_err(|_| wrong("a certificate"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::ops::support::cx::tests::{nowhere, with};
    use axum::Router;
    use axum::extract::Request as Incoming;
    use axum::response::IntoResponse;
    use axum::routing::any;
    use http_body_util::BodyExt;
    use k8s_openapi::api::core::v1::Secret;
    use kube::Api;
    use std::sync::Arc;
    use stepwell_cluster::{EmbeddedCluster, Options};

    /// A server that says what it was sent, is slow, or says too much. Gives its address.
    async fn serve() -> String {
        async fn echo(request: Incoming) -> impl IntoResponse {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 4096).await.unwrap();
            let header =
                |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("").to_string();
            let text = format!(
                "{} {} auth={} type={} key={} body={}",
                parts.method,
                parts.uri,
                header("authorization"),
                header("content-type"),
                header("idempotency-key"),
                String::from_utf8_lossy(&body)
            );
            ([("x-two", "1"), ("x-two", "2")], text)
        }
        let app = Router::new()
            .route("/echo", any(echo))
            .route("/slow", any(|| async { tokio::time::sleep(Duration::from_secs(30)).await }))
            .route("/big", any(|| async { vec![b'x'; BODY + 1] }))
            .route("/no", any(|| async { (http::StatusCode::INTERNAL_SERVER_ERROR, "no") }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}")
    }

    async fn run(params: Value) -> Result<Map<String, Value>, OpError> {
        let cx = Cx { identity: "run-1/step/1/req".into(), ..nowhere() };
        match Do.run(&cx, params.as_object().unwrap().clone()).await? {
            Answer::Returns(r) => Ok(r),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_request_and_its_answer() {
        let server = serve().await;
        let request = json!({"body": "{}", "header": {"Authorization": "Bearer t"}});
        let got = run(json!({"method": "POST", "url": format!("{server}/echo?a=1"), "request": request}))
            .await
            .unwrap();
        assert_eq!(got["statusCode"], 200);
        assert_eq!(
            got["body"],
            "POST /echo?a=1 auth=Bearer t type=application/json key=run-1/step/1/req body={}"
        );
        assert_eq!(got["header"]["X-Two"], json!(["2"]));
        let got = run(json!({"url": format!("{server}/no")})).await.unwrap();
        assert_eq!((got["statusCode"].as_u64(), got["body"].as_str()), (Some(500), Some("no")));
    }

    #[tokio::test]
    async fn trailers_go_and_come() {
        async fn back(request: Incoming) -> impl IntoResponse {
            let all = request.into_body().collect().await.unwrap();
            let trailers = all.trailers().cloned().unwrap_or_default();
            let frames = [Frame::data(all.to_bytes()), Frame::trailers(trailers)];
            let body = StreamBody::new(futures::stream::iter(frames.map(Ok::<_, std::convert::Infallible>)));
            ([("trailer", "x-sum")], axum::body::Body::new(body))
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().route("/", any(back));
        tokio::spawn(async move { axum::serve(listener, app).await });
        // A server sends trailers to those who say that they take them.
        let request = json!({"body": "all of it", "trailer": {"X-Sum": "42"}, "header": {"TE": "trailers"}});
        let got = run(json!({"method": "POST", "url": format!("http://{address}"), "request": request}))
            .await
            .unwrap();
        assert_eq!((&got["body"], &got["trailer"]), (&json!("all of it"), &json!({"X-Sum": ["42"]})));
        let wrong = json!({"url": format!("http://{address}"), "request": {"trailer": {"a b": "1"}}});
        let wrong = run(wrong).await.unwrap_err();
        assert_eq!(wrong.message, "the name of header `a b` is not allowed in HTTP");
    }

    #[tokio::test]
    async fn calls_are_made_no_faster_than_allowed() {
        let server = serve().await;
        let ask = |path: &str, timeout: &str, period: &str| {
            let request = json!({"timeout": timeout, "ratelimiter": {"limit": 1, "period": period}});
            run(json!({"url": format!("{server}/{path}"), "request": request}))
        };
        let start = Instant::now();
        ask("echo", "30s", "300ms").await.unwrap();
        ask("echo", "30s", "300ms").await.unwrap();
        assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
        ask("no", "30s", "1h").await.unwrap();
        let busy = ask("no", "30s", "1h").await.unwrap_err();
        assert!(busy.retry && busy.message.contains("1 calls in 3600s are allowed"), "{busy}");
        let none = json!({"url": server, "request": {"ratelimiter": {"limit": 0, "period": "1s"}}});
        let none = run(none).await.unwrap_err();
        assert!(none.message.starts_with("`request.ratelimiter.limit` is 0, and must be 1 to "), "{none}");
    }

    /// What an op is given on an embedded cluster with this Secret `files` in the namespace `default`.
    async fn beside_secret(files: &[(&str, &str)]) -> (EmbeddedCluster, Cx) {
        let cluster = EmbeddedCluster::in_memory(Options::default()).await.unwrap();
        let data: BTreeMap<_, _> = files.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let secret = Secret {
            metadata: kube::core::ObjectMeta { name: Some("files".into()), ..Default::default() },
            string_data: Some(data),
            ..Secret::default()
        };
        let api: Api<Secret> = Api::namespaced(cluster.client(), "default");
        api.create(&kube::api::PostParams::default(), &secret).await.unwrap();
        let cx = with(cluster.client());
        (cluster, cx)
    }

    async fn run_in(cx: &Cx, params: Value) -> Result<String, OpError> {
        match Do.run(cx, params.as_object().unwrap().clone()).await? {
            Answer::Returns(r) => Ok(r["body"].as_str().unwrap().to_string()),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn headers_come_from_secrets() {
        let server = serve().await;
        let (cluster, cx) = beside_secret(&[("token", "Bearer hidden"), ("bad", "a\nb")]).await;
        let ask = |key: &str| {
            let from = json!([{"header": "Authorization", "secret": "files", "key": key}]);
            json!({"url": format!("{server}/echo"), "request": {"headersFromSecret": from}})
        };
        let body = run_in(&cx, ask("token")).await.unwrap();
        assert!(body.contains("auth=Bearer hidden"), "{body}");
        // A key that is not there yet may come; one that cannot be a header never will.
        let missing = run_in(&cx, ask("tokn")).await.unwrap_err();
        assert_eq!(missing, OpError::transient("the Secret `files` has no key `tokn`".to_string()));
        let bad = run_in(&cx, ask("bad")).await.unwrap_err();
        assert_eq!(bad.message, "the value of header `Authorization` is not allowed in HTTP");
        let nowhere = json!([{"header": "a", "secret": "none", "key": "k"}]);
        let nowhere = json!({"url": server, "request": {"headersFromSecret": nowhere}});
        let nowhere = run_in(&cx, nowhere).await.unwrap_err();
        assert_eq!(nowhere, OpError::transient("there is no Secret `none` in `default`".to_string()));
        cluster.close().await;
    }

    /// A certificate authority, and a certificate and key that it made for `localhost`, all as PEM.
    fn certificates() -> (String, String, String) {
        use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
        let key = KeyPair::generate().unwrap();
        let mut of_ca = CertificateParams::new(Vec::new()).unwrap();
        of_ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = of_ca.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(of_ca, key);
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".to_string()]).unwrap();
        let leaf = leaf.signed_by(&key, &issuer).unwrap().pem();
        (ca, leaf, key.serialize_pem())
    }

    /// A server that answers `hello` to clients with a certificate of its authority only. Gives its address.
    async fn serve_tls(ca: &str, certificate: &str, key: &str) -> String {
        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let _ = client_builder();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
        let clients = rustls::server::WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        let config = rustls::ServerConfig::builder().with_client_cert_verifier(clients).with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        );
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config.unwrap()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
                let _ = stream.shutdown().await;
            }
        });
        format!("https://localhost:{port}")
    }

    #[tokio::test]
    async fn certificates_come_from_secrets() {
        let (ca, certificate, key) = certificates();
        let server = serve_tls(&ca, &certificate, &key).await;
        let ask = json!({"url": server, "tls_config": {"secret": "files"}});
        let files = [("ca.crt", ca.as_str()), ("client.crt", &certificate), ("client.key", &key)];
        let (cluster, cx) = beside_secret(&files).await;
        assert_eq!(run_in(&cx, ask.clone()).await.unwrap(), "hello");
        // Without the authority the server is not trusted.
        let plain = run_in(&cx, json!({"url": server})).await.unwrap_err();
        assert!(plain.message.contains("certificate"), "{plain}");
        cluster.close().await;
        // Without a certificate of its own the client is not let in.
        let (cluster, cx) = beside_secret(&files[..1]).await;
        let nobody = run_in(&cx, ask.clone()).await.unwrap_err();
        assert!(nobody.message.starts_with(&format!("GET {server}: ")), "{nobody}");
        cluster.close().await;
        let (cluster, cx) = beside_secret(&[("ca.crt", "no certificate")]).await;
        let broken = run_in(&cx, ask).await.unwrap_err();
        assert!(
            !broken.retry && broken.message.contains("in the Secret `files` of `tls_config` cannot be used"),
            "{broken}"
        );
        cluster.close().await;
    }

    #[tokio::test]
    async fn a_long_answer_is_read_as_far_as_it_is_asked_for() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let sent = Arc::new(AtomicUsize::new(0));
        let counted = sent.clone();
        let endless = move || {
            let counted = counted.clone();
            let piece = move |()| {
                counted.fetch_add(1 << 16, Ordering::SeqCst);
                Some((Ok::<_, std::convert::Infallible>(vec![b'x'; 1 << 16]), ()))
            };
            let pieces = futures::stream::unfold((), move |state| std::future::ready(piece(state)));
            async { axum::body::Body::from_stream(pieces) }
        };
        let big = || async { vec![b'x'; 5 << 20] };
        let app = Router::new().route("/endless", any(endless)).route("/big", any(big));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let ask = |path: &str, limit: i64| {
            run(json!({"url": format!("{server}/{path}"), "request": {"bodyLimit": limit}}))
        };
        let got = ask("big", 5 << 20).await.unwrap();
        assert_eq!(got["body"].as_str().map(str::len), Some(5 << 20));
        let told = |limit: &str| {
            format!(
                "GET {server}: the answer is longer than {limit}; `request.bodyLimit` may be up to 64 MiB"
            )
        };
        assert_eq!(ask("big", (5 << 20) - 1).await.unwrap_err(), OpError::permanent(told("5242879 bytes")));
        assert_eq!(ask("endless", 3 << 20).await.unwrap_err(), OpError::permanent(told("3 MiB")));
        // What has come beyond the limit lies in the buffers of the connection, and the server has stopped.
        let after = sent.load(Ordering::SeqCst);
        assert!(((3 << 20)..(24 << 20)).contains(&after), "{after} bytes were sent");
        for wrong in [0, -1, (64 << 20) + 1] {
            let told = format!("`request.bodyLimit` is {wrong}, and must be 1 to 67108864 bytes (64 MiB)");
            assert_eq!(ask("big", wrong).await.unwrap_err(), OpError::permanent(told));
        }
    }

    #[tokio::test]
    async fn a_method_that_is_none_is_told_with_those_that_there_are() {
        let told = |method: &str| {
            let asked = run(json!({"url": "http://127.0.0.1:1", "method": method}));
            async { asked.await.unwrap_err().message }
        };
        let all = "`GET`, `POST`, `PUT`, `DELETE`, `PATCH`, `HEAD`, `OPTIONS`";
        assert_eq!(told("FETCHED").await, format!("`method` is `FETCHED`, and can be {all}"));
        assert_eq!(told("post").await, format!("`method` is `post`, and can be {all}; did you mean `POST`?"));
    }

    #[tokio::test]
    async fn errors_say_where_but_nothing_secret() {
        let server = serve().await;
        let slow = json!({"url": format!("{server}/slow?token=SECRET"), "request": {"timeout": "100ms"}});
        let slow = run(slow).await.unwrap_err();
        assert_eq!(slow, OpError::transient(format!("GET {server}: no answer within 100ms")));
        let big = run(json!({"url": format!("{server}/big")})).await.unwrap_err();
        let told = "the answer is longer than 1 MiB; `request.bodyLimit` may be up to 64 MiB";
        assert_eq!(big, OpError::permanent(format!("GET {server}: {told}")));
        let refused = json!({"url": "http://u:SECRET@127.0.0.1:1/SECRET?SECRET", "request": {"body": "SECRET", "header": {"a": "SECRET"}}});
        let refused = run(refused).await.unwrap_err();
        assert!(
            refused.retry && refused.message.contains("127.0.0.1:1") && refused.message.contains("refused"),
            "{refused}"
        );
        assert!(!refused.message.contains("SECRET"), "{refused}");
        for bad in [
            json!({"url": "nowhere"}),
            json!({"url": "file:///etc/passwd"}),
            json!({"url": "http://x", "request": {"timeout": "soon"}}),
            json!({"url": "http://x", "request": {"header": {"a b": "SECRET"}}}),
            json!({"url": "http://x", "request": {"header": {"a": "SE\nCRET"}}}),
            json!({"url": "http://x", "request": {"ratelimiter": {"limit": 1, "period": "soon"}}}),
            json!({}),
        ] {
            let e = run(bad).await.unwrap_err();
            assert!(!e.retry && !e.message.contains("SECRET"), "{e}");
        }
    }
}
