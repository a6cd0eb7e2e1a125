//! What the answers to an upload in chunks mean. Pure.
//!
//! Talk's two routes answer in the frame of the OCS API, the folder by bare status. There, only 201 and 204 mean
//! "done": a login page answers 200.

use actors::ports::Refusal;

use super::{
    super::{
        patience::Answer,
        refusal::{self, Ocs},
    },
    Trouble,
    share::Share,
};

/// Words of `request-upload` that the upload in one piece would hear as well.
const FINAL_WORDS: [&str; 4] = ["owner_participant", "owner_invalid", "owner_permission", "file_extension"];

/// What became of a new upload directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Directory {
    Made,
    /// There is one of this name, perhaps from a request whose answer was lost.
    Taken,
}

/// What became of a chunk.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Accepted,
    /// There may be one of this number already; none is ever replaced.
    Refused(String),
    TooLarge(Refusal),
}

/// What became of the order to put the chunks together.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Joined {
    Done,
    /// The upload directory is gone, as it is after the order was carried out.
    Gone,
    /// There is a file of this name, or no right to write one.
    Refused(String),
}

/// To the request for a share.
pub(super) fn of_request(answer: &Answer) -> Result<Share, Trouble> {
    let ocs = Ocs::of(answer);
    let word = ocs.as_ref().and_then(|ocs| ocs.word.as_deref());
    match (answer.status.as_u16(), ocs.as_ref().map(|ocs| ocs.status)) {
        (200..300, Some(100 | 200)) => share_in(answer),
        (404, Some(404)) => Err(refusal::room_gone().into()),
        (404 | 405, _) => Err(Trouble::Unfit("this Talk is too old for it".to_owned())),
        (400, _) => Err(of_request_word(word.unwrap_or("400"))),
        (401 | 403, Some(_)) => Err(refusal::secret_refused().into()),
        _ => Err(refusal::common(answer).into()),
    }
}

fn share_in(answer: &Answer) -> Result<Share, Trouble> {
    let frame: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let share = frame.pointer("/ocs/data").and_then(|data| serde_json::from_value(data.clone()).ok());
    share.ok_or_else(|| Trouble::Unfit("Talk opened no share that can be understood".to_owned()))
}

fn of_request_word(word: &str) -> Trouble {
    if FINAL_WORDS.contains(&word) {
        return refusal::of_word(word).into();
    }
    Trouble::Unfit(match word {
        "sharing_disabled" => {
            "sharing_disabled: allow shares by link and public upload in Nextcloud's sharing \
                               settings"
                .to_owned()
        }
        _ => format!("{word}: Talk opens no share for it"),
    })
}

/// To MKCOL.
pub(super) fn of_directory(answer: &Answer) -> Result<Directory, Trouble> {
    match answer.status.as_u16() {
        201 => Ok(Directory::Made),
        405 => Ok(Directory::Taken),
        _ => Err(other(answer)),
    }
}

/// To PUT.
pub(super) fn of_chunk(answer: &Answer) -> Result<Sent, Trouble> {
    match answer.status.as_u16() {
        201 | 204 => Ok(Sent::Accepted),
        403 => Ok(Sent::Refused(said(answer))),
        413 => Ok(Sent::TooLarge(refusal::too_large_for_proxy())),
        _ => Err(other(answer)),
    }
}

/// To HEAD: the length of a chunk, or that there is none.
pub(super) fn of_look(answer: &Answer) -> Result<Option<u64>, Trouble> {
    match answer.status.as_u16() {
        200 => Ok(Some(answer.header("Content-Length").and_then(|length| length.parse().ok()).unwrap_or(0))),
        404 => Ok(None),
        _ => Err(other(answer)),
    }
}

/// To DELETE.
pub(super) fn of_removal(answer: &Answer) -> Result<(), Trouble> {
    match answer.status.as_u16() {
        204 | 404 => Ok(()),
        _ => Err(other(answer)),
    }
}

/// To MOVE.
pub(super) fn of_joining(answer: &Answer) -> Result<Joined, Trouble> {
    match answer.status.as_u16() {
        201 | 204 => Ok(Joined::Done),
        403 => Ok(Joined::Refused(said(answer))),
        404 => Ok(Joined::Gone),
        // The chunks do not make up the whole file.
        400 => Err(Trouble::Lost(said(answer))),
        _ => Err(other(answer)),
    }
}

/// To the file that was handed in. `acknowledged`: Nextcloud said itself that it put it together.
pub(super) fn of_handing_in(answer: &Answer, acknowledged: bool) -> Result<(), Trouble> {
    let word = Ocs::of(answer).and_then(|ocs| ocs.word);
    match (answer.status.as_u16(), word.as_deref()) {
        (400, Some("invalid_file")) => {}
        // It has no body to speak of, so that this says nothing about the file.
        (413, _) => return Err(refusal::common(answer).into()),
        _ => return Ok(refusal::of_upload(answer)?),
    }
    if acknowledged {
        return Err(Trouble::Unfit(
            "invalid_file: Talk does not find the file that was put there".to_owned(),
        ));
    }
    Err(Trouble::Lost("invalid_file: the chunks are gone, and so is the file".to_owned()))
}

/// What an answer means that no request hopes for.
fn other(answer: &Answer) -> Trouble {
    match answer.status.as_u16() {
        401 => not_let_in(answer),
        // No such upload directory; what the server knew about it is lost.
        409 | 412 => Trouble::Lost(said(answer)),
        507 => Refusal::Limit(format!(
            "{}: the owner's storage is full, or fuller than this file allows: raise the quota or free space",
            said(answer)
        ))
        .into(),
        501 | 505 => Trouble::Unfit(format!("{}: something on the way knows no WebDAV", answer.status)),
        408 | 423 | 425 | 429 | 500.. => refusal::common(answer).into(),
        300..=399 => Trouble::Unfit(format!(
            "{}: public.php/dav is redirected, a proxy must let it through",
            answer.status
        )),
        _ => Trouble::Unfit(said(answer)),
    }
}

/// Which challenge comes with a 401 tells its causes apart.
fn not_let_in(answer: &Answer) -> Trouble {
    match answer.header("WWW-Authenticate") {
        Some(challenge) if challenge.starts_with("DummyBasic") => {
            Trouble::Lost("401: the password of the share is wrong, it was changed or replaced".to_owned())
        }
        Some(_) => Trouble::Lost("401: the share does not exist, it was deleted or is over".to_owned()),
        None => Trouble::Unfit(
            "401: Nextcloud sees no credentials: let the proxy, and PHP-FPM behind Apache, pass the headers \
             Authorization and X-Requested-With on"
                .to_owned(),
        ),
    }
}

/// The status and the message of the folder.
fn said(answer: &Answer) -> String {
    let message = answer.body.split_once("<s:message>").and_then(|(_, rest)| rest.split_once("</s:message>"));
    match message {
        Some((message, _)) if !message.is_empty() => {
            format!("{}: {}", answer.status, refusal::quoted(message))
        }
        _ => answer.status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::{StatusCode, header::HeaderMap};
    use secrecy::ExposeSecret;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, headers: HeaderMap::new(), body: body.to_owned() }
    }

    fn ocs(status: u16, ocs_status: u16, data: &str) -> Answer {
        let meta = format!(r#"{{"status":"x","statuscode":{ocs_status},"message":""}}"#);
        answer(status, &format!(r#"{{"ocs":{{"meta":{meta},"data":{data}}}}}"#))
    }

    fn word(word: &str) -> Answer {
        ocs(400, 400, &format!(r#"{{"error":"{word}"}}"#))
    }

    fn challenged(challenge: &'static str) -> Answer {
        let mut answer = answer(401, "");
        answer.headers.insert("www-authenticate", challenge.parse().unwrap());
        answer
    }

    fn is_unfit<T>(outcome: &Result<T, Trouble>) -> bool {
        matches!(outcome, Err(Trouble::Unfit(_)))
    }

    #[test]
    fn a_share_is_what_talk_says() {
        let data = r#"{"token":"t0","password":"p0","fileName":"a.webm"}"#;
        let share = of_request(&ocs(200, 200, data)).unwrap();
        assert_eq!((share.token.expose_secret(), share.password.expose_secret()), ("t0", "p0"));
        assert_eq!(share.file_name, "a.webm");
        assert!(is_unfit(&of_request(&ocs(200, 200, "null"))));
        let page = of_request(&answer(200, "<html>Log in</html>"));
        assert!(matches!(page, Err(Trouble::Refused(Refusal::Transient(_)))), "{page:?}");
    }

    #[test]
    fn a_talk_without_shares_for_recordings_gets_one_piece() {
        for old in [ocs(404, 998, "[]"), answer(404, "<html>"), answer(405, "")] {
            assert!(is_unfit(&of_request(&old)), "{old:?}");
        }
        for said in ["sharing_disabled", "file_name", "something_new"] {
            assert!(is_unfit(&of_request(&word(said))), "{said}");
        }
        assert!(is_unfit(&of_request(&answer(400, ""))));
    }

    #[test]
    fn what_holds_for_one_piece_too_is_said_at_once() {
        for said in FINAL_WORDS {
            let outcome = of_request(&word(said));
            assert!(matches!(outcome, Err(Trouble::Refused(Refusal::Permanent(_)))), "{outcome:?}");
        }
        let gone = of_request(&ocs(404, 404, "[]"));
        assert!(matches!(gone, Err(Trouble::Refused(Refusal::RoomUnknown(_)))), "{gone:?}");
        let secret = of_request(&ocs(401, 401, "[]"));
        assert!(
            matches!(&secret, Err(Trouble::Refused(Refusal::Transient(said))) if said.contains("secret")),
            "{secret:?}"
        );
        let firewall = of_request(&answer(403, "<html>"));
        assert!(
            matches!(&firewall, Err(Trouble::Refused(Refusal::Transient(said))) if said.contains("firewall")),
            "{firewall:?}"
        );
    }

    #[test]
    fn a_page_that_answers_200_makes_nothing_and_stores_nothing() {
        let page = answer(200, "<html>Log in</html>");
        assert!(is_unfit(&of_directory(&page)));
        assert!(is_unfit(&of_chunk(&page)));
        assert!(is_unfit(&of_joining(&page)));
        assert!(is_unfit(&of_removal(&page)));
    }

    #[test]
    fn each_request_has_answers_of_its_own() {
        assert_eq!(of_directory(&answer(201, "")).unwrap(), Directory::Made);
        assert_eq!(of_directory(&answer(405, "")).unwrap(), Directory::Taken);
        assert_eq!(of_chunk(&answer(201, "")).unwrap(), Sent::Accepted);
        assert!(matches!(of_chunk(&answer(403, "")).unwrap(), Sent::Refused(_)));
        assert!(matches!(of_chunk(&answer(413, "<html>")).unwrap(), Sent::TooLarge(Refusal::Limit(_))));
        assert_eq!(of_joining(&answer(201, "")).unwrap(), Joined::Done);
        assert_eq!(of_joining(&answer(404, "")).unwrap(), Joined::Gone);
        assert!(matches!(of_joining(&answer(403, "")).unwrap(), Joined::Refused(_)));
        assert!(matches!(of_joining(&answer(400, "")), Err(Trouble::Lost(_))));
        assert_eq!(of_look(&answer(404, "")).unwrap(), None);
        assert!(of_removal(&answer(404, "")).is_ok());
    }

    #[test]
    fn a_directory_that_is_gone_begins_anew_and_a_server_error_is_tried_again() {
        for status in [409, 412] {
            assert!(matches!(of_chunk(&answer(status, "")), Err(Trouble::Lost(_))), "{status}");
        }
        for status in [408, 423, 429, 500, 503] {
            let outcome = of_chunk(&answer(status, ""));
            assert!(matches!(outcome, Err(Trouble::Refused(Refusal::Transient(_)))), "{status}: {outcome:?}");
        }
        let gateway = of_joining(&answer(504, ""));
        assert!(matches!(gateway, Err(Trouble::Refused(Refusal::Unanswered(_)))), "{gateway:?}");
    }

    #[test]
    fn who_knows_no_webdav_never_will() {
        for status in [501, 505] {
            assert!(is_unfit(&of_directory(&answer(status, ""))), "{status}");
            assert!(is_unfit(&of_joining(&answer(status, ""))), "{status}");
        }
    }

    #[test]
    fn a_full_storage_is_a_limit_in_plain_words() {
        let body = "<d:error><s:message>Insufficient space in /, 2 required</s:message></d:error>";
        let Err(Trouble::Refused(Refusal::Limit(reason))) = of_chunk(&answer(507, body)) else { panic!() };
        assert!(reason.contains("Insufficient space in /, 2 required: the owner's storage"), "{reason}");
    }

    #[test]
    fn a_message_is_cut_and_cannot_pass_for_lines_of_the_log() {
        let said = said(&answer(418, &format!("<s:message>one\ntwo{}</s:message>", "x".repeat(4000))));
        assert!(said.starts_with("418 I'm a teapot: onetwoxxx") && said.len() < 250, "{said}");
    }

    #[test]
    fn a_401_is_explained_by_its_challenge() {
        let reason = |answer: Answer| match other(&answer) {
            Trouble::Lost(reason) => ("lost", reason),
            Trouble::Unfit(reason) => ("unfit", reason),
            other => panic!("{other:?}"),
        };
        let (kind, said) = reason(challenged("DummyBasic realm=\"Nextcloud\""));
        assert!(kind == "lost" && said.contains("password"), "{said}");
        let (kind, said) = reason(challenged("Basic realm=\"Nextcloud\", charset=\"UTF-8\""));
        assert!(kind == "lost" && said.contains("does not exist"), "{said}");
        let (kind, said) = reason(answer(401, ""));
        assert!(kind == "unfit" && said.contains("Authorization"), "{said}");
    }

    #[test]
    fn a_file_that_talk_does_not_find_is_sent_again_unless_it_was_put_together_before_our_eyes() {
        let missing = word("invalid_file");
        assert!(matches!(of_handing_in(&missing, false), Err(Trouble::Lost(_))));
        assert!(is_unfit(&of_handing_in(&missing, true)));
        assert!(of_handing_in(&ocs(200, 200, "null"), false).is_ok());
        let odd = of_handing_in(&answer(413, ""), true);
        assert!(matches!(odd, Err(Trouble::Refused(Refusal::Transient(_)))), "{odd:?}");
        let kind = of_handing_in(&word("file_mimetype"), true);
        assert!(matches!(kind, Err(Trouble::Refused(Refusal::Permanent(_)))), "{kind:?}");
    }
}
