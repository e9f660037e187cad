//! The packages that definitions import besides the standard ones: `vela/op`, `vela/kube` and their like, built into the program.
//!
//! A package is a folder of `/stdlib`; a new one needs nothing else. Those of the kinds of Kubernetes (`kube/apps/v1`) are made of [`KINDS`]. That each
//! evaluates is tested at the end.

use crate::problem::nearest;
use stepwell_lang::source::Source;
use stepwell_lang::{Package, Packages, Refusal};

/// The files in `stdlib/`: name and text.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/stdlib.rs"));

/// What definitions of years ago import to say of an object what it is: `output: apps.#Deployment`. The schema of the kind is the cluster's; here it is only named.
const KINDS: &[(&str, &str)] = &[
    (
        "v1",
        "ConfigMap Endpoints Event LimitRange Namespace Node PersistentVolume PersistentVolumeClaim Pod PodTemplate ReplicationController ResourceQuota \
         Secret Service ServiceAccount",
    ),
    ("apps/v1", "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet"),
    ("autoscaling/v1", "HorizontalPodAutoscaler"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("autoscaling/v2beta1", "HorizontalPodAutoscaler"),
    ("autoscaling/v2beta2", "HorizontalPodAutoscaler"),
    ("batch/v1", "CronJob Job"),
    ("batch/v1beta1", "CronJob"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("coordination.k8s.io/v1", "Lease"),
    ("discovery.k8s.io/v1", "EndpointSlice"),
    ("extensions/v1beta1", "Ingress"),
    ("networking.k8s.io/v1", "Ingress IngressClass NetworkPolicy"),
    ("networking.k8s.io/v1beta1", "Ingress IngressClass"),
    ("policy/v1", "PodDisruptionBudget"),
    ("policy/v1beta1", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole ClusterRoleBinding Role RoleBinding"),
    ("scheduling.k8s.io/v1", "PriorityClass"),
    ("storage.k8s.io/v1", "CSIDriver CSINode StorageClass VolumeAttachment"),
];

/// The packages built into the program.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stdlib;

impl Stdlib {
    /// The import paths, in order.
    pub fn paths() -> Vec<&'static str> {
        let mut paths: Vec<&str> = FILES.iter().filter_map(|(name, _)| folder(name)).collect();
        paths.dedup();
        paths
    }
}

impl Packages for Stdlib {
    fn sources(&self, import_path: &str) -> Option<Vec<Source>> {
        if let Some(version) = import_path.strip_prefix("kube/") {
            return KINDS.iter().find(|(v, _)| *v == version).map(|(v, kinds)| vec![of_kinds(v, kinds)]);
        }
        let files = FILES.iter().filter(|(name, _)| folder(name) == Some(import_path));
        let sources: Vec<Source> = files.map(|(name, text)| Source::new(*name, *text)).collect();
        if sources.is_empty() { None } else { Some(sources) }
    }

    fn package(&self, import_path: &str) -> Result<Option<Package>, Refusal> {
        let location = import_path.rsplit_once(':').map_or(import_path, |(location, _)| location);
        if let Some(sources) = self.sources(location) {
            return Ok(Some(Package { id: location.to_owned(), sources }));
        }
        let Some((group, asked)) = location.split_once('/') else { return Ok(None) };
        let known = self.known();
        let in_group = |k: &String| Some(k.strip_prefix(group)?.strip_prefix('/')?.to_owned());
        let names: Vec<String> = known.iter().filter_map(in_group).collect();
        if names.is_empty() {
            return Ok(None);
        }
        let hint = match nearest(asked, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean \"{group}/{near}\"?"),
            None => format!("there are `{group}/{}`", names.join(&format!("`, `{group}/"))),
        };
        Err(Refusal { message: format!("package {import_path:?} not found"), hint: Some(hint) })
    }

    fn known(&self) -> Vec<String> {
        let kinds = KINDS.iter().map(|(version, _)| format!("kube/{version}"));
        Stdlib::paths().into_iter().map(str::to_owned).chain(kinds).collect()
    }

    /// Definitions have been written over years.
    fn list_arithmetic(&self) -> bool {
        true
    }

    /// Nobody told those who wrote them.
    fn unused_imports(&self) -> bool {
        true
    }
}

/// The package of the kinds of an API version.
fn of_kinds(version: &str, kinds: &str) -> Source {
    let name = version.rsplit('/').next().unwrap_or(version);
    let one = |kind: &str| format!("#{kind}: {{apiVersion: {version:?}, kind: {kind:?}, ...}}\n");
    let text: String = kinds.split_whitespace().map(one).collect();
    Source::new(format!("kube/{version}.cue"), format!("package {name}\n\n{text}"))
}

/// `stdlib/vela/kube/kube.cue` belongs to `vela/kube`.
fn folder(name: &str) -> Option<&str> {
    Some(name.strip_prefix("stdlib/")?.rsplit_once('/')?.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use stepwell_lang::{Program, syntax};

    #[test]
    fn packages_are_found_by_their_paths() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../stdlib/vela");
        let folders = std::fs::read_dir(folder).unwrap();
        let mut there: Vec<String> =
            folders.map(|f| format!("vela/{}", f.unwrap().file_name().into_string().unwrap())).collect();
        there.sort();
        assert_eq!(Stdlib::paths(), there);
        assert!(Stdlib.sources("vela/kube").unwrap()[0].text.contains("#Apply"));
        assert!(Stdlib.sources("vela").is_none() && Stdlib.sources("vela/nothing").is_none());
    }

    /// The names that definitions of years find in `vela/op`, as the reference has them.
    const OLDER: &str = "#CreateConfig #DeleteConfig #ReadConfig #ListConfig #SendEmail #HTTPDo #HTTPGet #HTTPPost #HTTPPut #HTTPDelete #Apply #Patch \
        #ApplyInParallel #Read #List #Delete #PromCheck #DateToTimestamp #TimestampToDate #PatchK8sObject #ConvertString #Log #DoVar #ConditionalWait \
        #Suspend #Break #Fail #Message #Steps NoExist #NoExist context #ListClusters #GetPlacementsFromTopologyPolicies #Deploy #MakePlacementDecisions \
        #PatchApplication #Placement #PlacementDecision #Component #LoadEnvBindingEnv #PrepareEnvBinding #ApplyComponentsToEnv #ApplyEnvBindApp \
        #ApplyEnvBindComponent #DingTalk #Lark #Slack \
        #ApplyComponent #RenderComponent #LoadComponets #LoadPolicies #LoadComponetsInOrder #Load #LoadInOrder #ApplyApplication \
        #ApplyApplicationInParallel #ApplyComponentRemaining #ApplyRemaining #ListResourcesInApp #ListAppliedResources #CollectPods #CollectServices \
        #SearchEvents #CollectLogsInPod #CollectServiceEndpoints #GetApplicationTree #LoadTerraformComponents #GetConnectionStatus \
        #PrepareTerraformEnvBinding #loadSecretInfo #bindTerraformComponentToCluster #DeployCloudResource #ShareCloudResource";

    #[test]
    fn every_name_of_the_older_package_is_there() {
        let program = Program::compile(Stdlib.sources("vela/op").unwrap(), &Stdlib).unwrap();
        let instance = program.instance();
        let missing: Vec<&str> =
            OLDER.split_whitespace().filter(|name| instance.root().get(name).is_none()).collect();
        assert_eq!(missing, [""; 0]);
        assert!(instance.root().validate(false).is_ok());
    }

    #[test]
    fn kinds_of_kubernetes_have_packages() {
        for (version, kinds) in KINDS {
            let kind = kinds.split_whitespace().last().unwrap();
            let text = format!("import of \"kube/{version}\"\na: of.#{kind} & {{spec: replicas: 1}}\n");
            let program = Program::compile(vec![Source::new("a.cue", text)], &Stdlib).unwrap();
            let data = program.instance().lookup("a").unwrap().data().unwrap().to_json_value();
            let wanted = serde_json::json!({"apiVersion": version, "kind": kind, "spec": {"replicas": 1}});
            assert_eq!(data, wanted);
        }
    }

    #[test]
    fn what_is_no_package_is_told_with_those_there_are() {
        let told = |path: &str| {
            let text = format!("import of {path:?}\na: of.#A\n");
            let failure = Program::compile(vec![Source::new("a.cue", text)], &Stdlib).unwrap_err();
            format!("{failure} {}", failure.diagnostics[0].hint.clone().unwrap_or_default())
        };
        let all = [
            "vela/opp",
            "vela/modules-of-others",
            "kube/apps/v1beta9",
            "kube/example.org/v1",
            "strngs",
            "of/nobody",
        ];
        insta::assert_snapshot!(all.map(told).join("\n"));
    }

    #[test]
    fn every_file_parses() {
        for (name, text) in FILES {
            let (_, diagnostics) = syntax::parse(Default::default(), text);
            assert!(diagnostics.is_empty(), "{name}: {diagnostics:?}");
        }
    }
}
