//! Schemas and what they become.

use super::*;
use crate::encode::{json, yaml};

/// The body that a JSON Schema becomes, in one line; or what is wrong with it.
fn converted(schema: &str) -> String {
    match json_schema(&json::parse(schema).unwrap()) {
        Ok(file) => {
            let text = file.text(None);
            let (parsed, mistakes) = crate::syntax::parse(crate::source::FileId(0), &text);
            assert!(mistakes.is_empty(), "{text}\n{mistakes:?}");
            drop(parsed);
            let start = text.find("\n)\n").map_or(0, |i| i + 3);
            let text =
                text[start..].lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("import "));
            text.collect::<Vec<_>>().join("; ")
        }
        Err(mistakes) => mistakes.iter().map(|m| format!("! {m}")).collect::<Vec<_>>().join("; "),
    }
}

#[test]
fn keywords() {
    let text = include_str!("cases.txt");
    let mut out = String::new();
    for schema in text.lines().filter(|l| !l.is_empty()) {
        out.push_str(&format!("{schema}\n    {}\n", converted(schema)));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn a_whole_schema() {
    let schema = r##"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Person", "description": "A person.\nSecond line.",
        "type": "object", "required": ["name"],
        "properties": {
            "name": {"type": "string", "minLength": 1, "description": "The name"},
            "born": {"type": "string", "format": "date-time"},
            "address": {"$ref": "#/$defs/address"},
            "parent": {"$ref": "#"},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": true}
        },
        "$defs": {
            "address": {"type": "object", "properties": {"street": {"type": "string"}}, "additionalProperties": false},
            "non-ident": {"type": "string"}
        }
    }"##;
    insta::assert_snapshot!(json_schema(&json::parse(schema).unwrap()).unwrap().text(Some("person")));
}

#[test]
fn open_api_documents() {
    let text = "
openapi: 3.0.0
info: {title: My API, version: v1, description: About it}
components:
  schemas:
    User:
      description: A user
      type: object
      required: [id]
      properties:
        id: {type: integer, format: int64}
        name: {type: string, nullable: true}
        role: {type: string, enum: [a, b], default: a}
        boss: {$ref: '#/components/schemas/User'}
        pet: {$ref: '#/components/schemas/some-pet.v1'}
        n: {type: integer, minimum: 3, exclusiveMinimum: true}
        m: {type: object, additionalProperties: {type: string}}
    some-pet.v1:
      type: object
      properties: {x: {type: string}}
      additionalProperties: false
";
    let data = yaml::parse(text, yaml::Rules::Language).unwrap();
    insta::assert_snapshot!(open_api(&data).unwrap().text(None));
}

#[test]
fn custom_resource_definitions() {
    let text = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
spec:
  group: stable.example.com
  names: {kind: CronTab, plural: crontabs, singular: crontab}
  scope: Namespaced
  versions:
    - name: v1
      schema:
        openAPIV3Schema:
          description: A cron tab
          type: object
          required: [spec]
          properties:
            apiVersion: {type: string}
            kind: {type: string}
            metadata: {type: object}
            spec:
              type: object
              required: [cronSpec]
              properties:
                cronSpec: {type: string, pattern: '^(\d+|\*)$'}
                replicas: {type: integer, minimum: 1, maximum: 10, default: 1}
                port: {x-kubernetes-int-or-string: true}
                raw: {type: object, x-kubernetes-preserve-unknown-fields: true}
                made: {type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}
                none: {type: object}
                list: {type: array, items: {type: object, required: [a], properties: {a: {type: string}}}}
";
    let data = yaml::parse(text, yaml::Rules::Language).unwrap();
    let found = custom_resources(&data).unwrap();
    assert_eq!((found[0].version.as_str(), found[0].singular.as_str()), ("v1", "crontab"));
    insta::assert_snapshot!(found[0].file.text(Some("v1")));
    let mistakes = custom_resources(&json::parse(r#"{"kind": "Pod"}"#).unwrap()).unwrap_err();
    assert_eq!(mistakes[0].to_string(), "kind: this is no CustomResourceDefinition");
}

/// What was made of a schema takes the values that the schema takes, and no others.
#[test]
fn values_are_judged_alike() {
    use crate::{Instance, NoPackages, Program, Source};
    let fits = |schema: &str, value: &str| {
        let text = json_schema(&json::parse(schema).unwrap()).unwrap().below(&["x".into()]).text(None);
        let program = Program::compile(vec![Source::new("s.cue", text.as_str())], &NoPackages).unwrap();
        let instance: Instance = program.instance();
        let data = instance.data(&json::parse(value).unwrap());
        instance.unify(instance.root().get("x").unwrap(), data).validate(true).is_ok()
    };
    for (schema, good, bad) in [
        (r#"{"type":"integer","minimum":3}"#, "3", "2"),
        (r#"{"type":["string","null"],"minLength":2}"#, "\"ab\"", "\"a\""),
        (
            r#"{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}}"#,
            r#"{"a":"x","b":1}"#,
            r#"{"b":1}"#,
        ),
        (
            r#"{"type":"object","properties":{"a":{}},"additionalProperties":false}"#,
            r#"{"a":1}"#,
            r#"{"b":1}"#,
        ),
        (
            r#"{"type":"object","properties":{"a":{}},"additionalProperties":{"type":"string"}}"#,
            r#"{"a":1,"b":"x"}"#,
            r#"{"b":1}"#,
        ),
        (r#"{"type":"array","items":{"type":"string"},"minItems":1}"#, r#"["a"]"#, "[]"),
        (r#"{"enum":["a",1]}"#, "1", "2"),
        (r#"{"const":{"a":1}}"#, r#"{"a":1}"#, r#"{"a":1,"b":1}"#),
        (r#"{"oneOf":[{"type":"string"},{"type":"integer"}]}"#, "1", "true"),
        (r#"{"not":{"type":"string"}}"#, "1", "\"a\""),
        (r##"{"$ref":"#/$defs/a","$defs":{"a":{"type":"string"}}}"##, "\"a\"", "1"),
    ] {
        assert!(fits(schema, good), "{schema} {good}");
        assert!(!fits(schema, bad), "{schema} {bad}");
    }
}

/// Names that would lead out of the folder, or that no definition can have, are refused.
#[test]
fn names_of_resources_are_names() {
    let resource = |kind: &str, singular: &str, version: &str| {
        let text = format!(
            r#"{{"kind":"CustomResourceDefinition","spec":{{"group":"g\"x","names":{{"kind":"{kind}","singular":"{singular}"}},
            "versions":[{{"name":"{version}"}}]}}}}"#
        );
        custom_resources(&json::parse(&text).unwrap())
    };
    let good = resource("Thing", "thing-x", "v1").unwrap();
    assert!(good[0].file.text(None).contains("\"g\\\"x/v1\""), "{}", good[0].file.text(None));
    for (kind, singular, version, at) in [
        (".A", "a", "v1", "spec.names.kind"),
        ("A", "../../a", "v1", "spec.names.singular"),
        ("A", "", "v1", "spec.names.singular"),
        ("A", "a", "../v1", "spec.versions.0"),
    ] {
        let mistakes = resource(kind, singular, version).unwrap_err();
        assert_eq!(mistakes[0].path.join("."), at, "{kind} {singular} {version}");
    }
}
