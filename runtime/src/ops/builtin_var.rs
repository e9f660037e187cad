//! `builtin/var`: keeps a value for later steps, or gives one back.

use super::support::secret::Maker;
use super::{Answer, Cx, Op, OpError, Vars, read};
use crate::model::workflow::{Part, parse_path};
use crate::secret::{Given, Mark, step};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub(super) struct Var;

#[derive(Deserialize)]
struct Params {
    method: Method,
    path: String,
    #[serde(default)]
    value: Option<Value>,
}

#[derive(Deserialize)]
enum Method {
    Get,
    Put,
}

impl Op for Var {
    fn provider(&self) -> &'static str {
        "builtin"
    }

    fn name(&self) -> &'static str {
        "var"
    }

    fn older(&self) -> &'static str {
        "var"
    }

    fn pure(&self) -> bool {
        true
    }

    fn vars(&self) -> Vars {
        Vars::Keeps
    }

    fn doc(&self) -> &'static str {
        "With method `Put`, keeps a value under a name for later steps, like an output; with `Get`, gives the value of a name or path."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            match (params.method, params.value) {
                (Method::Put, Some(value)) => {
                    Ok(Answer::Put { path: params.path, value, returns: Map::new() })
                }
                (Method::Put, None) => Err(OpError::permanent("there is no `value` to put")),
                (Method::Get, _) => match get(&cx.vars, &params.path) {
                    Some(given) => {
                        // What this attempt has kept itself is at hand; anything else is as the Secrets are now.
                        let value = match (&given.clear, cx.again.is_some()) {
                            (Some(_), false) => given.value().clone(),
                            _ => Maker::new(cx).value(&given).await?,
                        };
                        for Mark { at, recipe } in given.marked.marks {
                            cx.note(Mark { at: format!("/value{at}"), recipe });
                        }
                        Ok(Answer::one("value", value))
                    }
                    None => Err(OpError::permanent(format!("no step has put out `{}`", params.path))),
                },
            }
        })
    }
}

fn get(vars: &BTreeMap<String, Given>, path: &str) -> Option<Given> {
    if let Some(found) = vars.get(path) {
        return Some(found.clone());
    }
    let parts = parse_path(path).ok()?;
    let Some((Part::Key(first), rest)) = parts.split_first() else { return None };
    let mut at = String::new();
    for part in rest {
        match part {
            Part::Key(k) => step(&mut at, k),
            Part::Index(i) => step(&mut at, &i.to_string()),
        }
    }
    vars.get(first)?.at(&at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_found_by_name_or_path() {
        let given = |v: Value| Given::from(v);
        let vars = BTreeMap::from_iter([
            ("a.b".into(), given(json!(1))),
            ("o".into(), given(json!({"l": [{"x": 2}]}))),
        ]);
        assert_eq!(get(&vars, "a.b"), Some(given(json!(1))));
        assert_eq!(get(&vars, "o.l[0].x"), Some(given(json!(2))));
        assert_eq!(get(&vars, "o.l[1].x"), None);
    }
}
