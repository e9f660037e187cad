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

/// What packages were called at one time or another, and what definitions do with lists and with words of theirs.
#[test]
fn definitions_of_all_ages_are_read() {
    let dir = Sandbox::new();
    let older = "apiVersion: core.oam.dev/v1alpha2\nkind: WorkloadDefinition\nmetadata:\n  name: older\n  annotations:\n    definition.oam.dev/description: \"A text that goes on\n    where its key begins\"\nspec:\n  schematic:\n    cue:\n      template: |\n        import (\n          apps \"kube/apps/v1\"\n          \"kube/v1\"\n        )\n        output: apps.#Deployment\n        output: spec: template: spec: containers: [{name: \"a\", image: parameter.image, args: [\"serve\"] + parameter.args * 2}]\n        outputs: web: v1.#Service\n        outputs: web: spec: ports: [{port: 80}]\n        parameter: {image: string, args: *[] | [...string]}\n";
    dir.file("older.yaml", older);
    check!(
        "found-older",
        dir.run(&["def", "render", "older.yaml", "--set", "image=a", "--set", "args[0]=b"])
    );
    let refusing = "needing: {type: \"workflow-step\"}\ntemplate: {\n\tif parameter.version == _|_ {\n\t\t_needed: 0 & \"give a version\"\n\t}\n\tparameter: version?: string\n}\n";
    dir.file("needing.cue", refusing);
    check!("found-refusing", dir.run(&["def", "vet", "needing.cue"]));
    // What is rendered has to fit all the same.
    dir.file("unfit.cue", &refusing.replace("_needed", "output: kind").replace("workflow-step", "component"));
    check!("found-unfit", dir.run(&["def", "vet", "unfit.cue"]));
}

/// A server that takes so many posts of JSON objects, and gives them back.
fn posts(count: usize) -> (String, std::thread::JoinHandle<Vec<String>>) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let one = move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut text, mut buffer) = (String::new(), [0; 4096]);
        while !text.ends_with('}') {
            match stream.read(&mut buffer) {
                Ok(n) if n > 0 => text += &String::from_utf8_lossy(&buffer[..n]),
                _ => break,
            }
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
        text
    };
    (address, std::thread::spawn(move || (0..count).map(|_| one()).collect()))
}

/// The ops that messages once had, and one component put to an environment.
#[test]
fn steps_of_old_name_ops_that_are_there() {
    let dir = Sandbox::new();
    let (address, server) = posts(3);
    let step = format!(
        "import \"vela/op\"\n\ntell: {{type: \"workflow-step\"}}\ntemplate: {{\n\tding: op.#DingTalk & {{dingUrl: \"{address}/ding\", message: msgtype: \"text\"}}\n\tlark: op.#Lark & {{larkUrl: \"{address}/lark\", message: msg_type: \"text\"}}\n\tslack: op.#Slack & {{slackUrl: \"{address}/slack\", message: text: parameter.text}}\n\tparameter: text: string\n}}\n"
    );
    dir.file("defs/tell.cue", &step);
    let put = "import \"vela/op\"\n\nput: {type: \"workflow-step\"}\ntemplate: {\n\tput: op.#ApplyEnvBindComponent & {env: parameter.env, policy: \"\", component: parameter.component, namespace: context.namespace}\n\tparameter: {env: string, component: string}\n}\n";
    dir.file("defs/put.cue", put);
    let app = "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: shop}\nspec:\n  components:\n  - {name: web, type: webservice, properties: {image: 'nginx:1'}}\n  policies:\n  - name: places\n    type: env-binding\n    properties: {envs: [{name: prod, patch: {components: [{name: web, type: webservice, properties: {image: 'nginx:2'}}]}}]}\n  workflow:\n    steps:\n    - {name: tell, type: tell, properties: {text: hi}}\n    - {name: web, type: put, properties: {env: prod, component: web}}\n    - {name: other, type: put, properties: {env: prod, component: wbe}}\n";
    dir.file("app.yaml", app);
    check!("found-ops", dir.run(&["run", "app.yaml", "--defs", "defs"]));
    let images = dir.run(&["get", "deployments", "-o", "json"]);
    assert!(images.stdout.contains("nginx:2"), "{}", images.shown());
    let received = server.join().unwrap();
    assert!(
        received[2].starts_with("POST /slack ") && received[2].ends_with(r#"{"text":"hi"}"#),
        "{received:?}"
    );
}

/// An output may bring the packages that it needs.
#[test]
fn an_output_that_imports() {
    let dir = Sandbox::new();
    dir.file("run.yaml", "apiVersion: core.oam.dev/v1alpha1\nkind: WorkflowRun\nmetadata: {name: counts}\nspec:\n  workflowSpec:\n    steps:\n    - name: make\n      type: apply-object\n      properties: {value: {apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {n: '7'}}}\n      outputs:\n      - name: said\n        valueFrom: |\n          import \"strconv\"\n          \"twice: \" + strconv.FormatInt(2*strconv.Atoi(apply.$returns.value.data.n), 10)\n    - {name: say, type: print-message-in-status, inputs: [{from: said, parameterKey: message}]}\n");
    let ended = dir.run(&["run", "run.yaml", "-o", "json"]);
    let status = crate::workflows::json(&ended);
    assert_eq!(status["steps"][1]["message"], "twice: 14", "{}", ended.shown());
}

/// What cannot work here says so where it is vetted or read, and what does it instead.
#[test]
fn what_cannot_work_says_what_does_it_instead() {
    let dir = Sandbox::new();
    let source =
        "import \"vela/kube\"\n\ntenant: {type: \"source\"}\ntemplate: {\n\toutput: name: \"a\"\n}\n";
    dir.file("source.cue", source);
    check!("found-source", dir.run(&["def", "vet", "source.cue"]));
    let asking = "import \"vela/kube\"\n\nasking: {type: \"component\", attributes: workload: type: \"autodetects.core.oam.dev\"}\ntemplate: {\n\tmap: kube.#Read & {$params: value: {apiVersion: \"v1\", kind: \"ConfigMap\", metadata: name: \"a\"}}\n\tprocessing: {\n\t\toutput: token?: string\n\t\thttp: {method: \"GET\", url: parameter.url}\n\t}\n\toutput: {apiVersion: \"v1\", kind: \"ConfigMap\", data: a: map.$returns.value.data.a}\n\tparameter: url: string\n}\n";
    dir.file("asking.cue", asking);
    check!("found-asking", dir.run(&["def", "vet", "asking.cue"]));
    check!("found-asking-rendered", dir.run(&["def", "render", "asking.cue", "--set", "url=http://a"]));
    let importing = "import \"vela/module\"\n\nputs: {type: \"workflow-step\"}\ntemplate: {\n\tput: module.#Apply & {}\n\tparameter: {}\n}\n";
    dir.file("importing.cue", importing);
    check!("found-importing", dir.run(&["def", "vet", "importing.cue"]));
    dir.file(
        "kindless.cue",
        "kindless: {type: \"trait\", attributes: {}}\ntemplate: outputs: part: {apiVersion: \"v1\"}\n",
    );
    check!("found-kindless", dir.run(&["def", "render", "kindless.cue"]));
    dir.file("late.cue", "late: {type: \"trait\", attributes: stage: \"PostDispatch\"}\ntemplate: outputs: part: {apiVersion: \"v1\", kind: \"ConfigMap\", data: ip: context.output.status.ip}\n");
    check!("found-late", dir.run(&["def", "render", "late.cue"]));
    dir.file("chart.yaml", "apiVersion: core.oam.dev/v1beta1\nkind: TraitDefinition\nmetadata:\n  name: a\n  namespace: {{ include \"namespace\" . }}\n");
    check!("found-chart", dir.run(&["def", "vet", "chart.yaml"]));
    dir.file("named.yaml", "apiVersion: core.oam.dev/v1alpha2\nkind: TraitDefinition\nmetadata: {name: scalers.example.org}\nspec: {definitionRef: {name: scalers.example.org}}\n");
    check!("found-named", dir.run(&["def", "vet", "named.yaml"]));
    dir.file("app.yaml", "apiVersion: core.oam.dev/v1alpha2\nkind: Application\nmetadata: {name: shop}\nspec:\n  components:\n  - name: web\n    type: webservice\n    settings: {image: nginx}\n    traits:\n    - name: scaler\n      properties: {replicas: 2}\n");
    check!("found-v1alpha2", dir.run(&["dry-run", "-f", "app.yaml"]));
}
