//! The kinds that are always served, as one table: a row per kind and version. To serve another kind add a row here (and, for
//! printing it, a row in `api/table.rs`); its structure comes from `schema/apply-schema.json`.
//! Kinds that users bring are made from their CustomResourceDefinitions (`crd.rs`). Tests: at the end of this file.

use std::sync::Arc;

use serde_json::Value;

use crate::schema::Schema;

/// One served kind of one version.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) list_kind: String,
    pub(crate) namespaced: bool,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) status: bool,
    /// Paths of the replica counts behind the `scale` subresource.
    pub(crate) scale: Option<Scale>,
    /// Whether `metadata.generation` is kept.
    pub(crate) generation: bool,
    /// The version objects are stored in, where it is not this one.
    pub(crate) storage: (String, String),
    /// The resource under which objects are stored (`events.k8s.io` shares with core).
    pub(crate) stored_as: String,
    /// What fields there are; an open schema where nothing is known.
    pub(crate) schema: Arc<Schema>,
    /// Set on kinds made from a CustomResourceDefinition.
    pub(crate) custom: Option<Arc<Custom>>,
}

/// What only custom kinds have.
#[derive(Debug)]
pub(crate) struct Custom {
    /// The definition's name.
    pub(crate) definition: String,
    /// The version's `openAPIV3Schema` as the user wrote it.
    pub(crate) open_api: Value,
    /// `additionalPrinterColumns`.
    pub(crate) columns: Vec<Value>,
    /// `selectableFields`: paths a field selector may use.
    pub(crate) selectable: Vec<String>,
}

/// Where the `scale` subresource finds its numbers.
#[derive(Debug, Clone)]
pub(crate) struct Scale {
    pub(crate) spec: String,
    pub(crate) status: String,
    pub(crate) selector: Option<String>,
}

impl Resource {
    /// `deployments.apps`, or `pods`: how messages name a resource.
    pub(crate) fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `apps/v1`, or `v1`.
    pub(crate) fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }
}

/// `apps/v1`, or `v1` for the core group.
pub(crate) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

struct Row {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static str,
    /// Letters: `n` namespaced, `s` status, `c` scale, `g` generation, `a` category `all`.
    traits: &'static str,
}

const fn row(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static str,
    traits: &'static str,
) -> Row {
    Row { group, version, kind, plural, short, traits }
}

const ADMISSION: &str = "admissionregistration.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";

/// The groups are served in this order; within one, the preferred version stands first.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    row("", "v1", "ConfigMap",             "configmaps",             "cm",     "n"),
    row("", "v1", "Endpoints",             "endpoints",              "ep",     "n"),
    row("", "v1", "Event",                 "events",                 "ev",     "n"),
    row("", "v1", "LimitRange",            "limitranges",            "limits", "n"),
    row("", "v1", "Namespace",             "namespaces",             "ns",     "s"),
    row("", "v1", "Node",                  "nodes",                  "no",     "s"),
    row("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", "pvc",    "ns"),
    row("", "v1", "PersistentVolume",      "persistentvolumes",      "pv",     "s"),
    row("", "v1", "Pod",                   "pods",                   "po",     "nsga"),
    row("", "v1", "PodTemplate",           "podtemplates",           "",       "ng"),
    row("", "v1", "ReplicationController", "replicationcontrollers", "rc",     "nscga"),
    row("", "v1", "ResourceQuota",         "resourcequotas",         "quota",  "ns"),
    row("", "v1", "Secret",                "secrets",                "",       "n"),
    row("", "v1", "ServiceAccount",        "serviceaccounts",        "sa",     "n"),
    row("", "v1", "Service",               "services",               "svc",    "nsa"),
    row("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", "crd crds", "sg"),
    row("apps", "v1", "ControllerRevision", "controllerrevisions", "",       "n"),
    row("apps", "v1", "DaemonSet",          "daemonsets",          "ds",     "nsga"),
    row("apps", "v1", "Deployment",         "deployments",         "deploy", "nscga"),
    row("apps", "v1", "ReplicaSet",         "replicasets",         "rs",     "nscga"),
    row("apps", "v1", "StatefulSet",        "statefulsets",        "sts",    "nscga"),
    row("events.k8s.io", "v1", "Event", "events", "ev", "n"),
    row("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "hpa", "nsa"),
    row("autoscaling", "v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "hpa", "nsa"),
    row("batch", "v1", "CronJob", "cronjobs", "cj", "nsga"),
    row("batch", "v1", "Job",     "jobs",     "",   "nsga"),
    row("networking.k8s.io", "v1", "IngressClass",  "ingressclasses",  "",       "g"),
    row("networking.k8s.io", "v1", "Ingress",       "ingresses",       "ing",    "nsg"),
    row("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", "netpol", "ng"),
    row("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", "pdb", "nsg"),
    row(RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", "", ""),
    row(RBAC, "v1", "ClusterRole",        "clusterroles",        "", ""),
    row(RBAC, "v1", "RoleBinding",        "rolebindings",        "", "n"),
    row(RBAC, "v1", "Role",               "roles",               "", "n"),
    row("storage.k8s.io", "v1", "StorageClass", "storageclasses", "sc", ""),
    row(ADMISSION, "v1", "MutatingWebhookConfiguration",     "mutatingwebhookconfigurations",     "", "g"),
    row(ADMISSION, "v1", "ValidatingAdmissionPolicy",        "validatingadmissionpolicies",       "", "sg"),
    row(ADMISSION, "v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", "", "g"),
    row(ADMISSION, "v1", "ValidatingWebhookConfiguration",   "validatingwebhookconfigurations",   "", "g"),
    row("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", "pc", "g"),
    row("coordination.k8s.io", "v1", "Lease", "leases", "", "n"),
    row("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", "", "ng"),
];

/// Every built-in kind, in discovery order.
pub(crate) fn builtin() -> Vec<Arc<Resource>> {
    TABLE.iter().map(|row| Arc::new(build(row))).collect()
}

fn build(row: &Row) -> Resource {
    let has = |letter| row.traits.contains(letter);
    let storage = match (row.group, row.kind) {
        ("autoscaling", _) => ("autoscaling", "v2"),
        ("events.k8s.io", _) => ("", "v1"),
        (group, _) => (group, row.version),
    };
    let stored_as =
        if storage.0.is_empty() { row.plural.to_owned() } else { format!("{}.{}", row.plural, storage.0) };
    Resource {
        group: row.group.into(),
        version: row.version.into(),
        kind: row.kind.into(),
        plural: row.plural.into(),
        singular: row.kind.to_lowercase(),
        list_kind: format!("{}List", row.kind),
        namespaced: has('n'),
        short_names: row.short.split_whitespace().map(str::to_owned).collect(),
        categories: if has('a') {
            vec!["all".into()]
        } else if row.group == "apiextensions.k8s.io" || row.group == ADMISSION {
            vec!["api-extensions".into()]
        } else {
            vec![]
        },
        status: has('s'),
        scale: has('c').then(|| Scale {
            spec: ".spec.replicas".into(),
            status: ".status.replicas".into(),
            selector: None,
        }),
        generation: has('g'),
        storage: (storage.0.into(), storage.1.into()),
        stored_as,
        schema: crate::schema::builtin_kind(row.group, row.version, row.kind),
        custom: None,
    }
}
