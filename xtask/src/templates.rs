//! `cargo xtask bench --templates`: one template, evaluated 10,000 times with other parameters in one process: how long each takes, and whether the
//! process grows.

use crate::Result;
use crate::process::release;
use std::process::Command;

/// How often it is evaluated.
const TIMES: usize = 10_000;

/// The microseconds that each may take.
const AIM: f64 = 100.0;

pub(crate) fn measure() -> Result<()> {
    let output = Command::new(release("stepwell-template")?).arg(TIMES.to_string()).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned().into());
    }
    let parts = String::from_utf8(output.stdout)?.lines().map(read).collect::<Result<Vec<_>>>()?;
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
        return Err("nothing was measured".into());
    };
    let each = parts.iter().map(|p| p.each).fold(f64::INFINITY, f64::min);
    println!("{:>11} {:>8} {:>8}", "evaluations", "us each", "MB");
    for part in [first, last] {
        println!("{:>11} {:>8.1} {:>8.2}", part.times, part.each, part.held / 1e6);
    }
    println!(
        "least {each:.1} us (aim: {AIM} us), {:+.2} MB from the first to the last (aim: none)",
        (last.held - first.held) / 1e6
    );
    Ok(())
}

/// A part of the run, as the program tells it.
struct Part {
    times: usize,
    /// Microseconds.
    each: f64,
    /// Bytes.
    held: f64,
}

fn read(line: &str) -> Result<Part> {
    let words: Vec<&str> = line.split(' ').collect();
    let [times, each, held] = words[..] else { return Err(format!("not understood: {line:?}").into()) };
    Ok(Part { times: times.parse()?, each: each.parse()?, held: held.parse()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read() {
        let part = read("1000 55.2 4096000").unwrap();
        assert_eq!((part.times, part.each, part.held), (1000, 55.2, 4_096_000.0));
        assert!(read("1000 55.2").is_err());
    }
}
