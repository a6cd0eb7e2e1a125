//! The life cycle by tables of single steps; random histories are in [`histories`].

use std::time::Duration;

use super::*;

mod histories;

const SOON: NextRound = NextRound::Soon { at_least: Duration::ZERO };

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn order() -> Order {
    Order {
        nextcloud: "https://cloud.example.com".to_owned(),
        room: "abcd1234".parse().unwrap(),
        kind: Kind::Video,
        owner: "alice".to_owned(),
        actor: alice(),
    }
}

fn alice() -> Actor {
    Actor { kind: "users".to_owned(), id: "alice".to_owned() }
}

fn accepted() -> Recording {
    Recording::accepted(RecordingId::random(), order(), "Recording".to_owned(), now()).next
}

/// The recording after these events, those that change nothing included.
fn after(events: &[Event]) -> Recording {
    events.iter().fold(accepted(), |recording, event| match recording.on(event, now()) {
        Some(step) => step.next,
        None => recording,
    })
}

fn stop() -> Event {
    Event::StopAsked { by: Some(alice()), why: EndReason::Moderator }
}

fn sealed() -> Event {
    Event::Sealed { seconds: 12.5, media: true }
}

fn broke(media: bool) -> Event {
    Event::Broke { error: "encoder: gone".to_owned(), why: EndReason::EngineFailed, seconds: 4.0, media }
}

fn salvaged() -> Event {
    Event::Salvaged { seconds: Some(4.5), problem: None }
}

fn told(notice: Notice) -> Event {
    Event::Told { notice }
}

fn stopped() -> Notice {
    Notice::Stopped { by: Some(alice()) }
}

fn refused(next: NextRound) -> Event {
    Event::RoundFailed { reason: "no space".to_owned(), next }
}

fn notice(recording: &Recording) -> Option<&Notice> {
    recording.owed.as_ref().map(|owed| &owed.notice)
}

#[test]
fn a_start_starts_the_engine_and_counts() {
    let step = Recording::accepted(RecordingId::random(), order(), "Recording".to_owned(), now());
    assert_eq!(step.effects, [Effect::Record]);
    assert_eq!(step.reports, [Report::Started]);
}

#[test]
fn frames_owe_nextcloud_a_started() {
    let recording = after(&[Event::Rolling]);
    assert_eq!(recording.phase, Phase::Recording);
    assert_eq!(notice(&recording), Some(&Notice::Started));
}

#[test]
fn a_stopped_recording_is_uploaded_and_told_with_the_one_who_stopped_it() {
    let step = after(&[Event::Rolling, told(Notice::Started), stop()]).on(&sealed(), now()).unwrap();
    assert_eq!(step.next.phase, Phase::Uploading);
    assert_eq!(notice(&step.next), Some(&Notice::Stopped { by: Some(alice()) }));
    assert_eq!(step.effects, [Effect::Tell, Effect::Upload]);
    assert_eq!(
        step.reports,
        [Report::Ended(EndReason::Moderator)],
        "it is current until its upload is settled"
    );
}

#[test]
fn a_stored_recording_adds_its_seconds_and_is_forgotten_once_everything_is_told() {
    let recording = after(&[Event::Rolling, stop(), sealed()]);
    let stored = recording.on(&Event::Stored, now()).unwrap();
    assert_eq!(stored.reports, [Report::Finished { seconds: 12.5 }]);
    assert_eq!(stored.effects, [], "the notice is still owed");
    assert_eq!(stored.next.on(&told(stopped()), now()).unwrap().effects, [Effect::Forget]);
}

#[test]
fn a_failed_upload_round_is_reported_once_and_adds_the_seconds() {
    let first = after(&[Event::Rolling, stop(), sealed()]).on(&refused(SOON), now()).unwrap();
    assert_eq!(first.reports, [Report::UploadFailed, Report::Finished { seconds: 12.5 }]);
    assert_eq!(first.effects, [Effect::UploadLater]);
    let second = first.next.on(&refused(SOON), now()).unwrap();
    assert_eq!(second.reports, []);
    assert_eq!(second.next.on(&Event::Stored, now()).unwrap().reports, [Report::DeliveredLate]);
}

#[test]
fn a_refusal_for_good_parks_the_recording_with_its_reason() {
    let parked = after(&[Event::Rolling, stop(), sealed(), refused(NextRound::Never)]);
    assert_eq!(parked.phase, Phase::Parked { reason: "no space".to_owned() });
    let recovered = parked.on(&Event::Recovered { media: true, cut_at: now() }, now()).unwrap();
    assert_eq!(recovered.next.phase, parked.phase, "a restart is no human");
    assert!(!recovered.effects.contains(&Effect::Upload));
}

#[test]
fn a_parked_recording_obeys_the_operator() {
    let parked = after(&[Event::Rolling, stop(), sealed(), told(stopped()), refused(NextRound::Never)]);
    let retried = parked.on(&Event::RetryAsked, now()).unwrap();
    assert_eq!((retried.next.phase.name(), &retried.effects[..]), ("uploading", &[Effect::Upload][..]));
    let discarded = parked.on(&Event::DiscardAsked, now()).unwrap();
    assert_eq!(discarded.next.phase, Phase::Closed(Ending::Discarded));
    assert_eq!(discarded.effects, [Effect::Forget]);
}

#[test]
fn what_is_on_its_way_cannot_be_discarded() {
    let uploading = after(&[Event::Rolling, stop(), sealed()]);
    assert_eq!(uploading.on(&Event::DiscardAsked, now()), None);
    assert_eq!(after(&[Event::Rolling]).on(&Event::DiscardAsked, now()), None);
    let waiting = uploading.on(&refused(SOON), now()).unwrap().next;
    assert_eq!(waiting.on(&Event::DiscardAsked, now()).unwrap().next.phase.name(), "discarded");
    assert_eq!(waiting.on(&Event::RetryAsked, now()).unwrap().effects, [Effect::HurryUpload]);
}

#[test]
fn a_rejected_start_owes_a_failed_and_nothing_else() {
    let step =
        Recording::rejected(RecordingId::random(), order(), "Recording".to_owned(), Rejection::Full, now());
    assert_eq!(step.next.phase, Phase::Closed(Ending::Rejected));
    assert_eq!(notice(&step.next), Some(&Notice::Failed));
    assert_eq!(
        (&step.reports[..], &step.effects[..]),
        (&[Report::Rejected(Rejection::Full)][..], &[Effect::Tell][..])
    );
    assert_eq!(step.next.on(&told(Notice::Failed), now()).unwrap().effects, [Effect::Forget]);
}

#[test]
fn what_was_cut_is_made_whole_before_it_is_uploaded() {
    let cut = after(&[Event::Rolling]).on(&broke(true), now()).unwrap();
    assert_eq!(cut.next.phase, Phase::Salvaging);
    assert!(cut.effects.contains(&Effect::Salvage) && !cut.effects.contains(&Effect::Upload));
    let again = cut.next.on(&Event::Recovered { media: true, cut_at: now() }, now()).unwrap();
    assert!(again.effects.contains(&Effect::Salvage), "a crash in between begins anew");
    let whole = cut.next.on(&salvaged(), now()).unwrap();
    assert_eq!((whole.next.phase, &whole.effects[..]), (Phase::Uploading, &[Effect::Upload][..]));
}

#[test]
fn every_end_has_its_reason() {
    let ended = |events: &[Event]| after(events).ended;
    assert_eq!(ended(&[Event::Rolling]), None);
    assert_eq!(ended(&[Event::Rolling, stop(), sealed()]), Some(EndReason::Moderator));
    let by_the_server = Event::StopAsked { by: None, why: EndReason::MaxLength };
    assert_eq!(ended(&[Event::Rolling, by_the_server, stop(), sealed()]), Some(EndReason::MaxLength));
    assert_eq!(ended(&[Event::Rolling, broke(true)]), Some(EndReason::EngineFailed));
    assert_eq!(ended(&[Event::Rolling, stop(), broke(true)]), Some(EndReason::Moderator));
    let recovered = Event::Recovered { media: true, cut_at: now() };
    assert_eq!(ended(&[Event::Rolling, recovered]), Some(EndReason::ServerDied));
}

#[test]
fn a_limit_that_bothers_the_owner_is_waited_for_also_after_a_restart() {
    let waiting = after(&[Event::Rolling, stop(), sealed(), refused(NextRound::Rarely)]);
    let restart = Event::Recovered { media: true, cut_at: now() };
    assert!(waiting.on(&restart, now()).unwrap().effects.contains(&Effect::UploadLater));
    let later = now() + SignedDuration::from_hours(7);
    assert!(waiting.on(&restart, later).unwrap().effects.contains(&Effect::Upload));
}

#[test]
fn an_engine_that_breaks_fails_the_recording_and_keeps_its_media() {
    let step = after(&[Event::Rolling, told(Notice::Started)]).on(&broke(true), now()).unwrap();
    assert_eq!(step.reports, [Report::Failed, Report::Ended(EndReason::EngineFailed)]);
    assert_eq!(notice(&step.next), Some(&Notice::Failed));
    let uploading = step.next.on(&salvaged(), now()).unwrap().next;
    let stored = uploading.on(&Event::Stored, now()).unwrap();
    assert_eq!(stored.reports, [Report::Finished { seconds: 0.0 }], "a failed one adds no duration");
}

#[test]
fn a_failed_recording_whose_upload_fails_is_no_failed_upload() {
    let step = after(&[Event::Rolling, broke(true), salvaged()]).on(&refused(SOON), now()).unwrap();
    assert_eq!(step.reports, [Report::Finished { seconds: 0.0 }]);
}

#[test]
fn an_engine_that_never_starts_fails_the_recording() {
    let step = accepted().on(&broke(false), now()).unwrap();
    assert_eq!(step.next.phase, Phase::Closed(Ending::Empty));
    let ended = Report::Ended(EndReason::EngineFailed);
    assert_eq!(step.reports, [Report::Failed, ended, Report::Finished { seconds: 0.0 }]);
    assert_eq!(step.effects, [Effect::Tell]);
}

#[test]
fn a_start_that_fails_because_it_was_stopped_is_not_failed() {
    let step = after(&[stop()]).on(&broke(false), now()).unwrap();
    assert_eq!(step.reports, [Report::Ended(EndReason::Moderator), Report::Finished { seconds: 0.0 }]);
    assert_eq!(notice(&step.next), Some(&Notice::Stopped { by: Some(alice()) }));
}

#[test]
fn a_room_that_does_not_know_of_the_recording_stops_it() {
    let step = after(&[Event::Rolling])
        .on(&Event::Untold { notice: Notice::Started, room_unknown: true }, now())
        .unwrap();
    assert_eq!(step.next.phase, Phase::Stopping);
    assert_eq!(step.effects, [Effect::StopEngine]);
}

#[test]
fn an_answer_that_comes_late_settles_nothing_newer() {
    let failed = after(&[Event::Rolling, broke(true)]);
    assert_eq!(failed.on(&told(Notice::Started), now()), None);
    assert_eq!(notice(&failed), Some(&Notice::Failed));
}

#[test]
fn an_engine_that_breaks_after_the_stop_has_recorded_all_the_same() {
    let step = after(&[Event::Rolling, stop(), broke(true), salvaged()]).on(&Event::Stored, now()).unwrap();
    assert_eq!(step.reports, [Report::Finished { seconds: 4.5 }], "the file itself knows best");
}

#[test]
fn a_file_that_is_too_large_is_tried_rarely() {
    let step = after(&[Event::Rolling, stop(), sealed()]).on(&refused(NextRound::Rarely), now()).unwrap();
    assert_eq!(step.effects, [Effect::UploadLater]);
    assert_eq!(step.next.not_before, Some(now() + SignedDuration::from_hours(6)));
}

#[test]
fn what_a_dead_recorder_may_not_have_reported_is_reported_again() {
    let recovered = Event::Recovered { media: true, cut_at: now() };
    let stored = after(&[Event::Rolling, stop(), sealed(), Event::Stored]).on(&recovered, now()).unwrap();
    let ended = Report::Ended(EndReason::Moderator);
    assert_eq!(stored.reports, [ended, Report::Finished { seconds: 12.5 }]);
    let waiting = after(&[Event::Rolling, stop(), sealed(), refused(SOON)]).on(&recovered, now()).unwrap();
    assert_eq!(waiting.reports, [ended, Report::UploadFailed, Report::Finished { seconds: 12.5 }]);
}

#[test]
fn a_crash_is_an_event_in_every_phase() {
    let recovered = Event::Recovered { media: true, cut_at: now() };
    let cut = after(&[Event::Rolling, recovered.clone()]);
    assert_eq!((cut.phase.name(), notice(&cut)), ("salvaging", Some(&Notice::Failed)));
    let stopping = after(&[Event::Rolling, stop(), recovered.clone()]);
    assert_eq!(notice(&stopping), Some(&Notice::Stopped { by: Some(alice()) }));
    let uploading = after(&[Event::Rolling, stop(), sealed()]).on(&recovered, now()).unwrap();
    assert_eq!(uploading.effects, [Effect::Tell, Effect::Upload]);
    let stored = after(&[Event::Rolling, stop(), sealed(), told(stopped()), Event::Stored]);
    assert_eq!(stored.on(&recovered, now()).unwrap().effects, [Effect::Forget]);
}

#[test]
fn media_that_another_hand_removed_closes_the_recording() {
    let lost = after(&[Event::Rolling, stop(), sealed(), Event::MediaGone]);
    assert_eq!(lost.phase, Phase::Closed(Ending::Lost));
}

#[test]
fn the_journal_leads_back_to_the_recording() {
    let recording = after(&[Event::Rolling, stop(), sealed(), refused(NextRound::Never)]);
    let text = serde_json::to_string(&recording).unwrap();
    assert_eq!(serde_json::from_str::<Recording>(&text).unwrap(), recording);
}
