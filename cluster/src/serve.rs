//! A cluster on a loopback address, for kubectl and other programs of this machine. What is served is a `kube::Client`, so
//! that it does not matter whether this process holds the cluster or reaches it through another one.
//! Other users of the machine, and pages in a browser, can reach a loopback address too; so the address that the
//! kubeconfig has goes on with a secret path, and only requests below it are answered. (kubectl sends no token over
//! plain HTTP.)
//! Tests: `tests/kubectl.rs`.

use std::net::SocketAddr;

use axum::{Router, body::Body, extract::State};
use http::{Request, Response, StatusCode, Uri, header};
use kube::Client;
use serde_json::json;
use tokio::sync::oneshot;

use crate::{ClusterError, api, error::ApiError};

/// A cluster being served. Ends when dropped.
pub struct Served {
    /// Where.
    pub address: SocketAddr,
    /// What kubectl needs: the text of a kubeconfig file.
    pub kubeconfig: String,
    stop: Option<oneshot::Sender<()>>,
    server: tokio::task::JoinHandle<()>,
}

impl Served {
    /// Waits until serving ends by itself, which it does only on errors of the system.
    pub async fn ended(&mut self) {
        let _ = (&mut self.server).await;
    }

    /// Ends: no new requests are taken, those under way get a moment.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = tokio::time::timeout(std::time::Duration::from_millis(200), &mut self.server).await;
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[derive(Clone)]
struct Behind {
    client: Client,
    secret: String,
}

/// Serves what `client` talks to. Port 0 takes a free one.
///
/// # Errors
/// [`ClusterError::Serve`] when the address is not of this machine alone, or cannot be had.
///
/// ```no_run
/// # async fn f(cluster: stepwell_cluster::EmbeddedCluster) -> Result<(), Box<dyn std::error::Error>> {
/// let served = stepwell_cluster::serve(cluster.client(), "127.0.0.1:0".parse()?).await?;
/// std::fs::write("kubeconfig", &served.kubeconfig)?; // kubectl --kubeconfig kubeconfig get deploy
/// # Ok(()) }
/// ```
pub async fn serve(client: Client, address: SocketAddr) -> Result<Served, ClusterError> {
    let refuse = |message: String| ClusterError::Serve { address, message };
    if !address.ip().is_loopback() {
        return Err(refuse("only loopback addresses (127.0.0.1, ::1) are served".into()));
    }
    let listener = tokio::net::TcpListener::bind(address).await.map_err(|error| refuse(error.to_string()))?;
    let address = listener.local_addr().map_err(|error| refuse(error.to_string()))?;
    let secret = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    let kubeconfig = kubeconfig(address, &secret);
    let router = Router::new().fallback(answer).with_state(Behind { client, secret });
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        let until = async {
            let _ = stopped.await;
        };
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(until).await {
            tracing::error!(%error, "serving the cluster");
        }
    });
    Ok(Served { address, kubeconfig, stop: Some(stop), server })
}

async fn answer(State(behind): State<Behind>, mut request: Request<Body>) -> Response<Body> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let inner =
        path.strip_prefix('/').and_then(|path| path.strip_prefix(&*behind.secret)).unwrap_or_default();
    let open = matches!(path, "/healthz" | "/readyz" | "/livez");
    let target = if open { path } else { inner };
    let (true, Ok(uri)) = (target.starts_with('/'), target.parse::<Uri>()) else {
        return api::refusal(&ApiError::new(401, "Unauthorized", "Unauthorized"));
    };
    let prefix = (uri.path() == "/openapi/v3").then(|| behind.secret.clone());
    *request.uri_mut() = uri;
    request.headers_mut().remove(header::AUTHORIZATION);
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, api::BODY_LIMIT).await else {
        return api::refusal(&ApiError::too_large(api::BODY_LIMIT));
    };
    let answered = behind.client.send(Request::from_parts(parts, kube::client::Body::from(body))).await;
    let response = match answered {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            let status = ApiError::new(StatusCode::BAD_GATEWAY.as_u16(), "InternalError", error.to_string());
            return api::refusal(&status);
        }
    };
    match prefix {
        Some(secret) => with_prefix(response, &secret).await,
        None => response,
    }
}

/// The addresses in the list of OpenAPI documents are seen from the root of the server.
async fn with_prefix(response: Response<Body>, secret: &str) -> Response<Body> {
    let (parts, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, api::BODY_LIMIT).await else {
        return api::refusal(&ApiError::internal("the answer is too large"));
    };
    let text = String::from_utf8_lossy(&bytes).replace("\"/openapi/v3", &format!("\"/{secret}/openapi/v3"));
    Response::from_parts(parts, Body::from(text))
}

fn kubeconfig(address: SocketAddr, secret: &str) -> String {
    // JSON is YAML too, and a generator cannot get its quoting wrong.
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "stepwell", "cluster": {"server": format!("http://{address}/{secret}")}}],
        "users": [{"name": "stepwell", "user": {}}],
        "contexts": [{"name": "stepwell", "context": {"cluster": "stepwell", "user": "stepwell", "namespace": "default"}}],
        "current-context": "stepwell",
    });
    format!("{config:#}\n")
}
