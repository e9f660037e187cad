//! How fast text becomes a tree, and a tree text: MB/s on generated programs. `cargo bench --bench parse`.

#![allow(missing_docs, reason = "criterion makes public functions without documentation")]

mod input;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use input::{json, services};
use std::hint::black_box;
use stepwell_lang::source::FileId;
use stepwell_lang::syntax;

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
