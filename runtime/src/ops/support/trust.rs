//! Whether a server is trusted, and how far what is secret follows it.

use reqwest::redirect::Policy;

/// How many redirects a call follows.
const MOST: usize = 10;

/// Whether an error comes from a certificate that nobody vouches for: trying again will not help.
pub(crate) fn is_untrusted(e: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(e), |e| match e.downcast_ref::<std::io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static)),
        None => e.source(),
    });
    causes.any(|e| matches!(e.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))))
}

/// Follows redirects on the same server alone; one that leads elsewhere is the answer.
pub(crate) fn same_server() -> Policy {
    Policy::custom(|attempt| {
        let same = attempt.previous().last().is_some_and(|last| last.origin() == attempt.url().origin());
        match same {
            true if attempt.previous().len() > MOST => attempt.error("too many redirects"),
            true => attempt.follow(),
            false => attempt.stop(),
        }
    })
}
