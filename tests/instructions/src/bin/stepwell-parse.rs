//! Parses one file again and again and prints the best speed in MB/s: `stepwell-parse FILE SECONDS`. `stepwell-parse --input FILE` writes a file to parse.
//! `cargo xtask bench --parse` runs it beside the same program for the reference implementation.

#[path = "../../../../lang/benches/input/mod.rs"]
mod input;

use std::hint::black_box;
use std::time::{Duration, Instant};
use stepwell_lang::source::FileId;
use stepwell_lang::syntax;

#[allow(clippy::print_stdout, reason = "it is a program that prints")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (name, seconds) = match args.as_slice() {
        [flag, name] if flag == "--input" => {
            let text = if name.ends_with(".json") { input::json(1_500) } else { input::services(500) };
            return Ok(std::fs::write(name, text)?);
        }
        [name, seconds] => (name, seconds.parse::<f64>()?),
        _ => return Err("usage: stepwell-parse FILE SECONDS, or stepwell-parse --input FILE".into()),
    };
    let text = std::fs::read_to_string(name)?;
    let (_, mistakes) = syntax::parse(FileId(0), &text);
    if let Some(mistake) = mistakes.first() {
        return Err(format!("{name}: {}", mistake.message).into());
    }
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut best = Duration::MAX;
    let mut runs = 0;
    while runs < 3 || Instant::now() < end {
        let start = Instant::now();
        let tree = black_box(syntax::parse(FileId(0), black_box(&text)));
        best = best.min(start.elapsed());
        drop(tree);
        runs += 1;
    }
    println!("{:.1}", text.len() as f64 / best.as_secs_f64() / 1e6);
    Ok(())
}
