//! The embedded cluster answers the suite as the real API server did when it was recorded, but for
//! what `known-differences.yaml` allows. Needs no other program.

use std::time::Duration;

use stepwell_api_suite::{case, compare, data_dir, record, run};
use stepwell_cluster::{EmbeddedCluster, Options};

/// The embedded cluster does everything within moments.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn answers_as_the_real_server_does() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = EmbeddedCluster::in_memory(Options::default()).await?;
    let dir = data_dir();
    let known = compare::known(&dir)?;
    let (mut cases, mut differences) = (Vec::new(), Vec::new());
    for group in case::load(&dir)? {
        let answers = run::run(&cluster.client(), &group, PATIENCE).await?;
        differences.extend(compare::compare(&record::load(&dir, &group)?, &answers));
        cases.extend(answers.into_keys());
    }
    cluster.close().await;

    let report = compare::sort(&cases, differences, &known);
    for difference in &report.new {
        println!("{difference}\n");
    }
    for entry in &report.stale {
        println!("no longer differs: {} {}", entry.case, entry.path);
    }
    println!("{} cases passed, {} failed: {:?}", report.passed.len(), report.failed.len(), report.failed);
    assert!(report.failed.is_empty() && report.stale.is_empty(), "see the differences above");
    Ok(())
}
