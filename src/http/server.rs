//! Binding, routing, ending.

use std::{io, net::SocketAddr, time::Duration};

use actix::Addr;
use actix_web::{
    App, HttpResponse, HttpServer,
    dev::{Server, ServerHandle},
    http::header::ALLOW,
    web,
};
use actors::{metrics::Metrics, supervisor::Supervisor};
use prometheus_client::metrics::gauge::Gauge;
use tokio::task::JoinHandle;

use super::{Traffic, health, metrics, room, traffic, welcome};
use crate::config::Current;

/// Threads that speak HTTP. The work is done elsewhere, so this is for not waiting for each other.
const WORKERS: usize = 2;
/// How long requests under way may take when the server ends.
const SHUTDOWN_SECONDS: u64 = 5;
/// How long a client may take to send the head of its request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// An address that could not be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}; set [http] listen to a free address of this machine")]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

/// What the routes need.
#[derive(Clone)]
pub struct Doorway {
    /// Backends, allowlists, limits.
    pub config: Current,
    /// Who starts and stops.
    pub supervisor: Addr<Supervisor>,
    /// Who knows the metrics.
    pub metrics: Addr<Metrics>,
    /// Where requests are counted.
    pub traffic: Traffic,
    /// How many calls may be recorded at a time.
    pub at_most: usize,
    /// 1 if the configuration was taken over when it was read for the last time.
    pub last_reload: Gauge,
}

/// The running service.
pub struct Http {
    addresses: Vec<SocketAddr>,
    handle: ServerHandle,
    /// Ends with the service.
    running: JoinHandle<()>,
}

impl Http {
    /// Binds every configured address and serves. The service runs on the current system until it is stopped.
    ///
    /// # Errors
    /// When an address is taken or not of this machine.
    pub fn start(doorway: Doorway) -> Result<Self, BindError> {
        let listen = doorway.config.get().listen.clone();
        let doorway = web::Data::new(doorway);
        let mut server = HttpServer::new(move || {
            let traffic = doorway.traffic.clone();
            App::new()
                .wrap_fn(move |request, service| traffic::measured(&traffic, request, service))
                .app_data(doorway.clone())
                .configure(routes)
        })
        .workers(WORKERS)
        .client_request_timeout(HEAD_TIMEOUT)
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .disable_signals();
        for address in listen {
            server = server.bind(address).map_err(|source| BindError { address, source })?;
        }
        let addresses = server.addrs();
        let running: Server = server.run();
        let handle = running.handle();
        let running = actix::spawn(async move {
            if let Err(error) = running.await {
                log::error!(error:%; "http service broke off");
            }
        });
        Ok(Self { addresses, handle, running })
    }

    /// The addresses in use; a configured port 0 has become a real one.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Whether anybody is served.
    pub fn is_running(&self) -> bool {
        !self.running.is_finished()
    }

    /// Ends the service once the requests under way are answered.
    pub async fn stop(self) {
        self.handle.stop(true).await;
    }
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/api/v1/welcome")
                .get(welcome::welcome)
                .route(web::head().to(welcome::welcome))
                .default_service(web::to(async || only("GET, HEAD"))),
        )
        .service(
            web::resource("/api/v1/room/{token}")
                .post(room::room)
                .default_service(web::to(async || only("POST"))),
        )
        .service(
            web::resource("/health")
                .get(health::health)
                .route(web::head().to(health::health))
                .default_service(web::to(async || only("GET, HEAD"))),
        )
        .service(
            web::resource(["/metrics", "/metrics/{rest:.*}"])
                .get(metrics::metrics)
                .route(web::head().to(metrics::metrics))
                .default_service(web::to(async || only("GET, HEAD"))),
        );
}

fn only(methods: &'static str) -> HttpResponse {
    HttpResponse::MethodNotAllowed().insert_header((ALLOW, methods)).finish()
}
