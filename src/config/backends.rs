//! Who may record: the sections that `[backend] backends` lists, and with `allowall` everybody else.
//!
//! - a value of a section wins over that of `[backend]`, which wins over the default; the secret alone is never
//!   inherited;
//! - no URL belongs to two backends;
//! - with `allowall`, every backend has the secret of `[backend]`.

use std::path::PathBuf;

use actors::ids::BackendId;
use secrecy::SecretString;

use super::{
    Backend, BackendSettings, Backends, addresses,
    report::Report,
    settings::{Given, Section, Settings, items},
    values,
};

/// The smallest chunk that Nextcloud puts together: 5 MiB.
const SMALLEST_CHUNK: u64 = 5 << 20;
/// The largest chunk that Nextcloud puts together: 5 GiB.
const LARGEST_CHUNK: u64 = 5 << 30;

/// Reads everything about backends; `spool` is where recordings lie if no key says otherwise.
pub(super) fn read(settings: &Settings, spool: Option<PathBuf>, report: &mut Report) -> Backends {
    let common = settings.section("backend");
    let mut inherited = Wishes::read(&common, report);
    inherited.directory = inherited.directory.or(spool);
    let any = anybody(&common, &inherited, report);
    common.read("backends", report, items);
    let mut listed = Vec::new();
    for id in settings.ids("backend", "backends") {
        if settings.has(&id) {
            listed.extend(backend(&settings.section(&id), &inherited, report));
        } else {
            let fault = format!("there is no section [{id}]");
            report.mistake(common.about("backends", &fault));
        }
    }
    separate(&mut listed, &common, report);
    if let Some(any) = &any {
        for backend in &mut listed {
            backend.settings.secret = any.secret.clone();
        }
    }
    if listed.is_empty() && any.is_none() {
        report.warning("nobody may record: `backends` in [backend] lists no usable section");
    }
    Backends { listed, any }
}

/// What holds for backends that are not listed, if they may record.
fn anybody(common: &Section<'_>, inherited: &Wishes, report: &mut Report) -> Option<BackendSettings> {
    let secret = secret(common, "secret", report);
    if !flag(common, "allowall", report)? {
        return None;
    }
    if common.is_unset("secret") && common.is_unset("secret_file") {
        report.mistake(common.about("allowall", "needs a secret or secret_file in [backend]"));
    }
    inherited.require_directory(report);
    inherited.clone().with_secret(secret?)
}

/// One listed section; nothing if it cannot be used.
fn backend(section: &Section<'_>, inherited: &Wishes, report: &mut Report) -> Option<Backend> {
    let wishes = Wishes::read(section, report).or(inherited);
    let urls = section.read("url", report, addresses::base_urls);
    let secret = secret(section, "secret", report);
    wishes.require_directory(report);
    let skipped = "this backend is skipped";
    section.require("url", &["url"], skipped, report);
    section.require("secret", &["secret", "secret_file"], skipped, report);
    let id = section.name().parse::<BackendId>();
    if let Err(error) = &id {
        report.mistake(format!("{}: [{}]: {error}", section.file(), section.name()));
    }
    Some(Backend { id: id.ok()?, urls: urls?, settings: wishes.with_secret(secret?)? })
}

/// Leaves each URL with the last backend that has it, as the reference does.
fn separate(listed: &mut Vec<Backend>, common: &Section<'_>, report: &mut Report) {
    for last in (0..listed.len()).rev() {
        let (earlier, later) = listed.split_at_mut(last);
        let winner = &later[0];
        for loser in earlier {
            let file = common.place("backends");
            loser.urls.retain(|url| {
                let taken = winner.urls.contains(url);
                if taken {
                    let text = format!("{file}: [{}] and [{}] have the same url {url}", loser.id, winner.id);
                    report.forgivable(&text, &format!("it belongs to [{}]", winner.id));
                }
                !taken
            });
        }
    }
    listed.retain(|backend| !backend.urls.is_empty());
}

/// A secret from its key or from the file that its `…_file` key names.
pub(super) fn secret(section: &Section<'_>, key: &str, report: &mut Report) -> Option<SecretString> {
    let file_key = format!("{key}_file");
    if !section.is_unset(key) && !section.is_unset(&file_key) {
        let fault = format!("must not stand beside {file_key}: give one of them");
        report.mistake(section.about(key, &fault));
        return None;
    }
    let written = section.read(key, report, values::secret);
    written.or_else(|| section.read(&file_key, report, values::secret_in_file))
}

/// A switch. In the reference only the exact text `true` turns it on.
fn flag(section: &Section<'_>, key: &str, report: &mut Report) -> Option<bool> {
    let text = match section.read(key, report, Ok)? {
        Given::Flag(flag) => return Some(flag),
        Given::Text(text) => text,
        Given::Number(_) | Given::List(_) | Given::Other(()) => String::new(),
    };
    if text != "true" && text != "false" {
        report.forgivable(&section.about(key, "must be true or false"), "taken as false");
    }
    Some(text == "true")
}

/// The size of upload chunks. The reference tries any and falls back when Nextcloud refuses it.
fn chunk_size(section: &Section<'_>, report: &mut Report) -> Option<u64> {
    let key = "uploadchunksize";
    let bytes = section.read(key, report, values::number)?;
    let nearest = bytes.clamp(SMALLEST_CHUNK, LARGEST_CHUNK);
    if nearest != bytes {
        let allowed = format!("must be from {SMALLEST_CHUNK} to {LARGEST_CHUNK}, or Nextcloud refuses it");
        report.forgivable(&section.about(key, &allowed), &format!("{nearest} is used"));
    }
    Some(nearest)
}

/// What one section says about itself.
#[derive(Clone, Default)]
#[expect(clippy::option_option, reason = "nothing said is not the same as `off`")]
struct Wishes {
    skip_verify: Option<bool>,
    ca_file: Option<PathBuf>,
    max_message_size: Option<usize>,
    video_width: Option<u32>,
    video_height: Option<u32>,
    directory: Option<PathBuf>,
    upload_chunk_size: Option<u64>,
    max_recordings: Option<Option<usize>>,
    quota: Option<Option<u64>>,
}

impl Wishes {
    fn read(section: &Section<'_>, report: &mut Report) -> Self {
        Self {
            skip_verify: flag(section, "skipverify", report),
            ca_file: section.read("cafile", report, values::certificates),
            max_message_size: section.read("maxmessagesize", report, values::message_size),
            video_width: section.read_leniently("videowidth", report, values::side, values::even_side),
            video_height: section.read_leniently("videoheight", report, values::side, values::even_side),
            directory: section.read("directory", report, values::path),
            upload_chunk_size: chunk_size(section, report),
            max_recordings: section.read("maxrecordings", report, values::count_or_off),
            quota: section.read("quota", report, values::bytes_or_off),
        }
    }

    /// These, and where they say nothing, the others.
    fn or(self, others: &Self) -> Self {
        Self {
            skip_verify: self.skip_verify.or(others.skip_verify),
            ca_file: self.ca_file.or_else(|| others.ca_file.clone()),
            max_message_size: self.max_message_size.or(others.max_message_size),
            video_width: self.video_width.or(others.video_width),
            video_height: self.video_height.or(others.video_height),
            directory: self.directory.or_else(|| others.directory.clone()),
            upload_chunk_size: self.upload_chunk_size.or(others.upload_chunk_size),
            max_recordings: self.max_recordings.or(others.max_recordings),
            quota: self.quota.or(others.quota),
        }
    }

    /// Reports that there is no place for the recordings.
    fn require_directory(&self, report: &mut Report) {
        if self.directory.is_none() {
            report.mistake(
                "[backend] directory must say where recordings are kept: none of STATE_DIRECTORY, \
                 XDG_STATE_HOME and HOME does",
            );
        }
    }

    /// The final settings; nothing if there is no place for the recordings.
    fn with_secret(self, secret: SecretString) -> Option<BackendSettings> {
        let defaults = BackendSettings::defaults(secret, self.directory?);
        Some(BackendSettings {
            skip_verify: self.skip_verify.unwrap_or(defaults.skip_verify),
            ca_file: self.ca_file,
            max_message_size: self.max_message_size.unwrap_or(defaults.max_message_size),
            video_width: self.video_width.unwrap_or(defaults.video_width),
            video_height: self.video_height.unwrap_or(defaults.video_height),
            upload_chunk_size: self.upload_chunk_size.unwrap_or(defaults.upload_chunk_size),
            max_recordings: self.max_recordings.unwrap_or(defaults.max_recordings),
            quota: self.quota.unwrap_or(defaults.quota),
            ..defaults
        })
    }
}
