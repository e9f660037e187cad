//! The structure of kinds: which fields there are, of what type, and how their lists and maps merge. One form serves
//! built-in kinds (from `schema/apply-schema.json`, made by `cargo xtask apply-schema` out of a real server's OpenAPI)
//! and custom ones (`crd.rs`); everything that walks objects by structure reads it: type checks and pruning
//! (`conform.rs`), defaults (`defaults.rs`), apply and strategic merge (`patch/`).
//!
//! The table's form: `kinds` maps `group/version/Kind` to the name of a type, `types` names to nodes. A node is the name of a
//! scalar, or an object with `type` (a scalar), `ref` (a type), `fields` and `required` (a struct), `map` (of values) or `list`
//! (of items, with `merge` set|map, `keys`, and `patch`, the key of strategic merge, empty for scalars); each may have `default`,
//! `atomic` (merged as a whole) and `retainKeys`. Tests: at the end of this file.

pub(crate) mod conform;
pub(crate) mod defaults;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, LazyLock},
};

use serde_json::Value;

/// The structure of one value.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    pub(crate) shape: Shape,
    /// What an absent field is taken for.
    pub(crate) default: Option<Value>,
    /// Maps and structs merged as a whole by apply.
    pub(crate) atomic: bool,
    /// Whether null is a value here.
    pub(crate) nullable: bool,
}

/// What kind of value it is.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// Anything.
    Any,
    Scalar(Scalar),
    List(Box<List>),
    Map(Box<Schema>),
    Struct(Arc<Struct>),
    /// A type of the table, by name.
    Ref(Arc<str>),
}

/// The scalars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    String,
    Bytes,
    Time,
    Int32,
    Int64,
    Number,
    Boolean,
    IntOrString,
    Quantity,
}

/// A list and how it merges.
#[derive(Debug, Clone)]
pub(crate) struct List {
    pub(crate) items: Schema,
    pub(crate) merge: Merge,
    /// Strategic merge: by this key, by value where it is empty; replaced as a whole where there is none.
    pub(crate) patch: Option<String>,
}

/// How apply merges a list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Merge {
    Atomic,
    Set,
    /// By these keys.
    Map(Vec<String>),
}

/// An object with known fields.
#[derive(Debug, Default)]
pub(crate) struct Struct {
    /// The type's name, empty for the nameless.
    pub(crate) name: String,
    pub(crate) fields: BTreeMap<String, Schema>,
    pub(crate) required: Vec<String>,
    /// Unknown fields are kept, and of this structure.
    pub(crate) rest: Option<Box<Schema>>,
}

impl Schema {
    pub(crate) const fn new(shape: Shape) -> Self {
        Schema { shape, default: None, atomic: false, nullable: false }
    }

    pub(crate) const fn any() -> Self {
        Schema::new(Shape::Any)
    }

    /// The shape with references followed.
    pub(crate) fn shape(&self) -> &Shape {
        self.resolved().map_or(&self.shape, |schema| &schema.shape)
    }

    fn resolved(&self) -> Option<&Schema> {
        let Shape::Ref(name) = &self.shape else { return None };
        Some(TABLE.types.get(&**name).unwrap_or(&ANY))
    }

    /// Whether apply takes a map or struct as a whole.
    pub(crate) fn is_atomic(&self) -> bool {
        self.atomic || self.resolved().is_some_and(|schema| schema.atomic)
    }

    /// The structure of a field of an object of this structure; `None` where the field is unknown.
    pub(crate) fn field(&self, name: &str) -> Option<&Schema> {
        match self.shape() {
            Shape::Struct(fields) => fields.fields.get(name).or(fields.rest.as_deref()),
            Shape::Map(values) => Some(values),
            Shape::Any => Some(&ANY),
            _ => None,
        }
    }
}

pub(crate) static ANY: Schema = Schema::any();

struct Table {
    kinds: HashMap<String, Arc<Schema>>,
    types: HashMap<String, Schema>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let text = include_str!("../../schema/apply-schema.json");
    // The text is part of the program, and a test reads it: it is well-formed.
    let table: Value = serde_json::from_str(text).unwrap_or_default();
    let types = entries(&table["types"]).map(|(name, value)| (name.clone(), node(value, name))).collect();
    let kinds = entries(&table["kinds"])
        .filter_map(|(kind, name)| {
            let reference = Shape::Ref(name.as_str()?.into());
            Some((kind.clone(), Arc::new(Schema::new(reference))))
        })
        .collect();
    Table { kinds, types }
});

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// The structure of a built-in kind.
pub(crate) fn builtin_kind(group: &str, version: &str, kind: &str) -> Arc<Schema> {
    TABLE.kinds.get(&format!("{group}/{version}/{kind}")).cloned().unwrap_or_else(|| Arc::new(Schema::any()))
}

/// The structure of `metadata`.
pub(crate) fn object_meta() -> Schema {
    Schema::new(Shape::Ref("meta.v1.ObjectMeta".into()))
}

fn scalar(name: &str) -> Option<Scalar> {
    Some(match name {
        "string" => Scalar::String,
        "bytes" => Scalar::Bytes,
        "time" => Scalar::Time,
        "int32" => Scalar::Int32,
        "int64" => Scalar::Int64,
        "number" => Scalar::Number,
        "boolean" => Scalar::Boolean,
        "int-or-string" => Scalar::IntOrString,
        "quantity" => Scalar::Quantity,
        _ => return None,
    })
}

fn node(value: &Value, name: &str) -> Schema {
    let shape = if let Some(scalar) = value.as_str().or_else(|| value["type"].as_str()).and_then(scalar) {
        Shape::Scalar(scalar)
    } else if let Some(name) = value["ref"].as_str() {
        Shape::Ref(name.into())
    } else if value["fields"].is_object() {
        let fields =
            entries(&value["fields"]).map(|(field, value)| (field.clone(), node(value, ""))).collect();
        Shape::Struct(Arc::new(Struct {
            name: name.to_owned(),
            fields,
            required: strings(&value["required"]),
            rest: None,
        }))
    } else if let Some(values) = value.get("map") {
        Shape::Map(Box::new(node(values, "")))
    } else if let Some(items) = value.get("list") {
        let merge = match value["merge"].as_str() {
            Some("set") => Merge::Set,
            Some("map") => Merge::Map(strings(&value["keys"])),
            _ => Merge::Atomic,
        };
        let patch = value["patch"].as_str().map(str::to_owned);
        Shape::List(Box::new(List { items: node(items, ""), merge, patch }))
    } else {
        Shape::Any
    };
    Schema { shape, default: value.get("default").cloned(), atomic: value["atomic"] == true, nullable: false }
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_kind_has_its_structure() {
        for resource in crate::kinds::builtin() {
            let what = format!("{} {}", resource.api_version(), resource.kind);
            assert!(matches!(resource.schema.shape(), Shape::Struct(_)), "{what}");
            assert!(resource.schema.field("metadata").is_some(), "{what}");
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk(schema: &Schema) {
            match &schema.shape {
                Shape::Ref(name) => assert!(TABLE.types.contains_key(&**name), "{name}"),
                Shape::List(list) => walk(&list.items),
                Shape::Map(values) => walk(values),
                Shape::Struct(fields) => fields.fields.values().for_each(walk),
                Shape::Any | Shape::Scalar(_) => {}
            }
        }
        TABLE.types.values().for_each(walk);
    }

    #[test]
    fn lists_of_the_table_know_how_they_merge() {
        let deployment = builtin_kind("apps", "v1", "Deployment");
        let spec = deployment.field("spec").unwrap().field("template").unwrap().field("spec").unwrap();
        let Shape::List(containers) = spec.field("containers").unwrap().shape() else { panic!() };
        assert_eq!(containers.merge, Merge::Map(vec!["name".into()]));
        assert_eq!(containers.patch.as_deref(), Some("name"));
        let Shape::List(ports) = containers.items.field("ports").unwrap().shape() else { panic!() };
        assert_eq!(ports.merge, Merge::Map(vec!["containerPort".into(), "protocol".into()]));
        assert_eq!(ports.items.field("protocol").unwrap().default, Some("TCP".into()));
        assert!(spec.field("nodeSelector").unwrap().is_atomic());
    }
}
