//! The body of an answer over HTTP, read as it comes and no further than a limit: what is longer is given up, not kept in memory.

use http::HeaderMap;
use http_body_util::BodyExt;

/// Why there is no body.
pub(crate) enum Fault {
    /// It has broken off.
    Broken(reqwest::Error),
    /// It is longer than allowed.
    TooLong,
}

/// Reads a body of at most so many bytes, with the trailers after it. One that says in advance that it is longer is not read at all.
pub(crate) async fn read(
    answer: reqwest::Response,
    limit: usize,
) -> Result<(Vec<u8>, Option<HeaderMap>), Fault> {
    if answer.content_length().is_some_and(|length| length > limit as u64) {
        return Err(Fault::TooLong);
    }
    let (mut body, mut trailers) = (Vec::new(), None);
    let mut frames = reqwest::Body::from(answer);
    while let Some(frame) = frames.frame().await {
        match frame.map_err(Fault::Broken)?.into_data() {
            Ok(data) if body.len() + data.len() > limit => return Err(Fault::TooLong),
            Ok(data) => body.extend_from_slice(&data),
            Err(other) => trailers = other.into_trailers().ok().or(trailers),
        }
    }
    Ok((body, trailers))
}

/// A number of bytes for people.
pub(crate) fn size(bytes: usize) -> String {
    match bytes {
        n if n > 0 && n.is_multiple_of(1 << 20) => format!("{} MiB", n >> 20),
        n if n > 0 && n.is_multiple_of(1 << 10) => format!("{} KiB", n >> 10),
        n => format!("{n} bytes"),
    }
}
