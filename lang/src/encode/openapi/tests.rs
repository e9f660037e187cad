//! Each line: the fields of a definition, and the schema that they become.

use super::document;
use crate::api::{NoPackages, Program};
use crate::encode::json;
use crate::source::Source;

fn schemas(text: &str) -> crate::Data {
    let program = Program::compile(vec![Source::new("a.cue", text)], &NoPackages).unwrap();
    let document = document(program.instance().root()).unwrap();
    document.get("components").and_then(|c| c.get("schemas")).unwrap().clone()
}

/// The schema of the first field of `#T`.
fn field(fields: &str) -> String {
    let mut text = String::new();
    for p in ["strings", "list", "struct", "time", "math"] {
        if fields.contains(&format!("{p}.")) {
            text.push_str(&format!("import {p:?}\n"));
        }
    }
    text.push_str(&format!("#B: {{x: int, y?: string}}\n#C: {{z: int}}\n#T: {{{fields}}}\n"));
    let schemas = schemas(&text);
    match schemas.get("T").and_then(|t| t.get("properties")) {
        Some(crate::Data::Struct(fields)) => json::compact(&fields[0].1),
        other => format!("{other:?}"),
    }
}

#[test]
fn fields() {
    for line in r##"
        a: string => {"type":"string"}
        a: bytes => {"type":"string","format":"binary"}
        a: int32 => {"type":"integer","format":"int32"}
        a: int64 => {"type":"integer","format":"int64"}
        a: float32 => {"type":"number","format":"float"}
        a: uint8 => {"type":"integer","minimum":0,"maximum":255}
        a: int & >0 & <=10 => {"type":"integer","minimum":0,"exclusiveMinimum":true,"maximum":10}
        a: int & !=5 => {"type":"integer","not":{"allOf":[{"minimum":5},{"maximum":5}]}}
        a: =~"^a" => {"type":"string","pattern":"^a"}
        a: =~"a" & =~"b" => {"type":"string","allOf":[{"pattern":"a"},{"pattern":"b"}]}
        a: strings.MinRunes(3) & strings.MaxRunes(10) => {"type":"string","minLength":3,"maxLength":10}
        a: [...int] & list.MaxItems(10) => {"type":"array","maxItems":10,"items":{"type":"integer"}}
        a: struct.MaxFields(3) & {...} => {"type":"object","maxProperties":3}
        a: time.Time => {"type":"string","format":"date-time"}
        a: math.MultipleOf(3) & int => {"type":"integer","multipleOf":3}
        a: *8080 | int => {"type":"integer","default":8080}
        a: *"a" | "b" | "c" => {"type":"string","enum":["a","b","c"],"default":"a"}
        a: (*"a" | "b") | null => {"type":"string","enum":["a","b"],"default":"a","nullable":true}
        a: "a" | 1 => {"enum":["a",1]}
        a: "x" | string => {"type":"string","oneOf":[{"enum":["x"]},{}]}
        a: *1 | int | string => {"default":1,"oneOf":[{"type":"integer"},{"type":"string"}]}
        a: int & (>5 | <2) => {"type":"integer","oneOf":[{"minimum":5,"exclusiveMinimum":true},{"maximum":2,"exclusiveMaximum":true}]}
        a: null => {"enum":[null],"nullable":true}
        a: null | string => {"type":"string","nullable":true}
        a: null | #B => {"type":"object","allOf":[{"$ref":"#/components/schemas/B"}],"nullable":true}
        a: #B | #C => {"type":"object","oneOf":[{"$ref":"#/components/schemas/B"},{"$ref":"#/components/schemas/C"}]}
        a: or([1, 2]) => {"type":"integer","enum":[1,2]}
        a: #B => {"$ref":"#/components/schemas/B"}
        a: #B & {x: 1} => {"type":"object","properties":{"x":{"type":"integer","enum":[1]}},"allOf":[{"$ref":"#/components/schemas/B"},{"required":["x"]}]}
        a: {#B, e: int} => {"type":"object","properties":{"e":{"type":"integer"}},"allOf":[{"$ref":"#/components/schemas/B"},{"required":["e"]}]}
        a: {#B} => {"type":"object","required":["x"],"properties":{"x":{"type":"integer"},"y":{"type":"string"}}}
        a: [...#B] => {"type":"array","items":{"$ref":"#/components/schemas/B"}}
        a: [int, string] => {"type":"array","items":[{"type":"integer"},{"type":"string"}]}
        a: [string]: #B => {"type":"object","additionalProperties":{"$ref":"#/components/schemas/B"}}
        a: {x!: int, y?: int} => {"type":"object","required":["x"],"properties":{"x":{"type":"integer"},"y":{"type":"integer"}}}
        a: _ => {}
        rec?: #T => {"$ref":"#/components/schemas/T"}
        if true {m: int} => {"type":"integer"}
        let F = 1, ff: F => {"type":"integer","enum":[1]}
        #I: {q: int}, i: #I => {"$ref":"#/components/schemas/T.I"}
    "##
    .lines()
    .map(str::trim)
    .filter(|l| !l.is_empty())
    {
        let (fields, schema) = line.split_once(" => ").unwrap();
        assert_eq!(field(fields), schema, "{fields}");
    }
}

#[test]
fn components_are_sorted_and_have_their_documentation() {
    let text = "info: {title: \"T\", version: \"v1\"}\n// Two\n// lines\n#B: {#I: bool // not this\n// a number\nx: int, y: #I}\n#A: #B\n";
    let expected = r##"{"A":{"$ref":"#/components/schemas/B"},"B":{"description":"Two\nlines","type":"object","required":["x","y"],"properties":{"x":{"description":"a number","type":"integer"},"y":{"$ref":"#/components/schemas/B.I"}}},"B.I":{"type":"boolean"}}"##;
    assert_eq!(json::compact(&schemas(text)), expected);
}

#[test]
fn what_is_no_definition_is_refused() {
    let program = Program::compile(vec![Source::new("a.cue", "#A: int\nport: 80\n")], &NoPackages).unwrap();
    let failure = document(program.instance().root()).unwrap_err();
    assert_eq!(failure.to_string(), "port: openapi: unsupported top-level field \"port\"");
    assert_eq!(failure.diagnostics[0].labels.len(), 1);
}
