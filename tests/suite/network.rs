//! How the server is reached and how it reaches Nextcloud: addresses, names, certificates.

use std::{fs, path::Path, time::Duration};

use rustix::process::Signal;
use secrecy::SecretString;
use talk_recorder::demo::{
    Kind,
    cloud::{Cloud, Settings},
    state::NoticeKind,
};
use tempfile::TempDir;
use testing::{
    Server,
    scene::{OWNER, ROOM, SECRET},
    tls::TlsDoor,
};

use crate::SERVER;

const PATIENCE: Duration = Duration::from_secs(10);

fn cloud(directory: &Path) -> Cloud {
    talk_recorder::tls::install_provider();
    Cloud::start(Settings {
        recording_secret: SecretString::from(SECRET),
        internal_secret: SecretString::from("internal"),
        rooms: vec![(ROOM.to_owned(), OWNER.to_owned())],
        files: directory.join("files"),
    })
    .unwrap()
}

/// A server with the synthetic engine; `urls` and `more` stand in the section of its one backend.
async fn server(directory: &TempDir, listen: &str, urls: &str, more: &str) -> Server {
    let config = directory.path().join("config.toml");
    let spool = directory.path().join("spool");
    let text = format!(
        "[http]\nlisten = {listen}\n[backend]\nbackends = [\"cloud\"]\ndirectory = \"{}\"\n\
         [cloud]\nurl = {urls}\nsecret = \"{SECRET}\"\n{more}\n\
         [signaling]\ninternalsecret = \"internal\"\n[recording]\nengine = \"synthetic\"\n",
        spool.display(),
    );
    fs::write(&config, text).unwrap();
    Server::start(SERVER, &config).await
}

#[actix_rt::test]
async fn several_addresses_are_served_also_of_ipv6() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = server(&directory, "[\"127.0.0.1:0\", \"[::1]:0\"]", "\"http://127.0.0.1:1\"", "").await;
    let second = server.wait_for_log(0, "listening address=[").await;
    for url in [server.url().to_owned(), format!("http://[{second}")] {
        let welcome = reqwest::get(format!("{url}/api/v1/welcome")).await.unwrap();
        assert_eq!(welcome.status(), 200, "{url}");
        let metrics = reqwest::get(format!("{url}/metrics")).await.unwrap();
        assert_eq!(metrics.status(), 200, "{url}: this machine is allowed by default");
    }
}

#[actix_rt::test]
async fn a_backend_may_start_under_one_url_and_stop_under_another() {
    let directory = tempfile::tempdir().unwrap();
    let cloud = cloud(directory.path());
    let other = cloud.address().replace("127.0.0.1", "localhost");
    let urls = format!("[\"{}\", \"{other}\"]", cloud.address());
    let server = server(&directory, "\"127.0.0.1:0\"", &urls, "").await;
    cloud.use_recorder(server.url());
    cloud.press_record(ROOM, Kind::Video).await.unwrap();
    cloud.wait_for(|state| state.told(ROOM).len() == 1, PATIENCE).await.unwrap();
    cloud.call_as(&other);
    cloud.press_stop(ROOM).await.unwrap();
    cloud.wait_for(|state| state.stored.len() == 1, PATIENCE).await.unwrap();
    assert!(server.metrics().await.contains("recording_recordings_total{backend=\"cloud\"} 1\n"));
}

/// A call over TLS, its signaling too; `trust` names how the certificate shall be trusted.
async fn record_over_tls(trust: impl Fn(&Path) -> String) -> (Cloud, Server, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let cloud = cloud(directory.path());
    let authority = directory.path().join("authority.pem");
    let door = TlsDoor::open(cloud.address(), &authority).await;
    let signaling_door = TlsDoor::open(cloud.signaling_address(), &directory.path().join("other.pem")).await;
    let both = ["authority.pem", "other.pem"].map(|name| fs::read(directory.path().join(name)).unwrap());
    fs::write(&authority, both.concat()).unwrap();
    cloud.signal_as(&signaling_door.address().replace("https", "wss"));
    let url = format!("\"{}\"", door.address());
    let mut server = server(&directory, "\"127.0.0.1:0\"", &url, &trust(&authority)).await;
    cloud.use_recorder(server.url());
    cloud.call_as(&door.address());
    cloud.press_record(ROOM, Kind::Video).await.unwrap();
    server.wait_for_log(0, "phase=recording").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    cloud.press_stop(ROOM).await.unwrap();
    server.wait_for_log(0, "recording sealed").await;
    drop(cloud.wait_for(|state| state.stored.len() == 1, Duration::from_secs(3)).await);
    drop((door, signaling_door));
    (cloud, server, directory)
}

#[actix_rt::test]
async fn a_private_authority_is_trusted_where_it_is_named() {
    let trust = |authority: &Path| format!("cafile = \"{}\"", authority.display());
    let (cloud, server, _directory) = record_over_tls(trust).await;
    assert_eq!(cloud.state().stored.len(), 1, "{}", server.log());
    assert_eq!(cloud.state().told(ROOM)[0], NoticeKind::Started(1));
    assert_eq!(cloud.state().sessions.len(), 1, "the room was watched: {}", server.log());
}

#[actix_rt::test]
async fn an_authority_that_was_renewed_is_trusted_after_a_reload() {
    let directory = tempfile::tempdir().unwrap();
    let cloud = cloud(directory.path());
    let (authority, other) = (directory.path().join("authority.pem"), directory.path().join("other.pem"));
    let _first = TlsDoor::open(cloud.address(), &authority).await;
    let door = TlsDoor::open(cloud.address(), &other).await;
    let trust = format!("cafile = \"{}\"\n[limits]\nwatch_call = false", authority.display());
    let mut server = server(&directory, "\"127.0.0.1:0\"", &format!("\"{}\"", door.address()), &trust).await;
    cloud.use_recorder(server.url());
    cloud.call_as(&door.address());
    cloud.press_record(ROOM, Kind::Video).await.unwrap();
    server.wait_for_log(0, "nextcloud did not take a notice").await;
    fs::copy(&other, &authority).unwrap();
    server.signal(Signal::HUP);
    server.wait_for_log(0, "configuration reloaded").await;
    let told = cloud.wait_for(|state| state.told(ROOM) == [NoticeKind::Started(1)], PATIENCE).await;
    assert!(told.is_ok(), "{}", server.log());
}

#[actix_rt::test]
async fn no_certificate_is_looked_at_with_skipverify() {
    let (cloud, server, _directory) = record_over_tls(|_| "skipverify = true".to_owned()).await;
    assert_eq!(cloud.state().stored.len(), 1, "{}", server.log());
    assert_eq!(cloud.state().sessions.len(), 1, "the room was watched: {}", server.log());
}

#[actix_rt::test]
async fn an_unknown_authority_is_not_trusted_and_named() {
    let (cloud, server, _directory) = record_over_tls(|_| String::new()).await;
    assert!(cloud.state().stored.is_empty() && cloud.state().notices.is_empty());
    assert!(server.log().contains("certificate"), "{}", server.log());
}
