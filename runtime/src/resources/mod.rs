//! What an Application has applied: recorded before it is applied, applied as its policies say, collected when it is no longer wanted.
//!
//! `tracking` is the record of one rollout, kept in `ResourceTracker` objects (`tracker`); `policies` reads what the Application says of its objects;
//! `dispatch` applies one object; `collect` deletes what is left over. Why it is so: `docs/decisions/revisions.md`. Tests: `tests/program/garbage.rs`.

mod collect;
pub mod crds;
mod dispatch;
mod policies;
mod tracker;
mod tracking;

pub use collect::Collected;
pub(crate) use dispatch::apply;
pub use policies::Policies;
pub use tracker::{Entry, Key};
pub(crate) use tracker::{packed, unpacked};
pub(crate) use tracking::recorded;
pub use tracking::{Keep, Tracking};

pub use crate::model::labels::{NAME, NAMESPACE, REVISION, label};
use crate::ops::Owner;
use serde_json::{Map, Value};

/// The annotation with the Applications that share an object: `namespace/name`, with commas between.
pub const SHARED_BY: &str = "app.oam.dev/shared-by";
/// What keeps an Application from vanishing before what it has applied.
pub const FINALIZER: &str = "app.oam.dev/resource-tracker-finalizer";

/// An Application, as objects name whom they belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
}

impl App {
    /// The Application of an owner.
    pub fn of(owner: &Owner) -> App {
        App { name: owner.name.clone(), namespace: owner.namespace.clone() }
    }

    /// `namespace/name`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// The Application that an object belongs to, if any: the labels are what counts.
pub(crate) fn owner_of(object: &Value) -> Option<App> {
    let (name, namespace) = (label(object, NAME), label(object, NAMESPACE));
    (!name.is_empty()).then(|| App { name: name.to_string(), namespace: namespace.to_string() })
}

/// Who shares an object.
pub(crate) fn sharers(object: &Value) -> Vec<String> {
    let text = object.get("metadata").and_then(|m| m.get("annotations")?.get(SHARED_BY)?.as_str());
    text.unwrap_or_default().split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_string).collect()
}

/// The labels or annotations of an object, made where there are none.
pub(crate) fn texts<'v>(object: &'v mut Map<String, Value>, of: &str) -> Option<&'v mut Map<String, Value>> {
    let metadata = object.entry("metadata").or_insert_with(|| Value::Object(Map::new())).as_object_mut()?;
    let texts = metadata.entry(of).or_insert_with(|| Value::Object(Map::new()));
    if texts.is_null() {
        *texts = Value::Object(Map::new());
    }
    texts.as_object_mut()
}

/// What tells one text from others: FNV-1a as 16 digits. Nothing hangs on its being hard to forge.
pub(crate) fn hash(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// The same, short enough for names.
pub(crate) fn short_hash(text: &str) -> String {
    hash(text).split_off(8)
}
