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

/// A text in columns. A vertical tab ends a cell as a tab does, and after a form feed, which ends a line, columns begin anew.
fn format(text: &str) -> Res {
    let mut blocks = Vec::new();
    let mut total = text.len();
    for block in text.split('\u{c}') {
        let lines: Vec<Vec<&str>> = block.split('\n').map(|l| l.split(['\t', '\u{b}']).collect()).collect();
        let widths = widths(&lines);
        // Each line with all its widths is written once, so the size is known to be bounded before.
        total = widths.iter().flatten().fold(total, |n, w| n.saturating_add(*w));
        check_text(total)?;
        blocks.push((lines, widths));
    }
    let mut out = String::with_capacity(total);
    for (i, (line, widths)) in blocks.iter().flat_map(|(lines, widths)| lines.iter().zip(widths)).enumerate()
    {
        out.push_str(if i > 0 { "\n" } else { "" });
        for (cell, width) in line.iter().zip(widths) {
            out.push_str(cell);
            out.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count())));
        }
        out.push_str(line.last().unwrap_or(&""));
    }
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
            Write("a\u000bbbb\u000bc\n\u000bx\t\u000bq\fcccccc\td\te\n") => "a bbb c\n  x    q\ncccccc d e\n"
            Write(["a\f", "b\tc\nxx\ty"]) => "a\n\nb  c\nxx y\n"
            Write("a\t\nbb\t\u000bc\f\f\tx") => "a  \nbb  c\n\n x"
            Write([1]) => ! cannot use a value of type int as a line
            "#,
        );
    }
}
