//! Functions that read text of a form of their own: patterns, templates, tables, times, addresses. The first byte chooses the function.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwell_lang::encode::cue::quote;
use stepwell_lang::source::Source;
use stepwell_lang::{Budget, NoPackages, Program};

/// A package, and a call in which `@` stands for the text.
const CALLS: &[(&str, &str)] = &[
    ("encoding/csv", "csv.Decode(@)"),
    ("encoding/json", "json.Unmarshal(@)"),
    ("encoding/yaml", "yaml.UnmarshalStream(@)"),
    ("encoding/toml", "toml.Unmarshal(@)"),
    ("encoding/hex", "hex.Decode(@)"),
    ("encoding/base64", "base64.Decode(null, @)"),
    ("regexp", "regexp.Match(@, \"aab\")"),
    ("regexp", "regexp.ReplaceAll(\"a(.)\", \"xaby\", @)"),
    ("strconv", "strconv.Unquote(@)"),
    ("strconv", "strconv.ParseFloat(@, 64)"),
    ("strconv", "strconv.ParseInt(@, 0, 64)"),
    ("text/template", "template.Execute(@, {a: [1, \"x\"], b: c: true})"),
    ("time", "time.Parse(time.RFC3339Nano, @)"),
    ("time", "time.Duration(@)"),
    ("time", "time.Format(@) & \"2020-01-01T00:00:00Z\""),
    ("net", "net.IPCIDR(@)"),
    ("net", "net.ParseIP(@)"),
    ("path", "path.Clean(@, path.Windows)"),
    ("path", "path.Match(@, \"a/b\", path.Unix)"),
    ("uuid", "uuid.Parse(@)"),
    ("html", "html.Unescape(@)"),
    ("strings", "strings.ToTitle(@)"),
];

fuzz_target!(|input: (u8, &str)| {
    let (choice, text) = input;
    let (package, call) = CALLS[usize::from(choice) % CALLS.len()];
    let source = format!("import {package:?}\na: {}\n", call.replace('@', &quote(text)));
    let Ok(program) = Program::compile(vec![Source::new("x.cue", source)], &NoPackages) else { return };
    let instance =
        program.instance_with(Budget { steps: 100_000, depth: 200, memory: 64 << 20, cancel: None });
    let _ = instance.root().data();
});
