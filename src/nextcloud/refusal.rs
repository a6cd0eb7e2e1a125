//! What an answer of Nextcloud means: done, try again, or call a human, and what to tell that human.
//!
//! Only an answer in the frame of Nextcloud's OCS API counts as one of Nextcloud. A login page or a proxy may answer
//! 200 or 404 as well, and neither stores a file nor knows a room.

use std::time::{Duration, SystemTime};

use actors::ports::Refusal;
use serde_json::Value;

use super::patience::Answer;

const SECRET: &str =
    "Nextcloud refuses the signature: is the recording secret of this backend the one in its Talk settings?";

/// So many characters of an answer go into a reason.
const LONGEST_QUOTE: usize = 200;

/// An answer of the OCS API.
pub(super) struct Ocs {
    /// 200 or 100 for success; 998 where there is no such route.
    pub(super) status: u64,
    /// The reason of a refusal, such as `owner_participant`.
    pub(super) word: Option<String>,
}

impl Ocs {
    pub(super) fn of(answer: &Answer) -> Option<Self> {
        let frame: Value = serde_json::from_str(&answer.body).ok()?;
        let status = frame.pointer("/ocs/meta/statuscode")?.as_u64()?;
        let error = frame.pointer("/ocs/data/error");
        let word = error.and_then(|error| error.as_str().or_else(|| error.get("code")?.as_str()));
        Some(Self { status, word: word.map(quoted) })
    }
}

/// What the answer to a notice means.
pub(super) fn of_notice(answer: &Answer) -> Result<(), Refusal> {
    let ocs = Ocs::of(answer);
    match (answer.status.as_u16(), ocs.as_ref().map(|ocs| ocs.status)) {
        (200..300, Some(100 | 200)) => Ok(()),
        (404, Some(404)) => Err(Refusal::RoomUnknown(
            "Nextcloud awaits no recording in this room, or the room was deleted".to_owned(),
        )),
        (401 | 403, Some(_)) => Err(secret_refused()),
        _ => Err(common(answer)),
    }
}

/// What the answer to an upload means.
pub(super) fn of_upload(answer: &Answer) -> Result<(), Refusal> {
    let ocs = Ocs::of(answer);
    let word = ocs.as_ref().and_then(|ocs| ocs.word.as_deref());
    match (answer.status.as_u16(), ocs.as_ref().map(|ocs| ocs.status), word) {
        (200..300, Some(100 | 200), _) => Ok(()),
        (400, Some(_), Some(word)) => Err(of_word(word)),
        (404, Some(404), _) => Err(room_gone()),
        (401 | 403, Some(_), _) => Err(secret_refused()),
        (413, _, _) => Err(too_large_for_proxy()),
        _ => Err(common(answer)),
    }
}

/// There is nobody to give the recording to.
pub(super) fn room_gone() -> Refusal {
    Refusal::RoomUnknown(
        "the room was deleted, so Nextcloud cannot take its recording: fetch the file from the spool"
            .to_owned(),
    )
}

/// The recording secret does not fit.
pub(super) fn secret_refused() -> Refusal {
    Refusal::Transient(SECRET.to_owned())
}

/// 413, which is never Nextcloud's own answer.
pub(super) fn too_large_for_proxy() -> Refusal {
    Refusal::Limit(
        "413: the request is larger than a proxy or web server before Nextcloud allows: raise nginx \
         client_max_body_size, Apache LimitRequestBody, or the limit of the proxy"
            .to_owned(),
    )
}

/// The reasons of `/store`. A limit can be raised and a disk cleared, so those are worth another try now and then; the
/// others are not.
pub(super) fn of_word(word: &str) -> Refusal {
    let explained = |explanation: &str| format!("{word}: {explanation}");
    match word {
        "size" => Refusal::Limit(explained("the file is larger than PHP's post_max_size, raise it")),
        "invalid_file" => Refusal::Limit(explained(
            "PHP did not take the file, most often since it is larger than upload_max_filesize: raise it",
        )),
        "fopen_failed" | "fstat_failed" | "file_invalid_path" => Refusal::Limit(explained(
            "Nextcloud cannot read the file that it received: is PHP's temporary directory full or not readable?",
        )),
        "empty_file" => {
            Refusal::Limit(explained("Nextcloud received an empty file: is its temporary directory full?"))
        }
        "owner_participant" => {
            Refusal::Permanent(explained("the owner has left the room, invite them again"))
        }
        "owner_invalid" => {
            Refusal::Permanent(explained("the owner's files cannot be opened, does the account exist?"))
        }
        "owner_permission" => {
            Refusal::Permanent(explained("the owner's storage is full or read-only, raise the quota"))
        }
        "file_mimetype" | "file_extension" => {
            Refusal::Permanent(explained("this Nextcloud takes no such files, use .webm and .ogg"))
        }
        _ => Refusal::Permanent(explained("Nextcloud refuses the file, its log says more")),
    }
}

/// Everything that is not Nextcloud's last word.
pub(super) fn common(answer: &Answer) -> Refusal {
    let status = answer.status;
    if status.is_redirection() {
        let location = answer.header("Location").map_or_else(|| "another address".to_owned(), quoted);
        return Refusal::Transient(format!(
            "{status}: Nextcloud redirects to {location}: it must be reachable under the URL with which it calls \
             this server (overwrite.cli.url, overwriteprotocol)"
        ));
    }
    if status.is_success() || status.as_u16() == 404 {
        return Refusal::Transient(format!(
            "{status}, but not from Talk's recording API: is the Talk app enabled, and no login page or proxy in \
             between?"
        ));
    }
    if matches!(status.as_u16(), 401 | 403) {
        return Refusal::Transient(format!(
            "{status}, but not from Talk's recording API: does a proxy or a firewall before Nextcloud refuse this \
             server?"
        ));
    }
    let reason = format!("{status}: {}", quoted(&answer.body));
    let respite = answer.header("Retry-After").and_then(|text| respite(text, SystemTime::now()));
    match (status.as_u16(), respite) {
        (429 | 503, Some(retry_after)) => Refusal::Busy { reason, retry_after },
        // A gateway that gave up does not know what became of the request behind it.
        (502 | 504, _) => Refusal::Unanswered(reason),
        _ => Refusal::Transient(reason),
    }
}

/// The beginning of what somebody else said, fit for a log.
pub(super) fn quoted(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(LONGEST_QUOTE).collect()
}

/// How long `Retry-After` wants us to wait: seconds, or a date.
fn respite(text: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use reqwest::{StatusCode, header::HeaderMap};

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, headers: HeaderMap::new(), body: body.to_owned() }
    }

    fn with_header(mut answer: Answer, name: &'static str, value: &'static str) -> Answer {
        answer.headers.insert(name, value.parse().unwrap());
        answer
    }

    fn ocs(status: u16, ocs_status: u16, data: &str) -> Answer {
        let meta = format!(r#"{{"status":"x","statuscode":{ocs_status},"message":""}}"#);
        answer(status, &format!(r#"{{"ocs":{{"meta":{meta},"data":{data}}}}}"#))
    }

    fn refused(word: &str) -> Refusal {
        of_upload(&ocs(400, 400, &format!(r#"{{"error":"{word}"}}"#))).unwrap_err()
    }

    #[test]
    fn success_is_what_nextcloud_says() {
        assert_eq!(of_upload(&ocs(200, 200, "null")), Ok(()));
        assert_eq!(of_notice(&ocs(200, 100, "null")), Ok(()));
    }

    #[test]
    fn a_login_page_stores_nothing() {
        for body in ["<html>Log in</html>", "", "{}", "null"] {
            assert!(matches!(of_upload(&answer(200, body)), Err(Refusal::Transient(_))), "{body}");
            assert!(matches!(of_notice(&answer(200, body)), Err(Refusal::Transient(_))), "{body}");
        }
    }

    #[test]
    fn limits_are_worth_a_try_now_and_then() {
        let temporary = ["fopen_failed", "fstat_failed", "file_invalid_path", "empty_file"];
        for word in ["size", "invalid_file"].into_iter().chain(temporary) {
            assert!(matches!(refused(word), Refusal::Limit(_)), "{word}");
        }
        assert!(matches!(of_upload(&answer(413, "<html>")), Err(Refusal::Limit(_))));
    }

    #[test]
    fn what_only_a_human_can_mend_is_refused_for_good() {
        for word in ["owner_participant", "owner_permission", "file_mimetype", "something_new"] {
            let refusal = refused(word);
            assert!(
                matches!(&refusal, Refusal::Permanent(reason) if reason.starts_with(word)),
                "{refusal:?}"
            );
        }
    }

    #[test]
    fn only_nextcloud_knows_that_a_room_is_missing() {
        let room_unknown = ocs(404, 404, r#"{"error":{"code":"no_such_room"}}"#);
        assert!(matches!(of_upload(&room_unknown), Err(Refusal::RoomUnknown(_))));
        assert!(matches!(of_notice(&room_unknown), Err(Refusal::RoomUnknown(_))));
        for no_route in [ocs(404, 998, "[]"), answer(404, "<html>")] {
            assert!(matches!(of_upload(&no_route), Err(Refusal::Transient(_))), "{no_route:?}");
            assert!(matches!(of_notice(&no_route), Err(Refusal::Transient(_))), "{no_route:?}");
        }
    }

    #[test]
    fn a_wrong_secret_may_be_mended_at_any_time() {
        for status in [401, 403] {
            let refused = ocs(status, status, "[]");
            for outcome in [of_upload(&refused), of_notice(&refused)] {
                assert_eq!(outcome, Err(Refusal::Transient(SECRET.to_owned())));
            }
        }
    }

    #[test]
    fn a_firewall_does_not_know_the_secret() {
        for refused in [answer(401, ""), answer(403, "<html>Blocked</html>")] {
            for outcome in [of_upload(&refused), of_notice(&refused)] {
                let Err(Refusal::Transient(reason)) = outcome else { panic!("{outcome:?}") };
                assert!(reason.contains("firewall") && !reason.contains("secret"), "{reason}");
            }
        }
    }

    #[test]
    fn whatever_else_goes_wrong_is_tried_again() {
        for status in [400, 405, 408, 423, 429, 500, 503] {
            assert!(matches!(of_upload(&answer(status, "")), Err(Refusal::Transient(_))), "{status}");
            assert!(matches!(of_notice(&answer(status, "")), Err(Refusal::Transient(_))), "{status}");
        }
    }

    #[test]
    fn a_gateway_does_not_know_what_was_done() {
        assert!(matches!(of_notice(&answer(504, "")), Err(Refusal::Unanswered(_))));
    }

    #[test]
    fn what_somebody_else_says_is_cut_and_cannot_pass_for_lines_of_the_log() {
        let foreign = format!("one\u{1b}[31m\ntwo{}", "x".repeat(4000));
        let Err(Refusal::Transient(reason)) = of_upload(&answer(500, &foreign)) else { panic!() };
        assert!(reason.starts_with("500 Internal Server Error: one[31mtwoxxx"), "{reason}");
        assert!(reason.len() < 250, "{reason}");
        let word = refused(&"y".repeat(3000)).to_string();
        assert!(word.len() < 300, "{word}");
    }

    #[test]
    fn a_redirect_says_where_it_leads() {
        let redirect = with_header(answer(301, ""), "location", "https://new.example.com/");
        let refusal = of_upload(&redirect).unwrap_err().to_string();
        assert!(refusal.contains("https://new.example.com/"), "{refusal}");
    }

    #[test]
    fn who_is_busy_says_for_how_long() {
        for status in [429, 503] {
            let busy = with_header(answer(status, ""), "retry-after", "120");
            for refusal in [of_upload(&busy).unwrap_err(), of_notice(&busy).unwrap_err()] {
                let Refusal::Busy { retry_after, .. } = refusal else { panic!("{refusal:?}") };
                assert_eq!(retry_after, Duration::from_mins(2));
            }
        }
        let failed = with_header(answer(500, ""), "retry-after", "120");
        assert!(matches!(of_upload(&failed), Err(Refusal::Transient(_))), "not a word of its own");
    }

    #[test]
    fn a_respite_is_a_number_of_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Wed, 25 Nov 2026 19:00:00 GMT").unwrap();
        assert_eq!(respite(" 7 ", now), Some(Duration::from_secs(7)));
        assert_eq!(respite("Wed, 25 Nov 2026 19:01:00 GMT", now), Some(Duration::from_mins(1)));
        assert_eq!(respite("Wed, 25 Nov 2026 18:00:00 GMT", now), Some(Duration::ZERO));
        for nonsense in ["", "soon", "-1", "1.5"] {
            assert_eq!(respite(nonsense, now), None, "{nonsense:?}");
        }
    }
}
