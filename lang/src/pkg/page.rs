//! The page of documentation on the standard packages, made from their declarations.

use super::{Function, Package, packages};
use std::fmt::Write;

/// Every package with its functions, constants and definitions, as Markdown.
pub fn page() -> String {
    let mut out = String::from(
        "# Standard packages\n\n\
        Made by `cargo xtask docs` from the declarations in `lang/src/pkg/`.\n\n\
        A function whose result is `bool` checks values where it stands as one, called without its first argument: \
        `name: strings.MinRunes(1)`.\n\n",
    );
    for p in packages() {
        let _ = writeln!(out, "- [`{0}`](#{1})", p.path, anchor(p.path));
    }
    for p in packages() {
        package(p, &mut out);
    }
    out
}

/// The anchor that Markdown gives a heading in code.
fn anchor(path: &str) -> String {
    path.chars().filter(|c| c.is_ascii_alphanumeric()).collect()
}

fn package(p: &Package, out: &mut String) {
    let _ = writeln!(out, "\n## `{}`", p.path);
    if !p.constants.is_empty() {
        let names: Vec<String> = p.constants.iter().map(|(name, _)| format!("`{name}`")).collect();
        let _ = writeln!(out, "\nConstants: {}.", names.join(", "));
    }
    if !p.source.is_empty() {
        let _ = writeln!(out, "\n```cue\n{}\n```", p.source.trim());
    }
    for f in p.functions {
        let _ = writeln!(out, "\n### `{}`\n\n{}", f.signature(), doc(f));
    }
}

impl Function {
    /// How it is called: `ByteAt(b: (string|bytes), i: int): int`.
    pub(crate) fn signature(&self) -> String {
        let param = |p: &super::Param| match p.default {
            Some(default) => format!("{}: {} = {default:?}", p.name, p.kind),
            None => format!("{}: {}", p.name, p.kind),
        };
        let params: Vec<String> = self.params.iter().map(param).collect();
        format!("{}({}): {}", self.name, params.join(", "), self.result)
    }
}

fn doc(f: &Function) -> String {
    f.doc.lines().map(str::trim).collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_function_is_on_the_page() {
        let page = super::page();
        for p in super::packages() {
            assert!(page.contains(&format!("## `{}`", p.path)));
            for f in p.functions {
                assert!(page.contains(&format!("### `{}(", f.name)), "{}.{}", p.path, f.name);
            }
        }
        assert!(page.contains("### `ByteAt(b: (string|bytes), i: int): int`"), "{page}");
        assert!(page.contains("#Config: {"));
    }
}
