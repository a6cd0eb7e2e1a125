//! `GET /health`: whether this server takes starts, for container health checks and load balancers.
//!
//! Everybody hears one word. Clients that `[stats] allowed_ips` names hear more, but no name of a backend or a room.

use std::time::Duration;

use actix::Recipient;
use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::CACHE_CONTROL},
    web::Data,
};
use actors::{
    metrics,
    recorder::{Census, RecordingState},
    recording::Phase,
    supervisor,
};
use serde::Serialize;
use tokio::time::timeout;

use super::{client, server::Doorway};

/// Health checks themselves give up after a few seconds.
const DEADLINE: Duration = Duration::from_secs(2);

/// Details are no reason to keep a health check waiting.
const PATIENCE_WITH_DETAILS: Duration = Duration::from_millis(500);

/// How the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// It takes starts.
    Ok,
    /// It is about to end, and takes none.
    Draining,
    /// An actor that everybody needs does not answer.
    Stuck,
}

impl Status {
    fn code(self) -> StatusCode {
        match self {
            Self::Ok => StatusCode::OK,
            Self::Draining | Self::Stuck => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

#[derive(Debug, Serialize)]
struct Health {
    status: Status,
    #[serde(flatten)]
    details: Option<Details>,
}

/// For those who may read the metrics, too.
#[derive(Debug, Serialize)]
struct Details {
    version: &'static str,
    /// Missing where a recorder does not answer in time.
    recordings: Option<Recordings>,
    last_reload_successful: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Recordings {
    running: usize,
    at_most: usize,
    /// To be made whole, or to be uploaded.
    waiting: usize,
    parked: usize,
}

/// How the server is, in JSON.
pub(super) async fn health(request: HttpRequest, doorway: Data<Doorway>) -> HttpResponse {
    let (supervisor, metrics) = (doorway.supervisor.clone().recipient(), doorway.metrics.clone().recipient());
    let pulse = pulse_within(DEADLINE, &supervisor, &metrics).await;
    let status = match pulse {
        None => Status::Stuck,
        Some(supervisor::Pulse { draining: true }) => Status::Draining,
        Some(supervisor::Pulse { draining: false }) => Status::Ok,
    };
    let config = doorway.config.get();
    let is_allowed = client::covers(&config.stats_allowed, client::address(&request, &config));
    let details = if is_allowed { Some(details(&doorway, status).await) } else { None };
    let mut answer = HttpResponse::build(status.code());
    answer.insert_header((CACHE_CONTROL, "no-store")).json(Health { status, details })
}

/// What the supervisor says, if it and the metrics work off their mailboxes.
pub(crate) async fn pulse_within(
    limit: Duration,
    supervisor: &Recipient<supervisor::Ping>,
    metrics: &Recipient<metrics::Ping>,
) -> Option<supervisor::Pulse> {
    let answers = async {
        metrics.send(metrics::Ping).await.ok()?;
        supervisor.send(supervisor::Ping).await.ok()
    };
    timeout(limit, answers).await.ok()?
}

async fn details(doorway: &Doorway, status: Status) -> Details {
    let found = match status {
        Status::Stuck => None,
        Status::Ok | Status::Draining => {
            timeout(PATIENCE_WITH_DETAILS, doorway.supervisor.send(Census)).await.ok().and_then(Result::ok)
        }
    };
    Details {
        version: env!("CARGO_PKG_VERSION"),
        recordings: found.map(|states| recordings(&states, doorway.at_most)),
        last_reload_successful: doorway.last_reload.get() == 1,
    }
}

fn recordings(states: &[RecordingState], at_most: usize) -> Recordings {
    let count =
        |counts: fn(&Phase) -> bool| states.iter().filter(|state| counts(&state.recording.phase)).count();
    Recordings {
        running: count(Phase::is_live),
        at_most,
        waiting: count(|phase| matches!(phase, Phase::Salvaging | Phase::Uploading)),
        parked: count(|phase| matches!(phase, Phase::Parked { .. })),
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use actix::{Actor, AsyncContext, Context, Handler, WrapFuture};
    use actors::{metrics::Metrics, supervisor::Supervisor};
    use prometheus_client::registry::Registry;

    use super::*;

    /// An actor that never comes to its mailbox.
    struct Stuck;

    impl Actor for Stuck {
        type Context = Context<Self>;

        fn started(&mut self, ctx: &mut Self::Context) {
            ctx.wait(pending::<()>().into_actor(self));
        }
    }

    impl Handler<supervisor::Ping> for Stuck {
        type Result = supervisor::Pulse;

        fn handle(&mut self, _: supervisor::Ping, _: &mut Self::Context) -> Self::Result {
            supervisor::Pulse { draining: false }
        }
    }

    impl Handler<metrics::Ping> for Stuck {
        type Result = ();

        fn handle(&mut self, _: metrics::Ping, _: &mut Self::Context) {}
    }

    #[actix_rt::test]
    async fn a_stuck_supervisor_or_metrics_is_noticed() {
        let limit = Duration::from_millis(200);
        let supervisor = Supervisor::start_with(Vec::new(), Box::new(|_| None)).recipient();
        let metrics = Metrics::new([], Registry::default()).start().recipient();
        let stuck = Stuck.start();
        let fine = pulse_within(limit, &supervisor, &metrics).await;
        assert_eq!(fine, Some(supervisor::Pulse { draining: false }));
        assert_eq!(pulse_within(limit, &stuck.clone().recipient(), &metrics).await, None);
        assert_eq!(pulse_within(limit, &supervisor, &stuck.recipient()).await, None);
    }

    #[test]
    fn a_stranger_hears_one_word() {
        for (status, code, text) in [
            (Status::Ok, 200, "{\"status\":\"ok\"}"),
            (Status::Draining, 503, "{\"status\":\"draining\"}"),
            (Status::Stuck, 503, "{\"status\":\"stuck\"}"),
        ] {
            assert_eq!(status.code(), code);
            assert_eq!(serde_json::to_string(&Health { status, details: None }).unwrap(), text);
        }
    }
}
