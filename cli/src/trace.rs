//! What the program does, for those who watch it: a log on standard error (`STEPWELL_LOG`), and spans of runs, steps and ops over OTLP
//! (`OTEL_EXPORTER_OTLP_ENDPOINT`, as JSON over HTTP).
//!
//! Spans are sent in batches by a thread of their own; what cannot be sent is dropped, since no run may wait for it.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// What is logged where nothing is said: what workflows themselves write to the log.
const FILTER: &str = "off,stepwell_runtime::ops::util_log=info";
/// How many spans are sent at once, and how long they may wait for that.
const BATCH: usize = 200;
const PAUSE: Duration = Duration::from_secs(2);

/// Sends what is left of the spans when it is dropped.
pub(crate) struct Tracing(Option<(mpsc::Sender<Option<Value>>, std::thread::JoinHandle<()>)>);

impl Drop for Tracing {
    fn drop(&mut self) {
        if let Some((spans, thread)) = self.0.take() {
            let _ = spans.send(None);
            let _ = thread.join();
        }
    }
}

/// Begins to log and to send spans, as the environment asks.
pub(crate) fn begin() -> Tracing {
    let filter = std::env::var("STEPWELL_LOG").ok().filter(|f| !f.is_empty());
    let filter = EnvFilter::builder().parse_lossy(filter.map_or_else(|| FILTER.to_owned(), |f| own(&f)));
    let log =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false).with_filter(filter);
    let endpoint = std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT").ok().and_then(|e| Endpoint::parse(&e));
    let (layer, tracing) = match endpoint {
        None => (None, Tracing(None)),
        Some(endpoint) => {
            let (sender, receiver) = mpsc::channel();
            let thread = std::thread::Builder::new()
                .name("stepwell-otlp".into())
                .spawn(move || send(&endpoint, &receiver));
            let only = EnvFilter::builder().parse_lossy("off,stepwell_runtime=debug");
            let layer = Spans { ended: sender.clone() }.with_filter(only);
            (Some(layer), Tracing(thread.ok().map(|t| (sender, t))))
        }
    };
    let _ = tracing::subscriber::set_global_default(Registry::default().with(log).with(layer));
    tracing
}

/// A level alone is for what this program says. What the parts that it is built of say may hold data, such as the names in requests; it is logged where it is
/// asked for by name.
fn own(filter: &str) -> String {
    let directive = |d: &str| match d.trim().parse::<LevelFilter>() {
        Ok(_) => format!("stepwell={}", d.trim()),
        Err(_) => d.to_owned(),
    };
    filter.split(',').map(directive).collect::<Vec<_>>().join(",")
}

/// Makes spans of OTLP.
struct Spans {
    ended: mpsc::Sender<Option<Value>>,
}

/// A span that is open.
struct Open {
    trace: String,
    id: String,
    parent: Option<String>,
    begun: u128,
    attributes: Attributed,
}

#[derive(Default)]
struct Attributed(HashMap<&'static str, String>);

impl Visit for Attributed {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

fn nanoseconds() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos())
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        let mut fields = Attributed::default();
        attributes.record(&mut fields);
        let parent =
            span.parent().and_then(|p| p.extensions().get::<Open>().map(|o| (o.trace.clone(), o.id.clone())));
        let begun = nanoseconds();
        // Unique enough: the time, and the number of the span in this process.
        let own = format!("{:016x}", (begun as u64) ^ id.into_u64().rotate_left(40));
        let (trace, parent) = match parent {
            Some((trace, parent)) => (trace, Some(parent)),
            None => (format!("{begun:032x}"), None),
        };
        span.extensions_mut().insert(Open { trace, id: own, parent, begun, attributes: fields });
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(&id) else { return };
        let Some(open) = span.extensions_mut().remove::<Open>() else { return };
        let attributes: Vec<Value> =
            open.attributes.0.iter().map(|(k, v)| json!({"key": k, "value": {"stringValue": v}})).collect();
        let mut told = json!({
            "traceId": open.trace, "spanId": open.id, "name": span.name(), "kind": 1,
            "startTimeUnixNano": open.begun.to_string(), "endTimeUnixNano": nanoseconds().to_string(),
            "attributes": attributes,
        });
        if let Some(parent) = open.parent {
            told["parentSpanId"] = json!(parent);
        }
        let _ = self.ended.send(Some(told));
    }
}

/// Where spans are sent: plain HTTP, as a collector beside the program takes it.
struct Endpoint {
    host: String,
    path: String,
}

impl Endpoint {
    fn parse(text: &str) -> Option<Endpoint> {
        let rest = text.strip_prefix("http://")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:4318") };
        let slash = if path.is_empty() { "" } else { "/" };
        Some(Endpoint { host, path: format!("{slash}{}/v1/traces", path.trim_end_matches('/')) })
    }

    fn post(&self, body: &str) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(&self.host)?;
        stream.set_read_timeout(Some(PAUSE))?;
        stream.set_write_timeout(Some(PAUSE))?;
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            self.path,
            self.host,
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        let _ = stream.read(&mut [0; 64])?;
        Ok(())
    }
}

/// Sends spans until there are no more.
fn send(endpoint: &Endpoint, spans: &mpsc::Receiver<Option<Value>>) {
    let mut batch = Vec::new();
    loop {
        let more = match spans.recv_timeout(PAUSE) {
            Ok(Some(span)) => {
                batch.push(span);
                if batch.len() < BATCH {
                    continue;
                }
                true
            }
            Ok(None) | Err(mpsc::RecvTimeoutError::Disconnected) => false,
            Err(mpsc::RecvTimeoutError::Timeout) => true,
        };
        if !batch.is_empty() {
            let name = json!([{"key": "service.name", "value": {"stringValue": "stepwell"}}]);
            let body = json!({"resourceSpans": [{"resource": {"attributes": name},
                "scopeSpans": [{"scope": {"name": "stepwell"}, "spans": std::mem::take(&mut batch)}]}]});
            let _ = endpoint.post(&body.to_string());
        }
        if !more {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        let of = |text| Endpoint::parse(text).map(|e| (e.host, e.path));
        assert_eq!(of("http://localhost"), Some(("localhost:4318".into(), "/v1/traces".into())));
        assert_eq!(of("http://h:1/otlp/"), Some(("h:1".into(), "/otlp/v1/traces".into())));
        assert_eq!(of("https://h"), None);
    }
}
