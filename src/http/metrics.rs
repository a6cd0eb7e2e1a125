//! `GET /metrics`: one message to the metrics actor, for clients that `[stats] allowed_ips` names.
//!
//! An actor that is gone, or does not answer in time, is a 503: an old value is never told.

use std::{io::Write, time::Duration};

use actix::Addr;
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{AcceptEncoding, CONTENT_ENCODING, CONTENT_TYPE, ContentEncoding, Encoding, Header, VARY},
    web::{self, Data},
};
use actors::metrics::{Format, Metrics, Scrape};
use flate2::{Compression, write::GzEncoder};

use super::{client, negotiation, server::Doorway};

/// A scraper waits ten seconds by default; it shall learn what is wrong before that.
const DEADLINE: Duration = Duration::from_secs(5);
/// What fits into one packet is not worth being compressed.
const SMALL: usize = 1400;

/// The metrics, or why there are none.
pub(super) async fn metrics(request: HttpRequest, doorway: Data<Doorway>) -> HttpResponse {
    let config = doorway.config.get();
    let client = client::address(&request, &config);
    if !client::covers(&config.stats_allowed, client) {
        log::warn!(client:%; "metrics refused, [stats] allowed_ips does not name this client");
        return HttpResponse::Forbidden().finish();
    }
    answer(&doorway.metrics, negotiation::format(&request), takes_gzip(&request)).await
}

async fn answer(metrics: &Addr<Metrics>, format: Format, gzip: bool) -> HttpResponse {
    let text = match metrics.send(Scrape { format }).timeout(DEADLINE).await {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => return unavailable(&error.to_string()),
        Err(error) => return unavailable(&error.to_string()),
    };
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, negotiation::content_type(format)));
    answer.insert_header((VARY, "Accept, Accept-Encoding"));
    if !gzip || text.len() < SMALL {
        return answer.body(text);
    }
    match web::block(move || compress(text.as_bytes())).await {
        Ok(Ok(bytes)) => answer.insert_header((CONTENT_ENCODING, "gzip")).body(bytes),
        Ok(Err(error)) => unavailable(&error.to_string()),
        Err(error) => unavailable(&error.to_string()),
    }
}

fn unavailable(error: &str) -> HttpResponse {
    log::error!(error; "metrics not rendered");
    HttpResponse::ServiceUnavailable().finish()
}

fn takes_gzip(request: &HttpRequest) -> bool {
    let offers = [Encoding::gzip(), Encoding::identity()];
    let accepted = AcceptEncoding::parse(request).ok();
    let chosen = accepted.and_then(|accepted| accepted.negotiate(offers.iter()));
    chosen == Some(Encoding::Known(ContentEncoding::Gzip))
}

fn compress(text: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::fast());
    encoder.write_all(text)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use actix::{AsyncContext, Context};
    use actix_web::{http::header::ACCEPT_ENCODING, test::TestRequest};

    use super::*;

    #[actix_rt::test]
    async fn an_actor_that_is_gone_is_a_503() {
        let gone = Context::<Metrics>::new().address();
        assert_eq!(answer(&gone, Format::Classic, false).await.status(), 503);
    }

    #[actix_rt::test]
    async fn an_actor_that_does_not_answer_is_a_503_before_the_scraper_gives_up() {
        tokio::time::pause();
        let stuck = Context::<Metrics>::new();
        let begun = tokio::time::Instant::now();
        assert_eq!(answer(&stuck.address(), Format::Classic, false).await.status(), 503);
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn gzip_is_for_those_who_ask_for_it() {
        let takes = |accept: &str| {
            takes_gzip(&TestRequest::default().insert_header((ACCEPT_ENCODING, accept)).to_http_request())
        };
        assert!(takes("gzip") && takes("deflate, gzip;q=0.5") && takes("gzip, br"));
        assert!(!takes("identity") && !takes("gzip;q=0") && !takes("br"));
        assert!(!takes_gzip(&TestRequest::default().to_http_request()));
    }
}
