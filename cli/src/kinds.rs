//! What kinds of objects a cluster serves, and which of them a user means by a word: `deploy`, `Deployment`, `deployments.apps`.

use crate::error::Error;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResource;
use kube::Client;
use stepwell_runtime::problem::nearest;

/// A kind as a cluster serves it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Its API group; empty for the core.
    pub(crate) group: String,
    /// The version that the server prefers.
    pub(crate) version: String,
    /// Its name in types.
    pub(crate) kind: String,
    /// Its name in paths.
    pub(crate) plural: String,
    /// Whether its objects lie in namespaces.
    pub(crate) namespaced: bool,
    words: Vec<String>,
}

impl Kind {
    /// The path of its objects, of all namespaces where none is given.
    pub(crate) fn path(&self, namespace: Option<&str>) -> String {
        let root = match self.group.is_empty() {
            true => format!("/api/{}", self.version),
            false => format!("/apis/{}/{}", self.group, self.version),
        };
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{}", self.plural),
            None => format!("{root}/{}", self.plural),
        }
    }

    /// Its name where kinds are told apart: `deployments.apps`.
    pub(crate) fn full_name(&self) -> String {
        match self.group.is_empty() {
            true => self.plural.clone(),
            false => format!("{}.{}", self.plural, self.group),
        }
    }

    fn is_meant(&self, word: &str) -> bool {
        self.full_name() == word || self.words.iter().any(|w| w == word)
    }
}

/// All kinds whose objects can be listed, each once, in the version that the server prefers.
pub(crate) async fn all(client: &Client) -> Result<Vec<Kind>, Error> {
    let mut kinds = Vec::new();
    for version in client.list_core_api_versions().await?.versions {
        for resource in client.list_core_api_resources(&version).await?.resources {
            add(&mut kinds, "", &version, resource);
        }
    }
    for group in client.list_api_groups().await?.groups {
        let preferred = group.preferred_version.iter().chain(&group.versions);
        let mut seen = Vec::new();
        for version in preferred {
            if seen.contains(&version.group_version) {
                continue;
            }
            seen.push(version.group_version.clone());
            // A group whose own server is down must not hide all others.
            let Ok(list) = client.list_api_group_resources(&version.group_version).await else { continue };
            for resource in list.resources {
                add(&mut kinds, &group.name, &version.version, resource);
            }
        }
    }
    Ok(kinds)
}

fn add(kinds: &mut Vec<Kind>, group: &str, version: &str, resource: APIResource) {
    let known = |k: &Kind| k.group == group && k.plural == resource.name;
    if resource.name.contains('/') || !resource.verbs.iter().any(|v| v == "list") || kinds.iter().any(known) {
        return;
    }
    let mut words = vec![resource.name.clone(), resource.kind.to_lowercase()];
    words.extend(Some(resource.singular_name.to_lowercase()).filter(|s| !s.is_empty()));
    words.extend(resource.short_names.unwrap_or_default());
    kinds.push(Kind {
        group: group.into(),
        version: version.into(),
        kind: resource.kind,
        plural: resource.name,
        namespaced: resource.namespaced,
        words,
    });
}

/// The kind that a word means; the first in the server's order where several are meant.
pub(crate) fn find<'k>(kinds: &'k [Kind], word: &str) -> Result<&'k Kind, Error> {
    let word = word.to_lowercase();
    kinds.iter().find(|k| k.is_meant(&word)).ok_or_else(|| {
        let words = kinds.iter().flat_map(|k| &k.words).map(String::as_str);
        let error = Error::mistake("unknown-kind", format!("the cluster has no kind `{word}`"));
        match nearest(&word, words) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("`stepwell get all` shows what there is"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Vec<Kind> {
        let resource = |name: &str, kind: &str, short: &[&str]| APIResource {
            name: name.into(),
            kind: kind.into(),
            singular_name: kind.to_lowercase(),
            namespaced: true,
            short_names: Some(short.iter().map(|s| (*s).into()).collect()),
            verbs: vec!["list".into()],
            ..Default::default()
        };
        let mut kinds = Vec::new();
        add(&mut kinds, "", "v1", resource("pods", "Pod", &["po"]));
        add(&mut kinds, "apps", "v1", resource("deployments", "Deployment", &["deploy"]));
        add(&mut kinds, "apps", "v1beta1", resource("deployments", "Deployment", &["deploy"]));
        add(&mut kinds, "apps", "v1", resource("deployments/scale", "Scale", &[]));
        kinds
    }

    #[test]
    fn a_kind_has_many_names() {
        let kinds = some();
        assert_eq!(kinds.len(), 2);
        for word in ["deploy", "Deployment", "deployments", "deployments.apps", "DEPLOYMENT"] {
            assert_eq!(find(&kinds, word).unwrap().full_name(), "deployments.apps");
        }
        assert_eq!(find(&kinds, "deploy").unwrap().path(Some("a")), "/apis/apps/v1/namespaces/a/deployments");
        assert_eq!(find(&kinds, "po").unwrap().path(None), "/api/v1/pods");
    }

    #[test]
    fn an_unknown_kind_suggests_the_nearest() {
        let error = find(&some(), "deployment.s").unwrap_err();
        assert_eq!(error.problems[0].hint.as_deref(), Some("did you mean `deployments`?"));
    }
}
