//! `builtin/var`: keeps a value for later steps, or gives one back.

use super::{Answer, Cx, Op, OpError, read};
use crate::model::workflow::{Part, parse_path};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

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
                    Some(value) => Ok(Answer::one("value", value.clone())),
                    None => Err(OpError::permanent(format!("no step has put out `{}`", params.path))),
                },
            }
        })
    }
}

fn get<'v>(vars: &'v Map<String, Value>, path: &str) -> Option<&'v Value> {
    if let Some(found) = vars.get(path) {
        return Some(found);
    }
    let parts = parse_path(path).ok()?;
    let Some((Part::Key(first), rest)) = parts.split_first() else { return None };
    rest.iter().try_fold(vars.get(first)?, |v, part| match part {
        Part::Key(k) => v.get(k),
        Part::Index(i) => v.get(i),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_found_by_name_or_path() {
        let vars = Map::from_iter([("a.b".into(), json!(1)), ("o".into(), json!({"l": [{"x": 2}]}))]);
        assert_eq!(get(&vars, "a.b"), Some(&json!(1)));
        assert_eq!(get(&vars, "o.l[0].x"), Some(&json!(2)));
        assert_eq!(get(&vars, "o.l[1].x"), None);
    }
}
