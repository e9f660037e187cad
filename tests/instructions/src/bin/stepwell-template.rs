//! One template evaluated again and again with other parameters in one process: `stepwell-template TIMES`. After each tenth part it prints how often it was
//! evaluated by then, the microseconds that each evaluation took in that part, and the bytes that the process holds. `cargo xtask bench --templates` runs it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program that prints")]

use std::process::ExitCode;
use std::time::Instant;
use stepwell_lang::{Data, NoPackages, Path, Program, Source};

/// A component as platform teams write them: parameters with types and defaults, conditions, comprehensions, a closed definition.
const TEMPLATE: &str = r##"
#Container: {
	name:  string
	image: =~"^[a-z0-9./:-]+$"
	ports: [...{containerPort: int & >0 & <65536, protocol: *"TCP" | "UDP"}]
	env?: [...{name: string, value: string}]
	resources: {cpu: *"100m" | string, memory: *"128Mi" | string}
}

parameter: {
	name:     string
	image:    string
	replicas: *1 | int & >=0 & <=100
	ports: [...int]
	env: [string]: string
}

output: {
	apiVersion: "apps/v1"
	kind:       "Deployment"
	metadata: {name: parameter.name, labels: app: parameter.name}
	spec: {
		replicas: parameter.replicas
		selector: matchLabels: app: parameter.name
		template: {
			metadata: labels: app: parameter.name
			spec: containers: [#Container & {
				name:  parameter.name
				image: parameter.image
				ports: [for p in parameter.ports {containerPort: p}]
				if len(parameter.env) > 0 {
					env: [for k, v in parameter.env {name: k, value: v}]
				}
			}]
		}
	}
}
"##;

fn main() -> ExitCode {
    let times = std::env::args().nth(1).and_then(|n| n.parse::<usize>().ok()).unwrap_or(10_000);
    match run(times.max(10)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run(times: usize) -> Result<(), String> {
    let program = Program::compile(vec![Source::new("template.cue", TEMPLATE)], &NoPackages)
        .map_err(|e| e.to_string())?;
    let path = Path::parse("parameter").ok_or("no path")?;
    let mut started = Instant::now();
    for i in 1..=times {
        let output = evaluate(&program, &path, i)?;
        let name = output.get("metadata").and_then(|m| m.get("name"));
        if name != Some(&format!("app-{i}").as_str().into()) {
            return Err(format!("evaluation {i} came out as {output:?}"));
        }
        if i % (times / 10) == 0 {
            let each = started.elapsed().as_secs_f64() * 1e6 / (times / 10) as f64;
            println!("{i} {each:.1} {}", held());
            started = Instant::now();
        }
    }
    Ok(())
}

fn evaluate(program: &Program, path: &Path, i: usize) -> Result<Data, String> {
    let instance = program.instance();
    let parameter = Data::Struct(vec![
        ("name".into(), format!("app-{i}").as_str().into()),
        ("image".into(), format!("registry/app-{i}:v1").as_str().into()),
        ("replicas".into(), Data::int(i as i64 % 10 + 1)),
        ("ports".into(), vec![Data::int(8080), Data::int(9000 + i as i64 % 100)].into()),
        ("env".into(), Data::Struct(vec![("NUMBER".into(), i.to_string().as_str().into())])),
    ]);
    instance.fill(path, &parameter).map_err(|e| e.to_string())?;
    let output = instance.lookup("output").ok_or("no output")?;
    output.data().map_err(|e| e.to_string())
}

/// The bytes of memory that the process holds; 0 where the system does not tell.
fn held() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
