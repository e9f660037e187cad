//! Definitions in the forms in which other teams have them: objects with the template inside, older kinds, Terraform, and templates in the style of addons.

use crate::sandbox::{Sandbox, check};

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

/// A step as addons of old have them: `vela/ql`, an import that nothing uses, attributes that order what is done, values that are read before they are there.
const QUERY: &str = r#"import (
	"encoding/yaml"
	"strconv"
	"vela/op"
	"vela/ql"
)

"tell-endpoints": {
	alias: ""
	annotations: {}
	attributes: podDisruptive: false
	description: "Tells where an application can be reached."
	labels: "ui-hidden": "true"
	type: "workflow-step"
}

template: {
	found: ql.#CollectServiceEndpoints & {
		app: {
			name:      parameter.app
			namespace: context.namespace
			filter: {}
		}
	} @step(1)
	told: {
		all: *[] | [...{...}]
		if found.err == _|_ && found.list != _|_ {
			all: [for e in found.list if e.endpoint.port == parameter.port {
				text: "\(e.ref.name):" + strconv.FormatInt(e.endpoint.port, 10)
			}]
		}
	}
	tell: op.#Steps & {
		for i, e in told.all {
			"tell-\(i)": op.#Message & {message: e.text}
		}
	} @step(2)
	parameter: {
		app:  string
		port: *80 | int
	}
}
"#;

#[test]
fn a_step_that_asks_as_addons_of_old_do() {
    let dir = Sandbox::new();
    dir.file("defs/tell.cue", QUERY);
    let vetted = dir.run(&["def", "vet", "defs/tell.cue"]);
    assert_eq!((vetted.status, vetted.stderr.as_str()), (0, ""), "{}", vetted.shown());
    dir.file("app.yaml", "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: shop}\nspec:\n  components:\n  - {name: web, type: webservice, properties: {image: nginx, ports: [{port: 80, expose: true}]}}\n  workflow:\n    steps:\n    - {name: web, type: apply-component, properties: {component: web}}\n    - {name: tell, type: tell-endpoints, properties: {app: shop}}\n");
    let ended = dir.run(&["run", "app.yaml", "--defs", "defs", "-o", "json"]);
    let status = crate::workflows::json(&ended);
    assert_eq!(status["steps"][1]["message"], "web:80", "{}", ended.shown());
}

/// Names that packages do not have are told before anybody runs the step; so is an object of a trait that nobody would see.
#[test]
fn what_no_package_has_is_told_where_it_is_vetted() {
    let dir = Sandbox::new();
    let step = "import \"vela/op\"\n\ndinger: {type: \"workflow-step\", attributes: {}}\ntemplate: {\n\tding: op.#Dingtalk & {message: parameter.text}\n\tapply: op.#Aply & {value: {}}\n\tparameter: text: string\n}\n";
    dir.file("ding.cue", step);
    check!("vet-no-such-op", dir.run(&["def", "vet", "ding.cue"]));
    let old = "apiVersion: core.oam.dev/v1alpha2\nkind: TraitDefinition\nmetadata: {name: scale}\nspec:\n  definitionRef: {name: scalers.example.org}\n  extension:\n    template: |\n      parameter: n: *1 | int\n      output: {\n        apiVersion: \"example.org/v1\"\n        kind: \"Scaler\"\n        spec: replicas: parameter.n\n      }\n";
    dir.file("scale.yaml", old);
    check!("vet-output-of-a-trait", dir.run(&["def", "vet", "scale.yaml"]));
}
