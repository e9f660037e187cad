//! `multicluster/deploy`: the application, put where policies say and changed as they say.

use super::oam_component_apply::{apply, health};
use super::support::application::{components, render};
use super::{Answer, Components, Cx, Deployment, Op, OpError, read};
use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many components may be applied at the same time, whatever is asked for.
const MOST: usize = 64;

pub(super) struct Deploy;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    #[serde(default)]
    policies: Vec<String>,
    #[serde(default)]
    inline_policies: Vec<Value>,
    #[serde(default)]
    parallelism: usize,
    #[serde(default)]
    ignore_terraform_component: bool,
}

impl Op for Deploy {
    fn provider(&self) -> &'static str {
        "multicluster"
    }

    fn name(&self) -> &'static str {
        "deploy"
    }

    fn older(&self) -> &'static str {
        "deploy"
    }

    fn doc(&self) -> &'static str {
        "Applies all components of the application with their traits, as the override policies among `policies` change them and once for each key of a replication policy, where the topology \
         policies among them say: in their namespaces on the cluster of the run, which is called `local`. A component waits until those that it \
         depends on are healthy; up to `parallelism` are applied at the same time. With `ignoreTerraformComponent`, those that Terraform provides are left \
         out. Waits until all are healthy."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            let own = components(cx, None)?;
            let mut deployment =
                own.deployment(&params.policies, &params.inline_policies).map_err(OpError::permanent)?;
            if params.ignore_terraform_component {
                let terraform = deployment.components.terraform();
                deployment.order.retain(|(name, _)| !terraform.contains(name));
                deployment.order.iter_mut().for_each(|(_, needs)| needs.retain(|n| !terraform.contains(n)));
            }
            for at in &deployment.places {
                cx.only_here(&at.cluster)?;
            }
            let mut waits = Vec::new();
            for at in &deployment.places {
                waits.extend(
                    place(cx, own, &deployment, &at.namespace, params.parallelism.clamp(1, MOST)).await?,
                );
            }
            Ok(match waits.is_empty() {
                true => Answer::Returns(Map::new()),
                false => Answer::Wait(waits.join("; ")),
            })
        })
    }
}

/// Applies the components to one place, as far as those that they depend on are healthy. Gives what is waited for.
async fn place(
    cx: &Cx,
    own: &Arc<dyn Components>,
    deployment: &Deployment,
    namespace: &str,
    parallelism: usize,
) -> Result<Vec<String>, OpError> {
    let mut left: BTreeMap<&str, &[String]> =
        deployment.order.iter().map(|(name, needs)| (name.as_str(), needs.as_slice())).collect();
    let (mut healthy, mut waits): (BTreeSet<&str>, Vec<String>) = Default::default();
    loop {
        let ready: Vec<&str> = deployment
            .order
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| {
                left.get(name).is_some_and(|needs| needs.iter().all(|n| healthy.contains(n.as_str())))
            })
            .collect();
        if ready.is_empty() {
            break;
        }
        let applied: Vec<Applying<'_>> =
            ready.into_iter().map(|name| one(cx, own, deployment, namespace, name)).collect();
        let applied: Vec<_> = stream::iter(applied).buffered(parallelism).collect().await;
        for found in applied {
            let (name, missing) = found?;
            left.remove(name);
            match missing {
                None => drop(healthy.insert(name)),
                Some(missing) => waits.push(format!("{name}: {missing}")),
            }
        }
    }
    waits.extend(left.iter().map(|(name, needs)| {
        let open: Vec<&str> = needs.iter().map(String::as_str).filter(|n| !healthy.contains(n)).collect();
        format!("{name}: waits for {}", open.join(", "))
    }));
    Ok(waits)
}

/// A component being applied: gives its name, and what keeps it from being healthy.
type Applying<'a> = BoxFuture<'a, Result<(&'a str, Option<String>), OpError>>;

/// Applies a component.
fn one<'a>(
    cx: &'a Cx,
    own: &'a Arc<dyn Components>,
    deployment: &'a Deployment,
    namespace: &'a str,
    name: &'a str,
) -> Applying<'a> {
    Box::pin(async move {
        let rendered = render(cx, deployment.components.as_ref(), name).await?;
        let live = apply(cx, rendered, namespace).await?;
        let health = health(name, deployment.components.as_ref(), &live)?;
        let message = health.as_ref().unwrap_or_else(|missing| missing);
        own.found(name, &live, health.is_ok(), message);
        Ok((name, health.err()))
    })
}
