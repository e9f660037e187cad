//! Lines made of cells, and the columns that cells of neighbouring lines form.
//!
//! A cell that is ended by [`Lines::cell`] or [`Lines::indent`] takes part in a column: as many neighbouring lines as have a cell at that place
//! share the width of the widest, which is how values and comments are aligned ("elastic tabstops"). Indentation is a
//! column of empty cells, filled with tabs. What is behind the last ended cell takes no part. Tests: below.

/// How wide a tab counts when a column is filled with tabs.
const TAB: usize = 8;

#[derive(Clone, Default)]
struct Cell {
    text: String,
    width: usize,
    /// Ended by an indentation: kept though empty.
    hard: bool,
}

/// Collects lines and aligns them.
#[derive(Default)]
pub(super) struct Lines {
    out: String,
    lines: Vec<Vec<Cell>>,
    line: Vec<Cell>,
    last: Cell,
}

impl Lines {
    /// Adds to the current cell. Line ends inside count as text.
    pub(super) fn text(&mut self, text: &str) {
        self.last.text.push_str(text);
        self.last.width += text.chars().count();
    }

    /// Ends the current cell: what follows is aligned with the lines around.
    pub(super) fn cell(&mut self) {
        self.line.push(std::mem::take(&mut self.last));
    }

    /// One step of indentation, at the beginning of a line.
    pub(super) fn indent(&mut self) {
        self.last.hard = true;
        self.cell();
    }

    /// Ends the line.
    pub(super) fn newline(&mut self) {
        self.cell();
        let alone = self.line.len() == 1;
        self.lines.push(std::mem::take(&mut self.line));
        if alone {
            // No column goes through a line without cells.
            self.flush();
        }
    }

    /// Ends all columns here.
    pub(super) fn flush(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        let mut widths = Vec::new();
        self.columns(&lines, &mut widths);
    }

    /// The text.
    pub(super) fn finish(mut self) -> String {
        if !self.last.text.is_empty() || !self.line.is_empty() {
            self.newline();
        }
        self.flush();
        self.out
    }

    /// Writes lines whose columns up to `widths` are known: finds the blocks of the next column.
    fn columns(&mut self, lines: &[Vec<Cell>], widths: &mut Vec<usize>) {
        let column = widths.len();
        let has = |line: &Vec<Cell>| column + 1 < line.len();
        let mut from = 0;
        while from < lines.len() {
            if !lines.get(from).is_some_and(has) {
                self.write(&lines[from], widths);
                from += 1;
                continue;
            }
            let len = lines[from..].iter().take_while(|l| has(l)).count();
            let block = &lines[from..from + len];
            let cells = || block.iter().filter_map(|l| l.get(column));
            let empty = cells().all(|c| c.width == 0 && !c.hard);
            let width = if empty { 0 } else { cells().map(|c| c.width + 1).max().unwrap_or(0) };
            widths.push(width);
            self.columns(block, widths);
            widths.pop();
            from += len;
        }
    }

    fn write(&mut self, line: &[Cell], widths: &[usize]) {
        let start = self.out.len();
        let mut leading = true;
        for (i, cell) in line.iter().enumerate() {
            let width = widths.get(i).copied();
            if cell.text.is_empty() {
                match width {
                    Some(w) if leading => (0..w.div_ceil(TAB)).for_each(|_| self.out.push('\t')),
                    Some(w) => (0..w).for_each(|_| self.out.push(' ')),
                    None => {}
                }
                continue;
            }
            leading = false;
            self.out.push_str(&cell.text);
            (cell.width..width.unwrap_or(0)).for_each(|_| self.out.push(' '));
        }
        let end = self.out.trim_end_matches([' ', '\t']).len().max(start);
        self.out.truncate(end);
        self.out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_columns() {
        let mut l = Lines::default();
        for (a, b, c) in [("a:", "1", "// x"), ("bbb:", "22", "// y"), ("alone", "", ""), ("c:", "3", "// z")]
        {
            l.text(a);
            if !b.is_empty() {
                l.cell();
                l.text(b);
                l.cell();
                l.text(c);
            }
            l.newline();
        }
        assert_eq!(l.finish(), "a:   1  // x\nbbb: 22 // y\nalone\nc: 3 // z\n");
    }

    #[test]
    fn indentation_is_tabs() {
        let mut l = Lines::default();
        l.text("a: {");
        l.newline();
        l.indent();
        l.text("b:");
        l.cell();
        l.text("1");
        l.newline();
        l.text("}");
        assert_eq!(l.finish(), "a: {\n\tb: 1\n}\n");
    }
}
