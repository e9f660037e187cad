//! `email/send`: mail over SMTP.

use super::support::objects::innermost;
use super::support::secret::{Tls as TlsConfig, files};
use super::support::trust::is_untrusted;
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use lettre::address::AddressError;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::time::Duration;

/// How long the server may take for each answer.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How many people one mail may go to.
const MOST: usize = 100;
/// The port on which TLS comes first; on the others it is asked for.
const TLS_PORT: u16 = 465;

pub(super) struct Send;

#[derive(Deserialize)]
struct Params {
    from: From,
    to: Vec<String>,
    content: Content,
    tls_config: Option<TlsConfig>,
}

#[derive(Deserialize)]
struct From {
    address: String,
    alias: Option<String>,
    password: String,
    host: String,
    port: u16,
}

#[derive(Deserialize)]
struct Content {
    subject: String,
    body: String,
}

impl Op for Send {
    fn provider(&self) -> &'static str {
        "email"
    }

    fn name(&self) -> &'static str {
        "send"
    }

    fn older(&self) -> &'static str {
        "send"
    }

    fn older_fields(&self) -> &'static [&'static str] {
        &["stepID"]
    }

    fn repeatable(&self) -> bool {
        false
    }

    fn doc(&self) -> &'static str {
        "Sends a mail through the SMTP server `from.host`, as `from.address` with its password. The connection is encrypted: from the start on port 465, \
         by STARTTLS on any other; only a server on this machine may do without. The server is trusted by the system's authorities and by `ca.crt` in the \
         Secret of `tls_config`. The body is HTML."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(send(cx, params))
    }
}

async fn send(cx: &Cx, params: Map<String, Value>) -> Result<Answer, OpError> {
    let params: Params = read(params)?;
    let From { address, alias, password, host, port } = params.from;
    let message = message(&address, alias, &params.to, params.content)?;
    let what = format!("the mail server {host}:{port}");
    let mut tls = TlsParameters::builder(host.clone());
    if let Some(config) = &params.tls_config {
        let files = files(cx, &config.secret, &config.namespace).await?;
        let ca = files.get("ca.crt").and_then(|pem| Certificate::from_pem(pem).ok());
        tls = tls.add_root_certificate(ca.ok_or_else(|| config.wrong("`ca.crt`"))?);
    }
    let tls = tls.build().map_err(|e| OpError::permanent(format!("{what}: {}", innermost(&e))))?;
    let tls = match port {
        TLS_PORT => Tls::Wrapper(tls),
        _ if is_here(&host) => Tls::Opportunistic(tls),
        _ => Tls::Required(tls),
    };
    let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&host)
        .port(port)
        .tls(tls)
        .timeout(Some(TIMEOUT))
        .credentials(Credentials::new(address, password))
        .build();
    transport.send(message).await.map_err(|e| {
        let why = if e.is_timeout() { format!("no answer within {TIMEOUT:?}") } else { innermost(&e) };
        // What the server refuses for good, and a server that is not trusted, will be so again.
        OpError {
            message: format!("{what}: {why}"),
            retry: !e.is_permanent() && !e.is_client() && !is_untrusted(&e),
        }
    })?;
    Ok(Answer::one("stepID", cx.session.clone().into()))
}

/// Whether a host is this machine: what goes there nobody else can read.
fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

fn message(
    address: &str,
    alias: Option<String>,
    to: &[String],
    content: Content,
) -> Result<Message, OpError> {
    let wrong = |which: &str, text: &str, e: AddressError| {
        OpError::permanent(format!("`{which}` is `{text}`, which is no mail address: {e}"))
    };
    if to.is_empty() || to.len() > MOST {
        return Err(OpError::permanent(format!(
            "`to` has {} addresses, and must have 1 to {MOST}",
            to.len()
        )));
    }
    let from: Address = address.parse().map_err(|e| wrong("from.address", address, e))?;
    let mut builder =
        Message::builder().from(Mailbox::new(alias.filter(|a| !a.is_empty()), from)).subject(content.subject);
    for text in to {
        let address: Address = text.parse().map_err(|e| wrong("to", text, e))?;
        builder = builder.to(Mailbox::new(None, address));
    }
    builder
        .header(ContentType::TEXT_HTML)
        .body(content.body)
        .map_err(|e| OpError::permanent(format!("the mail cannot be written: {e}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::ops::support::cx::tests::{nowhere, with};
    use mailin::{Action, AuthMechanism, Handler, Response, SessionBuilder, response};
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use serde_json::json;
    use std::net::IpAddr;
    use std::sync::{Arc, Mutex};
    use stepwell_cluster::{EmbeddedCluster, Options};
    use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufStream};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    /// What a server has been told.
    #[derive(Clone, Default)]
    struct Inbox(Arc<Mutex<String>>);

    impl Inbox {
        fn note(&self, text: &str) {
            self.0.lock().unwrap().push_str(text);
        }

        fn text(&self) -> String {
            self.0.lock().unwrap().clone()
        }
    }

    impl Handler for Inbox {
        fn mail(&mut self, _: IpAddr, _: &str, from: &str) -> Response {
            self.note(&format!("MAIL {from}\n"));
            response::OK
        }

        fn rcpt(&mut self, to: &str) -> Response {
            match to {
                "nobody@example.com" => response::NO_MAILBOX,
                to => {
                    self.note(&format!("RCPT {to}\n"));
                    response::OK
                }
            }
        }

        fn data(&mut self, line: &[u8]) -> std::io::Result<()> {
            self.note(&String::from_utf8_lossy(line));
            Ok(())
        }

        fn auth_plain(&mut self, _: &str, user: &str, password: &str) -> Response {
            match password {
                "right" => {
                    self.note(&format!("AUTH {user}\n"));
                    response::AUTH_OK
                }
                _ => response::INVALID_CREDENTIALS,
            }
        }
    }

    /// Talks SMTP over a connection until it ends, or until TLS is asked for: then gives the connection back.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        session: &mut mailin::Session<Inbox>,
        stream: S,
        greet: bool,
    ) -> Option<S> {
        let mut stream = BufStream::new(stream);
        if greet {
            stream.write_all(&session.greeting().buffer().ok()?).await.ok()?;
            stream.flush().await.ok()?;
        }
        let mut line = Vec::new();
        loop {
            line.clear();
            if stream.read_until(b'\n', &mut line).await.ok()? == 0 {
                return None;
            }
            let answer = session.process(&line);
            if answer.action != Action::NoReply {
                stream.write_all(&answer.buffer().ok()?).await.ok()?;
                stream.flush().await.ok()?;
            }
            match answer.action {
                Action::Close => return None,
                Action::UpgradeTls => return Some(stream.into_inner()),
                Action::Reply | Action::NoReply => {}
            }
        }
    }

    /// A mail server; with a certificate it offers STARTTLS. Gives its port and what it is told.
    async fn serve(certificate: Option<(&str, &str)>) -> (u16, Inbox) {
        let _ = crate::ops::support::cx::client_builder();
        let acceptor = certificate.map(|(certificate, key)| {
            let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(
                vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            );
            TlsAcceptor::from(Arc::new(config.unwrap()))
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let inbox = Inbox::default();
        let told = inbox.clone();
        tokio::spawn(async move {
            while let Ok((stream, from)) = listener.accept().await {
                let mut builder = SessionBuilder::new("mail.example.com");
                builder.enable_auth(AuthMechanism::Plain);
                match acceptor {
                    Some(_) => builder.enable_start_tls(),
                    None => builder.insecure_enable_plaintext_auth(),
                };
                let mut session = builder.build(from.ip(), told.clone());
                let (Some(stream), Some(acceptor)) = (talk(&mut session, stream, true).await, &acceptor)
                else {
                    continue;
                };
                let Ok(stream) = acceptor.accept(stream).await else { continue };
                session.tls_active();
                told.note("TLS\n");
                talk(&mut session, stream, false).await;
            }
        });
        (port, inbox)
    }

    fn mail(host: &str, port: u16, password: &str, to: &[&str]) -> Map<String, Value> {
        let mail = json!({
            "from": {"address": "ci@example.com", "alias": "Build", "password": password, "host": host, "port": port},
            "to": to,
            "content": {"subject": "It is døne", "body": "<b>done</b>"},
        });
        mail.as_object().unwrap().clone()
    }

    #[tokio::test]
    async fn a_mail_arrives() {
        let (port, inbox) = serve(None).await;
        let to = ["a@example.com", "b@example.com"];
        let sent = Send.run(&nowhere(), mail("127.0.0.1", port, "right", &to)).await;
        assert_eq!(sent, Ok(Answer::one("stepID", json!("s-1"))));
        let text = inbox.text();
        let head = "AUTH ci@example.com\nMAIL ci@example.com\nRCPT a@example.com\nRCPT b@example.com\n";
        assert!(text.starts_with(head), "{text}");
        assert!(text.contains("From: Build <ci@example.com>") && text.contains("<b>done</b>"), "{text}");
        assert!(
            text.contains("Content-Type: text/html") && text.contains("Subject: It is =?utf-8?"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn what_the_server_refuses_is_told_without_the_password() {
        let (port, _) = serve(None).await;
        let wrong =
            Send.run(&nowhere(), mail("127.0.0.1", port, "HIDDEN", &["a@example.com"])).await.unwrap_err();
        assert!(
            !wrong.retry && wrong.message.starts_with(&format!("the mail server 127.0.0.1:{port}: ")),
            "{wrong}"
        );
        assert!(!wrong.message.contains("HIDDEN"), "{wrong}");
        let nobody = Send.run(&nowhere(), mail("127.0.0.1", port, "right", &["nobody@example.com"])).await;
        assert!(nobody.as_ref().is_err_and(|e| !e.retry), "{nobody:?}");
        let gone = Send.run(&nowhere(), mail("127.0.0.1", 1, "right", &["a@example.com"])).await.unwrap_err();
        assert!(gone.retry && gone.message.contains("refused"), "{gone}");
        let no_address = Send.run(&nowhere(), mail("127.0.0.1", port, "right", &["a b"])).await.unwrap_err();
        assert!(no_address.message.starts_with("`to` is `a b`, which is no mail address: "), "{no_address}");
        assert!(Send.run(&nowhere(), mail("127.0.0.1", port, "right", &[])).await.is_err());
    }

    #[tokio::test]
    async fn the_connection_is_encrypted_and_the_server_trusted() {
        let key = rcgen::generate_simple_self_signed(vec!["localhost".to_string()]).unwrap();
        let (certificate, key) = (key.cert.pem(), key.signing_key.serialize_pem());
        let (port, inbox) = serve(Some((&certificate, &key))).await;
        let cluster = EmbeddedCluster::in_memory(Options::default()).await.unwrap();
        let cx = with(cluster.client());
        let mut secret = k8s_openapi::api::core::v1::Secret::default();
        secret.metadata.name = Some("authority".into());
        secret.string_data = Some([("ca.crt".to_string(), certificate)].into());
        let secrets: kube::Api<k8s_openapi::api::core::v1::Secret> =
            kube::Api::namespaced(cluster.client(), "default");
        secrets.create(&kube::api::PostParams::default(), &secret).await.unwrap();
        let mut params = mail("localhost", port, "right", &["a@example.com"]);
        // Nobody vouches for the server.
        let unknown = Send.run(&cx, params.clone()).await.unwrap_err();
        assert!(!unknown.retry && unknown.message.contains("certificate"), "{unknown}");
        params.insert("tls_config".into(), json!({"secret": "authority"}));
        assert_eq!(Send.run(&cx, params).await, Ok(Answer::one("stepID", json!("s-1"))));
        assert!(inbox.text().contains("TLS\nAUTH ci@example.com\n"), "{}", inbox.text());
        cluster.close().await;
    }

    #[test]
    fn only_this_machine_may_do_without_encryption() {
        assert!(is_here("localhost") && is_here("127.0.0.1") && is_here("::1"));
        assert!(!is_here("mail.example.com") && !is_here("10.0.0.1"));
    }
}
