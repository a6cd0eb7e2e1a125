//! A configuration that was written for the reference server starts this one.

use std::fs;

use secrecy::SecretString;
use talk_recorder::demo::{
    Kind,
    cloud::{Cloud, Settings},
};
use testing::Server;

use crate::SERVER;

/// With upper-case keys, a doubled percent sign, a comma list, and a trailing slash.
const SERVER_CONF: &str = "\
[logs]
level = 20

[http]
listen = 127.0.0.1:0

[backend]
allowall = false
backends = cloud, other
skipverify = false
maxmessagesize = 1024
videowidth = 960
videoheight = 540
directory = {directory}

[cloud]
URL = {url}/
secret = fifty%%percent

[other]
url = https://other.example.com/nextcloud
secret = another

[signaling]
signalings = hpb
internalsecret =

[hpb]
url = {signaling}/
internalsecret = internal

[ffmpeg]
# common = ffmpeg -loglevel level+warning -n
outputvideo = -c:v libvpx -deadline:v realtime -crf 10 -b:v 1M

[recording]
browser = firefox

[stats]
allowed_ips = 127.0.0.1, not an address
";

#[actix_rt::test]
async fn its_configuration_serves_unchanged() {
    talk_recorder::tls::install_provider();
    let directory = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(Settings {
        recording_secret: SecretString::from("fifty%percent"),
        internal_secret: SecretString::from("internal"),
        rooms: vec![("abcd1234".to_owned(), "alice".to_owned())],
        files: directory.path().join("files"),
    })
    .unwrap();
    let spool = directory.path().join("spool");
    let text = SERVER_CONF.replace("{directory}", spool.to_str().unwrap()).replace("{url}", cloud.address());
    let text = text.replace("{signaling}", &cloud.signaling_address().replace("http", "ws"));
    // The only line that is not of the reference: no browser is needed here.
    let text = text.replace("browser = firefox", "browser = firefox\nengine = synthetic");
    let config = directory.path().join("server.conf");
    fs::write(&config, text).unwrap();
    let server = Server::start(SERVER, &config).await;
    cloud.use_recorder(server.url());
    cloud.press_record("abcd1234", Kind::Video).await.unwrap();
    let limit = std::time::Duration::from_secs(10);
    cloud.wait_for(|state| state.told("abcd1234").len() == 1, limit).await.unwrap();
    cloud.press_stop("abcd1234").await.unwrap();
    cloud.wait_for(|state| state.stored.len() == 1, limit).await.unwrap();
    assert!(server.metrics().await.contains("recording_recordings_total{backend=\"cloud\"} 1\n"));
    assert!(server.metrics().await.contains("recording_recordings_total{backend=\"other\"} 0\n"));
    assert!(server.log().contains("not an address"), "{}", server.log());
}
