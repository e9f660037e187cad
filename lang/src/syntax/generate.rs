//! For tests: programs made from bytes, valid by grammar, with white space, commas and comments in odd places.

/// Writes a program; the bytes decide everything.
pub(super) fn program(bytes: &[u8]) -> String {
    let mut g = Gen { bytes, at: 0, out: String::new(), depth: 0 };
    g.gap();
    let n = g.pick(6);
    g.decls(n);
    g.out
}

struct Gen<'a> {
    bytes: &'a [u8],
    at: usize,
    out: String,
    depth: usize,
}

impl Gen<'_> {
    fn byte(&mut self) -> usize {
        self.at += 1;
        self.bytes.get(self.at - 1).copied().map_or(0, usize::from)
    }

    fn pick(&mut self, n: usize) -> usize {
        self.byte() % n
    }

    fn push(&mut self, s: &str) {
        self.out.push_str(s);
    }

    fn one(&mut self, of: &[&str]) {
        let i = self.pick(of.len());
        self.push(of[i]);
    }

    /// White space where a line may end.
    fn gap(&mut self) {
        self.one(&[
            "",
            "",
            "",
            " ",
            "\n",
            "\n\n",
            "\n\n\n",
            " // c\n",
            "\n// d\n",
            "\n// d\n// e\n\n// f\n",
            "\t",
        ]);
    }

    /// White space within a line.
    fn blank(&mut self) {
        self.one(&["", " ", " ", "  "]);
    }

    /// White space behind an operator or opening bracket.
    fn soft(&mut self) {
        self.one(&["", "", "", " ", "\n", " // s\n", "\n// t\n", "\n\n"]);
    }

    fn comma(&mut self) {
        self.one(&[", ", ",", "\n", "\n\n", " // x\n", ",\n", ", // y\n", "\n// z\n", ",\n\n// a\n\n// b\n"]);
    }

    fn decls(&mut self, n: usize) {
        for i in 0..n {
            if i > 0 {
                self.comma();
            }
            self.decl();
        }
    }

    fn decl(&mut self) {
        match self.pick(12) {
            0 => self.expr(),
            1 => {
                self.push("let v");
                self.blank();
                self.push("=");
                self.soft();
                self.expr();
            }
            2 => self.push("..."),
            3 => self.one(&["@a(b)", "@c(d, \"e\\\"\")"]),
            4 => self.comprehension(),
            _ => {
                self.field();
                for _ in 0..self.pick(6).saturating_sub(3) {
                    self.push(" @at(x)");
                }
            }
        }
    }

    fn field(&mut self) {
        if self.pick(8) == 0 {
            self.one(&["X=", "Y = ", "Z= "]);
        }
        match self.pick(8) {
            0 => self.one(&["\"s t\"", "\"a\"", "#\"r\"#", "'b'"]),
            1 => {
                self.push("(");
                self.blank();
                self.expr();
                self.push(")");
            }
            2 => {
                self.push("[");
                self.one(&["", "Z= "]);
                self.expr();
                self.push("]");
            }
            3 => self.one(&["\"\\(a)\"", "\"x\\( b )y\""]),
            _ => self.one(&["a", "bb", "ccc", "#D", "_h", "_#e", "for", "if", "in", "let"]),
        }
        self.one(&["", "", "", "?", "!"]);
        self.push(":");
        self.one(&[" ", "", " ", "\n", " // v\n"]);
        if self.pick(4) == 0 && self.depth < 6 {
            self.depth += 1;
            self.field();
            self.depth -= 1;
        } else {
            if self.pick(10) == 0 {
                self.push("V= ");
            }
            self.expr();
        }
    }

    fn comprehension(&mut self) {
        self.one(&["for x in ", "for k, v in ", "if "]);
        self.expr();
        while self.pick(3) == 1 {
            self.one(&[" ", "\n", ", "]);
            match self.pick(3) {
                0 => self.push("if "),
                1 => self.push("let w = "),
                _ => self.push("for y in "),
            }
            self.expr();
        }
        self.push(" ");
        self.structure();
    }

    fn structure(&mut self) {
        self.push("{");
        if self.depth < 5 {
            self.depth += 1;
            self.gap();
            let n = self.pick(4);
            self.decls(n);
            self.depth -= 1;
        }
        self.gap();
        self.push("}");
    }

    fn expr(&mut self) {
        self.depth += 1;
        match self.pick(if self.depth > 6 { 6 } else { 17 }) {
            0 => self.one(&["1", "0x1f", "1.5", ".5", "1.", "2E3", "1_000", "1.5Gi", "0"]),
            1 => self.one(&[
                "\"s\"",
                "'b'",
                "#\"r\\q\"#",
                "\"\"\"\n\tm\n\n\t  n\n\t\"\"\"",
                "\"\"\"\n  \"\"\"",
            ]),
            2 => self.one(&["null", "true", "_", "_|_", "string"]),
            3..=5 => self.one(&["a", "bb", "a.b", "#D", "x.\"y z\"", "a.b.c"]),
            6 | 7 => {
                self.expr();
                self.blank();
                self.one(&["+", "*", "&", "|", "==", "&&", "||", "/", "-", "=~", "<", "!="]);
                self.push(" ");
                self.soft();
                self.expr();
            }
            8 => {
                self.one(&["-", "+", "!", ">=", "<", "*", "!=", "=~", "=="]);
                self.push(" ");
                self.expr();
            }
            9 => {
                self.push("(");
                self.soft();
                self.expr();
                self.blank();
                self.push(")");
            }
            10 => {
                self.one(&["f", "a.b"]);
                self.push("(");
                self.soft();
                for i in 0..self.pick(4) {
                    if i > 0 {
                        self.one(&[", ", ",", ",\n", ", // q\n"]);
                    }
                    self.expr();
                }
                self.one(&["", "", "\n", " // r\n"]);
                self.push(")");
            }
            11 => {
                self.push("a[");
                self.expr();
                self.one(&["", " ", "\n"]);
                self.push("]");
            }
            12 => {
                self.push("\"p\\(");
                self.blank();
                self.expr();
                self.push(")q\"");
            }
            13 | 14 => self.list(),
            _ => self.structure(),
        }
        self.depth -= 1;
    }

    fn list(&mut self) {
        self.push("[");
        self.gap();
        let n = self.pick(4);
        for i in 0..n {
            if i > 0 {
                self.comma();
            }
            match self.pick(8) {
                0 => self.comprehension(),
                _ => self.expr(),
            }
        }
        if self.pick(5) == 0 {
            if n > 0 {
                self.comma();
            }
            self.one(&["...", "...int"]);
        }
        self.gap();
        self.push("]");
    }
}
