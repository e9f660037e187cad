//! The types of files: what their names say, what a qualifier such as `openapi+yaml` says, and the values in them.

use crate::api::{Placed, Refusal};
use crate::data::Data;
use crate::encode::{DecodeError, json, toml, yaml};
use crate::source::Source;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// The language.
    Cue,
    /// One JSON value, or several one after the other.
    Json,
    /// JSON values, one a line.
    JsonLines,
    /// YAML documents.
    Yaml,
    /// TOML.
    Toml,
    /// A text.
    Text,
    /// Protocol buffers: only `import` reads them.
    Proto,
    /// Bytes.
    Binary,
}

/// What the values of a file are taken for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interpretation {
    /// Themselves.
    #[default]
    Data,
    /// A JSON Schema.
    JsonSchema,
    /// An OpenAPI document.
    OpenApi,
    /// Custom resource definitions of Kubernetes.
    Crd,
    /// What its fields say it is.
    Auto,
}

const NAMES: &[(&str, FileType)] = &[
    ("cue", FileType::Cue),
    ("json", FileType::Json),
    ("jsonl", FileType::JsonLines),
    ("yaml", FileType::Yaml),
    ("toml", FileType::Toml),
    ("text", FileType::Text),
    ("proto", FileType::Proto),
    ("binary", FileType::Binary),
];

const INTERPRETATIONS: &[(&str, Interpretation)] = &[
    ("data", Interpretation::Data),
    ("jsonschema", Interpretation::JsonSchema),
    ("openapi", Interpretation::OpenApi),
    ("crd", Interpretation::Crd),
    ("auto", Interpretation::Auto),
];

/// The largest JSON text whose places are kept.
const LARGEST_PLACED: usize = 8 << 20;

impl FileType {
    /// The type that a file's name tells.
    pub fn of_name(name: &str) -> Option<FileType> {
        let extension = name.rsplit('/').next()?.rsplit_once('.')?.1;
        Some(match extension {
            "cue" => FileType::Cue,
            "json" => FileType::Json,
            "jsonl" | "ndjson" => FileType::JsonLines,
            "yaml" | "yml" => FileType::Yaml,
            "toml" => FileType::Toml,
            "txt" => FileType::Text,
            "proto" => FileType::Proto,
            _ => return None,
        })
    }

    /// Reads a qualifier without its colon: `yaml`, `openapi`, `jsonschema+yaml`.
    pub fn parse(text: &str) -> Result<(Option<FileType>, Interpretation), Refusal> {
        let (mut form, mut interpretation) = (None, Interpretation::Data);
        for part in text.split('+') {
            if let Some((_, f)) = NAMES.iter().find(|(n, _)| *n == part) {
                form = Some(*f);
            } else if let Some((_, i)) = INTERPRETATIONS.iter().find(|(n, _)| *n == part) {
                interpretation = *i;
            } else if !matches!(part, "schema" | "graph") {
                let names = NAMES.iter().map(|n| n.0).chain(INTERPRETATIONS.iter().map(|n| n.0));
                let refusal = Refusal::new(format!("unknown file type {part:?}"));
                return Err(match crate::text::nearest(part, names.clone()) {
                    Some(near) => refusal.hint(format!("did you mean {near}?")),
                    None => refusal.hint(format!("there are: {}", names.collect::<Vec<_>>().join(", "))),
                });
            }
        }
        Ok((form, interpretation))
    }

    /// The values in a file, with their places. An empty file has none.
    pub fn decode(self, name: &str, bytes: &[u8]) -> Result<Vec<Placed>, DecodeError> {
        if self == FileType::Binary {
            return Ok(vec![Data::Bytes(bytes.into()).into()]);
        }
        if self == FileType::Proto {
            let message = format!(
                "{name} holds protocol buffers: `stepwell import proto {name}` makes definitions of it"
            );
            return Err(DecodeError { line: 1, column: 1, message });
        }
        let text = std::str::from_utf8(bytes).map_err(|e| {
            let valid = String::from_utf8_lossy(&bytes[..e.valid_up_to()]);
            let (line, column) = crate::encode::line_column(&valid, valid.len());
            DecodeError { line, column, message: format!("{name} is not UTF-8 text") }
        })?;
        let source = Source::new(name, text);
        let placed = |data, places| Placed { data, source: Some(source.clone()), places };
        let documents = || yaml::parse_documents(text, yaml::Rules::Language);
        Ok(match self {
            FileType::Text => vec![placed(text.into(), None)],
            FileType::Toml => {
                let document = toml::parse_document(text)?;
                vec![placed(document.data, Some(document.positions))]
            }
            FileType::Yaml => documents()?.into_iter().map(|d| placed(d.data, Some(d.positions))).collect(),
            FileType::Json | FileType::JsonLines | FileType::Cue | FileType::Proto | FileType::Binary => {
                let values = json::parse_stream(text)?;
                // JSON is YAML too, as far as the places of its parts go. What is large is read once only.
                let places = match values.len() {
                    1 if text.len() <= LARGEST_PLACED => {
                        documents().ok().and_then(|mut d| d.pop()).map(|d| d.positions)
                    }
                    _ => None,
                };
                values.into_iter().map(|data| placed(data, places.clone())).collect()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_qualifiers() {
        assert_eq!(FileType::of_name("a.b/c.yml"), Some(FileType::Yaml));
        assert_eq!(FileType::of_name("a.b/c"), None);
        assert_eq!(FileType::parse("openapi+yaml"), Ok((Some(FileType::Yaml), Interpretation::OpenApi)));
        let refusal = FileType::parse("jsonshema").unwrap_err();
        assert_eq!(refusal.hint.as_deref(), Some("did you mean jsonschema?"));
    }

    #[test]
    fn values_have_their_places() {
        let found = FileType::Json.decode("a.json", b"{\"a\":\n  [1, 2]}").unwrap();
        let place = found[0].places.as_ref().unwrap().get(&["a", "1"]).unwrap();
        assert_eq!((place.line, place.column), (2, 7));
        let found = FileType::Toml.decode("a.toml", b"[a]\nb = 1\n").unwrap();
        let place = found[0].places.as_ref().unwrap().get(&["a", "b"]).unwrap();
        assert_eq!((place.line, place.column, place.key), (2, 5, Some((2, 1))));
        assert_eq!(FileType::JsonLines.decode("a.jsonl", b"1\n2\n").unwrap().len(), 2);
        assert_eq!(FileType::Yaml.decode("a.yaml", b"1\n---\n2\n").unwrap().len(), 2);
        let e = FileType::Yaml.decode("a.yaml", b"a: 1\nb\xff").unwrap_err();
        assert_eq!((e.line, e.column), (2, 2));
    }
}
