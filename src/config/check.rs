//! The merged settings, each key in its final form.
//!
//! Every key is read, whatever is wrong with others, so that all mistakes are found in one go. A key with a
//! mistake has its default here; the mistake refuses the settings anyway.

use std::path::PathBuf;

use ipnet::IpNet;

use super::{
    Config, Ffmpeg, Recording, addresses, backends, defaults, limits,
    report::Report,
    settings::{Section, Settings, items},
    signaling, values,
};

/// Checks everything; `spool` is where recordings lie if no key says otherwise.
pub(super) fn check(settings: &Settings, spool: Option<PathBuf>, report: &mut Report) -> Config {
    let default = Config::defaults();
    let level = settings.section("logs").read("level", report, values::level);
    let listen =
        settings.section("http").read_leniently("listen", report, addresses::listen, addresses::resolved);
    let proxies = networks(&settings.section("app"), "trustedproxies", report);
    let readers = networks(&settings.section("stats"), "allowed_ips", report);
    if readers.as_ref().is_some_and(Vec::is_empty) {
        report.warning("nobody may read /metrics: allowed_ips in [stats] holds no address");
    }
    Config {
        log_level: level.unwrap_or(default.log_level),
        listen: listen.unwrap_or_else(|| vec![defaults::LISTEN.into()]),
        trusted_proxies: proxies.unwrap_or(default.trusted_proxies),
        backends: backends::read(settings, spool, report),
        signaling: signaling::read(settings, report),
        ffmpeg: ffmpeg(&settings.section("ffmpeg"), report),
        recording: recording(&settings.section("recording"), report),
        limits: limits::limits(&settings.section("limits"), report),
        upload: limits::upload(&settings.section("upload"), report),
        reserve: limits::reserve(&settings.section("spool"), report),
        shutdown: limits::shutdown(&settings.section("shutdown"), report),
        stats_allowed: readers.unwrap_or(default.stats_allowed),
    }
}

/// Addresses and networks. One that is none is skipped where the reference skips it.
fn networks(section: &Section<'_>, key: &str, report: &mut Report) -> Option<Vec<IpNet>> {
    let texts = section.read_even_empty(key, report, items)?;
    let mut networks = Vec::new();
    for text in texts {
        match addresses::network(&text) {
            Ok(network) => networks.push(network),
            Err(fault) => {
                let place = section.place(key);
                let name = section.name();
                report.forgivable(&format!("{place}: [{name}] {key} holds {text:?}: {fault}"), "skipped");
            }
        }
    }
    Some(networks)
}

fn ffmpeg(section: &Section<'_>, report: &mut Report) -> Ffmpeg {
    let default = Ffmpeg::default();
    let mut options = |key, default| {
        let given = section.read_even_empty(key, report, values::arguments);
        given.unwrap_or(default)
    };
    let input_audio = options("inputaudio", default.input_audio);
    let input_video = options("inputvideo", default.input_video);
    let output_audio = options("outputaudio", default.output_audio);
    let output_video = options("outputvideo", default.output_video);
    let common = section.read_even_empty("common", report, values::command);
    let extension_audio =
        section.read_leniently("extensionaudio", report, values::extension, values::stored_audio);
    let extension_video = section.read("extensionvideo", report, values::extension);
    Ffmpeg {
        common: common.unwrap_or(default.common),
        input_audio,
        input_video,
        output_audio,
        output_video,
        extension_audio: extension_audio.unwrap_or(default.extension_audio),
        extension_video: extension_video.unwrap_or(default.extension_video),
    }
}

fn recording(section: &Section<'_>, report: &mut Report) -> Recording {
    let default = Recording::default();
    let engine = section.read("engine", report, values::engine);
    Recording {
        engine: engine.unwrap_or(default.engine),
        synthetic: section.read("synthetic", report, values::plan).unwrap_or(default.synthetic),
        browser: section.read("browser", report, values::browser),
        driver_path: section.read("driverpath", report, values::path),
        browser_path: section.read("browserpath", report, values::path),
        max_concurrent: section.read("max_concurrent", report, values::count),
    }
}
