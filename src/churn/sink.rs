//! A Nextcloud over HTTP that takes every notice and every file, but those that the script refuses. Its backends are told
//! apart by the first part of the path.

use std::{io, net::SocketAddr, sync::Arc};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    web::{self, Bytes, Data, Path, Payload},
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{
    ledger::{Ledger, Told},
    script::room_position,
};

/// The running service.
pub(super) struct Sink {
    pub(super) address: SocketAddr,
    service: JoinHandle<()>,
}

impl Sink {
    /// Serves on a port that the system chooses, until it is dropped.
    pub(super) fn start(ledger: Arc<Ledger>) -> io::Result<Self> {
        let ledger = Data::from(ledger);
        let server = HttpServer::new(move || App::new().app_data(ledger.clone()).configure(routes))
            .workers(1)
            .disable_signals()
            .bind(("127.0.0.1", 0))?;
        let address = server.addrs().first().copied().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let running = server.run();
        let service = actix::spawn(async move { drop(running.await) });
        Ok(Self { address, service })
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.service.abort();
    }
}

fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::scope("/{backend}/ocs/v2.php/apps/spreed/api/v1/recording")
            .route("/backend", web::post().to(notice))
            .route("/{room}/store", web::post().to(store))
            .default_service(web::to(no_such_route)),
    );
}

async fn notice(body: Bytes, ledger: Data<Ledger>) -> HttpResponse {
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let kind = message["type"].as_str().unwrap_or_default();
    let told = if kind == "started" { Told::Started } else { Told::End };
    if let Some(room) = message[kind]["token"].as_str().and_then(room_position) {
        ledger.tell(room, told);
    }
    ocs(200)
}

async fn store(path: Path<(String, String)>, mut body: Payload, ledger: Data<Ledger>) -> HttpResponse {
    while let Some(Ok(_)) = body.next().await {}
    let taken = room_position(&path.1).is_none_or(|room| ledger.store(room));
    ocs(if taken { 200 } else { 503 })
}

/// As a Talk that is too old for uploads in chunks.
async fn no_such_route(_: HttpRequest) -> HttpResponse {
    HttpResponse::NotFound().json(json!({"ocs": {"meta": {"statuscode": 998}, "data": []}}))
}

fn ocs(status: u16) -> HttpResponse {
    let body = json!({"ocs": {"meta": {"statuscode": status}, "data": null}});
    if status == 200 { HttpResponse::Ok().json(body) } else { HttpResponse::ServiceUnavailable().json(body) }
}
