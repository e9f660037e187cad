//! `text/template`: Go's templates, by the gotmpl crate. What a template may write, and how often it may loop, is bounded.

use crate::data::Data;
use crate::pkg::args::{MAX_TEXT, Res, functions, text};
use crate::pkg::{CallError, Package, html};
use gotmpl::parse::ListNode;
use gotmpl::{Template, TemplateError, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many turns the loops of a template may take.
const MAX_TURNS: u64 = 1_000_000;
/// How many times a template may call others.
const MAX_CALLS: u64 = 100_000;
/// The function that counts the calls: a name that no template has for itself.
const COUNT: &str = "count_of_template_calls";

/// A text that refuses to grow beyond the limit.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        if self.0.len() + s.len() > MAX_TEXT {
            return Err(fmt::Error);
        }
        self.0.push_str(s);
        Ok(())
    }
}

fn value(data: &Data) -> Value {
    match data {
        Data::Null => Value::Nil,
        Data::Bool(b) => Value::Bool(*b),
        Data::Number(n) => match n.to_i64() {
            Some(i) => Value::Int(i),
            None if n.is_int() => Value::String(n.to_string().into()),
            None => Value::Float(n.to_f64()),
        },
        Data::String(s) => Value::String(s.clone()),
        Data::Bytes(b) => Value::List(b.iter().map(|b| Value::Int(i64::from(*b))).collect()),
        Data::List(items) => Value::List(items.iter().map(value).collect()),
        Data::Struct(fields) => {
            let map: BTreeMap<Arc<str>, Value> = fields.iter().map(|(l, v)| (l.clone(), value(v))).collect();
            Value::Map(Arc::new(map))
        }
    }
}

fn execute(source: &str, data: &Data) -> Res {
    let fail = |error: TemplateError| CallError(error.to_string());
    let mut template = Template::new("").max_range_iters(MAX_TURNS);
    if source.contains("%T") {
        template = template.func("printf", |args| typed(args).map(|text| Value::String(text.into())));
    }
    let template = counted(template, source).map_err(fail)?;
    let mut out = Bounded(String::new());
    template.execute_fmt(&mut out, &value(data)).map_err(fail)?;
    Ok(out.0.into())
}

/// Reads a template in which every definition begins by counting that it was called: the crate bounds only how deep calls go.
fn counted(template: Template, source: &str) -> gotmpl::Result<Template> {
    let calls = AtomicU64::new(0);
    let count = move |_: &[Value]| match calls.fetch_add(1, Ordering::Relaxed) {
        MAX_CALLS.. => Err(TemplateError::Exec(format!("more than {MAX_CALLS} calls of templates"))),
        _ => Ok(Value::String("".into())),
    };
    let mut template = template.func(COUNT, count).parse(source)?;
    let names: Vec<String> = template.templates().into_iter().map(str::to_owned).collect();
    if names.is_empty() {
        return Ok(template);
    }
    let step = format!("{{{{define \"step\"}}}}{{{{{COUNT}}}}}{{{{end}}}}");
    let step = Template::new("").func(COUNT, |_| Ok(Value::Nil)).parse(&step)?;
    for name in names {
        if let (Some(tree), Some(step)) = (template.lookup(&name).cloned(), step.lookup("step")) {
            let nodes = step.nodes.iter().cloned().chain(tree.nodes).collect();
            template = template.add_parse_tree(&name, ListNode { pos: tree.pos, nodes });
        }
    }
    Ok(template)
}

/// `printf` with the verb `%T`, which the crate does not know: the name of a value's type, as Go has it.
fn typed(args: &[Value]) -> gotmpl::Result<String> {
    let mut args = args.to_vec();
    if let Some(Value::String(format)) = args.first().cloned() {
        let (mut changed, mut next) = (String::new(), 1);
        let mut verb = false;
        for c in format.chars() {
            verb = match c {
                '%' => !verb,
                '*' if verb => {
                    next += 1;
                    true
                }
                'T' if verb => {
                    if let Some(arg) = args.get_mut(next) {
                        *arg = Value::String(type_name(arg).into());
                        changed.push('s');
                        next += 1;
                        verb = false;
                        continue;
                    }
                    false
                }
                c if verb && c.is_alphabetic() => {
                    next += 1;
                    false
                }
                _ => verb,
            };
            changed.push(c);
        }
        args[0] = Value::String(changed.into());
    }
    let places: String = (0..args.len()).map(|i| format!(" (index . {i})")).collect();
    Template::new("").parse(&format!("{{{{printf{places}}}}}"))?.execute_to_string(&Value::List(args.into()))
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Nil => "<nil>",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int64",
        Value::Uint(_) => "uint64",
        Value::Float(_) => "float64",
        Value::List(_) => "[]interface {}",
        Value::Map(_) => "map[string]interface {}",
        _ => "string",
    }
}

fn escape_js(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", c as u32)),
            c if (c.is_control() && c != '\u{7f}')
                || matches!(c, '\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}') =>
            {
                out.push_str(&format!("\\u{:04X}", c as u32));
            }
            c => out.push(c),
        }
    }
    out
}

/// The package.
pub(in crate::pkg) static PACKAGE: Package = Package {
    path: "text/template",
    functions: functions! {
        /// The text that a template makes of data.
        Execute(templ: STRING, data: TOP) -> STRING = |a| execute(text(a, 0)?, a.get(1).unwrap_or(&Data::Null));
        /// The text with the characters that mean something in HTML written as entities.
        HTMLEscape(s: STRING) -> STRING = |a| Ok(html::escape(text(a, 0)?).into());
        /// The text as the inside of a JavaScript string.
        JSEscape(s: STRING) -> STRING = |a| Ok(escape_js(text(a, 0)?).into());
    },
    constants: &[],
    source: "",
};

#[cfg(test)]
mod tests {
    use crate::pkg::args::{call, check};

    #[test]
    fn functions() {
        check(
            "text/template",
            r#"
            Execute("{{.}}-{{.}}", "foo") => "foo-foo"
            Execute("{{.a}} {{range .l}}{{.}},{{end}}", {"a": 1, "l": [1, "x"]}) => "1 1,x,"
            Execute("{{.b}} {{printf \"%d %v\" .n .f}}", {"n": 5, "f": 1.5}) => "<no value> 5 1.5"
            Execute("{{.}}", 123456789012345678901234567890) => "123456789012345678901234567890"
            Execute("{{printf \"%T %5T|%T %d %T\" .i .s .l .i .m}}", {"i": 1, "s": "a", "l": [1], "m": {}}) => "int64 string|[]interface {} 1 map[string]interface {}"
            Execute("{{printf \"%%T %*d %T %T\" 3 .i .f .n}}", {"i": 1, "f": 1.5, "n": null}) => "%T   1 float64 <nil>"
            HTMLEscape("<a>&'\"") => "&lt;a&gt;&amp;&#39;&#34;"
            JSEscape("<a>&'\"\n=é") => "\\u003Ca\\u003E\\u0026\\'\\\"\\u000A\\u003Dé"
            "#,
        );
        assert!(call("text/template", "Execute", r#""{{.a", {"a": 1}"#).starts_with("! template: "));
    }

    #[test]
    fn hostile_templates_end() {
        let endless = r#""{{define \"x\"}}{{template \"x\" .}}{{end}}{{template \"x\" .}}", 1"#;
        assert!(call("text/template", "Execute", endless).starts_with("! "));
        assert!(call("text/template", "Execute", r#""{{range 100000000000}}x{{end}}", 1"#).starts_with("! "));
        let twice = |i: usize| {
            let inner = i - 1;
            format!(
                r#"{{{{define \"t{i}\"}}}}{{{{template \"t{inner}\"}}}}{{{{template \"t{inner}\"}}}}{{{{end}}}}"#
            )
        };
        let doubling: String = (1..60).map(twice).collect();
        let text = format!(
            r#""{{{{define \"t0\"}}}}x{{{{end}}}}{doubling}{{{{template \"t5\"}}}}{{{{template \"t59\"}}}}", 1"#
        );
        assert!(call("text/template", "Execute", &text).contains("more than 100000 calls of templates"));
        let text = text.replace(r#"{{template \"t59\"}}"#, "");
        assert_eq!(call("text/template", "Execute", &text), format!("{:?}", "x".repeat(32)));
    }
}
