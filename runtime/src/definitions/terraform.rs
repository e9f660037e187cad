//! Components that Terraform provides (`spec.schematic.terraform`): the template that renders a Configuration for the Terraform controller.
//!
//! The parameters are the variables of the configuration, found by their blocks where it stands in the definition, beside those of every such component.

use serde_json::Value as Json;
use std::fmt::Write;

/// The template of a schematic, as text of the language.
pub(super) fn template(schematic: &Json) -> String {
    let text = |name: &str| schematic.get(name).and_then(Json::as_str).unwrap_or_default();
    let quoted = |text: &str| Json::String(text.to_string()).to_string();
    let configuration = text("configuration");
    let source = match text("type") {
        "remote" => {
            let path = text("path");
            let path = if path.is_empty() { String::new() } else { format!("\t\tpath: {}\n", quoted(path)) };
            format!("\t\tremote: {}\n{path}", quoted(configuration))
        }
        _ => format!("\t\thcl: {}\n", quoted(configuration)),
    };
    let mut variables = String::new();
    for name in variables_of(configuration) {
        let _ = writeln!(variables, "\t{}?: _", quoted(name));
    }
    let default = |name: &str| {
        let reference = schematic.get(name).filter(|r| r.is_object());
        reference.map(|r| format!("*{r} | ")).unwrap_or_default()
    };
    let region = match text("customRegion") {
        "" => String::new(),
        region => format!("\tregion: *{} | string\n", quoted(region)),
    };
    let provider = match schematic.get("providerRef").is_some_and(Json::is_object) {
        true => format!("\tproviderRef: {}{{name: string, namespace?: string}}\n", default("providerRef")),
        false => "\tproviderRef?: {name: string, namespace?: string}\n".to_string(),
    };
    format!(
        "let own = [\"writeConnectionSecretToRef\", \"providerRef\", \"deleteResource\", \"region\", \"customRegion\", \"forceDelete\", \"gitCredentialsSecretReference\"]\n\
         let given = parameter\n\
         output: {{\n\tapiVersion: \"terraform.core.oam.dev/v1beta2\"\n\tkind: \"Configuration\"\n\tspec: {{\n{source}\
         \t\tdeleteResource: *parameter.deleteResource | true\n\
         \t\tvariable: {{for k, v in given if len([for o in own if o == k {{o}}]) == 0 {{(k): v}}}}\n\
         \t\tif parameter.writeConnectionSecretToRef != _|_ {{writeConnectionSecretToRef: {{\n\
         \t\t\tname: parameter.writeConnectionSecretToRef.name\n\
         \t\t\tnamespace: [if parameter.writeConnectionSecretToRef.namespace != _|_ {{parameter.writeConnectionSecretToRef.namespace}}, context.namespace][0]\n\t\t}}}}\n\
         \t\tif parameter.providerRef != _|_ {{providerRef: parameter.providerRef}}\n\
         \t\tif parameter.region != _|_ {{region: parameter.region}}\n\
         \t\tif parameter.forceDelete != _|_ {{forceDelete: parameter.forceDelete}}\n\t}}\n}}\n\
         parameter: {{\n{variables}\
         \twriteConnectionSecretToRef?: {{name: string, namespace?: string}}\n{provider}{region}\
         \tdeleteResource?: bool\n\tforceDelete?: bool\n\t...\n}}\n"
    )
}

/// The names of the variables that a configuration declares: `variable "NAME" {`.
fn variables_of(configuration: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for line in configuration.lines() {
        let Some(rest) = line.trim_start().strip_prefix("variable") else { continue };
        let Some((name, _)) = rest.trim_start().strip_prefix('"').and_then(|r| r.split_once('"')) else {
            continue;
        };
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_by_their_blocks() {
        let hcl = "resource \"a\" \"b\" {}\nvariable \"bucket\" {\n  type = string\n}\n  variable \"acl\"{}\nvariables = 1\nvariable \"bucket\" {}\n";
        assert_eq!(variables_of(hcl), ["bucket", "acl"]);
    }
}
