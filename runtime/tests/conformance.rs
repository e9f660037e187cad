//! The recorded renderings in `CONFORMANCE_DIR/kubevela` (default `../shared/conformance` beside the repository), in this process.
//!
//! Prints how many come out as recorded. The floor is `render` in `tests/conformance/floors.toml`; what is known to differ, and why, is
//! in `tests/conformance/render-differences.txt`. Does nothing where the recordings are absent. `ONLY=name` shows single ones.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that prints its figures")]

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use stepwell_runtime::definitions::Library;
use stepwell_runtime::model::application::Application;
use stepwell_runtime::render::{self, RenderOptions};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn archives() -> Vec<PathBuf> {
    let dir = std::env::var_os("CONFORMANCE_DIR")
        .map_or_else(|| root().join("../shared/conformance"), PathBuf::from);
    let mut out = Vec::new();
    for folder in ["builtin", "custom"] {
        for entry in std::fs::read_dir(dir.join("kubevela").join(folder)).into_iter().flatten().flatten() {
            out.push(entry.path());
        }
    }
    out.retain(|p| p.extension().is_some_and(|e| e == "txtar"));
    out.sort();
    out
}

/// The files of an archive, by name.
fn files(text: &str) -> BTreeMap<&str, String> {
    let mut out: BTreeMap<&str, String> = BTreeMap::new();
    let mut current = "";
    for line in text.split_inclusive('\n') {
        match line.trim_end().strip_prefix("-- ").and_then(|l| l.strip_suffix(" --")) {
            Some(name) => current = name,
            None => out.entry(current).or_default().push_str(line),
        }
    }
    out
}

fn render(files: &BTreeMap<&str, String>) -> Result<Vec<Value>, String> {
    let app = Application::from_text("app.yaml", files.get("app.yaml").map_or("", String::as_str))
        .map_err(|e| e.to_string())?;
    let mut library = Library::builtin();
    for (name, text) in files.iter().filter(|(n, _)| n.starts_with("defs/")) {
        library = library.with_text(name, text).map_err(|e| e.to_string())?;
    }
    let rendered =
        render::application(&library, &app, &RenderOptions::default()).map_err(|e| e.to_string())?;
    Ok(rendered.objects)
}

/// The last part of a name that is made of a hash: any will do.
fn without_hash(name: &str) -> Option<&str> {
    let (stem, hash) = name.rsplit_once('-')?;
    let is =
        (5..=16).contains(&hash.len()) && hash.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    is.then_some(stem)
}

fn forgive_hashes(want: &[Value], got: &mut [Value]) {
    for (w, g) in want.iter().zip(got) {
        let (Some(a), Some(b)) = (w.pointer("/metadata/name"), g.pointer("/metadata/name")) else { continue };
        let (Some(sa), Some(sb)) = (a.as_str().and_then(without_hash), b.as_str().and_then(without_hash))
        else {
            continue;
        };
        let recorded = a.as_str().and_then(|a| a.rsplit('-').next()).unwrap_or_default();
        if sa == sb && recorded.len() >= 7 && recorded.chars().all(|c| "456789bcdf".contains(c)) {
            let a = a.clone();
            g["metadata"]["name"] = a;
        }
    }
}

fn difference(a: &Value, b: &Value, at: &str) -> Option<String> {
    let short = |v: &Value| v.to_string().chars().take(160).collect::<String>();
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let keys: std::collections::BTreeSet<&String> = x.keys().chain(y.keys()).collect();
            keys.into_iter().find_map(|k| match (x.get(k), y.get(k)) {
                (Some(p), Some(q)) => difference(p, q, &format!("{at}.{k}")),
                (Some(p), None) => Some(format!("{at}.{k}: missing, want {}", short(p))),
                (_, q) => Some(format!("{at}.{k}: not wanted, got {}", short(q.unwrap_or(&Value::Null)))),
            })
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            x.iter().zip(y).enumerate().find_map(|(i, (p, q))| difference(p, q, &format!("{at}[{i}]")))
        }
        (Value::Number(p), Value::Number(q)) if p.as_f64() == q.as_f64() && p.is_f64() == q.is_f64() => None,
        _ if a == b => None,
        _ => Some(format!("{at}: want {}, got {}", short(a), short(b))),
    }
}

fn judge(files: &BTreeMap<&str, String>) -> Result<(), String> {
    let got = render(files);
    match files.get("expect/objects.json") {
        Some(text) => {
            let want: Vec<Value> = serde_json::from_str(text).map_err(|e| e.to_string())?;
            let mut got = got.map_err(|e| format!("failed: {e}"))?;
            forgive_hashes(&want, &mut got);
            difference(&Value::Array(want), &Value::Array(got), "").map_or(Ok(()), Err)
        }
        None => match got {
            Err(_) => Ok(()),
            Ok(_) => {
                Err(format!("should be refused: {}", files.get("expect/error.txt").map_or("", |t| t.trim())))
            }
        },
    }
}

#[test]
fn recorded_renderings_agree() {
    let archives = archives();
    if archives.is_empty() {
        println!("the recorded renderings are not here: skipped");
        return;
    }
    let only = std::env::var("ONLY").unwrap_or_default();
    let conformance = root().join("tests/conformance");
    let known = std::fs::read_to_string(conformance.join("render-differences.txt")).unwrap_or_default();
    let known: Vec<&str> =
        known.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.split_whitespace().next()).collect();
    let (mut passed, mut all, mut report) = (0, 0, String::new());
    let (mut stale, mut unlisted) = (Vec::new(), Vec::new());
    for path in &archives {
        let name = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        if !name.contains(&only) {
            continue;
        }
        all += 1;
        let text = std::fs::read_to_string(path).unwrap();
        let files = files(&text);
        let verdict =
            std::panic::catch_unwind(|| judge(&files)).unwrap_or_else(|_| Err("panicked".to_string()));
        match verdict {
            Ok(()) => {
                passed += 1;
                if known.contains(&name) {
                    stale.push(name.to_string());
                }
            }
            Err(why) => {
                let mark = if known.contains(&name) { " (known)" } else { "" };
                if mark.is_empty() {
                    unlisted.push(name.to_string());
                }
                let _ = writeln!(report, "{name}{mark}: {}", why.replace('\n', " | "));
            }
        }
    }
    println!("{report}renderings {passed}/{all}");
    if !only.is_empty() {
        return;
    }
    let floors = std::fs::read_to_string(conformance.join("floors.toml")).unwrap_or_default();
    let floor = floors
        .lines()
        .find_map(|l| l.strip_prefix("render")?.trim().strip_prefix('=')?.trim().parse::<usize>().ok());
    assert!(passed >= floor.unwrap_or(0), "{passed} renderings agree; the floor is {floor:?}");
    assert!(stale.is_empty(), "listed as different, and they agree: {stale:?}");
    assert!(unlisted.is_empty(), "different, and not in render-differences.txt: {unlisted:?}");
}
