//! One directory, several processes: whoever comes first holds the cluster and serves it on a socket in the directory; those who come
//! later talk to that socket. A [`Session`] hides which of the two this process is.
//!
//! When the holder goes, cleanly or not, the next request of a guest finds nobody behind the socket, and the guest becomes the holder:
//! nothing is lost, since every answered write is on disk. The lock of the database file decides who holds; the socket is only
//! the way to it, and one that is left over from a crash is replaced. Tests: `tests/share.rs`, and at the end.

use crate::api::Api;
use crate::{ClusterError, EmbeddedCluster, Options};
use axum::body::Body;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::fs::{self, File};
use std::future::Future;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Mutex, oneshot};
use tower::{BoxError, Service, ServiceExt};

/// The socket, inside the directory.
const SOCKET: &str = "socket";

/// The longest path that every system takes for a socket.
const LONGEST_PATH: usize = 100;

/// How often, and after which pause, a directory is tried that is held but does not answer: its holder is starting or ending.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// A cluster in a directory, held by this process or reached through the one that holds it.
///
/// ```no_run
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// use stepwell_cluster::{Options, Session};
///
/// let session = Session::open("state".as_ref(), Options::default()).await?;
/// let version = session.client().list_api_groups().await?;
/// session.close().await;
/// # Ok(()) }
/// ```
pub struct Session {
    door: Door,
}

impl Session {
    /// Opens the directory, making it when it is not there, or connects to the process that holds it.
    ///
    /// # Errors
    /// [`ClusterError::InUse`] when another process holds it and does not answer; otherwise what keeps it from being opened.
    pub async fn open(dir: &Path, options: Options) -> Result<Session, ClusterError> {
        let io = |source| ClusterError::Io { path: dir.into(), source };
        // What users deliver is their own business.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io)?;
        let dir = fs::canonicalize(dir).map_err(io)?;
        let side = enter(&dir, &options).await?;
        Ok(Session { door: Door { dir: dir.into(), options, side: Arc::new(Mutex::new(side)) } })
    }

    /// A client that talks to the cluster, whoever holds it. Its default namespace is `default`.
    pub fn client(&self) -> kube::Client {
        kube::Client::new(self.door.clone(), "default")
    }

    /// Whether this process holds the directory at the moment.
    pub async fn holds(&self) -> bool {
        matches!(*self.door.side.lock().await, Side::Holder(_))
    }

    /// Ends the session. A holder waits for its last write and lets go of the directory; clients still held get errors.
    pub async fn close(self) {
        let side = std::mem::replace(&mut *self.door.side.lock().await, Side::Closed);
        if let Side::Holder(holder) = side {
            holder.close().await;
        }
    }
}

/// Where requests go in: here or to the socket. Clones share one.
#[derive(Clone)]
struct Door {
    dir: Arc<Path>,
    options: Options,
    side: Arc<Mutex<Side>>,
}

/// On which side of the socket this process is.
enum Side {
    Holder(Holder),
    Guest(Box<Guest>),
    Closed,
}

struct Holder {
    cluster: EmbeddedCluster,
    socket: PathBuf,
    /// Ends the server when it is dropped or told.
    stop: oneshot::Sender<()>,
    server: tokio::task::JoinHandle<()>,
}

impl Holder {
    async fn close(self) {
        // In this order: nobody finds the way in any more, what is under way ends, the lock is let go.
        let _ = fs::remove_file(&self.socket);
        let _ = self.stop.send(());
        let _ = tokio::time::timeout(PAUSE, self.server).await;
        self.cluster.close().await;
    }
}

/// Becomes the holder or a guest.
async fn enter(dir: &Path, options: &Options) -> Result<Side, ClusterError> {
    for _ in 0..TRIES {
        match EmbeddedCluster::open(dir, options.clone()).await {
            Ok(cluster) => return hold(dir, cluster),
            Err(ClusterError::InUse(_)) => {
                let guest = Box::new(Guest::new(dir.to_owned()));
                if guest.there_is_an_answer().await {
                    return Ok(Side::Guest(guest));
                }
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(ClusterError::InUse(dir.into()))
}

/// Serves the cluster on the socket.
fn hold(dir: &Path, cluster: EmbeddedCluster) -> Result<Side, ClusterError> {
    let socket = dir.join(SOCKET);
    let listener = bind(dir, &socket).map_err(|source| ClusterError::Io { path: socket.clone(), source })?;
    let router = axum::Router::new().fallback_service(cluster.api.clone());
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        let until = async {
            let _ = stopped.await;
        };
        let _ = axum::serve(listener, router).with_graceful_shutdown(until).await;
    });
    Ok(Side::Holder(Holder { cluster, socket, stop, server }))
}

/// Listens on the socket. It is made in a folder that nobody else may enter, and moved when its mode is set, so that at no time
/// another user can connect; moving it also replaces one that a crash left over.
fn bind(dir: &Path, socket: &Path) -> io::Result<UnixListener> {
    let made_in = dir.join(format!(".{}", std::process::id()));
    let _ = fs::remove_dir_all(&made_in);
    fs::DirBuilder::new().mode(0o700).create(&made_in)?;
    let listener = short(&made_in.join(SOCKET), |path| UnixListener::bind(path)).and_then(|listener| {
        fs::set_permissions(made_in.join(SOCKET), fs::Permissions::from_mode(0o600))?;
        fs::rename(made_in.join(SOCKET), socket)?;
        Ok(listener)
    });
    let _ = fs::remove_dir_all(&made_in);
    listener
}

/// Does something with the path of a socket, which systems want short: a long one is reached through the open folder.
fn short<T>(path: &Path, does: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().len() <= LONGEST_PATH {
        return does(path);
    }
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { return does(path) };
    let dir = File::open(dir)?;
    let through = Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string());
    if !through.exists() {
        let message = format!(
            "the path is too long for a socket (more than {LONGEST_PATH} bytes): choose a shorter one"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    does(&through.join(name))
}

/// The way to the process that holds the directory.
#[derive(Clone)]
struct Guest {
    http: Client<Connector, Full<Bytes>>,
}

impl Guest {
    fn new(dir: PathBuf) -> Guest {
        let connector = Connector { socket: dir.join(SOCKET) };
        Guest { http: Client::builder(TokioExecutor::new()).build(connector) }
    }

    async fn there_is_an_answer(&self) -> bool {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = Uri::from_static("/healthz");
        let answer = tokio::time::timeout(Duration::from_secs(5), self.ask(&request)).await;
        answer.is_ok_and(|a| a.is_ok_and(|a| a.status().is_success()))
    }

    async fn ask(&self, request: &Request<Bytes>) -> Result<Response<Body>, Error> {
        let path = request.uri().path_and_query().map_or("/", |p| p.as_str());
        let mut sent = Request::new(Full::new(request.body().clone()));
        *sent.method_mut() = request.method().clone();
        *sent.headers_mut() = request.headers().clone();
        *sent.uri_mut() = Uri::builder()
            .scheme("http")
            .authority("embedded")
            .path_and_query(path)
            .build()
            .unwrap_or_else(|_| request.uri().clone());
        Ok(self.http.request(sent).await?.map(Body::new))
    }
}

/// Whether the other side has closed a connection with what was sent last unread: a request that was not read whole was not carried out.
fn is_unread(e: &Error) -> bool {
    let mut at: Option<&dyn std::error::Error> = Some(e);
    while let Some(e) = at {
        if let Some(e) = e.downcast_ref::<io::Error>() {
            return matches!(e.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset);
        }
        at = e.source();
    }
    false
}

/// Makes connections to the socket, whatever address is asked for.
#[derive(Clone)]
struct Connector {
    socket: PathBuf,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<UnixStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let connected = short(&self.socket, |path| std::os::unix::net::UnixStream::connect(path));
        Box::pin(async move {
            let stream = connected?;
            stream.set_nonblocking(true)?;
            Ok(TokioIo::new(UnixStream::from_std(stream)?))
        })
    }
}

/// What a request finds behind the door.
enum Way {
    Here(Api),
    There(Box<Guest>),
}

impl Door {
    async fn way(&self) -> Result<Way, ClusterError> {
        match &*self.side.lock().await {
            Side::Holder(holder) => Ok(Way::Here(holder.cluster.api.clone())),
            Side::Guest(guest) => Ok(Way::There(guest.clone())),
            Side::Closed => Err(ClusterError::Start("its session was closed".into())),
        }
    }

    /// The holder has gone, or says that it is going: takes its place, or finds who did.
    async fn enter_again(&self, going: bool) -> Result<(), ClusterError> {
        let mut side = self.side.lock().await;
        if let Side::Guest(guest) = &*side
            && (going || !guest.there_is_an_answer().await)
        {
            *side = enter(&self.dir, &self.options).await?;
        }
        Ok(())
    }

    async fn answer(self, request: Request<kube::client::Body>) -> Result<Response<Body>, BoxError> {
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts, body.collect().await?.to_bytes());
        for _ in 0..3 {
            match self.way().await? {
                Way::Here(api) => return Ok(api.oneshot(request.map(Full::new)).await?),
                Way::There(guest) => match guest.ask(&request).await {
                    // Nothing else answers so than a store that is closed, which has carried nothing out.
                    Ok(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE => {
                        self.enter_again(true).await?;
                    }
                    Ok(response) => return Ok(response),
                    // Only what has certainly not been carried out, or changes nothing, is asked again.
                    Err(e) if e.is_connect() || is_unread(&e) || request.method() == Method::GET => {
                        self.enter_again(false).await?
                    }
                    Err(e) => return Err(e.into()),
                },
            }
        }
        Err(ClusterError::InUse(self.dir.to_path_buf()).into())
    }
}

impl Service<Request<kube::client::Body>> for Door {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<kube::client::Body>) -> Self::Future {
        Box::pin(self.clone().answer(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::api::{Api, PostParams};

    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_holder_has_not_read_the_guest_carries_out() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let dir = tempfile::tempdir().unwrap();
        let cluster = EmbeddedCluster::open(dir.path(), Options::default()).await.unwrap();
        let socket = dir.path().join(SOCKET);
        let listener = UnixListener::bind(&socket).unwrap();
        let holder = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 1024];
            let _ = stream.read(&mut asked).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            // The next request comes, and is not read any more.
            stream.readable().await.unwrap();
            cluster.close().await;
            fs::remove_file(&socket).unwrap();
        });
        let guest = Session::open(dir.path(), Options::default()).await.unwrap();
        let map: ConfigMap = serde_json::from_value(serde_json::json!({"metadata": {"name": "m"}})).unwrap();
        let maps: Api<ConfigMap> = Api::namespaced(guest.client(), "default");
        maps.create(&PostParams::default(), &map).await.unwrap();
        holder.await.unwrap();
        assert!(guest.holds().await);
        guest.close().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_holder_refuses_while_it_ends_the_guest_carries_out() {
        let dir = tempfile::tempdir().unwrap();
        let first = Session::open(dir.path(), Options::default()).await.unwrap();
        let second = Session::open(dir.path(), Options::default()).await.unwrap();
        // It still answers, and writes nothing any more.
        match &*first.door.side.lock().await {
            Side::Holder(holder) => holder.cluster.api.store.close(),
            _ => panic!("whoever comes first holds it"),
        }
        let map: ConfigMap = serde_json::from_value(serde_json::json!({"metadata": {"name": "m"}})).unwrap();
        let maps: Api<ConfigMap> = Api::namespaced(second.client(), "default");
        maps.create(&PostParams::default(), &map).await.unwrap();
        assert!(second.holds().await);
        second.close().await;
    }
}
