//! A policy that a program lets its users write: the program gives requests in, and takes decisions out as its own types. Each thread has
//! evaluations of its own; the compiled policy is shared. `cargo run -p stepwell-lang --example embed`.

#![allow(clippy::print_stdout, reason = "it is a program that prints")]

use serde::{Deserialize, Serialize};
use stepwell_lang::{Budget, Data, NoPackages, Path, Program, Shared, Source, Value};

const POLICY: &str = r#"
import "strings"

// What the program gives.
request: {user: string, path: string, size: *0 | int & >=0}
limits: size: int

// What it asks for.
decision: {
	let forbidden = strings.HasPrefix(request.path, "/admin") && request.user != "root"
	let big = request.size > limits.size
	allow: !forbidden && !big
	reason: [if forbidden {"only root may see \(request.path)"}, if big {"too big"}, "fine"][0]
	log: [if !allow {"refused \(request.user)"}]
}
"#;

#[derive(Serialize)]
struct Request<'a> {
    user: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Decision {
    allow: bool,
    reason: String,
    log: Vec<String>,
}

fn decide(
    policy: &Program,
    limits: &Shared,
    request: &Request<'_>,
) -> Result<Decision, Box<dyn std::error::Error + Send + Sync>> {
    // Whoever wrote the policy: it ends within this.
    let instance = policy.instance_with(Budget { steps: 100_000, memory: 16 << 20, ..Budget::default() });
    instance.fill_shared(&Path::from_iter(["limits"]), limits)?;
    instance.fill(&Path::from_iter(["request"]), &Data::encode(request)?)?;
    instance.lookup("request").map_or(Ok(()), |v| Value::validate(v, true))?;
    Ok(instance.lookup("decision").ok_or("the policy has no decision")?.decode()?)
}

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let policy = &Program::compile(vec![Source::new("policy.cue", POLICY)], &NoPackages)?;
    let limits = &Shared::from(&Data::Struct(vec![("size".into(), 1000.into())]));
    let requests = [
        Request { user: "ann", path: "/", size: None },
        Request { user: "ann", path: "/admin", size: Some(10) },
        Request { user: "root", path: "/admin", size: None },
    ];
    let decisions: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = requests.iter().map(|r| scope.spawn(move || decide(policy, limits, r))).collect();
        all.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    for (request, decision) in requests.iter().zip(decisions) {
        let Decision { allow, reason, log } = decision?;
        println!(
            "{} {}: {} ({reason}) {log:?}",
            request.user,
            request.path,
            if allow { "yes" } else { "no" }
        );
    }
    Ok(())
}
