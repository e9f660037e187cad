//! The formatter: small inputs, generated ones, and the conformance vectors.
//!
//! The vectors are read from the folder that `CONFORMANCE_DIR` names (default `../shared/conformance` beside the workspace); where it is absent the
//! test says so and passes.

use super::super::{generate, parse, shape};
use super::format;
use crate::source::FileId;
use crate::vectors;
use proptest::prelude::*;

fn fmt(text: &str) -> String {
    let (file, errors) = parse(FileId(0), text);
    assert!(errors.is_empty(), "{text:?}: {errors:#?}");
    format(&file)
}

/// Formatting keeps what a text says, loses no comment, and a second time changes nothing.
fn check(text: &str) -> Result<String, String> {
    let (file, errors) = parse(FileId(0), text);
    if !errors.is_empty() {
        return Err(format!("does not parse: {errors:#?}\n{text}"));
    }
    let once = format(&file);
    let (again, errors) = parse(FileId(0), &once);
    if !errors.is_empty() {
        return Err(format!(
            "the formatted text does not parse: {errors:#?}\n--- from\n{text}\n--- to\n{once}"
        ));
    }
    if shape::shape(&file) != shape::shape(&again) {
        return Err(format!("the meaning changed\n--- from\n{text}\n--- to\n{once}"));
    }
    if shape::comments(text) != shape::comments(&once) {
        return Err(format!("comments changed\n--- from\n{text}\n--- to\n{once}"));
    }
    let twice = format(&again);
    if once != twice {
        return Err(format!("formatting twice\n--- from\n{text}\n--- once\n{once}\n--- twice\n{twice}"));
    }
    Ok(once)
}

#[test]
fn lays_out_the_basics() {
    let text = r##"package   foo
import "b"
a:1
bbb:   2 // two
c: {d:1}
e: {
 f: [1,2,
 3]
   gg:"x"


   h: i: 1+2*3
}
for k,v in  e if k!="f" { (k): v }
s: """
  text
    more
  """
n: [
 .5, 1., 2E3
]
#"raw"#: f( 1+2,{ x:1 } )
@attr(x)
// last
"##;
    insta::assert_snapshot!(check(text).unwrap());
}

#[test]
fn keeps_comments_in_their_places() {
    let text = "// of the file\n\n// of the package\npackage p // line\n\n// of a\na: 1 // behind a\n// of b\nb: { // open\n\
        // of c\nc: 1\n// end of b\n} // behind b\nl: [ // open\n1, // one\n// two\n2\n// end of l\n]\n\
        x: 1 + // plus\n2\nf: g(1, // arg\n// of 3\n3)\n\n// last\n";
    insta::assert_snapshot!(check(text).unwrap());
}

#[test]
fn empty_files_stay_empty() {
    assert_eq!(fmt(""), "");
    assert_eq!(fmt("\n\n"), "");
    assert_eq!(fmt("// c"), "// c\n");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_programs_keep_their_meaning(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let text = generate::program(&bytes);
        // A few of the programs are not in the grammar: `a` before a line with an operator, for instance.
        prop_assume!(parse(FileId(0), &text).1.is_empty());
        if let Err(e) = check(&text) {
            return Err(TestCaseError::fail(e));
        }
    }
}

/// Files that are not formatted as the reference formats them, and why.
const EXCEPTIONS: [(&str, &str); 1] =
    [("lang/eval/merge.txtar", "the reference moves a comment at the end of a struct out of it")];

#[test]
fn conformance_vectors() {
    let Some((dir, paths)) = vectors::archives() else { return };
    let (mut right, mut wrong) = (0, Vec::new());
    for path in &paths {
        let name = path.strip_prefix(&dir).unwrap().display().to_string();
        let (head, files) = vectors::sections(&std::fs::read_to_string(path).unwrap());
        if !head.contains("status: ok") {
            continue;
        }
        let sources = files.iter().filter(|(n, _)| n.ends_with(".cue") && !n.starts_with("expect/"));
        let same = sources.clone().all(|(n, text)| {
            let expected = format!("expect/fmt/{n}");
            let want = files.iter().find(|(n, _)| *n == expected).map_or(text, |(_, body)| body);
            let got = check(text).unwrap_or_else(|e| panic!("{name}: {n}: {e}"));
            got == *want
        });
        if same {
            right += 1;
        } else {
            wrong.push(name);
        }
    }
    let known: Vec<&str> = EXCEPTIONS.iter().map(|(name, _)| *name).collect();
    assert!(right > 0, "no archives in {}", dir.display());
    assert_eq!(wrong, known, "{right} archives are right");
}
