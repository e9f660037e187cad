//! The server that a cluster asks before it takes an Application or a WorkflowRun: an admission webhook, over HTTP or TLS.
//!
//! What is answered is the driver's business (`Driver::review`); here are the connection, the limits, and the registration at the cluster.

use crate::error::Error;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::Listener;
use axum::{Json, Router};
use clap::Args;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use stepwell_runtime::driver::Driver;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How an admission webhook is served.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Answer the cluster at this address before it takes an Application or a WorkflowRun; those with faults are refused
    #[arg(long, value_name = "ADDRESS", help_heading = "Admission")]
    admission: Option<SocketAddr>,
    /// The certificate of that address, in PEM; a real cluster asks only over TLS
    #[arg(long, value_name = "FILE", requires_all = ["admission", "admission_key"], help_heading = "Admission")]
    admission_cert: Option<PathBuf>,
    /// Its key, in PEM
    #[arg(long, value_name = "FILE", requires = "admission_cert", help_heading = "Admission")]
    admission_key: Option<PathBuf>,
    /// How the cluster reaches that address, where it is another one
    #[arg(long, value_name = "URL", requires = "admission", help_heading = "Admission")]
    admission_url: Option<String>,
}

/// The name of the configuration, and of its webhook.
const CONFIGURATION: &str = "stepwell";
const WEBHOOK: &str = "runs.stepwell.dev";

/// Where reviews are sent.
const PATH: &str = "/validate";

/// The largest review: an object, what it was before, and some room.
const LARGEST: usize = 8 << 20;

/// How long a handshake may take, and how many connections wait to be served.
const HANDSHAKE: Duration = Duration::from_secs(5);
const WAITING: usize = 64;

/// A webhook that is served and registered.
pub(crate) struct Served {
    /// How the cluster reaches it.
    pub(crate) url: String,
    client: Client,
    server: JoinHandle<()>,
}

impl Served {
    /// Takes the webhook off again.
    pub(crate) async fn end(self) {
        let _ = configurations(&self.client).delete(CONFIGURATION, &Default::default()).await;
        self.server.abort();
    }
}

fn configurations(
    client: &Client,
) -> Api<k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration> {
    Api::all(client.clone())
}

/// Serves the webhook, if that is asked for, and registers it.
pub(crate) async fn serve(
    options: &Options,
    driver: Driver,
    client: &Client,
) -> Result<Option<Served>, Error> {
    let Some(address) = options.admission else { return Ok(None) };
    let cannot = |e: std::io::Error| {
        Error::mistake("io", format!("cannot listen at {address}: {}", crate::error::plain(&e)))
    };
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let router = Router::new()
        .route(PATH, post(answer))
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(Arc::new(driver));
    let mut authority = None;
    let (scheme, server) = match (&options.admission_cert, &options.admission_key) {
        (Some(cert), Some(key)) => {
            authority = Some(std::fs::read(cert).map_err(|e| Error::file(cert, "read", &e))?);
            let listener = Tls::new(listener, acceptor(cert, key)?, address);
            ("https", tokio::spawn(async move { drop(axum::serve(listener, router).await) }))
        }
        _ => ("http", tokio::spawn(async move { drop(axum::serve(listener, router).await) })),
    };
    let url = options.admission_url.clone().unwrap_or_else(|| format!("{scheme}://{address}{PATH}"));
    let served = Served { url, client: client.clone(), server };
    match register(client, &served.url, authority.as_deref()).await {
        Ok(()) => Ok(Some(served)),
        Err(e) => {
            served.server.abort();
            Err(e.hint(
                "a real cluster takes only webhooks over TLS: give --admission-cert and --admission-key",
            ))
        }
    }
}

/// Tells the cluster to ask. If nobody answers it goes on: each run is checked again before it starts.
async fn register(client: &Client, url: &str, authority: Option<&[u8]>) -> Result<(), Error> {
    let authority = authority.map(|pem| k8s_openapi::ByteString(pem.to_vec()));
    let rule = |version: &str, plural: &str| {
        json!({"apiGroups": ["core.oam.dev"], "apiVersions": [version], "operations": ["CREATE", "UPDATE"],
            "resources": [plural], "scope": "Namespaced"})
    };
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": CONFIGURATION},
        "webhooks": [{
            "name": WEBHOOK, "clientConfig": {"url": url, "caBundle": authority},
            "rules": [rule("v1beta1", "applications"), rule("v1alpha1", "workflowruns")],
            "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Ignore", "timeoutSeconds": 10,
        }],
    });
    let params = PatchParams::apply("stepwell").force();
    configurations(client).patch(CONFIGURATION, &params, &Patch::Apply(&configuration)).await?;
    Ok(())
}

async fn answer(State(driver): State<Arc<Driver>>, Json(review): Json<Value>) -> Response {
    match driver.review(&review).await {
        Ok(answer) => Json(answer).into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, why).into_response(),
    }
}

fn acceptor(cert: &Path, key: &Path) -> Result<TlsAcceptor, Error> {
    let wrong = |file: &Path, why: &dyn std::fmt::Display| {
        Error::mistake("certificate", format!("{} cannot be used: {why}", file.display()))
    };
    let chain: Result<Vec<CertificateDer<'static>>, _> =
        CertificateDer::pem_file_iter(cert).map_err(|e| wrong(cert, &e))?.collect();
    let chain = chain.map_err(|e| wrong(cert, &e))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|e| wrong(key, &e))?;
    // An error means that a provider is set already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, secret);
    Ok(TlsAcceptor::from(Arc::new(config.map_err(|e| wrong(cert, &e))?)))
}

/// A listener that has made its handshakes: each in a task of its own, so that a client that says nothing holds up no other.
struct Tls {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Tls {
    fn new(listener: TcpListener, acceptor: TlsAcceptor, address: SocketAddr) -> Tls {
        let (made, ready) = mpsc::channel(WAITING);
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((stream, from)) = listener.accept().await else {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let (acceptor, made) = (acceptor.clone(), made.clone());
                tokio::spawn(async move {
                    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                        let _ = made.send((stream, from)).await;
                    }
                });
            }
        });
        Tls { ready, address, accepting }
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(made) => made,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.address)
    }
}
