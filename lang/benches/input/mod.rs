//! Generated texts to measure with.

use std::fmt::Write;

/// Services as platform teams write them: definitions, structs, defaults, comments, interpolations, comprehensions.
pub(crate) fn services(n: usize) -> String {
    let mut text = String::from("package services\n\nimport \"strings\"\n\n");
    for i in 0..n {
        let _ = write!(
            text,
            "// service-{i} answers requests.\nservices: \"service-{i}\": #Service & {{\n\t// +usage=How many\n\treplicas: *{i} | int & >=1 & <=100\n\t\
             image:    \"registry.example.com/team/service-{i}:v1.{i}.0\" // pinned\n\tports: [{{name: \"http\", port: 8080}}, {{name: \"metrics\", port: 9090}}]\n\t\
             labels: {{\n\t\tapp:  \"service-{i}\"\n\t\ttier: strings.ToUpper(\"t\\(replicas + 1)\")\n\t}}\n\tif replicas > 1 {{\n\t\tstrategy: type: \"RollingUpdate\"\n\t}}\n\t\
             env: [for k, v in labels {{name: k, value: v}}]\n}}\n\n"
        );
    }
    text
}

/// The same shape as data: JSON.
pub(crate) fn json(n: usize) -> String {
    let mut text = String::from("[");
    for i in 0..n {
        let _ = write!(
            text,
            "{}\n  {{\"name\": \"service-{i}\", \"replicas\": {i}, \"image\": \"registry.example.com/team/service-{i}:v1\", \"ports\": [8080, 9090], \"on\": true, \"x\": null}}",
            if i == 0 { "" } else { "," }
        );
    }
    text.push_str("\n]\n");
    text
}
