//! The patch engine: how what a trait says of a workload meets what is there.
//!
//! Ordinary fields unify. Comments on a field say otherwise: `+patchKey=name` matches elements of a list by that field,
//! `+patchStrategy=retainKeys` and `replace` put the patch in the place of what is there, `jsonPatch` and `jsonMergePatch` (on the patch as
//! a whole) follow their RFCs. What may be changed: a new strategy is a variant of `Strategy` and an arm here. Tests at the end.

use super::tree::{Field, Markers, Node, Strategy};
use crate::document::{element, field};
use serde_json::Value as Json;
use stepwell_lang::data::Data;
use stepwell_lang::encode::cue;

/// A conflict: the path in the object, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    pub(crate) path: String,
    pub(crate) message: String,
}

/// Carries out a patch. `markers` are those of the patch as a whole.
pub(crate) fn apply(base: Node, patch: Node, markers: &Markers) -> Result<Node, Vec<Conflict>> {
    match markers.strategy {
        Some(Strategy::JsonPatch) => json_patch(&base, &patch),
        Some(Strategy::JsonMergePatch) => {
            let (mut object, patch) = (complete(&base)?, complete(&patch)?);
            json_patch::merge(&mut object, &patch);
            Ok(Node::of_json(&object))
        }
        _ => {
            let mut conflicts = Vec::new();
            let merged = merge(base, patch, markers, "", &mut conflicts);
            if conflicts.is_empty() { Ok(merged) } else { Err(conflicts) }
        }
    }
}

fn complete(node: &Node) -> Result<Json, Vec<Conflict>> {
    node.to_json().map_err(|open| {
        let conflict = |(path, _)| Conflict {
            path,
            message: "this is not decided yet, and a JSON patch needs it".to_string(),
        };
        open.into_iter().map(conflict).collect()
    })
}

fn json_patch(base: &Node, patch: &Node) -> Result<Node, Vec<Conflict>> {
    let refuse = |message: String| vec![Conflict { path: String::new(), message }];
    let mut object = complete(base)?;
    let operations = match complete(patch)? {
        Json::Object(mut fields) => fields.remove("operations").unwrap_or(Json::Null),
        list => list,
    };
    let patch: json_patch::Patch = serde_json::from_value(operations)
        .map_err(|e| refuse(format!("these are no JSON patch operations: {e}")))?;
    json_patch::patch(&mut object, &patch)
        .map_err(|e| refuse(format!("a JSON patch operation failed: {e}")))?;
    Ok(Node::of_json(&object))
}

fn merge(base: Node, patch: Node, markers: &Markers, path: &str, conflicts: &mut Vec<Conflict>) -> Node {
    match (base, patch) {
        (base, patch) if markers.strategy == Some(Strategy::RetainKeys) && markers.key.is_empty() => {
            drop(base);
            patch
        }
        (Node::List(..), patch @ Node::List(..)) if markers.strategy == Some(Strategy::Replace) => patch,
        (Node::Struct(mut base), Node::Struct(patch)) => {
            for Field { name, node, markers } in patch {
                match base.iter_mut().find(|f| f.name == name) {
                    Some(there) => {
                        let old = std::mem::replace(&mut there.node, Node::Leaf(Data::Null));
                        there.node = merge(old, node, &markers, &field(path, &name), conflicts);
                    }
                    None => base.push(Field { name, node, markers: Markers::default() }),
                }
            }
            Node::Struct(base)
        }
        (Node::List(base, base_open), Node::List(patch, patch_open)) => match keyed(&base, &patch, markers) {
            true => Node::List(by_key(base, patch, markers, path, conflicts), base_open),
            false => by_position(base, patch, (base_open, patch_open), path, conflicts),
        },
        (Node::Leaf(a), Node::Leaf(b)) => {
            if a != b {
                let message = format!("conflicting values {} and {}", shown(&b), shown(&a));
                conflicts.push(Conflict { path: path.to_string(), message });
            }
            Node::Leaf(a)
        }
        (a @ Node::Open(_), b) | (a, b @ Node::Open(_)) => match Node::unify(&a, &b) {
            Ok(node) => node,
            Err(message) => {
                conflicts.push(Conflict { path: path.to_string(), message });
                a
            }
        },
        (a, b) => {
            let message =
                format!("conflicting values: the patch has {}, and there is {}", what(&b), what(&a));
            conflicts.push(Conflict { path: path.to_string(), message });
            a
        }
    }
}

fn what(node: &Node) -> &'static str {
    match node {
        Node::Leaf(d) => d.type_name(),
        Node::Open(_) => "something undecided",
        Node::Struct(_) => "an object",
        Node::List(..) => "a list",
    }
}

fn shown(data: &Data) -> String {
    let text = cue::expression(data);
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// What tells an element apart; `None` if it lacks one of the fields.
fn key_of<'n>(node: &'n Node, key: &str) -> Option<&'n Data> {
    key.split('.').try_fold(node, |n, part| n.get(part))?.scalar()
}

fn keys_of<'n>(node: &'n Node, markers: &Markers) -> Option<Vec<&'n Data>> {
    markers.key.iter().map(|k| key_of(node, k)).collect()
}

/// Whether elements are matched by key: there is a key, and the patch has it somewhere (or is empty).
fn keyed(_base: &[Node], patch: &[Node], markers: &Markers) -> bool {
    !markers.key.is_empty() && (patch.is_empty() || patch.iter().any(|p| keys_of(p, markers).is_some()))
}

/// Elements of the base in their order, each merged with the one of the patch that has its key; then what is new, in the order of the patch.
fn by_key(
    base: Vec<Node>,
    patch: Vec<Node>,
    markers: &Markers,
    path: &str,
    conflicts: &mut Vec<Conflict>,
) -> Vec<Node> {
    // Of two elements of the patch with one key the last counts.
    let mut patches: Vec<Option<Node>> = Vec::with_capacity(patch.len());
    for p in patch {
        let Some(keys) = keys_of(&p, markers) else { continue };
        let same = |q: &Option<Node>| q.as_ref().and_then(|q| keys_of(q, markers)).is_some_and(|k| k == keys);
        if let Some(earlier) = patches.iter_mut().find(|q| same(q)) {
            *earlier = None;
        }
        patches.push(Some(p));
    }
    let mut out = Vec::with_capacity(base.len() + patches.len());
    for b in base {
        let found = keys_of(&b, markers).and_then(|keys| {
            patches
                .iter_mut()
                .find(|q| q.as_ref().and_then(|q| keys_of(q, markers)).is_some_and(|k| k == keys))
        });
        let Some(p) = found.and_then(Option::take) else {
            out.push(b);
            continue;
        };
        let at = element(path, out.len());
        out.push(match markers.strategy {
            Some(Strategy::RetainKeys) => p,
            _ => merge(b, p, &Markers::default(), &at, conflicts),
        });
    }
    out.extend(patches.into_iter().flatten());
    out
}

fn by_position(
    base: Vec<Node>,
    patch: Vec<Node>,
    open: (bool, bool),
    path: &str,
    conflicts: &mut Vec<Conflict>,
) -> Node {
    if patch.len() < base.len() && !open.1 {
        let message = format!(
            "incompatible list lengths: the patch has {}, and there are {}; without `+patchKey` elements are matched by their place",
            patch.len(),
            base.len()
        );
        conflicts.push(Conflict { path: path.to_string(), message });
        return Node::List(base, open.0);
    }
    let mut patch = patch.into_iter();
    let mut out = Vec::new();
    for (i, b) in base.into_iter().enumerate() {
        out.push(match patch.next() {
            Some(p) => merge(b, p, &Markers::default(), &element(path, i), conflicts),
            None => b,
        });
    }
    out.extend(patch);
    Node::List(out, open.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(v: Json) -> Node {
        Node::of_json(&v)
    }

    fn marked(v: Json, at: &str, markers: &Markers) -> Node {
        fn mark(n: &mut Node, at: &str, markers: &Markers) {
            let Node::Struct(fields) = n else { return };
            let (head, rest) = at.split_once('.').unwrap_or((at, ""));
            for f in fields.iter_mut().filter(|f| *f.name == *head) {
                match rest {
                    "" => f.markers = markers.clone(),
                    rest => mark(&mut f.node, rest, markers),
                }
            }
        }
        let mut n = node(v);
        mark(&mut n, at, markers);
        n
    }

    fn key(names: &str) -> Markers {
        Markers { key: names.split(',').map(Into::into).collect(), strategy: None }
    }

    fn run(base: Json, patch: Node) -> Result<Json, String> {
        match apply(node(base), patch, &Markers::default()) {
            Ok(n) => Ok(n.to_json().unwrap()),
            Err(c) => {
                Err(c.iter().map(|c| format!("{}: {}", c.path, c.message)).collect::<Vec<_>>().join("; "))
            }
        }
    }

    #[test]
    fn fields_unify() {
        assert_eq!(
            run(json!({"a": 1, "b": {"c": 2}}), node(json!({"b": {"d": 3}, "e": null}))),
            Ok(json!({"a": 1, "b": {"c": 2, "d": 3}, "e": null}))
        );
        assert_eq!(
            run(json!({"a": {"b": 1}}), node(json!({"a": {"b": 9}}))),
            Err("a.b: conflicting values 9 and 1".into())
        );
        assert!(
            run(json!({"a": {"b": 1}}), node(json!({"a": [1]})))
                .unwrap_err()
                .starts_with("a: conflicting values")
        );
    }

    #[test]
    fn lists_without_a_key_are_matched_by_place() {
        assert_eq!(
            run(json!({"l": [{"a": 1}]}), node(json!({"l": [{"b": 2}, {"c": 3}]}))),
            Ok(json!({"l": [{"a": 1, "b": 2}, {"c": 3}]}))
        );
        assert!(
            run(json!({"l": [1, 2]}), node(json!({"l": [1]})))
                .unwrap_err()
                .contains("incompatible list lengths")
        );
    }

    #[test]
    fn keys_match_elements_and_keep_the_order_of_the_base() {
        let patch = json!({"s": {"l": [{"n": "x"}, {"n": "b", "v": 1}, {"n": "y"}, {"n": "a", "w": 2}]}});
        let want = json!({"s": {"l": [{"n": "a", "w": 2}, {"n": "b", "v": 1}, {"n": "x"}, {"n": "y"}]}});
        assert_eq!(
            run(json!({"s": {"l": [{"n": "a"}, {"n": "b"}]}}), marked(patch, "s.l", &key("n"))),
            Ok(want)
        );
    }

    #[test]
    fn all_fields_of_a_compound_key_count() {
        let base = json!({"l": [{"p": 80, "t": "TCP"}, {"p": 80, "t": "UDP"}]});
        let patch = json!({"l": [{"p": 80, "t": "UDP", "n": "u"}, {"p": 90, "t": "TCP"}]});
        let want =
            json!({"l": [{"p": 80, "t": "TCP"}, {"p": 80, "t": "UDP", "n": "u"}, {"p": 90, "t": "TCP"}]});
        assert_eq!(run(base, marked(patch, "l", &key("p,t"))), Ok(want));
    }

    #[test]
    fn strategies_replace() {
        let of = |strategy| Markers { strategy: Some(strategy), ..Markers::default() };
        let base = json!({"a": {"x": 1}, "l": [1, 2]});
        let patch = json!({"a": {"y": 2}});
        assert_eq!(
            run(base.clone(), marked(patch.clone(), "a", &of(Strategy::RetainKeys))),
            Ok(json!({"a": {"y": 2}, "l": [1, 2]}))
        );
        assert_eq!(
            run(base.clone(), marked(patch, "a", &of(Strategy::Replace))),
            Ok(json!({"a": {"x": 1, "y": 2}, "l": [1, 2]}))
        );
        assert_eq!(
            run(base, marked(json!({"l": []}), "l", &of(Strategy::Replace))),
            Ok(json!({"a": {"x": 1}, "l": []}))
        );
    }

    #[test]
    fn json_patches_follow_their_rules() {
        let base = json!({"a": {"x": 1, "y": 2}});
        let operations = node(
            json!({"operations": [{"op": "remove", "path": "/a/x"}, {"op": "add", "path": "/b", "value": [1]}]}),
        );
        let markers = Markers { strategy: Some(Strategy::JsonPatch), ..Markers::default() };
        assert_eq!(
            apply(node(base.clone()), operations, &markers).unwrap().to_json().unwrap(),
            json!({"a": {"y": 2}, "b": [1]})
        );
        assert!(apply(node(base.clone()), node(json!([{"op": "remove", "path": "/no"}])), &markers).is_err());
        let markers = Markers { strategy: Some(Strategy::JsonMergePatch), ..Markers::default() };
        let merged = apply(node(base), node(json!({"a": {"x": null, "z": 3}})), &markers).unwrap();
        assert_eq!(merged.to_json().unwrap(), json!({"a": {"y": 2, "z": 3}}));
    }
}
