//! `encoding/yaml`.

use crate::data::Data;
use crate::encode::yaml::{self, Rules};
use crate::pkg::args::{check_text, functions, list, utf8};
use crate::pkg::{CallError, Package};

fn invalid(error: yaml::YamlError) -> CallError {
    CallError(error.to_string())
}

/// Whether `given` is what [`PACKAGE`]'s function `name` gives for a text without any document, not even `null`.
pub(crate) fn is_of_nothing(path: &str, name: &str, args: &[Data], given: &Data) -> bool {
    let null = match given {
        Data::List(items) => matches!(items.as_slice(), [Data::Null]),
        other => *other == Data::Null,
    };
    null && path == PACKAGE.path
        && matches!(name, "Unmarshal" | "UnmarshalStream")
        && utf8(args, 0).is_ok_and(|text| {
            yaml::parse_documents(text, Rules::Language).is_ok_and(|documents| documents.is_empty())
        })
}

fn documents(text: &str) -> Result<Vec<Data>, CallError> {
    let documents = yaml::parse_documents(text, Rules::Language).map_err(invalid)?;
    // An empty stream is one document of nothing.
    if documents.is_empty() {
        return Ok(vec![Data::Null]);
    }
    Ok(documents.into_iter().map(|d| d.data).collect())
}

/// The package.
pub(in crate::pkg) static PACKAGE: Package = Package {
    path: "encoding/yaml",
    functions: functions! {
        /// The value as YAML.
        Marshal(v: TOP) -> STRING = |a| {
            let out = yaml::write(a.first().unwrap_or(&Data::Null));
            check_text(out.len())?;
            Ok(out.into())
        };
        /// The items of the list as YAML documents.
        MarshalStream(v: LIST) -> STRING = |a| {
            let out = yaml::write_stream(list(a, 0)?);
            check_text(out.len())?;
            Ok(out.into())
        };
        /// The value of a text of one YAML document.
        Unmarshal(data: TEXT) -> TOP = |a| yaml::parse(utf8(a, 0)?, Rules::Language).map_err(invalid);
        /// The values of all YAML documents of a text.
        UnmarshalStream(data: TEXT) -> LIST = |a| documents(utf8(a, 0)?).map(Data::List);
        /// Whether every document of the YAML text matches a schema and is concrete with it.
        Validate(b: TEXT, v: TOP) -> BOOL;
        /// Whether every document of the YAML text matches a schema; the result need not be concrete.
        ValidatePartial(b: TEXT, v: TOP) -> BOOL;
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
            "encoding/yaml",
            r#"
            Marshal({"a": 1, "b": [1, {"c": 2, "d": [3]}], "f": "x\ny", "h": [[1, 2], [3]]}) => "a: 1\nb:\n  - 1\n  - c: 2\n    d:\n      - 3\n\"f\": |-\n  x\n  y\nh:\n  - - 1\n    - 2\n  - - 3\n"
            MarshalStream([{"a": 1}, 2, "x"]) => "a: 1\n---\n2\n---\nx\n"
            MarshalStream([]) => ""
            Unmarshal("a: [1, 2]") => {"a":[1,2]}
            Unmarshal("") => null
            Unmarshal("1\n---\n2") => ! 3:1: expected a single document, found another one
            UnmarshalStream("1\n---\n---\n2") => [1,null,2]
            UnmarshalStream("") => [null]
            "#,
        );
    }
}
