//! Concrete data: what is left of a value when nothing in it is open any more. It is what standard functions take and give, and what
//! JSON, YAML and the other encodings are written from.

use crate::eval::expr::Scalar;
use crate::number::Number;
use crate::pkg::Kind;
use std::sync::Arc;

/// A concrete value. Structs keep the order of their fields.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// An integer or decimal number of any size.
    Number(Number),
    /// Text.
    String(Arc<str>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A list.
    List(Vec<Data>),
    /// A struct: labels are unique.
    Struct(Vec<(Arc<str>, Data)>),
}

impl Data {
    /// Text.
    pub fn string(text: impl Into<Arc<str>>) -> Data {
        Data::String(text.into())
    }

    /// An integer.
    pub fn int(n: impl Into<i64>) -> Data {
        Data::Number(Number::from(n.into()))
    }

    /// The name of the type, as messages say it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Data::Null => "null",
            Data::Bool(_) => "bool",
            Data::Number(n) if n.is_int() => "int",
            Data::Number(_) => "float",
            Data::String(_) => "string",
            Data::Bytes(_) => "bytes",
            Data::List(_) => "list",
            Data::Struct(_) => "struct",
        }
    }

    /// The kind of the value.
    pub fn kind(&self) -> Kind {
        match self {
            Data::Null => Kind::NULL,
            Data::Bool(_) => Kind::BOOL,
            Data::Number(n) if n.is_int() => Kind::INT,
            Data::Number(_) => Kind::FLOAT,
            Data::String(_) => Kind::STRING,
            Data::Bytes(_) => Kind::BYTES,
            Data::List(_) => Kind::LIST,
            Data::Struct(_) => Kind::STRUCT,
        }
    }

    /// Tells a value to a sink, part by part.
    pub(crate) fn tell(&self, sink: &mut dyn Sink) {
        match self {
            Data::List(items) => {
                sink.open(true, items.len());
                items.iter().for_each(|item| item.tell(sink));
                sink.close();
            }
            Data::Struct(fields) => {
                sink.open(false, fields.len());
                for (label, value) in fields {
                    sink.label(label);
                    value.tell(sink);
                }
                sink.close();
            }
            scalar => sink.scalar(scalar),
        }
    }

    /// The field of a struct.
    pub fn get(&self, label: &str) -> Option<&Data> {
        match self {
            Data::Struct(fields) => fields.iter().find(|(l, _)| &**l == label).map(|(_, v)| v),
            _ => None,
        }
    }
}

/// What a value is told to, part by part, so that a large one can be written without being held twice.
pub(crate) trait Sink {
    /// A value that is no list and no struct.
    fn scalar(&mut self, value: &Data);
    /// A list or a struct of so many values begins.
    fn open(&mut self, list: bool, len: usize);
    /// The label of the value that is told next.
    fn label(&mut self, label: &Arc<str>);
    /// The list or struct that began last is complete.
    fn close(&mut self);
    /// How many bytes it holds by now, roughly.
    fn held(&self) -> usize;
}

/// Makes data of what it is told.
#[derive(Default)]
pub(crate) struct Builder {
    /// What is not complete yet, with the label that its next value gets.
    open: Vec<(Data, Option<Arc<str>>)>,
    done: Option<Data>,
    held: usize,
}

impl Builder {
    /// What was told.
    pub(crate) fn finish(self) -> Data {
        self.done.unwrap_or(Data::Null)
    }

    fn add(&mut self, value: Data) {
        match self.open.last_mut() {
            Some((Data::List(items), _)) => items.push(value),
            Some((Data::Struct(fields), label)) => fields.extend(label.take().map(|label| (label, value))),
            _ => self.done = Some(value),
        }
    }
}

impl Sink for Builder {
    fn scalar(&mut self, value: &Data) {
        self.add(value.clone());
    }

    fn held(&self) -> usize {
        self.held
    }

    fn open(&mut self, list: bool, len: usize) {
        let empty = match list {
            true => Data::List(Vec::with_capacity(len)),
            false => Data::Struct(Vec::with_capacity(len)),
        };
        self.held += len * size_of::<(Arc<str>, Data)>();
        self.open.push((empty, None));
    }

    fn label(&mut self, label: &Arc<str>) {
        if let Some((_, next)) = self.open.last_mut() {
            *next = Some(label.clone());
        }
    }

    fn close(&mut self) {
        if let Some((value, _)) = self.open.pop() {
            self.add(value);
        }
    }
}

/// Data that is filled into evaluations often: cheap to clone, and taken apart in each of them only as far as it is looked at.
///
/// ```
/// use stepwell_lang::{Data, NoPackages, Path, Program, Shared, Source};
/// let program = Program::compile(vec![Source::new("a.cue", "in: _, out: in.cluster.name")], &NoPackages).unwrap();
/// let cluster = Shared::from(&Data::Struct(vec![("name".into(), "north".into())]));
/// let input = Shared::structure([("cluster".into(), cluster)]);
/// for _ in 0..2 {
///     let instance = program.instance();
///     instance.fill_shared(&Path::parse("in").unwrap(), &input).unwrap();
///     assert_eq!(instance.root().get("out").unwrap().as_str().as_deref(), Some("north"));
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Shared(pub(crate) Kept);

/// The parts of shared data.
#[derive(Clone, Debug)]
pub(crate) enum Kept {
    Scalar(Scalar),
    List(Arc<[Shared]>),
    Struct(Arc<[(Arc<str>, Shared)]>),
}

impl Shared {
    /// A struct of fields, whose labels must be unique.
    pub fn structure(fields: impl IntoIterator<Item = (Arc<str>, Shared)>) -> Shared {
        Shared(Kept::Struct(fields.into_iter().collect()))
    }

    /// A list.
    pub fn list(items: impl IntoIterator<Item = Shared>) -> Shared {
        Shared(Kept::List(items.into_iter().collect()))
    }

    /// Text.
    pub fn string(text: impl Into<Arc<str>>) -> Shared {
        Shared(Kept::Scalar(Scalar::String(text.into())))
    }
}

impl From<&Data> for Shared {
    fn from(data: &Data) -> Shared {
        Shared(match data {
            Data::Null => Kept::Scalar(Scalar::Null),
            Data::Bool(b) => Kept::Scalar(Scalar::Bool(*b)),
            Data::Number(n) => Kept::Scalar(Scalar::Number(n.clone())),
            Data::String(s) => Kept::Scalar(Scalar::String(s.clone())),
            Data::Bytes(b) => Kept::Scalar(Scalar::Bytes(b.clone())),
            Data::List(items) => Kept::List(items.iter().map(Shared::from).collect()),
            Data::Struct(fields) => {
                Kept::Struct(fields.iter().map(|(name, value)| (name.clone(), value.into())).collect())
            }
        })
    }
}

impl From<bool> for Data {
    fn from(b: bool) -> Data {
        Data::Bool(b)
    }
}

impl From<i64> for Data {
    fn from(n: i64) -> Data {
        Data::Number(n.into())
    }
}

impl From<Number> for Data {
    fn from(n: Number) -> Data {
        Data::Number(n)
    }
}

impl From<num_bigint::BigInt> for Data {
    fn from(n: num_bigint::BigInt) -> Data {
        Data::Number(n.into())
    }
}

impl From<&str> for Data {
    fn from(s: &str) -> Data {
        Data::String(s.into())
    }
}

impl From<String> for Data {
    fn from(s: String) -> Data {
        Data::String(s.into())
    }
}

impl From<Vec<u8>> for Data {
    fn from(b: Vec<u8>) -> Data {
        Data::Bytes(b.into())
    }
}

impl From<Vec<Data>> for Data {
    fn from(items: Vec<Data>) -> Data {
        Data::List(items)
    }
}
