//! How fast text becomes a tree, and a tree text: MB/s on generated programs. `cargo bench -p stepwell-lang --bench parse`.

#![allow(missing_docs, reason = "criterion makes public functions without documentation")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::fmt::Write;
use std::hint::black_box;
use stepwell_lang::source::FileId;
use stepwell_lang::syntax;

/// Services as platform teams write them: definitions, structs, defaults, comments, interpolations, comprehensions.
fn services(n: usize) -> String {
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
fn json(n: usize) -> String {
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

fn parse(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse");
    group.sample_size(20);
    for (name, text) in [("services", services(1_000)), ("json", json(4_000))] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |b| b.iter(|| syntax::parse(FileId(0), black_box(&text))));
    }
    group.finish();
}

fn format(c: &mut Criterion) {
    let text = services(1_000);
    let (file, mistakes) = syntax::parse(FileId(0), &text);
    assert!(mistakes.is_empty());
    let mut group = c.benchmark_group("format");
    group.sample_size(20);
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("services", |b| b.iter(|| syntax::fmt::format(black_box(&file))));
    group.finish();
}

criterion_group!(benches, parse, format);
criterion_main!(benches);
