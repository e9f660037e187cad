//! `text/tabwriter`: cells that end with a tab become columns, as wide as their widest cell and a space.

use crate::data::Data;
use crate::pkg::Package;
use crate::pkg::args::{Res, check_text, functions};

/// Writes the lines from `first` on whose cell `column` is one of a block of neighbours, and widths for the block.
fn widths(lines: &[Vec<&str>]) -> Vec<Vec<usize>> {
    let mut out: Vec<Vec<usize>> = lines.iter().map(|l| vec![0; l.len().saturating_sub(1)]).collect();
    let columns = out.iter().map(Vec::len).max().unwrap_or(0);
    for column in 0..columns {
        let mut start = 0;
        while start < lines.len() {
            // A column is a block of neighbouring lines that have a cell there; the last of a line is not one.
            let block = out[start..].iter().take_while(|l| l.len() > column).count();
            let cells = lines[start..start + block].iter().map(|l| l[column].chars().count());
            let widest = cells.max().unwrap_or(0);
            for line in &mut out[start..start + block] {
                line[column] = widest + 1;
            }
            start += block.max(1);
        }
    }
    out
}

fn format(text: &str) -> Res {
    let ends = text.ends_with('\n');
    let body = text.strip_suffix('\n').unwrap_or(text);
    let lines: Vec<Vec<&str>> = body.split('\n').map(|l| l.split('\t').collect()).collect();
    // Each line with all its widths is written once, so the size is known to be bounded before.
    let widths = widths(&lines);
    let total: usize = widths.iter().flatten().fold(text.len(), |n, w| n.saturating_add(*w));
    check_text(total)?;
    let mut out = String::with_capacity(total);
    for (i, (line, widths)) in lines.iter().zip(&widths).enumerate() {
        out.push_str(if i > 0 { "\n" } else { "" });
        for (cell, width) in line.iter().zip(widths) {
            out.push_str(cell);
            out.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count())));
        }
        out.push_str(line.last().unwrap_or(&""));
    }
    out.push_str(if ends { "\n" } else { "" });
    Ok(out.into())
}

fn write(data: &Data) -> Res {
    match data {
        Data::String(s) => format(s),
        Data::Bytes(b) => format(&String::from_utf8_lossy(b)),
        Data::List(items) => {
            let mut text = String::new();
            for item in items {
                let Data::String(line) = item else {
                    return Err(format!("cannot use a value of type {} as a line", item.type_name()).into());
                };
                text.push_str(line);
                text.push('\n');
                check_text(text.len())?;
            }
            format(&text)
        }
        other => Err(format!("unsupported type {}", other.type_name()).into()),
    }
}

/// The package.
pub(in crate::pkg) static PACKAGE: Package = Package {
    path: "text/tabwriter",
    functions: functions! {
        /// A text, or a list of lines, with its cells set in columns.
        Write(data: TOP) -> STRING = |a| write(a.first().unwrap_or(&Data::Null));
    },
    constants: &[],
    source: "",
};

#[cfg(test)]
mod tests {
    use crate::pkg::args::check;

    #[test]
    fn functions() {
        check(
            "text/tabwriter",
            r#"
            Write("a\tbbbbbb\tc\nccc\td\te\n\nx\ty\n") => "a   bbbbbb c\nccc d      e\n\nx y\n"
            Write(["a\tb", "ccccccccc\td", "plain", "q\tr\ts\t"]) => "a         b\nccccccccc d\nplain\nq r s \n"
            Write([1]) => ! cannot use a value of type int as a line
            "#,
        );
    }
}
