//! `cargo xtask fuzz --seconds N`: each fuzz target of the language for N seconds, one after the other. Needs `cargo-fuzz` (`cargo install
//! cargo-fuzz --locked`), a C++ compiler for libFuzzer, and no nightly: `RUSTC_BOOTSTRAP` lets the pinned compiler take the flags. The first
//! build takes some minutes. What a run finds lies in `lang/fuzz/artifacts/`; what it learnt, in `lang/fuzz/corpus/`.
//!
//! The first inputs are taken from the conformance vectors where these are at hand, and are not kept in the repository.

use crate::archive;
use crate::conformance::vectors;
use crate::process::{command, there_is};
use crate::{Result, root};
use std::fs;
use std::path::Path;

/// Give the language's readers and its evaluator hostile input
#[derive(Debug, clap::Args)]
pub(crate) struct Fuzz {
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Only this target
    #[arg(long)]
    only: Option<String>,
}

/// The targets, and which files of the vectors they begin with.
const TARGETS: &[(&str, &[&str])] = &[
    ("parse", &["cue"]),
    ("format", &["cue"]),
    ("evaluate", &["cue"]),
    ("functions", &[]),
    ("json", &["json"]),
    ("yaml", &["yaml"]),
    ("toml", &["toml"]),
    ("csv", &["csv"]),
    ("jsonschema", &["json"]),
    ("openapi", &["yaml"]),
    ("proto", &["proto"]),
];

/// First inputs for what the vectors have no files of.
const SEEDS: &[(&str, &str)] = &[
    ("toml", "a = 1\n[b]\nc = \"x\"\nd = [1, 2.5, true]\n[[e.f]]\ng = 1979-05-27T07:32:00Z\n"),
    ("csv", "a,\"b\n\"\"c\"\r\n\r\n d ,\n"),
    ("jsonschema", JSON_SCHEMA),
    ("openapi", OPEN_API),
    ("openapi", RESOURCE),
    ("proto", PROTO),
    ("functions", "\0a,b\n\"c\"\"d\",e\n"),
    ("functions", "\x06^(a+|[b-d]{2,3})$"),
    ("functions", "\x0b{{range $i, $e := .a}}{{$i}}{{if $e}}x{{else}}y{{end}}{{end}}"),
    ("functions", "\x0c2020-01-01T00:00:00.5+01:00"),
];

const JSON_SCHEMA: &str = r##"{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "required": ["a"],
"properties": {"a": {"$ref": "#/$defs/x y"}, "b": {"type": ["string", "null"], "pattern": "^a", "minLength": 1, "default": "a"},
"c": {"oneOf": [{"const": 1}, {"enum": ["x", 2.5]}, {"not": {"type": "array"}}]}, "d": {"type": "array", "items": {"type": "integer",
"minimum": 0, "exclusiveMaximum": 9, "multipleOf": 3}, "prefixItems": [true], "minItems": 1, "uniqueItems": true}},
"patternProperties": {"^x": false}, "additionalProperties": {"$ref": "#"}, "if": {"required": ["b"]}, "then": {"maxProperties": 2},
"$defs": {"x y": {"description": "one\ntwo", "format": "date-time", "anyOf": [{}, {"$ref": "#/$defs/z"}]}, "z": {"type": "number"}}}"##;

const OPEN_API: &str = "openapi: 3.0.0\ninfo: {title: t, version: v1, description: d}\npaths: {}\ncomponents:\n  schemas:\n    A-b:\n      \
type: object\n      nullable: true\n      required: [x]\n      properties:\n        x: {$ref: '#/components/schemas/C'}\n        y: {type: string, \
format: byte, maxLength: 3}\n    C: {allOf: [{type: integer, format: int32, minimum: 0, exclusiveMinimum: true}], example: 1}\n";

const RESOURCE: &str = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: as.b.c}\nspec:\n  group: b.c\n  \
names: {kind: A, plural: as}\n  scope: Namespaced\n  versions:\n  - name: v1\n    served: true\n    storage: true\n    schema:\n      \
openAPIV3Schema:\n        type: object\n        properties:\n          spec: {type: object, x-kubernetes-preserve-unknown-fields: true}\n          \
q: {x-kubernetes-int-or-string: true, pattern: '^a'}\n";

const PROTO: &str = "// a\nsyntax = \"proto3\"; package p.q; import \"google/protobuf/any.proto\"; option go_package = \"x.y/z;w\";\n/* b\n * c */\n\
message M { // d\n  repeated .p.q.M m = 1 [(o).x = { a: 1 }, deprecated = true]; map<string, E> e_f = 2; oneof o { bytes b = 3; google.protobuf.Any \
string = 4 [json_name = \"j-k\"]; }\n  enum E { A = 0; B = -1; } reserved 5 to max; extensions 9; message M { optional E e = 0x1; } }\nservice S {}\n";

impl Fuzz {
    pub(crate) fn run(&self) -> Result<()> {
        if !there_is("cargo", &["fuzz", "--version"]) {
            println!("fuzz: skipped, cargo-fuzz is not installed (cargo install cargo-fuzz)");
            return Ok(());
        }
        let chosen = TARGETS.iter().filter(|(name, _)| self.only.as_deref().is_none_or(|only| only == *name));
        let mut failed = Vec::new();
        for (name, kinds) in chosen {
            println!("==> {name}");
            seed(name, kinds)?;
            let limit = format!("-max_total_time={}", self.seconds);
            // Without a sanitizer: there is no unsafe code, and the panics that are looked for need none.
            let mut fuzz =
                command("cargo", &["fuzz", "run", "--fuzz-dir", "lang/fuzz", "--sanitizer", "none", name]);
            fuzz.args([
                "--",
                &limit,
                "-timeout=10",
                "-rss_limit_mb=2048",
                "-max_len=4096",
                "-print_final_stats=1",
            ]);
            // cargo-fuzz passes flags that only a nightly compiler takes.
            fuzz.env("RUSTC_BOOTSTRAP", "1");
            if !fuzz.status()?.success() {
                failed.push(*name);
            }
        }
        match failed.is_empty() {
            true => Ok(()),
            false => Err(format!("found something: {} (see lang/fuzz/artifacts)", failed.join(", ")).into()),
        }
    }
}

/// Writes the first inputs of a target.
fn seed(target: &str, kinds: &[&str]) -> Result<()> {
    let corpus = root().join("lang/fuzz/corpus").join(target);
    fs::create_dir_all(&corpus)?;
    for (n, (_, text)) in SEEDS.iter().filter(|(name, _)| *name == target).enumerate() {
        fs::write(corpus.join(format!("seed-{n}")), text)?;
    }
    let Some(vectors) = vectors() else { return Ok(()) };
    let mut count = 0;
    walk(&vectors, &mut |path| {
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        let text = fs::read_to_string(path).unwrap_or_default();
        let mut keep = |kind: &str, text: &str| -> Result<()> {
            if kinds.contains(&kind) && !text.is_empty() && text.len() <= 4096 {
                fs::write(corpus.join(format!("vector-{count}")), text)?;
                count += 1;
            }
            Ok(())
        };
        if ending != "txtar" {
            return keep(ending, &text);
        }
        for (name, body) in archive::sections(&text).1 {
            keep(name.rsplit('.').next().unwrap_or_default(), &body)?;
        }
        Ok(())
    })
}

fn walk(dir: &Path, f: &mut dyn FnMut(&Path) -> Result<()>) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() { walk(&path, f)? } else { f(&path)? }
    }
    Ok(())
}
