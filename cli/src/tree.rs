//! The tree form of values (`eval --out tree`): every value with its kind, its default and its errors, as JSON. Tools that compare
//! evaluators read it; `tests/conformance` is checked with it.
//!
//! A struct is `{"struct": {LABEL: TREE}}` (`a?` and `a!` are fields without a value, which have only a kind), a list
//! `{"list": [TREE]}`. Text, truth values and null are themselves; numbers and bytes are `{"int": 1}`, `{"float": 1.5}`, `{"bytes": "..."}`.
//! What is not concrete is `{"kind": "int"}`, with its default if it has one; what cannot be evaluated yet is
//! `{"incomplete": "_|_"}`, what failed `{"error": "error"}` or `{"error": "structural-cycle"}`, also beside `"struct"`.

use stepwell_lang::data::Data;
use stepwell_lang::diag::Code;
use stepwell_lang::encode::json;
use stepwell_lang::pkg::Kind;
use stepwell_lang::syntax::ast::Constraint;
use stepwell_lang::{Value, Which};

/// The tree of a value, on one line.
pub(crate) fn write(value: Value<'_>) -> String {
    let mut out = String::new();
    tree(&mut out, value);
    out
}

fn tree(out: &mut String, value: Value<'_>) {
    let error = value.error();
    if let Some(e) = error.as_ref().filter(|e| incomplete(e.code)) {
        // An undecided disjunction or a struct with an unanswered part still has its kind or its fields.
        let open = matches!(e.code, Code::Ambiguous) || is_struct(value);
        if !open {
            return out.push_str(r#"{"incomplete":"_|_"}"#);
        }
    }
    let failed = error.filter(|e| !incomplete(e.code)).map(|e| match e.code {
        Code::StructuralCycle => "structural-cycle",
        _ => "error",
    });
    match (failed, value.default_value()) {
        (Some(failed), _) if !is_struct(value) => out.push_str(&format!(r#"{{"error":"{failed}"}}"#)),
        (None, Some(default)) => {
            out.push_str(&format!(r#"{{"kind":"{}","default":"#, kind_text(value.kind())));
            tree(out, default);
            out.push('}');
        }
        (failed, _) if is_struct(value) => {
            out.push_str(r#"{"struct":{"#);
            fields(out, value);
            out.push('}');
            if let Some(failed) = failed {
                out.push_str(&format!(r#","error":"{failed}""#));
            }
            out.push('}');
        }
        _ => match value.elements() {
            Some(elements) => {
                out.push_str(r#"{"list":["#);
                for (i, element) in elements.into_iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    tree(out, element);
                }
                out.push_str("]}");
            }
            None => scalar(out, value),
        },
    }
}

fn fields(out: &mut String, value: Value<'_>) {
    let all = Which { constraints: true, definitions: true, hidden: true };
    for (i, field) in value.fields(all).into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        let label = field.value.label();
        let mark = match field.constraint {
            Constraint::Optional => "?",
            Constraint::Required => "!",
            Constraint::Regular => "",
        };
        json::write_string(out, &format!("{label}{mark}"));
        out.push(':');
        match mark {
            "" => tree(out, field.value),
            _ => kind(out, field.value),
        }
    }
}

/// A scalar, or what is known of a value that is not concrete.
fn scalar(out: &mut String, value: Value<'_>) {
    if !value.is_concrete() {
        return kind(out, value);
    }
    match value.data() {
        Ok(Data::Number(n)) => {
            let name = if n.is_int() { "int" } else { "float" };
            out.push_str(&format!(r#"{{"{name}":{}}}"#, json::compact(&Data::Number(n))));
        }
        Ok(Data::Bytes(bytes)) => {
            out.push_str(r#"{"bytes":"#);
            json::write_string(out, &stepwell_lang::encode::text_of(&bytes));
            out.push('}');
        }
        Ok(data) => out.push_str(&json::compact(&data)),
        Err(_) => out.push_str(r#"{"error":"error"}"#),
    }
}

fn kind(out: &mut String, value: Value<'_>) {
    out.push_str(&format!(r#"{{"kind":"{}"}}"#, kind_text(value.kind())));
}

fn is_struct(value: Value<'_>) -> bool {
    value.kind() == Kind::STRUCT && value.is_concrete()
}

/// Whether an error only says that something is not known yet.
fn incomplete(code: Code) -> bool {
    matches!(code, Code::Incomplete | Code::Ambiguous | Code::Required | Code::Cycle)
}

/// A set of kinds in words: one bare, several in parentheses, all of them `_`.
pub(crate) fn kind_text(kind: Kind) -> String {
    if kind == Kind::TOP {
        return "_".into();
    }
    if kind.is_bottom() {
        return "_|_".into();
    }
    let number = kind.contains(Kind::NUMBER);
    let names = [
        (Kind::NULL, "null"),
        (Kind::BOOL, "bool"),
        (Kind::INT, "int"),
        (Kind::FLOAT, "float"),
        (Kind::STRING, "string"),
        (Kind::BYTES, "bytes"),
        (Kind::LIST, "list"),
        (Kind::STRUCT, "struct"),
        (Kind::NUMBER, "number"),
    ];
    let has = |k: Kind| match k {
        Kind::INT | Kind::FLOAT => kind.contains(k) && !number,
        _ => kind.contains(k),
    };
    let words: Vec<_> = names.iter().filter(|(k, _)| has(*k)).map(|(_, w)| *w).collect();
    match words.as_slice() {
        [one] => (*one).into(),
        several => format!("({})", several.join("|")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_said_as_the_language_says_them() {
        let said = |k| kind_text(k);
        assert_eq!(said(Kind::INT), "int");
        assert_eq!(said(Kind::NUMBER), "number");
        assert_eq!(said(Kind::INT.or(Kind::STRING)), "(int|string)");
        assert_eq!(said(Kind::NULL.or(Kind::STRUCT)), "(null|struct)");
        assert_eq!(said(Kind::NUMBER.or(Kind::NULL)), "(null|number)");
        assert_eq!(said(Kind::LIST.or(Kind::STRUCT)), "(list|struct)");
        assert_eq!(said(Kind::TOP), "_");
        assert_eq!(said(Kind::BOTTOM), "_|_");
    }
}
