//! Configurations of the reference: what it takes is taken, with the meaning it has there.

use log::LevelFilter;
use secrecy::ExposeSecret;

use super::{load, mistakes, warnings};
use crate::config::Browser;

/// Every key of the reference, in the spelling and with the liberties of its own example and documentation.
const COMPLETE: &str = "\
; written for 0.3.0
[logs]
# 10 = Debug
level = 10

[http]
listen: [::]:8000

[app]
trustedproxies = 10.0.0.0/8, 192.0.2.1

[backend]
allowall = false
secret = not-used
backends = cloud.example.com, second
skipverify = false
maxmessagesize = 2048
videowidth = 1280
VideoHeight = 720
directory = /srv/recordings
uploadchunksize = 20971520

[cloud.example.com]
url = https://cloud.example.com/nextcloud/
secret = 100%%-sure;=:#
skipverify = true
maxmessagesize =
videowidth = 640

[second]
url = http://second.example.com
secret = \"quoted\"

[signaling]
internalsecret = common
signalings = hpb

[hpb]
url = https://hpb.example.com/standalone-signaling/
internalsecret = own

[ffmpeg]
common = nice -n 5
  ffmpeg -n
inputaudio = -thread_queue_size 512
outputvideo = -c:v libx264
extensionvideo = .mp4

[recording]
browser = chrome
driverPath = /usr/bin/chromedriver
browserPath = /usr/bin/chromium

[stats]
allowed_ips = 127.0.0.1, 192.0.2.0/24
";

#[test]
fn a_complete_configuration_loads_unchanged() {
    let loaded = load("server.conf", COMPLETE);
    assert_eq!(loaded.warnings, [""; 0]);
    let config = loaded.config;
    assert_eq!(config.log_level, LevelFilter::Debug);
    assert_eq!(config.listen, ["[::]:8000".parse().unwrap()]);
    assert_eq!(config.trusted_proxies.len(), 2);
    assert_eq!(config.ffmpeg.common, ["nice", "-n", "5", "ffmpeg", "-n"], "the indented line goes on");
    assert_eq!(config.ffmpeg.input_audio, ["-thread_queue_size", "512"]);
    assert_eq!(config.ffmpeg.output_video, ["-c:v", "libx264"]);
    assert_eq!(config.ffmpeg.output_audio, ["-c:a", "libopus"]);
    assert_eq!(config.ffmpeg.extension_video, ".mp4");
    assert_eq!(config.recording.browser, Some(Browser::Chrome));
    assert_eq!(config.recording.driver_path.unwrap().to_str(), Some("/usr/bin/chromedriver"));
    assert_eq!(config.stats_allowed.len(), 2);
    let hpb = "wss://hpb.example.com/standalone-signaling";
    assert_eq!(config.signaling.secret_for(hpb).unwrap().expose_secret(), "own");
    let other = "https://other.example.com";
    assert_eq!(config.signaling.secret_for(other).unwrap().expose_secret(), "common");
}

#[test]
fn backends_fall_back_to_the_common_section_key_by_key() {
    let backends = load("server.conf", COMPLETE).config.backends;
    assert!(backends.any.is_none());
    let first = backends.find("https://cloud.example.com/nextcloud").unwrap();
    assert_eq!(first.id.as_str(), "cloud.example.com");
    assert_eq!(first.settings.secret.expose_secret(), "100%-sure;=:#");
    assert!(first.settings.skip_verify);
    assert_eq!(first.settings.max_message_size, 2048, "an empty value is as good as none");
    assert_eq!((first.settings.video_width, first.settings.video_height), (640, 720));
    assert_eq!(first.settings.directory.to_str(), Some("/srv/recordings"));
    assert_eq!(first.settings.upload_chunk_size, 20 << 20);
    let second = backends.find("http://second.example.com/").unwrap();
    assert_eq!(second.settings.secret.expose_secret(), "\"quoted\"");
    assert_eq!(second.settings.video_width, 1280);
    assert!(!second.settings.skip_verify);
}

#[test]
fn an_empty_file_has_the_defaults_and_lets_nobody_record() {
    let loaded = load("server.conf", "[backend]\n#backends = a\n");
    assert_eq!(loaded.config.listen, ["127.0.0.1:8000".parse().unwrap()]);
    assert_eq!(loaded.config.log_level, LevelFilter::Info);
    assert_eq!(loaded.warnings, ["nobody may record: `backends` in [backend] lists no usable section"]);
    let readers: Vec<String> = loaded.config.stats_allowed.iter().map(ToString::to_string).collect();
    assert_eq!(readers, ["127.0.0.1/32", "::1/128"]);
}

#[test]
fn what_the_reference_skips_is_skipped_and_told() {
    let text = "\
[app]
trustedproxies = 10.0.0.1/8, 10.0.0.1, proxy
[backend]
backends = no-url, no-secret, first, second
allowall = True
uploadchunksize = 1000
[no-url]
secret = hunter2
[no-secret]
url = https://a
[first]
url = https://b, https://c
secret = hunter2
[second]
url = https://b/
secret = hunter3
[signaling]
signalings = half, gone
[half]
url = https://hpb
[stats]
allowed_ips =
";
    assert_eq!(
        warnings("server.conf", text),
        [
            "server.conf:2: [app] trustedproxies holds \"10.0.0.1/8\": must be 10.0.0.0/8 if the whole network is meant: skipped",
            "server.conf:2: [app] trustedproxies holds \"proxy\": must be an IP address or a network, as in 10.0.0.1 or 10.0.0.0/8: skipped",
            "nobody may read /metrics: allowed_ips in [stats] holds no address",
            "server.conf:6: [backend] uploadchunksize = \"1000\": must be from 5242880 to 5368709120, or Nextcloud refuses it: 5242880 is used",
            "server.conf:5: [backend] allowall = \"True\": must be true or false: taken as false",
            "server.conf: [no-url] url is missing: this backend is skipped",
            "server.conf: [no-secret] secret is missing: this backend is skipped",
            "server.conf:4: [first] and [second] have the same url https://b: it belongs to [second]",
            "server.conf: [half] internalsecret is missing: this signaling server is skipped",
            "server.conf: [gone] url is missing: this signaling server is skipped",
            "server.conf: [gone] internalsecret is missing: this signaling server is skipped",
        ]
    );
    let config = load("server.conf", text).config;
    assert_eq!(config.trusted_proxies.len(), 1);
    assert!(config.stats_allowed.is_empty());
    assert_eq!(config.backends.listed.len(), 2);
    assert_eq!(config.backends.find("https://b").unwrap().id.as_str(), "second");
    assert_eq!(config.backends.find("https://c").unwrap().id.as_str(), "first");
}

#[test]
fn a_backend_whose_every_url_belongs_to_a_later_one_is_gone() {
    let text = "\
[backend]
backends = first, second
[first]
url = https://b
secret = one
[second]
url = https://b
secret = two
";
    let backends = load("server.conf", text).config.backends;
    assert_eq!(backends.listed.len(), 1);
    let found = backends.find("https://b").unwrap();
    assert_eq!(found.settings.secret.expose_secret(), "two");
}

#[test]
fn of_two_signaling_servers_with_one_address_the_last_counts() {
    let text = "\
[signaling]
signalings = a, b
[a]
url = https://hpb
internalsecret = one
[b]
url = wss://hpb/
internalsecret = two
";
    let loaded = load("server.conf", text);
    assert!(loaded.warnings.iter().any(|text| text.contains("the last one counts")));
    let secret = loaded.config.signaling.secret_for("https://hpb/").unwrap();
    assert_eq!(secret.expose_secret(), "two");
}

#[test]
fn with_allowall_everybody_has_the_common_secret() {
    let text = "\
[backend]
allowall = true
secret = common
backends = a
videowidth = 640
[a]
url = https://a
secret = own
";
    let backends = load("server.conf", text).config.backends;
    for url in ["https://a", "https://b"] {
        let found = backends.find(url).unwrap();
        assert_eq!(found.settings.secret.expose_secret(), "common", "{url}");
        assert_eq!(found.settings.video_width, 640, "{url}");
    }
    assert_eq!(
        mistakes("server.conf", "[backend]\nallowall = true", &[]),
        ["server.conf:2: [backend] allowall = \"true\": needs a secret or secret_file in [backend]"]
    );
}

#[test]
fn default_values_show_up_in_every_section_and_are_not_unknown_there() {
    let text = "\
[DEFAULT]
host = example.com
secret = shared
[backend]
backends = a
[a]
url = https://cloud.%(host)s
";
    let loaded = load("server.conf", text);
    assert_eq!(loaded.warnings, [""; 0]);
    let found = loaded.config.backends.find("https://cloud.example.com").unwrap();
    assert_eq!(found.settings.secret.expose_secret(), "shared");
}

#[test]
fn what_the_reference_refuses_is_refused_with_its_line() {
    let text = "\
[logs]
level = 20 # info
[backend]
backends = gone
maxmessagesize = lots
[ffmpeg]
outputaudio = -b 50%
[recording]
browser = safari
stray
";
    assert_eq!(
        mistakes("server.conf", text, &[]),
        [
            "server.conf:10: this line is neither a [section], a `key = value` nor a comment",
            "server.conf:7: [ffmpeg] outputaudio: a percent sign must be written as %%",
            "server.conf:2: [logs] level = \"20 # info\": must be error (40), warn (30), info (20), debug (10) or trace (0), as a name or a number",
            "server.conf:5: [backend] maxmessagesize = \"lots\": must be a whole number from 1 to 67108864",
            "server.conf:4: [backend] backends = \"gone\": there is no section [gone]",
            "server.conf:9: [recording] browser = \"safari\": must be firefox or chrome, which also stands for Chromium",
        ]
    );
}

#[test]
fn what_the_reference_lives_with_is_mended_and_told() {
    let text = "\
[http]
listen = localhost:8000
[backend]
videowidth = 1281
backends = a
[a]
url = https://cloud.example.com
secret = s
[ffmpeg]
extensionaudio = .m4a
";
    let loaded = load("server.conf", text);
    assert!(loaded.config.listen.iter().all(|address| address.ip().is_loopback() && address.port() == 8000));
    let found = loaded.config.backends.find("https://cloud.example.com").unwrap();
    assert_eq!(found.settings.video_width, 1280);
    assert_eq!(loaded.config.ffmpeg.extension_audio, ".ogg");
    assert_eq!(loaded.warnings.len(), 3, "{:?}", loaded.warnings);
    let toml = "[http]\nlisten = \"localhost:8000\"\n[backend]\nvideowidth = 1281\n[ffmpeg]\nextensionaudio = \".m4a\"\n";
    assert_eq!(mistakes("config.toml", toml, &[]).len(), 3, "a new file is held to the rules");
}
