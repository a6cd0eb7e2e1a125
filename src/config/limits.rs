//! What is limited, and for how long what is tried and waited for.

use actors::{recorder::Running, recording::Sign};

use super::{
    Config, Limits, Shutdown, Upload,
    report::Report,
    settings::{Given, Section, items},
    values,
};

/// Reads `[limits]`.
pub(super) fn limits(section: &Section<'_>, report: &mut Report) -> Limits {
    let default = Limits::default();
    let mut time = |key, default| section.read(key, report, values::duration_or_off).unwrap_or(default);
    let max_length = time("max_length", default.max_length);
    let empty_call = time("empty_call", default.empty_call);
    let unresponsive_page = time("unresponsive_page", default.unresponsive_page);
    let warn_after = time("warn_after", default.warn_after);
    let end_when = section.read("end_when", report, signs).unwrap_or(default.end_when);
    if warn_after.is_none() && !end_when.is_empty() {
        let fault = "ends nothing while warn_after is off: give warn_after a time, or leave this list empty";
        report.mistake(section.about("end_when", fault));
    }
    Limits {
        max_length,
        max_size: section.read("max_size", report, values::bytes_or_off).unwrap_or(default.max_size),
        watch_call: section.read("watch_call", report, values::flag).unwrap_or(default.watch_call),
        empty_call,
        unresponsive_page,
        warn_after,
        end_when,
    }
}

/// Reads `[upload]`.
pub(super) fn upload(section: &Section<'_>, report: &mut Report) -> Upload {
    let default = Upload::default();
    Upload {
        max_concurrent: section
            .read("max_concurrent", report, values::count)
            .unwrap_or(default.max_concurrent),
        give_up_after: section
            .read("give_up_after", report, values::duration)
            .unwrap_or(default.give_up_after),
    }
}

/// Reads `[spool] reserve`.
pub(super) fn reserve(section: &Section<'_>, report: &mut Report) -> u64 {
    let given = section.read("reserve", report, values::bytes_or_off);
    given.map_or(Config::defaults().reserve, Option::unwrap_or_default)
}

/// Reads `[shutdown]`.
pub(super) fn shutdown(section: &Section<'_>, report: &mut Report) -> Shutdown {
    let default = Shutdown::default();
    let mut time = |key, default| section.read(key, report, values::duration).unwrap_or(default);
    let wait_limit = time("wait_limit", default.wait_limit);
    let seal_limit = time("seal_limit", default.seal_limit);
    let upload_limit = time("upload_limit", default.upload_limit);
    let calls = section.read("calls", report, calls).unwrap_or(default.calls);
    Shutdown { calls, wait_limit, seal_limit, upload_limit }
}

fn calls(given: Given) -> Result<Running, String> {
    match values::text(given)?.trim() {
        "stop" => Ok(Running::Stop),
        "wait" => Ok(Running::Wait),
        _ => Err("must be stop or wait".to_owned()),
    }
}

fn signs(given: Given) -> Result<Vec<Sign>, String> {
    let mut signs = Vec::new();
    for word in items(given)? {
        let all = [Sign::Still, Sign::Black, Sign::Silent];
        let sign = all.into_iter().find(|sign| sign.name() == word);
        signs.push(sign.ok_or_else(|| "must hold nothing but still, black and silent".to_owned())?);
    }
    Ok(signs)
}
