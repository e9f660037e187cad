//! Parses and formats language files: `cargo run -p stepwell-lang --example fmt -- FILE...`, or `-` for standard input.
//! Prints nothing but the mistakes with `--check`.

use std::io::Read;
use stepwell_lang::source::{Source, SourceMap};
use stepwell_lang::syntax;

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "an example program")]
fn main() -> std::io::Result<()> {
    let mut bad = false;
    let check = std::env::args().any(|a| a == "--check");
    for name in std::env::args().skip(1).filter(|a| a != "--check") {
        let mut text = String::new();
        if name == "-" {
            std::io::stdin().read_to_string(&mut text)?;
        } else {
            text = std::fs::read_to_string(&name)?;
        }
        let mut map = SourceMap::default();
        let file = map.add(Source::new(name.as_str(), text.as_str()));
        let (tree, errors) = syntax::parse(file, &text);
        for e in &errors {
            bad = true;
            let at = e
                .positions(&map)
                .first()
                .map_or(String::new(), |p| format!("{}:{}:{}", p.file, p.line, p.column));
            eprintln!("{at}: {}", e.message);
        }
        if errors.is_empty() && !check {
            print!("{}", syntax::fmt::format(&tree));
        }
    }
    std::process::exit(i32::from(bad))
}
