//! In which format a scraper wants its text, by the header `Accept`.
//!
//! The format with the higher quality is taken, of two that are as good OpenMetrics. It must be asked for by its name: a
//! wildcard means the classic text, which everybody understands, and so does a header that names neither.

use actix_web::{
    HttpRequest,
    http::header::{ACCEPT, Quality, QualityItem},
    mime::Mime,
};
use actors::metrics::Format;

/// What the request asks for.
pub(super) fn format(request: &HttpRequest) -> Format {
    let accept = request.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    choose(&accept.collect::<Vec<_>>().join(","))
}

/// The header that names a format.
pub(super) fn content_type(format: Format) -> &'static str {
    match format {
        Format::Classic => "text/plain; version=0.0.4; charset=utf-8",
        Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
    }
}

fn choose(accept: &str) -> Format {
    let ranges = accept.split(',').filter_map(|range| range.trim().parse::<QualityItem<Mime>>().ok());
    let (mut open_metrics, mut classic) = (Quality::ZERO, Quality::ZERO);
    for QualityItem { item, quality } in ranges {
        if is_open_metrics(&item) {
            open_metrics = open_metrics.max(quality);
        } else if is_classic(&item) {
            classic = classic.max(quality);
        }
    }
    if open_metrics > Quality::ZERO && open_metrics >= classic {
        Format::OpenMetrics
    } else {
        Format::Classic
    }
}

/// The version that is written here, or any.
fn is_open_metrics(range: &Mime) -> bool {
    let version = range.get_param("version");
    range.essence_str() == "application/openmetrics-text" && version.is_none_or(|version| version == "1.0.0")
}

fn is_classic(range: &Mime) -> bool {
    let version = range.get_param("version");
    let is_text = matches!(range.essence_str(), "text/plain" | "text/*" | "*/*");
    is_text && version.is_none_or(|version| version == "0.0.4")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_gets_open_metrics_in_each_of_its_versions() {
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,\
                            application/openmetrics-text;version=0.0.1;q=0.75,\
                            text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                            application/openmetrics-text;version=0.0.1;q=0.4,\
                            text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
                            text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        let with_protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                             encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,\
                             text/plain;version=0.0.4;q=0.4,*/*;q=0.2";
        for accept in [prometheus_2, prometheus_3, with_protobuf] {
            assert_eq!(choose(accept), Format::OpenMetrics, "{accept}");
        }
    }

    #[test]
    fn the_higher_quality_wins_and_open_metrics_if_they_are_equal() {
        let open_metrics = "application/openmetrics-text";
        assert_eq!(choose(&format!("{open_metrics};q=0.4,text/plain;q=0.5")), Format::Classic);
        assert_eq!(choose(&format!("text/plain;q=0.5, {open_metrics}; q=0.6")), Format::OpenMetrics);
        assert_eq!(choose(&format!("text/plain;q=0.5,{open_metrics};q=0.5")), Format::OpenMetrics);
        assert_eq!(choose(&format!("*/*,{open_metrics};q=0.9")), Format::Classic);
    }

    #[test]
    fn everybody_else_gets_the_classic_text() {
        for accept in [
            "",
            "*/*",
            "text/html,application/xhtml+xml",
            "application/openmetrics-text; q=0.000",
            "application/openmetrics-text;version=0.0.1",
            "application/openmetrics-text;q=often",
            "\u{1F600}",
        ] {
            assert_eq!(choose(accept), Format::Classic, "{accept}");
        }
    }
}
