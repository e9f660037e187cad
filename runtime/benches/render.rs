//! How long rendering takes, warm: the library is there, its templates are compiled.
//!
//! `cargo bench --bench render`. The figures in the README come from here.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use stepwell_runtime::definitions::{Library, vet};
use stepwell_runtime::model::application::Application;
use stepwell_runtime::render::{self, RenderOptions};

fn component(name: &str) -> String {
    format!(
        "  - name: {name}\n    type: webservice\n    properties: {{image: \"shop:1\", ports: [{{port: 80, expose: true}}], cpu: \"0.5\", memory: 128Mi}}\n    traits:\n    - {{type: scaler, properties: {{replicas: 3}}}}\n    - {{type: labels, properties: {{team: shop}}}}\n    - {{type: sidecar, properties: {{name: proxy, image: \"proxy:1\"}}}}\n"
    )
}

fn application(components: usize) -> String {
    let all: String = (0..components).map(|i| component(&format!("shop-{i}"))).collect();
    format!(
        "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: market}}\nspec:\n  components:\n{all}"
    )
}

fn rendering(c: &mut Criterion) {
    let library = Library::builtin();
    let options = RenderOptions::default();
    for (name, n) in [("webservice and 3 traits", 1), ("50 components with 3 traits", 50)] {
        let app = Application::from_text("app.yaml", &application(n)).unwrap();
        c.bench_function(name, |b| {
            b.iter(|| render::application(&library, black_box(&app), &options).unwrap())
        });
    }
    let text = application(1);
    c.bench_function("read an Application", |b| {
        b.iter(|| Application::from_text("app.yaml", black_box(&text)).unwrap())
    });
    c.bench_function("load, compile and vet the library", |b| {
        b.iter(|| {
            let library = Library::builtin_with(std::sync::Arc::new(stepwell_runtime::stdlib::Stdlib));
            for d in library.iter() {
                vet(&library, d).unwrap();
            }
        });
    });
}

criterion_group!(benches, rendering);
criterion_main!(benches);
