//! `GET /metrics`: one message to the metrics actor, for clients that `[stats] allowed_ips` names.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{ACCEPT, CONTENT_TYPE},
    web::Data,
};
use actors::metrics::{Format, Scrape};

use super::{client, server::Doorway};

/// A scraper waits ten seconds by default; it shall learn what is wrong before that.
const DEADLINE: Duration = Duration::from_secs(5);

/// The metrics, or why there are none.
pub(super) async fn metrics(request: HttpRequest, doorway: Data<Doorway>) -> HttpResponse {
    let client = client::address(&request, &doorway.config);
    if !client::covers(&doorway.config.stats_allowed, client) {
        log::warn!(client:%; "metrics refused, [stats] allowed_ips does not name this client");
        return HttpResponse::Forbidden().finish();
    }
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = negotiate(accept);
    match doorway.metrics.send(Scrape { format }).timeout(DEADLINE).await {
        Ok(Ok(text)) => HttpResponse::Ok().insert_header((CONTENT_TYPE, content_type(format))).body(text),
        Ok(Err(error)) => unavailable(&error.to_string()),
        Err(error) => unavailable(&error.to_string()),
    }
}

fn unavailable(error: &str) -> HttpResponse {
    log::error!(error; "metrics not rendered");
    HttpResponse::ServiceUnavailable().finish()
}

/// OpenMetrics for those that ask for it by name, the classic format for everybody else.
fn negotiate(accept: &str) -> Format {
    let wants_open_metrics = accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        parts.next() == Some("application/openmetrics-text") && !parts.any(rules_out)
    });
    if wants_open_metrics { Format::OpenMetrics } else { Format::Classic }
}

/// A quality of 0 means "never".
fn rules_out(parameter: &str) -> bool {
    let quality = parameter.strip_prefix("q=").and_then(|quality| quality.parse::<f32>().ok());
    quality.is_some_and(|quality| quality <= 0.0)
}

fn content_type(format: Format) -> &'static str {
    match format {
        Format::Classic => "text/plain; version=0.0.4; charset=utf-8",
        Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_gets_open_metrics() {
        let accept = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                      text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(negotiate(accept), Format::OpenMetrics);
    }

    #[test]
    fn everybody_else_gets_the_classic_text() {
        for accept in ["", "*/*", "text/html,application/xhtml+xml", "application/openmetrics-text; q=0.000"]
        {
            assert_eq!(negotiate(accept), Format::Classic, "{accept}");
        }
    }
}
