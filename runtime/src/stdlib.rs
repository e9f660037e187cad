//! The packages that definitions import besides the standard ones: `vela/op`, `vela/kube` and their like, built into the program.
//!
//! A package is a folder of `/stdlib`; a new one needs nothing else. That each evaluates is tested at the end.

use stepwell_lang::Packages;
use stepwell_lang::source::Source;

/// The files in `stdlib/`: name and text.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/stdlib.rs"));

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
        let files = FILES.iter().filter(|(name, _)| folder(name) == Some(import_path));
        let sources: Vec<Source> = files.map(|(name, text)| Source::new(*name, *text)).collect();
        if sources.is_empty() { None } else { Some(sources) }
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
    fn every_file_parses() {
        for (name, text) in FILES {
            let (_, diagnostics) = syntax::parse(Default::default(), text);
            assert!(diagnostics.is_empty(), "{name}: {diagnostics:?}");
        }
    }
}
