//! `stepwell revision list|show|diff NAME`: what an Application was delivered as. What is secret in a revision is not shown; where it differs, that is.

use super::workflow::Which;
use crate::error::Error;
use crate::objects::in_usual_order;
use crate::output::{Output, table};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};
use std::collections::BTreeMap;
use stepwell_lang::data::Data;
use stepwell_lang::encode::yaml;
use stepwell_runtime::ops::support::mask::MASK;
use stepwell_runtime::resources::{Key, REVISION};
use stepwell_runtime::revisions::{Revision as Stored, Summary};

/// Revisions of an Application: what it was delivered as
#[derive(Debug, Subcommand)]
pub(super) enum Revision {
    /// Show what differs between the objects of two revisions
    Diff(Diff),
    /// List the revisions of an Application
    List(List),
    /// Show a revision: its Application, the definitions it used, its objects
    Show(Show),
}

/// The forms of lists and revisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    #[default]
    Table,
    /// JSON
    Json,
    /// YAML
    Yaml,
}

/// The forms of differences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum DiffForm {
    /// Lines with - and +
    #[default]
    Text,
    /// JSON
    Json,
}

/// List the revisions of an Application
#[derive(Debug, Args)]
pub(super) struct List {
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t)]
    output: Form,
    #[command(flatten)]
    which: Which,
}

/// Show a revision: its Application, the definitions it used, its objects
#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    which: Which,
    /// The number of the revision [default: the latest]
    #[arg(value_parser = number)]
    number: Option<u64>,
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t)]
    output: Form,
}

/// Show what differs between the objects of two revisions
///
/// With one number, from that revision to the latest; with none, from the one before the latest.
#[derive(Debug, Args)]
pub(super) struct Diff {
    #[command(flatten)]
    which: Which,
    /// The older revision
    #[arg(value_parser = number)]
    from: Option<u64>,
    /// The newer revision
    #[arg(value_parser = number)]
    to: Option<u64>,
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t)]
    output: DiffForm,
}

/// A revision by its number, also as the end of its name: `2`, `v2`, `shop-v2`.
pub(super) fn number(text: &str) -> Result<u64, String> {
    let end = text.rsplit_once('v').map_or(text, |(_, number)| number);
    end.parse()
        .map_err(|_| "a revision is a number, such as 2: `stepwell revision list` shows them".to_owned())
}

pub(super) fn run(command: &Revision, out: &Output) -> Result<(), Error> {
    match command {
        Revision::Diff(args) => diff(args, out),
        Revision::List(args) => list(args, out),
        Revision::Show(args) => show(args, out),
    }
}

fn print(value: &Value, form: Form, out: &Output) -> Result<(), Error> {
    match form {
        Form::Yaml => out.result(yaml::write(&Data::from_json_value(value))),
        _ => out.result(format!("{value:#}\n")),
    }
}

fn summary(s: &Summary) -> Value {
    let mut v = json!({"name": s.name, "revision": s.number, "hash": s.hash, "created": s.created});
    for (key, text) in [
        ("publishVersion", &s.publish_version),
        ("codeCommit", &s.code_commit),
        ("environment", &s.environment),
        ("rolledBackTo", &s.rolled_back_to),
    ] {
        if !text.is_empty() {
            v[key] = json!(text);
        }
    }
    v
}

fn list(args: &List, out: &Output) -> Result<(), Error> {
    args.which.look(async |drive| {
        let all = drive.driver.revisions(&drive.reference).await?;
        if args.output != Form::Table {
            return print(&all.iter().map(summary).collect(), args.output, out);
        }
        if all.is_empty() {
            out.note(&format!("{} has no revisions: no run of it has succeeded", drive.reference.name));
            return Ok(());
        }
        let head = [
            "REVISION",
            "NAME",
            "ENVIRONMENT",
            "HASH",
            "PUBLISHED AS",
            "COMMIT",
            "ROLLED BACK TO",
            "CREATED",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        let or_none = |text: &String| if text.is_empty() { "-".to_owned() } else { text.clone() };
        rows.extend(all.iter().rev().map(|s| {
            vec![
                s.number.to_string(),
                s.name.clone(),
                or_none(&s.environment),
                s.hash.clone(),
                or_none(&s.publish_version),
                or_none(&s.code_commit),
                or_none(&s.rolled_back_to),
                s.created.clone(),
            ]
        }));
        out.result(table(&rows))
    })
}

/// An object as it may be shown.
fn shown(manifest: &Value, secret: bool) -> Value {
    in_usual_order(&if secret { hidden(manifest, None) } else { manifest.clone() })
}

/// An object with nothing to be read but its structure and what it is; with another, which of its values differ from that one's.
fn hidden(value: &Value, other: Option<&Value>) -> Value {
    const OPEN: [&str; 5] = ["apiVersion", "kind", "metadata", "type", "immutable"];
    let Some(fields) = value.as_object() else { return json!(MASK) };
    let part = |(key, value): (&String, &Value)| {
        let other = other.map(|o| o.get(key).unwrap_or(&Value::Null));
        let value = if OPEN.contains(&key.as_str()) { value.clone() } else { masked(value, other) };
        (key.clone(), value)
    };
    Value::Object(fields.iter().map(part).collect())
}

fn masked(value: &Value, other: Option<&Value>) -> Value {
    let of = |key: &dyn Fn(&Value) -> Option<Value>| other.map(|o| key(o).unwrap_or_default());
    match value {
        Value::Object(fields) => Value::Object(
            fields.iter().map(|(k, v)| (k.clone(), masked(v, of(&|o| o.get(k).cloned()).as_ref()))).collect(),
        ),
        Value::Array(items) => {
            items.iter().enumerate().map(|(i, v)| masked(v, of(&|o| o.get(i).cloned()).as_ref())).collect()
        }
        value if other.is_some_and(|o| o != value) => json!(format!("{MASK} (differs)")),
        _ => json!(MASK),
    }
}

fn show(args: &Show, out: &Output) -> Result<(), Error> {
    args.which.look(async |drive| {
        let number = match args.number {
            Some(number) => number,
            None => latest(&drive.driver.revisions(&drive.reference).await?, &drive.reference.name)?,
        };
        let revision = drive.driver.revision(&drive.reference, number).await?;
        let text = |v: &Value, pointer: &str| {
            v.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let definition = |d: &Value| format!("{} {}", text(d, "/kind"), text(d, "/metadata/name"));
        if args.output != Form::Table {
            let mut whole = summary(&revision.summary);
            whole["application"] = in_usual_order(&revision.application);
            whole["definitions"] = revision.definitions.iter().map(in_usual_order).collect();
            whole["objects"] = revision.rendered.iter().map(|r| shown(&r.manifest, r.secret)).collect();
            return print(&whole, args.output, out);
        }
        let s = &revision.summary;
        let mut rows = vec![vec!["name".to_owned(), s.name.clone()], vec!["hash".to_owned(), s.hash.clone()]];
        for (key, text) in [
            ("published as", &s.publish_version),
            ("commit", &s.code_commit),
            ("environment", &s.environment),
            ("rolled back to", &s.rolled_back_to),
            ("created", &s.created),
        ] {
            if !text.is_empty() {
                rows.push(vec![key.to_owned(), text.clone()]);
            }
        }
        let mut page = table(&rows);
        page += "\ndefinitions\n";
        revision.definitions.iter().for_each(|d| page += &format!("  {}\n", definition(d)));
        page += "\nobjects\n";
        let mut objects: Vec<_> = revision.rendered.iter().collect();
        objects.sort_by_key(|r| Key::of(&r.manifest));
        for r in objects {
            let note = if r.secret { " (kept in a Secret)" } else { "" };
            page += &format!("  {}{note}\n", Key::of(&r.manifest).words());
        }
        out.result(page)
    })
}

fn latest(all: &[Summary], name: &str) -> Result<u64, Error> {
    let none = || Error::mistake("refused", format!("{name} has no revisions: no run of it has succeeded"));
    all.last().map(|s| s.number).ok_or_else(none)
}

/// One object in two revisions.
struct Change {
    key: Key,
    before: Option<Value>,
    after: Option<Value>,
}

/// The objects that differ, in the order of their kinds and names. The label of the revision itself is no difference.
fn changes(from: &Stored, to: &Stored) -> Vec<Change> {
    let objects = |r: &Stored| -> BTreeMap<Key, (Value, bool)> {
        let one = |o: &stepwell_runtime::revisions::Rendered| {
            let mut manifest = o.manifest.clone();
            if let Some(labels) = manifest.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
                labels.shift_remove(REVISION);
            }
            (Key::of(&manifest), (in_usual_order(&manifest), o.secret))
        };
        r.rendered.iter().map(one).collect()
    };
    let (before, mut after) = (objects(from), objects(to));
    let mut all = Vec::new();
    for (key, (old, secret)) in before {
        let new = after.remove(&key);
        if new.as_ref().is_some_and(|(new, _)| *new == old) {
            continue;
        }
        let secret = secret || new.as_ref().is_some_and(|(_, s)| *s);
        let new = new.map(|(new, _)| new);
        let (old_shown, new_shown) = match secret {
            true => (hidden(&old, None), new.map(|n| hidden(&n, Some(&old)))),
            false => (old, new),
        };
        all.push(Change { key, before: Some(old_shown), after: new_shown });
    }
    for (key, (new, secret)) in after {
        let new = if secret { hidden(&new, None) } else { new };
        all.push(Change { key, before: None, after: Some(new) });
    }
    all.sort_by(|a, b| a.key.cmp(&b.key));
    all
}

fn diff(args: &Diff, out: &Output) -> Result<(), Error> {
    args.which.look(async |drive| {
        let all = drive.driver.revisions(&drive.reference).await?;
        let name = &drive.reference.name;
        let to = match args.to {
            Some(to) => to,
            None => latest(&all, name)?,
        };
        let from = match args.from {
            Some(from) => from,
            None => all.iter().rev().find(|s| s.number < to).map(|s| s.number).ok_or_else(|| {
                Error::mistake(
                    "refused",
                    format!("{name} has only one revision: there is none to compare it with"),
                )
            })?,
        };
        let before = drive.driver.revision(&drive.reference, from).await?;
        let after = drive.driver.revision(&drive.reference, to).await?;
        let changes = changes(&before, &after);
        if args.output == DiffForm::Json {
            let change = |c: &Change| {
                let word = match (&c.before, &c.after) {
                    (None, _) => "added",
                    (_, None) => "removed",
                    _ => "changed",
                };
                json!({"object": c.key.words(), "change": word, "from": c.before, "to": c.after})
            };
            let list: Value = changes.iter().map(change).collect();
            let whole = json!({"from": before.summary.name, "to": after.summary.name, "changes": list});
            return out.result(format!("{whole:#}\n"));
        }
        if changes.is_empty() {
            out.note(&format!(
                "the objects of {} and {} are the same",
                before.summary.name, after.summary.name
            ));
        }
        let text: String = changes
            .iter()
            .map(|c| unified(c, (&before.summary.name, &after.summary.name), out.colors()))
            .collect();
        out.result(text)
    })
}

/// One object's difference in lines.
fn unified(change: &Change, (from, to): (&str, &str), colors: bool) -> String {
    let text =
        |v: &Option<Value>| v.as_ref().map(|v| yaml::write(&Data::from_json_value(v))).unwrap_or_default();
    let (before, after) = (text(&change.before), text(&change.after));
    let words = change.key.words();
    let side = |there: bool, revision: &str| match there {
        true => format!("{words} ({revision})"),
        false => format!("/dev/null ({revision})"),
    };
    let diff = TextDiff::from_lines(&before, &after);
    let mut unified = diff.unified_diff();
    let (old, new) = (side(change.before.is_some(), from), side(change.after.is_some(), to));
    let unified = unified.context_radius(3).header(&old, &new);
    if !colors {
        return unified.to_string();
    }
    let paint = |code: &str, line: &str| format!("\x1b[{code}m{}\x1b[0m\n", line.trim_end_matches('\n'));
    let mut out = paint("1", &format!("--- {old}")) + &paint("1", &format!("+++ {new}"));
    for hunk in unified.iter_hunks() {
        out += &paint("36", &hunk.header().to_string());
        for change in hunk.iter_changes() {
            let line = change.value();
            out += &match change.tag() {
                ChangeTag::Delete => paint("31", &format!("-{line}")),
                ChangeTag::Insert => paint("32", &format!("+{line}")),
                ChangeTag::Equal => format!(" {line}"),
            };
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use stepwell_runtime::revisions::Rendered;

    fn revision(number: u64, objects: &[(Value, bool)]) -> Stored {
        let rendered =
            objects.iter().map(|(manifest, secret)| Rendered { manifest: manifest.clone(), secret: *secret });
        let summary = Summary { name: format!("a-v{number}"), number, ..Summary::default() };
        Stored { summary, rendered: rendered.collect(), ..Stored::default() }
    }

    fn object(kind: &str, name: &str, data: Value, revision: &str) -> Value {
        json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "labels": {REVISION: revision, "x": "y"}}, "data": data})
    }

    #[test]
    fn differences_are_told_for_each_object_and_secrets_are_not() {
        let before = revision(
            1,
            &[
                (object("ConfigMap", "same", json!({"a": "1"}), "a-v1"), false),
                (object("ConfigMap", "other", json!({"a": "1", "b": "2"}), "a-v1"), false),
                (object("ConfigMap", "gone", json!({}), "a-v1"), false),
                (object("Secret", "s", json!({"p": "aGlkZGVu", "q": "c2FtZQ=="}), "a-v1"), true),
            ],
        );
        let after = revision(
            2,
            &[
                (object("ConfigMap", "same", json!({"a": "1"}), "a-v2"), false),
                (object("ConfigMap", "other", json!({"a": "1", "b": "3"}), "a-v2"), false),
                (object("ConfigMap", "new", json!({}), "a-v2"), false),
                (object("Secret", "s", json!({"p": "b3RoZXI=", "q": "c2FtZQ=="}), "a-v2"), true),
            ],
        );
        let text: String =
            changes(&before, &after).iter().map(|c| unified(c, ("a-v1", "a-v2"), false)).collect();
        assert!(!text.contains("aGlkZGVu") && !text.contains("b3RoZXI=") && !text.contains("same"));
        insta::assert_snapshot!(text);
        let colored = unified(&changes(&before, &after)[2], ("a-v1", "a-v2"), true);
        assert!(colored.contains("\x1b[31m-  b: \"2\"\x1b[0m\n\x1b[32m+  b: \"3\"\x1b[0m\n"), "{colored:?}");
    }
}
