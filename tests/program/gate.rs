//! What stands between a program and its cluster: it lets requests pass until it closes at one of them, which is never answered, whether it is carried out or not.

use crate::sandbox::Sandbox;
use kube::client::Body;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use stepwell_cluster::Served;
use tokio::sync::mpsc;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// It is carried out and answered.
    Through,
    /// It is carried out and not answered.
    Unanswered,
    /// It is neither.
    Lost,
}

/// A cluster behind a gate; it is told here when the gate closes.
pub(crate) struct Gate {
    pub(crate) closed: mpsc::UnboundedReceiver<()>,
    _served: Served,
}

/// Puts a gate before a cluster, and the `kubeconfig` that leads through it into the folder of a program. `pass` says of each request what becomes of it.
pub(crate) async fn gate(
    client: kube::Client,
    sandbox: &Sandbox,
    pass: impl FnMut(&http::Method, &str) -> Pass + Send + 'static,
) -> Gate {
    let (close, closed) = mpsc::unbounded_channel();
    let pass = Arc::new(Mutex::new(pass));
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let (client, close) = (client.clone(), close.clone());
        let pass = (pass.lock().unwrap())(request.method(), request.uri().path());
        async move {
            if pass == Pass::Lost {
                let _ = close.send(());
                std::future::pending::<()>().await;
            }
            let answer = client.send(request).await;
            if pass == Pass::Unanswered {
                let _ = close.send(());
                std::future::pending::<()>().await;
            }
            answer.map_err(|e| Box::<dyn std::error::Error + Send + Sync>::from(e.to_string()))
        }
    });
    let behind = kube::Client::new(service, "default");
    let served = stepwell_cluster::serve(behind, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    sandbox.file("kubeconfig", &served.kubeconfig);
    Gate { closed, _served: served }
}

impl Gate {
    /// Waits for the end of a program, or for the gate to be closed.
    pub(crate) async fn ended(&mut self, child: &mut Child) -> Option<bool> {
        let since = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return Some(status.success());
            }
            if tokio::time::timeout(Duration::from_millis(5), self.closed.recv()).await.is_ok() {
                return None;
            }
            assert!(since.elapsed() < Duration::from_secs(60), "it neither ends nor writes");
        }
    }
}
