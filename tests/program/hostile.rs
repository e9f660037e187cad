//! Input that would take all time or memory: each ends with an error of the program's own, soon and in bounded memory. The bounds here are
//! loose in tests that run unoptimised and beside each other; how the memory is held is the business of `Budget`. In a release build each
//! must end within 2 s of processor time and 500 MB; `cargo test --release --locked --test program hostile -- --nocapture` shows what each took.

use crate::sandbox::Sandbox;
use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

const DEEP: usize = 100_000;
/// Kilobytes of memory at most, and time on the processor.
const MEMORY: u64 = if cfg!(debug_assertions) { 700_000 } else { 500_000 };
const TIME: Duration = Duration::from_secs(if cfg!(debug_assertions) { 240 } else { 2 });
/// Time on the clock at most, where others use the processor too.
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs `export` on a file. It must end with an error that says `what`.
fn refuse(name: &str, text: &str, what: &str) {
    let (code, message) = export(name, text, what);
    assert_eq!(code, Some(1), "{name}: {message}");
    assert!(
        message.contains(what),
        "{name}: expected {what:?} in:\n{}",
        &message[..message.len().min(2_000)]
    );
}

/// Runs `export` on a file, which must come out as a value.
fn accept(name: &str, text: &str) {
    let (code, message) = export(name, text, "a value");
    assert_eq!(code, Some(0), "{name}: {}", &message[..message.len().min(2_000)]);
}

/// How `export` of a file ends, and what it says. `what` is for those who watch.
#[allow(clippy::print_stdout, reason = "shown with --nocapture")]
fn export(name: &str, text: &str, what: &str) -> (Option<i32>, String) {
    let sandbox = Sandbox::new();
    sandbox.file(name, text);
    let mut command = sandbox.command(&["export", name]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    let status = std::path::PathBuf::from(format!("/proc/{}/status", child.id()));
    let cpu = std::path::PathBuf::from(format!("/proc/{}/stat", child.id()));
    let (mut memory, mut time) = (0, Duration::ZERO);
    let ended = loop {
        // The most memory so far; nothing where the system does not tell.
        let told = std::fs::read_to_string(&status).unwrap_or_default();
        let most = told.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        memory = most.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0).max(memory);
        time = processor_time(&std::fs::read_to_string(&cpu).unwrap_or_default()).unwrap_or(time);
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        if time > TIME || memory > MEMORY || start.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{name} ({what}): not ended after {time:?} of {:?} and {memory} kB", start.elapsed());
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let mut message = String::new();
    child.stderr.take().unwrap().read_to_string(&mut message).unwrap();
    println!("{:>6} ms {memory:>7} kB  {name}: {what}", time.as_millis());
    (ended.code(), message)
}

/// The time that a process has had, from what the system tells of it in hundredths of a second.
fn processor_time(stat: &str) -> Option<Duration> {
    let ticks: Vec<i64> = stat.rsplit(") ").next()?.split(' ').filter_map(|n| n.parse().ok()).collect();
    // User and system time are the 14th and 15th; the state before these numbers is a letter.
    u64::try_from(10 * (ticks.get(10)? + ticks.get(11)?)).ok().map(Duration::from_millis)
}

#[test]
fn nesting() {
    for (open, close) in [("{a: ", "}"), ("{", "}"), ("[", "]"), ("(", ")"), ("\"\\(", ")\"")] {
        let what = if open == "{a: " { "parts in one chain" } else { "nested more than 500 deep" };
        refuse("x.cue", &format!("a: {}1{}", open.repeat(DEEP), close.repeat(DEEP)), what);
        refuse("x.cue", &format!("a: {}", open.repeat(DEEP)), what);
    }
    refuse("x.cue", &format!("{}1", "a: ".repeat(DEEP)), "parts in one chain");
    refuse("x.cue", &format!("a: {}1", "-".repeat(DEEP)), "parts in one chain");
    refuse("x.cue", &format!("a: 1{}", " + 1".repeat(DEEP)), "parts in one chain");
    for (open, close) in [("[", "]"), ("{\"a\": ", "}")] {
        let text = format!("{}1{}", open.repeat(DEEP), close.repeat(DEEP));
        refuse("x.json", &text, "nested deeper than 1000");
        refuse("x.yaml", &text, "");
    }
    refuse("x.yaml", &format!("{}1", "- ".repeat(DEEP)), "recursion limit");
    for (package, call) in
        [("json", "json.Unmarshal"), ("yaml", "yaml.Unmarshal"), ("toml", "toml.Unmarshal")]
    {
        let deep = format!("{}{}", "[".repeat(DEEP), "]".repeat(DEEP));
        let text = if package == "toml" { format!("a = {deep}") } else { deep };
        refuse("x.cue", &format!("import \"encoding/{package}\"\na: {call}(\"{text}\")\n"), "error in call");
    }
}

#[test]
fn sizes() {
    let package = |name: &str, x: &str| format!("import \"{name}\"\na: {x}\n");
    refuse("x.cue", "a: \"x\" * 10000000000\n", "more memory than its budget");
    refuse("x.cue", &package("strings", "strings.Repeat(\"x\", 10000000000)"), "limit");
    refuse("x.cue", &package("list", "list.Range(0, 1000000000000, 1)"), "limit");
    refuse("x.cue", &package("list", "list.Repeat([1], 1000000000000)"), "limit");
    refuse("x.cue", &package("math/bits", "bits.Lsh(1, 100000000000)"), "limit");
    refuse("x.cue", &package("math", "math.Pow(10, 1000000000)"), "out of range");
    refuse("x.cue", &package("strconv", "strconv.FormatFloat(1.5, 102, 1000000000, 64)"), "limit");
    let list = |i: usize| vec![format!("*a{}", i - 1); 9].join(", ");
    let aliases: String = (1..12).map(|i| format!("a{i}: &a{i} [{}]\n", list(i))).collect();
    refuse("x.yaml", &format!("a0: &a0 [x]\n{aliases}"), "aliases add more than");
}

#[test]
fn growth() {
    let steps = |first: &str, f: &dyn Fn(usize) -> String| {
        (1..45).fold(format!("a0: {first}\n"), |text, i| text + &format!("a{i}: {}\n", f(i - 1)))
    };
    let budget = "than its budget allows";
    refuse("x.cue", &steps("\"xxxxxxxxxx\"", &|i| format!("a{i} + a{i}")), budget);
    refuse("x.cue", &steps("\"xxxxxxxxxx\"", &|i| format!("\"\\(a{i})\\(a{i})\"")), budget);
    let concat = steps("[1]", &|i| format!("list.Concat([a{i}, a{i}])"));
    refuse("x.cue", &format!("import \"list\"\n{concat}"), budget);
    refuse("x.cue", &steps("'xxxxxxxxxx'", &|i| format!("a{i} + a{i}")), budget);
    refuse("x.cue", &steps("99999999999999999999", &|i| format!("a{i} * a{i}")), "number too large");
    let loops =
        "import \"list\"\nl: list.Range(0, 1000, 1)\na: [for x in l for y in l for z in l {x + y + z}]\n";
    refuse("x.cue", loops, budget);
    let branches: String = (0..40).map(|i| format!("a: {{x{i}: 1}} | {{y{i}: 2}} | {{z{i}: 3}}\n")).collect();
    refuse("x.cue", &branches, "branches open");
}

/// Many threads and many patterns take no more memory than one.
#[test]
fn numbers_of_things() {
    accept("x.cue", "import \"list\"\na: list.Range(0, 1000000, 1)\n");
    let patterns: String = (0..700).map(|i| format!("[=~\"^a{i}.*x$\"]: int\na{i}: {i}\n")).collect();
    accept("x.cue", &patterns);
}

/// Templates that call others twice each, to no end that anybody would see.
#[test]
fn templates() {
    let twice = |i: usize| {
        format!(
            "{{{{define \\\"t{i}\\\"}}}}{0}{0}{{{{end}}}}",
            format_args!("{{{{template \\\"t{}\\\"}}}}", i - 1)
        )
    };
    let all: String = (1..60).map(twice).collect();
    let text = format!("{{{{define \\\"t0\\\"}}}}{{{{end}}}}{all}{{{{template \\\"t59\\\"}}}}");
    let call = format!("import \"text/template\"\na: template.Execute(\"{text}\", 1)\n");
    refuse("x.cue", &call, "more than 100000 calls of templates");
}

#[test]
fn sharing() {
    let steps = |first: &str, f: &dyn Fn(usize) -> String| {
        (1..=40).fold(format!("a0: {first}\n"), |text, i| text + &format!("a{i}: {}\n", f(i - 1)))
    };
    let budget = "than its budget allows";
    refuse("x.cue", &steps("[1]", &|i| format!("[a{i}, a{i}]")), budget);
    let marshal = steps("[1]", &|i| format!("[a{i}, a{i}]"));
    refuse("x.cue", &format!("import \"encoding/json\"\n{marshal}z: json.Marshal(a40)\n"), budget);
}

#[test]
fn chains() {
    let chain = |of: &dyn Fn(usize) -> String| (1..DEEP).map(|i| of(i) + "\n").collect::<String>();
    accept("x.cue", &format!("a0: 1\n{}", chain(&|i| format!("a{i}: a{}", i - 1))));
    accept("x.cue", &format!("{}a{DEEP}: 1\n", chain(&|i| format!("a{i}: a{}", i + 1))));
    refuse("x.cue", "#F: {n: int, out: (#F & {n: n + 1}).out}\nx: (#F & {n: 0}).out\n", "structural cycle");
    refuse("x.cue", "#F: {n: int, m: n + 1, r: #F & {n: m}}\nx: #F & {n: 0}\n", "structural cycle");
    let lets: String = (0..DEEP).map(|i| format!("let x{i} = x{}\n", i + 1)).collect();
    accept("x.cue", &format!("{lets}let x{DEEP} = 1\na: x0\n"));
}

#[test]
fn patterns() {
    let long = "a".repeat(40_000);
    refuse("x.cue", &format!("a: =~\"^(a+)+$\"\na: \"{long}b\"\n"), "out of bound");
    let nested = "(((((a{1,100}){1,100}){1,100}){1,100}){1,100})";
    refuse("x.cue", &format!("a: =~\"{nested}\"\na: \"a\"\n"), "regexp");
}
