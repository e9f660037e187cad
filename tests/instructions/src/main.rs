//! Fixed work whose instructions are counted: `stepwell-instructions WORK TIMES`. `cargo xtask bench --instructions` runs it under callgrind.
//!
//! It is a crate of its own, without what tests need, so that it is built of the same parts as the program. New work is an arm in `main`
//! and a line in `ceilings.toml`.

use std::fmt::Write;
use std::hint::black_box;
use std::process::ExitCode;
use stepwell_lang::source::FileId;
use stepwell_lang::{NoPackages, Program, Source, encode, syntax};
use stepwell_runtime::definitions::Library;
use stepwell_runtime::model::application::Application;
use stepwell_runtime::render;

/// Services, each unified with a closed definition that has defaults, bounds, a disjunction and a map, and a Deployment of each.
fn services(count: usize) -> String {
    let mut text = String::from(
        "package services\n\n#Service: {\n\t// the name of the service\n\tname:     string\n\timage:    string\n\treplicas: *1 | int & >=1 & <=100\n\t\
         tier:     *\"backend\" | \"frontend\" | \"job\"\n\tport:     int & >0 & <65536\n\tlabels: [string]: string\n}\n\n",
    );
    for i in 0..count {
        let replicas = if i % 3 == 0 { format!("\treplicas: {}\n", i % 90 + 2) } else { String::new() };
        let _ = write!(
            text,
            "services: \"svc-{i}\": #Service & {{\n\tname:  \"svc-{i}\"\n\timage: \"registry.example.com/svc-{i}:1.{i}\"\n{replicas}\tport:  {}\n\tlabels: {{app: \"svc-{i}\", team: \"team-{}\"}}\n}}\n",
            1000 + i,
            i % 7
        );
    }
    text += "\ndeployments: {\n\tfor id, s in services {\n\t\t\"\\(id)\": {\n\t\t\tapiVersion: \"apps/v1\"\n\t\t\tkind:       \"Deployment\"\n\t\t\t\
             metadata: {name: s.name, labels: s.labels}\n\t\t\tspec: {\n\t\t\t\treplicas: s.replicas\n\t\t\t\ttemplate: spec: containers: [{name: s.name, image: s.image, ports: [{containerPort: s.port}]}]\n\t\t\t}\n\t\t}\n\t}\n}\n";
    text
}

const APPLICATION: &str = "apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: market}
spec:
  components:
  - name: shop
    type: webservice
    properties: {image: \"shop:1\", ports: [{port: 80, expose: true}], cpu: \"0.5\", memory: 128Mi}
    traits:
    - {type: scaler, properties: {replicas: 3}}
    - {type: labels, properties: {team: shop}}
    - {type: sidecar, properties: {name: proxy, image: \"proxy:1\"}}
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [work, times] = &args[..] else { return ExitCode::from(2) };
    let Ok(times) = times.parse::<usize>() else { return ExitCode::from(2) };
    let text = services(100);
    let done = match work.as_str() {
        "parse" => (0..times).all(|_| syntax::parse(FileId(0), black_box(&text)).1.is_empty()),
        "format" => {
            let (file, mistakes) = syntax::parse(FileId(0), &text);
            mistakes.is_empty() && (0..times).all(|_| !syntax::fmt::format(black_box(&file)).is_empty())
        }
        "evaluate" => (0..times).all(|_| {
            let program =
                Program::compile(vec![Source::new("services.cue", black_box(text.as_str()))], &NoPackages);
            let data = program.and_then(|program| program.instance().root().data());
            data.is_ok_and(|data| !encode::json::compact(&data).is_empty())
        }),
        "render" => {
            let library = Library::builtin();
            Application::from_text("app.yaml", APPLICATION).is_ok_and(|app| {
                let one =
                    || render::application(&library, black_box(&app), &render::RenderOptions::default());
                // The first rendering compiles the templates; it belongs to what is there before.
                one().is_ok() && (0..times).all(|_| one().is_ok_and(|rendered| !rendered.objects.is_empty()))
            })
        }
        _ => return ExitCode::from(2),
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
