//! The page of documentation about ops (`docs/ops.md`), made from their descriptions and schemas by `cargo xtask docs`.

use crate::ops::{Op, all};
use crate::stdlib::Stdlib;
use std::fmt::Write;
use stepwell_lang::Packages;

const HEAD: &str = "# Ops

What a step can do. A definition imports the package and unifies the op with its parameters (`$params`); what comes back is in `$returns`:

```cue
import \"vela/kube\"

read: kube.#Read & {$params: value: {apiVersion: \"v1\", kind: \"ConfigMap\", metadata: name: \"settings\"}}
```

The package `vela/op` has all of them in the older form, in which parameters and returns are plain fields of the op. Ops run in the order in which they stand,
each as soon as its parameters are known. Made by `cargo xtask docs` from the program: change it there.

| Op | Older form | What it does |
|---|---|---|
";

/// The page.
pub fn page() -> String {
    let mut out = HEAD.to_string();
    let mut sections = String::new();
    for op in all() {
        let schema = schema(*op);
        let name = name_in(&schema);
        let package = format!("vela/{}", op.provider());
        let older = if op.older().is_empty() {
            String::new()
        } else {
            format!("`{}/{}`", op.older_provider(), op.older())
        };
        let first = op.doc().split_inclusive(". ").next().unwrap_or_default().trim();
        let anchor = format!("{}{}", op.provider(), op.name()).to_lowercase();
        let _ = writeln!(out, "| [`{package}` `{name}`](#{anchor}) | {older} | {first} |");
        let again = match (op.pure(), op.repeatable()) {
            (true, _) => "It changes nothing.",
            (false, true) => "Carrying it out again with the same parameters changes nothing.",
            (false, false) => "Its result is recorded: a crash repeats at most the one that was under way.",
        };
        let _ = write!(
            sections,
            "\n## {}/{}\n\n{} {again}\n\n```cue\n{schema}```\n",
            op.provider(),
            op.name(),
            op.doc()
        );
    }
    out + &sections
}

/// The name under which an op stands in its package: `#Apply`.
pub(crate) fn name(op: &dyn Op) -> String {
    name_in(&schema(op)).to_string()
}

fn name_in(schema: &str) -> &str {
    schema.lines().find_map(|l| l.strip_suffix(": {")).unwrap_or_default()
}

/// The definition of an op in its package, as it stands there.
fn schema(op: &dyn Op) -> String {
    let sources = Stdlib.sources(&format!("vela/{}", op.provider())).unwrap_or_default();
    let text: String = sources.iter().map(|s| &*s.text).collect();
    let mark = format!("#do:       \"{}\"", op.name());
    let blocks = text.split("\n\n").filter(|b| b.contains(&mark));
    let definition = |block: &str| {
        let lines = block.lines().skip_while(|l| !l.starts_with('#'));
        lines.flat_map(|l| [l, "\n"]).collect::<String>()
    };
    blocks.map(definition).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_op_has_its_schema_on_the_page() {
        let page = page();
        for op in all() {
            assert!(schema(*op).contains("#provider:"), "{}/{}", op.provider(), op.name());
            assert!(page.contains(&format!("\n## {}/{}\n", op.provider(), op.name())));
        }
    }
}
