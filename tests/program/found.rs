//! Definitions in the forms in which other teams have them: objects with the template inside, older kinds, Terraform, and templates in the style of addons.

use crate::sandbox::Sandbox;

const TERRAFORM: &str = r#"apiVersion: core.oam.dev/v1beta1
kind: ComponentDefinition
metadata:
  name: alibaba-bucket
  annotations: {definition.oam.dev/description: A bucket}
  labels: {type: terraform}
spec:
  workload:
    definition: {apiVersion: terraform.core.oam.dev/v1beta2, kind: Configuration}
  schematic:
    terraform:
      providerRef: {name: default, namespace: vela-system}
      configuration: |
        resource "alicloud_oss_bucket" "bucket" {
          bucket = var.bucket
        }
        variable "bucket" { type = string }
        variable "acl" {
          default = "private"
        }
"#;

const WORKLOAD: &str = r#"apiVersion: core.oam.dev/v1alpha2
kind: WorkloadDefinition
metadata: {name: older}
spec:
  definitionRef: {name: deployments.apps}
  extension:
    template: |
      output: {
        apiVersion: "apps/v1"
        kind: "Deployment"
        spec: template: spec: containers: [{name: context.name, image: parameter.image}]
      }
      parameter: image: string
"#;

/// In the style of addons: hidden fields embedded, parts by the kind of source, the parameters open further down.
const ADDON: &str = r##"chart: {
	attributes: {
		workload: type: "autodetects.core.oam.dev"
		status: healthPolicy: #"""
			isHealth: len(context.output.status.conditions) != 0 && context.output.status.conditions[0]["status"] == "True"
			"""#
	}
	description: "A chart of a repository"
	type:        "component"
}

template: {
	outputs: {
		if parameter.sourceName == _|_ {
			repo: {
				metadata: name: context.name
				if parameter.repoType == "git" {
					apiVersion: "source.toolkit.fluxcd.io/v1"
					kind:       "GitRepository"
					spec: {
						url: parameter.url
						if parameter.git.branch != _|_ {
							ref: branch: parameter.git.branch
						}
						_login
						_often
					}
				}
				if parameter.repoType == "helm" || parameter.repoType == "oci" {
					apiVersion: "source.toolkit.fluxcd.io/v1"
					kind:       "HelmRepository"
					spec: {
						url: parameter.url
						if parameter.repoType == "oci" {
							type: "oci"
						}
						_login
						_often
					}
				}
			}
		}
	}
	output: {
		apiVersion: "helm.toolkit.fluxcd.io/v2"
		kind:       "HelmRelease"
		metadata: name: context.name
		spec: {
			chart: spec: {
				chart: parameter.chart
				if parameter["valuesFiles"] != _|_ {
					valuesFiles: parameter["valuesFiles"]
				}
			}
			if parameter.values != _|_ {
				values: parameter.values
			}
			if parameter.valuesFrom != _|_ {
				valuesFrom: [for v in parameter.valuesFrom {{
					kind: v.kind
					name: v.name
				}}]
			}
		}
	}
	_login: {
		if parameter.login != _|_ {
			if parameter.login != "" {
				secretRef: name: parameter.login
			}
		}
	}
	_often: interval: parameter.often
	parameter: {
		repoType: *"helm" | "git" | "oci"
		often:    *"5m" | string
		url:      string
		login?:   string
		sourceName?: string
		git?: branch?: *"main" | string
		chart: string
		valuesFiles?: [...string]
		values?: #any
		valuesFrom?: [...{
			kind: "Secret" | "ConfigMap"
			name: string
		}]
	}
	#any: {...}
}
"##;

/// An older step, with the ops of `vela/op` and values that pass through.
const STEP: &str = r#"apiVersion: core.oam.dev/v1beta1
kind: WorkflowStepDefinition
metadata: {name: older-step}
spec:
  schematic:
    cue:
      template: |
        import ("vela/op")
        parameter: {name: string, endpoint?: string}
        read: op.#Read & {value: {apiVersion: "v1", kind: "ConfigMap", metadata: {name: parameter.name, namespace: context.namespace}}}
        wait: op.#ConditionalWait & {continue: read.value.data.ready == "yes"}
        found: read.value.data.text
"#;

fn rendered(name: &str, text: &str, definition: &str, set: &[&str]) -> String {
    let dir = Sandbox::new();
    dir.file(name, text);
    let vetted = dir.run(&["def", "vet", name]);
    assert_eq!((vetted.status, vetted.stderr.as_str()), (0, ""), "{}", vetted.shown());
    assert!(vetted.stdout.contains(definition), "{}", vetted.shown());
    let set = set.iter().flat_map(|s| ["--set", s]);
    let args: Vec<&str> = ["def", "render", name].into_iter().chain(set).collect();
    let ended = dir.run(&args);
    assert_eq!((ended.status, ended.stderr.as_str()), (0, ""), "{}", ended.shown());
    ended.stdout
}

#[test]
fn a_component_that_terraform_provides() {
    let set =
        ["bucket=pictures", "acl=public", "writeConnectionSecretToRef.name=out", "deleteResource=false"];
    let text = rendered("bucket.yaml", TERRAFORM, "alibaba-bucket", &set);
    for part in [
        "kind: Configuration",
        "apiVersion: terraform.core.oam.dev/v1beta2",
        "    bucket: pictures\n    acl: public\n",
        "deleteResource: false",
        "  providerRef:\n    name: default\n    namespace: vela-system",
        "  writeConnectionSecretToRef:\n    name: out\n    namespace: default",
        "resource \"alicloud_oss_bucket\"",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn a_workload_definition_of_old() {
    let text = rendered("older.yaml", WORKLOAD, "component older", &["image=a"]);
    assert!(text.contains("kind: Deployment") && text.contains("image: a"), "{text}");
}

#[test]
fn a_component_in_the_style_of_addons() {
    let set = [
        "url=https://charts",
        "chart=redis",
        "login=keys",
        "values.a.b=1",
        "valuesFrom[0].kind=Secret",
        "valuesFrom[0].name=more",
    ];
    let text = rendered("chart.cue", ADDON, "component chart", &set);
    for part in [
        "kind: HelmRelease",
        "kind: HelmRepository",
        "name: keys",
        "interval: 5m",
        "      b: 1",
        "name: more",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let text = rendered(
        "chart.cue",
        ADDON,
        "component chart",
        &["url=a", "chart=b", "repoType=git", "git.branch=dev"],
    );
    assert!(text.contains("kind: GitRepository") && text.contains("branch: dev"), "{text}");
}

#[test]
fn a_step_with_the_older_ops() {
    let dir = Sandbox::new();
    dir.file("step.yaml", STEP);
    let vetted = dir.run(&["def", "vet", "step.yaml"]);
    assert_eq!((vetted.status, vetted.stderr.as_str()), (0, ""), "{}", vetted.shown());
}
