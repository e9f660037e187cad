//! `util/string`: bytes as text.

use super::{Answer, Cx, Op, OpError, read};
use base64::Engine;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct ConvertString;

#[derive(Deserialize)]
struct Params {
    /// Bytes of the language are base64 in JSON.
    bt: String,
}

impl Op for ConvertString {
    fn provider(&self) -> &'static str {
        "util"
    }

    fn name(&self) -> &'static str {
        "string"
    }

    fn older(&self) -> &'static str {
        "string"
    }

    fn pure(&self) -> bool {
        true
    }

    fn local(&self) -> bool {
        true
    }

    fn doc(&self) -> &'static str {
        "Returns the bytes `bt` as the text `str`. What is not UTF-8 becomes the replacement character."
    }

    fn run<'a>(&'a self, _: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(params.bt)
                .map_err(|_| OpError::permanent("`bt` is no bytes"))?;
            Ok(Answer::one("str", json!(String::from_utf8_lossy(&bytes))))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::ops::support::cx::tests::nowhere;

    #[tokio::test]
    async fn bytes_become_text() {
        let run = async |bt: &str| {
            ConvertString.run(&nowhere(), Map::from_iter([("bt".to_string(), json!(bt))])).await
        };
        assert_eq!(run("aMOpbGxv").await.unwrap(), Answer::one("str", json!("h\u{e9}llo")));
        assert_eq!(run("/w==").await.unwrap(), Answer::one("str", json!("\u{fffd}")));
        assert_eq!(run("?").await.unwrap_err().message, "`bt` is no bytes");
    }
}
