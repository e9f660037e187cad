//! `cargo xtask bench --services`: a configuration of many services beside the reference implementation, as whole processes in one run.
//!
//! Every service is unified with a closed definition that has defaults, bounds, a disjunction and a map, and a comprehension makes a Deployment of each. Both
//! programs must print the same JSON, or no figure is given. `cue` is looked for on PATH and where Go installs programs.
//! The same is said in Jsonnet and Nickel (`languages.rs`), as far as they can say it, and their programs are measured in the same run.

use crate::peers::{Taken, least, reference, there_is_none};
use crate::process::release;
use crate::{Result, languages};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

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

/// Measures both and prints the ratios.
pub(crate) fn compare() -> Result<()> {
    let ours = release("stepwell")?;
    let reference = reference();
    if reference.is_none() {
        there_is_none();
    }
    let others = languages::programs();
    let folder = crate::root().join("target/bench-services");
    std::fs::create_dir_all(&folder)?;
    println!(
        "{:>8}  {:>9} {:>8}  {:>9} {:>8}  {:>6} {:>6}",
        "services", "ms", "MB", "cue ms", "MB", "time", "memory"
    );
    // A process counts as its own what the one that started it had in memory: all are measured before anything that they print is read.
    let mut measured = Vec::new();
    for &(n, runs) in SIZES {
        let file = folder.join(format!("{n}.cue"));
        std::fs::write(&file, configuration(n))?;
        let mine = export(&ours, &file, &folder.join(format!("ours-{n}.json")), runs)?;
        let output = folder.join(format!("reference-{n}.json"));
        let theirs = reference.as_ref().map(|r| export(r, &file, &output, runs)).transpose()?;
        let mut more = Vec::new();
        for (language, program) in &others {
            let file = folder.join(format!("{n}.{}", language.ending));
            std::fs::write(&file, (language.configuration)(n))?;
            let mut command = Command::new(program);
            command.args(language.arguments).arg(&file);
            let output = folder.join(format!("{}-{n}.json", language.name));
            more.push((language.name, least(&mut command, &output, runs)?));
        }
        measured.push((n, mine, theirs, more));
    }
    for (n, mine, theirs, more) in measured {
        let printed = |name: &str| -> Option<serde_json::Value> {
            serde_json::from_slice(&std::fs::read(folder.join(format!("{name}-{n}.json"))).ok()?).ok()
        };
        let told = printed("ours").ok_or("what we print is no JSON")?;
        print!("{n:>8}  {:>9.1} {:>8.1}", mine.millis(), mine.megabytes());
        if let Some(theirs) = theirs {
            if printed("reference").as_ref() != Some(&told) {
                return Err(format!("the outputs for {n} services differ").into());
            }
            print!("  {}", beside(theirs, mine));
        }
        println!();
        for (name, (theirs, status)) in more {
            // Another program is no reason to fail: no figure is given of what does not say the same.
            if !status.success() || printed(name).as_ref() != Some(&told) {
                println!("{:>8}  {name:>18}  does not give the same ({status})", "");
                continue;
            }
            println!("{:>8}  {name:>18}  {}", "", beside(theirs, mine));
        }
    }
    Ok(())
}

/// What another program took, and how many times what ours took.
fn beside(theirs: Taken, mine: Taken) -> String {
    format!(
        "{:>9.1} {:>8.1}  {:>5.1}x {:>5.1}x",
        theirs.millis(),
        theirs.megabytes(),
        theirs.millis() / mine.millis(),
        theirs.megabytes() / mine.megabytes()
    )
}

/// The least that several runs of an export took; what was printed is in a file.
fn export(program: &Path, file: &Path, output: &Path, runs: usize) -> Result<Taken> {
    let (taken, status) = least(Command::new(program).arg("export").arg(file), output, runs)?;
    if !status.success() {
        return Err(format!("{} export failed", program.display()).into());
    }
    Ok(taken)
}
