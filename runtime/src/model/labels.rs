//! The labels by which objects say what they belong to: existing tools select by them.

use serde_json::Value;

/// The Application.
pub const NAME: &str = "app.oam.dev/name";
/// Its namespace.
pub const NAMESPACE: &str = "app.oam.dev/namespace";
/// The component.
pub const COMPONENT: &str = "app.oam.dev/component";
/// The revision that it was rendered for.
pub const REVISION: &str = "app.oam.dev/appRevision";
/// Whether it is the `WORKLOAD` of its component, or of a `TRAIT`.
pub const RESOURCE_TYPE: &str = "app.oam.dev/resourceType";
/// Which of the replicas of a component.
pub const REPLICA_KEY: &str = "app.oam.dev/replicaKey";
/// The type of the component.
pub const WORKLOAD_TYPE: &str = "workload.oam.dev/type";
/// The type of the trait.
pub const TRAIT_TYPE: &str = "trait.oam.dev/type";
/// Its name among the outputs of the trait.
pub const TRAIT_RESOURCE: &str = "trait.oam.dev/resource";

/// The text of a label; empty where there is none.
pub fn label<'v>(object: &'v Value, name: &str) -> &'v str {
    object.get("metadata").and_then(|m| m.get("labels")?.get(name)?.as_str()).unwrap_or_default()
}
