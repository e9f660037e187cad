//! `multicluster/list-clusters`: the clusters that a run can work on.

use super::{Answer, Cx, Op, OpError};
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};

pub(super) struct ListClusters;

impl Op for ListClusters {
    fn provider(&self) -> &'static str {
        "multicluster"
    }

    fn name(&self) -> &'static str {
        "list-clusters"
    }

    fn older(&self) -> &'static str {
        "list-clusters"
    }

    fn older_fields(&self) -> &'static [&'static str] {
        &["outputs"]
    }

    fn pure(&self) -> bool {
        true
    }

    fn doc(&self) -> &'static str {
        "Returns the names of the clusters that a run can work on as `outputs.clusters`: its own, which is called `local`."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            // What is not known to the run is not refused here: there is one cluster.
            let _ = (cx, params);
            Ok(Answer::one("outputs", json!({"clusters": ["local"]})))
        })
    }
}
