//! Sends the requests of cases to a server and gives the normalised answers.
//!
//! Every wait is bounded. A step that cannot be carried out (no answer, nothing to save) ends its case
//! with [`Answer::none`]; what nobody expected is for [`crate::compare`] to tell.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use http::header::{ACCEPT, CONTENT_TYPE, WARNING};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use rand::distr::{Alphanumeric, SampleString};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::Error;
use crate::case::{Case, Group, Step, Until};
use crate::normalise::{Names, mask, select};
use crate::record::{Answer, Transcript};

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(20);
/// How long a watch may stay silent before it counts as having no more events.
const SILENCE: Duration = Duration::from_secs(15);
/// How often a repeated request is sent.
const AGAIN: Duration = Duration::from_millis(50);
/// Cases that run at the same time.
const AT_ONCE: usize = 8;
/// Bodies beyond this are not read.
const BODY: usize = 32 << 20;

/// Runs all cases of `group` and gives their answers. `patience` is how long a repeated request may wait
/// for its outcome: a minute suits a real server on a busy machine.
///
/// # Errors
/// Where a case cannot begin, because it gets no namespace.
pub async fn run(client: &Client, group: &Group, patience: Duration) -> Result<Transcript, Error> {
    stream::iter(&group.cases)
        .map(|case| async move { Ok((case.name.clone(), run_case(client, case, patience).await?)) })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

async fn run_case(client: &Client, case: &Case, patience: Duration) -> Result<Vec<Answer>, Error> {
    let random = Alphanumeric.sample_string(&mut rand::rng(), 5).to_lowercase();
    let namespace = format!("suite-{}-{random}", case.name);
    let mut session = Session {
        client,
        names: vec![(namespace.clone(), "<ns>".to_owned())],
        variables: BTreeMap::from([("ns".to_owned(), namespace)]),
        patience,
    };
    let problem = |message: String| Error::Case { case: case.name.clone(), message };
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "${ns}"}});
    let (status, _, _, answer) =
        session.request(&plain("POST /api/v1/namespaces", Some(body))).await.map_err(problem)?;
    if status != 201 {
        return Err(problem(format!("the namespace was not created: {status} {answer}")));
    }
    let mut answers = Vec::new();
    for step in &case.steps {
        match session.step(step).await {
            Ok(answer) => answers.push(answer),
            Err(message) => {
                answers.push(Answer::none(&step.send, message));
                break;
            }
        }
    }
    for path in case.cleanup.iter().map(String::as_str).chain(["/api/v1/namespaces/${ns}"]) {
        // Best effort: the outcome of the case is what counts.
        let _ = session.request(&plain(&format!("DELETE {path}"), None)).await;
    }
    Ok(answers)
}

fn plain(send: &str, body: Option<Value>) -> Step {
    Step {
        send: send.to_owned(),
        about: None,
        accept: None,
        content_type: None,
        body,
        until: None,
        events: None,
        during: Vec::new(),
        keep: Vec::new(),
        ignore: Vec::new(),
        save: BTreeMap::new(),
    }
}

/// One case under way.
struct Session<'a> {
    client: &'a Client,
    names: Names,
    variables: BTreeMap<String, String>,
    patience: Duration,
}

impl Session<'_> {
    async fn step(&mut self, step: &Step) -> Result<Answer, String> {
        let (status, content_type, warnings, mut body) = match &step.until {
            None if step.send.starts_with("WATCH ") => self.watch(step).await?,
            None => self.request(step).await?,
            Some(until) => self.repeat(step, until).await?,
        };
        for (name, place) in &step.save {
            let value = match body.pointer(place) {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => return Err(format!("{place} is not in the answer: {status} {body}")),
            };
            self.variables.insert(name.clone(), value);
        }
        mask(&mut body, &self.names);
        Ok(Answer {
            request: step.send.clone(),
            status,
            content_type,
            warnings,
            body: select(body, &step.keep, &step.ignore),
        })
    }

    async fn repeat(&mut self, step: &Step, until: &Until) -> Result<Reply, String> {
        let start = Instant::now();
        loop {
            let reply = self.request(step).await?;
            let fits = until.status.is_none_or(|status| status == reply.0)
                && until
                    .body
                    .iter()
                    .all(|(place, want)| reply.3.pointer(place).unwrap_or(&Value::Null) == want);
            if fits {
                return Ok(reply);
            }
            if start.elapsed() > self.patience {
                // What never comes is a difference like any other: give what there is, and do not wait as
                // long again in a case that has failed.
                self.patience = Duration::ZERO;
                return Ok(reply);
            }
            sleep(AGAIN).await;
        }
    }

    async fn request(&self, step: &Step) -> Result<Reply, String> {
        let send = self.send(step, "");
        let exchange = async {
            let response = send.await?;
            let (head, body) = response.into_parts();
            let bytes = http_body_util::Limited::new(body, BODY)
                .collect()
                .await
                .map_err(|error| format!("the body broke off: {error}"))?
                .to_bytes();
            Ok::<_, String>((head, bytes))
        };
        let (head, bytes) =
            timeout(REQUEST, exchange).await.map_err(|_| format!("no answer to {}", step.send))??;
        let body = match serde_json::from_slice(&bytes) {
            Ok(value) => value,
            Err(_) if bytes.is_empty() => Value::Null,
            Err(_) => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
        };
        Ok((head.status.as_u16(), header(&head.headers, CONTENT_TYPE), self.warnings(&head), body))
    }

    /// Opens a watch, does what is to be done meanwhile, and reads its events.
    async fn watch(&self, step: &Step) -> Result<Reply, String> {
        let open = timeout(REQUEST, self.send(step, "watch=true"));
        let response = open.await.map_err(|_| format!("no answer to {}", step.send))??;
        for other in &step.during {
            let (status, _, _, body) = self.request(other).await?;
            if status >= 400 {
                return Err(format!("{} failed: {status} {body}", other.send));
            }
        }
        let (head, mut body) = response.into_parts();
        let mut text = Vec::new();
        let complete = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count();
        while step.events.is_none_or(|events| complete(&text) < events) && text.len() < BODY {
            // Silence and the end of the stream are alike: no more events.
            let Ok(Some(frame)) = timeout(SILENCE, body.frame()).await else { break };
            let frame = frame.map_err(|error| format!("the watch broke off: {error}"))?;
            text.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        }
        let events = text
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .take(step.events.unwrap_or(usize::MAX))
            .map(|line| serde_json::from_slice(line).map_err(|error| format!("not an event: {error}")))
            .collect::<Result<Vec<Value>, _>>()?;
        let warnings = self.warnings(&head);
        // A refused watch is one answer, not a row of events.
        let body = match (head.status.is_success(), events.into_iter()) {
            (true, events) => Value::Array(events.collect()),
            (false, mut events) => events.next().unwrap_or_default(),
        };
        Ok((head.status.as_u16(), header(&head.headers, CONTENT_TYPE), warnings, body))
    }

    async fn send(&self, step: &Step, extra_query: &str) -> Result<http::Response<Body>, String> {
        let line = self.fill(&step.send)?;
        let (method, path) = line.split_once(' ').ok_or_else(|| format!("`{line}` is not METHOD PATH"))?;
        let method = if method == "WATCH" { "GET" } else { method };
        let joint = if path.contains('?') { "&" } else { "?" };
        let uri =
            if extra_query.is_empty() { path.to_owned() } else { format!("{path}{joint}{extra_query}") };
        let mut request = http::Request::builder().method(method).uri(uri);
        if let Some(accept) = &step.accept {
            request = request.header(ACCEPT, accept);
        }
        let body = match &step.body {
            None => Vec::new(),
            Some(Value::String(text)) => self.fill(text)?.into_bytes(),
            Some(value) => self.fill_value(value)?.to_string().into_bytes(),
        };
        match step.content_type.as_deref() {
            Some(short) => request = request.header(CONTENT_TYPE, long_type(short)),
            None if !body.is_empty() => request = request.header(CONTENT_TYPE, "application/json"),
            None => {}
        }
        let request = request.body(Body::from(body)).map_err(|error| format!("{line}: {error}"))?;
        self.client.send(request).await.map_err(|error| format!("{line}: {error}"))
    }

    /// `text` with its variables filled in.
    fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((start, after)) = rest.split_once("${") {
            let (name, end) =
                after.split_once('}').ok_or_else(|| format!("`{text}` has no closing brace"))?;
            let value = self.variables.get(name).ok_or_else(|| format!("no step saved `{name}`"))?;
            filled.push_str(start);
            filled.push_str(value);
            rest = end;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn fill_value(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => Value::String(self.fill(text)?),
            Value::Array(items) => {
                items.iter().map(|item| self.fill_value(item)).collect::<Result<_, _>>()?
            }
            Value::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(key, value)| Ok((self.fill(key)?, self.fill_value(value)?)))
                    .collect::<Result<_, String>>()?,
            ),
            scalar => scalar.clone(),
        })
    }

    /// The texts of the `Warning: 299 - "text"` headers.
    fn warnings(&self, head: &http::response::Parts) -> Vec<String> {
        let mut texts: Vec<Value> = Vec::new();
        for value in head.headers.get_all(WARNING) {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            texts.push(Value::String(value));
        }
        texts.iter_mut().for_each(|text| mask(text, &self.names));
        // Their order says nothing.
        texts.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
        texts.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

/// Status, content type, warnings, body.
type Reply = (u16, String, Vec<String>, Value);

fn header(headers: &http::HeaderMap, name: http::HeaderName) -> String {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

fn long_type(short: &str) -> &str {
    match short {
        "json-patch" => "application/json-patch+json",
        "merge-patch" => "application/merge-patch+json",
        "strategic-merge-patch" => "application/strategic-merge-patch+json",
        "apply-patch" => "application/apply-patch+yaml",
        other => other,
    }
}
