//! `cargo xtask bench --services`: a configuration of many services beside the reference implementation, as whole processes in one run.
//!
//! Every service is unified with a closed definition that has defaults, bounds, a disjunction and a map, and a comprehension makes a Deployment of each. Both
//! programs must print the same JSON, or no figure is given. `cue` is looked for on PATH and where Go installs programs.

use crate::Result;
use crate::process::release;
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4 as _;

/// How many services; how often each is measured.
const SIZES: &[(usize, usize)] = &[(1, 20), (100, 10), (1_000, 5), (5_000, 5)];

const HEAD: &str = r##"package services

#Service: {
	name:     string
	image:    =~"^[a-z0-9./:-]+$"
	replicas: *1 | int & >=0 & <=100
	port:     *8080 | int & >0 & <65536
	protocol: *"TCP" | "UDP" | "SCTP"
	labels: [string]: string
	resources: {
		cpu:    *"100m" | string
		memory: *"128Mi" | string
	}
	env: [string]: string
}

services: [string]: #Service

deployments: {
	for key, service in services {
		"\(key)": {
			apiVersion: "apps/v1"
			kind:       "Deployment"
			metadata: {name: service.name, labels: service.labels}
			spec: {
				replicas: service.replicas
				selector: matchLabels: app: service.name
				template: {
					metadata: labels: service.labels
					spec: containers: [{
						name:  service.name
						image: service.image
						ports: [{containerPort: service.port, protocol: service.protocol}]
						resources: requests: service.resources
						env: [for name, value in service.env {"name": name, "value": value}]
					}]
				}
			}
		}
	}
}

services: {
"##;

/// A configuration of `n` services.
fn configuration(n: usize) -> String {
    let mut text = HEAD.to_owned();
    for i in 0..n {
        let _ = write!(
            text,
            "\t\"svc-{i}\": {{\n\t\tname:     \"svc-{i}\"\n\t\timage:    \"registry/svc-{i}:v1\"\n\t\treplicas: {}\n\
             \t\tlabels: {{app: \"svc-{i}\", tier: \"backend\"}}\n\t\tenv: PORT: \"{}\"\n\t}}\n",
            i % 10 + 1,
            8_000 + i
        );
    }
    text.push_str("}\n");
    text
}

/// What one process took.
#[derive(Clone, Copy)]
struct Taken {
    time: Duration,
    /// Bytes, at the most.
    memory: u64,
}

/// Measures both and prints the ratios.
pub(crate) fn compare() -> Result<()> {
    let ours = release("stepwell")?;
    let reference = reference();
    if reference.is_none() {
        println!(
            "the reference is not here (go install cuelang.org/go/cmd/cue@v0.17.1): only our own figures"
        );
    }
    let folder = crate::root().join("target/bench-services");
    std::fs::create_dir_all(&folder)?;
    println!(
        "{:>8}  {:>9} {:>8}  {:>9} {:>8}  {:>6} {:>6}",
        "services", "ms", "MB", "cue ms", "MB", "time", "memory"
    );
    for &(n, runs) in SIZES {
        let file = folder.join(format!("{n}.cue"));
        std::fs::write(&file, configuration(n))?;
        let (mine, my_output) = least(&ours, &file, &folder.join("ours.json"), runs)?;
        let millis = |t: Taken| t.time.as_secs_f64() * 1_000.0;
        let megabytes = |t: Taken| t.memory as f64 / 1e6;
        print!("{n:>8}  {:>9.1} {:>8.1}", millis(mine), megabytes(mine));
        if let Some(reference) = &reference {
            let (theirs, output) = least(reference, &file, &folder.join("reference.json"), runs)?;
            if serde_json::from_slice::<serde_json::Value>(&my_output)?
                != serde_json::from_slice::<serde_json::Value>(&output)?
            {
                return Err(format!("the outputs for {n} services differ").into());
            }
            print!(
                "  {:>9.1} {:>8.1}  {:>5.1}x {:>5.1}x",
                millis(theirs),
                megabytes(theirs),
                millis(theirs) / millis(mine),
                megabytes(theirs) / megabytes(mine)
            );
        }
        println!();
    }
    Ok(())
}

fn reference() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let go = std::env::var_os("HOME").map(|home| Path::new(&home).join("go/bin"));
    std::env::split_paths(&paths).chain(go).map(|folder| folder.join("cue")).find(|program| program.is_file())
}

/// The least of several runs, and what was printed.
fn least(program: &Path, file: &Path, output: &Path, runs: usize) -> Result<(Taken, Vec<u8>)> {
    let mut best: Option<Taken> = None;
    for _ in 0..runs.max(1) {
        let start = Instant::now();
        let child = Command::new(program)
            .arg("export")
            .arg(file)
            .stdin(Stdio::null())
            .stdout(File::create(output)?)
            .spawn()?;
        let used = child.wait4()?;
        let time = start.elapsed();
        if !used.status.success() {
            return Err(format!("{} export failed", program.display()).into());
        }
        let taken = Taken { time, memory: used.rusage.maxrss };
        best = Some(match best {
            Some(b) => Taken { time: b.time.min(time), memory: b.memory.min(taken.memory) },
            None => taken,
        });
    }
    let best = best.ok_or("nothing was measured")?;
    Ok((best, std::fs::read(output)?))
}
