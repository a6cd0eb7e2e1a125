//! What is asked of the HTTP service, counted on its way through: by route and status, with the time it took.
//!
//! The routes are a closed set, so that nobody can make series by asking for odd paths.

use std::future::{Future, ready};

use actix_web::{
    Error,
    body::MessageBody,
    dev::{Service, ServiceRequest, ServiceResponse},
};
use futures_util::FutureExt;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};
use tokio::time::{Duration, Instant};

/// Bounds for the time that an answer takes.
const BOUNDS: [f64; 8] = [0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0];

/// Each route, with the answers that are usual there.
const ROUTES: [(&str, &[u16]); 5] = [
    ("welcome", &[200]),
    ("room", &[200, 400, 403, 404, 503]),
    ("metrics", &[200, 403, 503]),
    ("health", &[200, 503]),
    ("other", &[404]),
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    route: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: &'static str,
}

/// Counters of requests, shared by all workers.
#[derive(Debug, Clone)]
pub struct Traffic {
    requests: Family<Answer, Counter>,
    duration: Family<Route, Histogram, fn() -> Histogram>,
}

impl Traffic {
    /// Counters in a registry, at 0 for what is usual.
    pub fn register(registry: &mut Registry) -> Self {
        let traffic = Self {
            requests: Family::default(),
            duration: Family::new_with_constructor(|| Histogram::new(BOUNDS)),
        };
        registry.register(
            "recording_http_requests",
            "Requests that were answered, by route and status",
            traffic.requests.clone(),
        );
        registry.register_with_unit(
            "recording_http_request_duration",
            "Time that answers took, by route",
            Unit::Seconds,
            traffic.duration.clone(),
        );
        for (route, statuses) in ROUTES {
            drop(traffic.duration.get_or_create(&Route { route }));
            for status in statuses {
                drop(traffic.requests.get_or_create(&Answer { route, status: *status }));
            }
        }
        traffic
    }

    fn count(&self, route: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&Answer { route, status }).inc();
        self.duration.get_or_create(&Route { route }).observe(took.as_secs_f64());
    }
}

/// Passes a request on, and counts its answer.
pub(super) fn measured<S, B>(
    traffic: &Traffic,
    request: ServiceRequest,
    service: &S,
) -> impl Future<Output = Result<ServiceResponse<B>, Error>> + use<S, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let (traffic, begun) = (traffic.clone(), Instant::now());
    let route = route_of(request.match_pattern().as_deref());
    service.call(request).then(move |answer| {
        let status = match &answer {
            Ok(response) => response.status(),
            Err(error) => error.as_response_error().status_code(),
        };
        traffic.count(route, status.as_u16(), begun.elapsed());
        ready(answer)
    })
}

fn route_of(pattern: Option<&str>) -> &'static str {
    match pattern {
        Some("/api/v1/welcome") => "welcome",
        Some("/api/v1/room/{token}") => "room",
        Some("/metrics" | "/metrics/{rest:.*}") => "metrics",
        Some("/health") => "health",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_nobody_serves_makes_no_series_of_its_own() {
        assert_eq!(route_of(None), "other");
        assert_eq!(route_of(Some("/odd/{path}")), "other");
        assert_eq!(route_of(Some("/api/v1/room/{token}")), "room");
    }
}
