//! The table of the structure of built-in kinds (`cluster/schema/apply-schema.json`) against the
//! OpenAPI documents that the real server gives: it must be what `cargo xtask apply-schema` would
//! make of them.

use std::path::Path;

use kube::Client;
use serde_json::Value;

use crate::Result;
use crate::api_suite;
use crate::apply_schema::ApplySchema;

/// Compares, on a server that has no resource definitions of its own yet.
pub(crate) fn run(kubeconfig: &Path) -> Result<()> {
    let documents = tempfile::tempdir()?;
    api_suite::runtime()?.block_on(async {
        let client = api_suite::client(kubeconfig).await?;
        let index = get(&client, "/openapi/v3").await?;
        let paths = index["paths"].as_object().ok_or("/openapi/v3 has no paths")?;
        for (name, entry) in paths {
            let url = entry["serverRelativeURL"].as_str().ok_or("a document has no address")?;
            let document = get(&client, url).await?;
            std::fs::write(documents.path().join(name.replace('/', "__") + ".json"), document.to_string())?;
        }
        Ok::<_, crate::Error>(())
    })?;
    ApplySchema::check(documents.path()).run()
}

async fn get(client: &Client, path: &str) -> Result<Value> {
    Ok(client.request(http::Request::get(path).body(Vec::new())?).await?)
}
