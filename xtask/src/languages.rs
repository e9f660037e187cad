//! The configuration of `cargo xtask bench --services` in other languages, and their programs, which are installed from the package registry into `target/tools`
//! by the first run; where that does not work, a word says so and they are left out.
//!
//! Jsonnet has no regular expressions, so the pattern of the image is not checked there; what closes a service, defaults and bounds are. Nickel checks everything with contracts.

use crate::process::command;
use crate::root;
use std::fmt::Write as _;
use std::path::PathBuf;

/// A language that can say the same.
pub(crate) struct Language {
    /// Its program.
    pub(crate) name: &'static str,
    krate: &'static str,
    version: &'static str,
    /// What is left out of its program: parts that an export does not need.
    features: &'static [&'static str],
    /// How its files end.
    pub(crate) ending: &'static str,
    /// The arguments before the file.
    pub(crate) arguments: &'static [&'static str],
    /// A configuration of so many services.
    pub(crate) configuration: fn(usize) -> String,
}

const LANGUAGES: &[Language] = &[
    Language {
        name: "jrsonnet",
        krate: "jrsonnet",
        version: "0.5.0-pre98",
        features: &[],
        ending: "jsonnet",
        arguments: &[],
        configuration: jsonnet,
    },
    Language {
        name: "nickel",
        krate: "nickel-lang-cli",
        version: "1.18.0",
        features: &["--no-default-features", "--features", "format"],
        ending: "ncl",
        arguments: &["export", "--format", "json"],
        configuration: nickel,
    },
];

/// The programs that are there, installed if need be.
pub(crate) fn programs() -> Vec<(&'static Language, PathBuf)> {
    let tools = root().join("target/tools");
    let mut out = Vec::new();
    for language in LANGUAGES {
        let program = tools.join("bin").join(language.name);
        if !program.is_file() {
            let mut install = command("cargo", &["install", "--quiet", "--locked", "--root"]);
            install.arg(&tools);
            install.args(["--version", language.version, language.krate]).args(language.features);
            let done = install.status().is_ok_and(|status| status.success());
            if !done || !program.is_file() {
                println!(
                    "{} is left out: cargo install {} --version {} does not work here",
                    language.name, language.krate, language.version
                );
                continue;
            }
        }
        out.push((language, program));
    }
    out
}

const JSONNET: &str = r##"local allowed = ["name", "image", "replicas", "port", "protocol", "labels", "resources", "env"];
local texts(map) = std.all([std.isString(map[key]) for key in std.objectFields(map)]);
local Service(given) = {
  assert std.all([std.member(allowed, key) for key in std.objectFields(given)]): "a field is not allowed",
  assert std.isString(self.name) && std.isString(self.image): "name and image are texts",
  assert self.replicas == std.floor(self.replicas) && self.replicas >= 0 && self.replicas <= 100: "replicas",
  assert self.port == std.floor(self.port) && self.port > 0 && self.port < 65536: "port",
  assert std.member(["TCP", "UDP", "SCTP"], self.protocol): "protocol",
  assert texts(self.labels) && texts(self.resources) && texts(self.env): "maps are of texts",
  replicas: 1,
  port: 8080,
  protocol: "TCP",
  labels: {},
  resources: {cpu: "100m", memory: "128Mi"},
  env: {},
} + given;
local Deployment(service) = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: {name: service.name, labels: service.labels},
  spec: {
    replicas: service.replicas,
    selector: {matchLabels: {app: service.name}},
    template: {
      metadata: {labels: service.labels},
      spec: {containers: [{
        name: service.name,
        image: service.image,
        ports: [{containerPort: service.port, protocol: service.protocol}],
        resources: {requests: service.resources},
        env: [{name: name, value: service.env[name]} for name in std.objectFields(service.env)],
      }]},
    },
  },
};
local given = {
"##;

fn jsonnet(n: usize) -> String {
    let mut text = JSONNET.to_owned();
    for i in 0..n {
        let _ = writeln!(
            text,
            "  \"svc-{i}\": {{\n    name: \"svc-{i}\",\n    image: \"registry/svc-{i}:v1\",\n    replicas: {},\n    \
             labels: {{app: \"svc-{i}\", tier: \"backend\"}},\n    env: {{PORT: \"{}\"}},\n  }},",
            i % 10 + 1,
            8_000 + i
        );
    }
    text.push_str(
        "};\nlocal services = {[key]: Service(given[key]) for key in std.objectFields(given)};\n\
         {services: services, deployments: {[key]: Deployment(services[key]) for key in std.objectFields(services)}}\n",
    );
    text
}

const NICKEL: &str = r##"let within = fun low high => std.contract.from_predicate (fun n => std.is_number n && std.number.is_integer n && n >= low && n <= high) in
let Service = {
  name | String,
  image | std.contract.from_predicate (fun s => std.is_string s && std.string.is_match "^[a-z0-9./:-]+$" s),
  replicas | within 0 100 | default = 1,
  port | within 1 65535 | default = 8080,
  protocol | std.contract.from_predicate (fun s => std.array.elem s ["TCP", "UDP", "SCTP"]) | default = "TCP",
  labels | { _ | String } | default = {},
  resources | { cpu | String, memory | String } | default = { cpu = "100m", memory = "128Mi" },
  env | { _ | String } | default = {},
} in
let deployment = fun service => {
  apiVersion = "apps/v1",
  kind = "Deployment",
  metadata = { name = service.name, labels = service.labels },
  spec = {
    replicas = service.replicas,
    selector.matchLabels.app = service.name,
    template = {
      metadata.labels = service.labels,
      spec.containers = [{
        name = service.name,
        image = service.image,
        ports = [{ containerPort = service.port, protocol = service.protocol }],
        resources.requests = service.resources,
        env = std.array.map (fun e => { name = e.field, value = e.value }) (std.record.to_array service.env),
      }],
    },
  },
} in
let given | { _ | Service } = {
"##;

fn nickel(n: usize) -> String {
    let mut text = NICKEL.to_owned();
    for i in 0..n {
        let _ = writeln!(
            text,
            "  \"svc-{i}\" = {{\n    name = \"svc-{i}\",\n    image = \"registry/svc-{i}:v1\",\n    replicas = {},\n    \
             labels = {{ app = \"svc-{i}\", tier = \"backend\" }},\n    env = {{ PORT = \"{}\" }},\n  }},",
            i % 10 + 1,
            8_000 + i
        );
    }
    text.push_str("} in\n{ services = given, deployments = std.record.map (fun _key service => deployment service) given }\n");
    text
}
