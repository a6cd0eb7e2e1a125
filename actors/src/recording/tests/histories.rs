//! Random histories of events against the invariants of the life cycle.

use proptest::prelude::*;

use super::*;

fn any_notice() -> impl Strategy<Value = Notice> {
    prop_oneof![
        Just(Notice::Started),
        Just(stopped()),
        Just(Notice::Stopped { by: None }),
        Just(Notice::Failed)
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    let media = any::<bool>();
    prop_oneof![
        Just(Event::Rolling),
        Just(stop()),
        Just(Event::StopAsked { by: None, why: EndReason::MaxLength }),
        media.prop_map(|media| Event::Sealed { seconds: 3.0, media }),
        media.prop_map(broke),
        media.prop_map(|media| Event::Recovered { media, cut_at: now() }),
        any_notice().prop_map(told),
        (any_notice(), any::<bool>())
            .prop_map(|(notice, room_unknown)| Event::Untold { notice, room_unknown }),
        Just(Event::Stored),
        prop_oneof![Just(SOON), Just(NextRound::Rarely), Just(NextRound::Never)].prop_map(refused),
        Just(Event::MediaGone),
        Just(salvaged()),
        Just(Event::RetryAsked),
        Just(Event::DiscardAsked),
    ]
}

/// Everything that a history of events brought about.
#[derive(Default)]
struct History {
    phases: Vec<Phase>,
    notices: Vec<Notice>,
    reports: Vec<Report>,
    effects: Vec<Effect>,
    events: Vec<Event>,
}

fn live_through(events: Vec<Event>) -> (Recording, History) {
    let mut recording = accepted();
    let mut history = History::default();
    history.reports.push(Report::Started);
    for event in events {
        let Some(step) = recording.on(&event, now()) else {
            continue;
        };
        if step.next.owed != recording.owed {
            history.notices.extend(step.next.owed.clone().map(|owed| owed.notice));
        }
        history.phases.push(step.next.phase.clone());
        history.reports.extend(step.reports);
        history.effects.extend(step.effects);
        history.events.push(event);
        recording = step.next;
    }
    (recording, history)
}

/// Lets a recording come to its end by the shortest way, with everything told.
fn bring_to_the_end(mut recording: Recording) -> Recording {
    for _ in 0..8 {
        let event = match &recording.phase {
            Phase::Starting | Phase::Recording => stop(),
            Phase::Stopping => sealed(),
            Phase::Uploading => Event::Stored,
            Phase::Salvaging => salvaged(),
            Phase::Parked { .. } => Event::RetryAsked,
            Phase::Closed(_) => match recording.owed.clone() {
                Some(owed) => told(owed.notice),
                None => break,
            },
        };
        if let Some(step) = recording.on(&event, now()) {
            recording = step.next;
        }
    }
    recording
}

proptest! {
    #[test]
    fn closed_absorbs_everything(events in prop::collection::vec(any_event(), 0..25)) {
        let (_, history) = live_through(events);
        let closed = history.phases.iter().position(|phase| matches!(phase, Phase::Closed(_)));
        if let Some(position) = closed {
            let ending = &history.phases[position];
            prop_assert!(history.phases[position..].iter().all(|phase| phase == ending));
        }
    }

    #[test]
    fn nothing_is_uploaded_before_the_engine_has_ended(events in prop::collection::vec(any_event(), 0..25)) {
        let mut recording = accepted();
        for event in events {
            let Some(step) = recording.on(&event, now()) else { continue };
            let uploads = step.effects.iter().any(|effect| matches!(effect, Effect::Upload | Effect::UploadLater));
            prop_assert!(!uploads || !step.next.phase.is_live());
            recording = step.next;
        }
    }

    #[test]
    fn nextcloud_hears_at_most_one_started_and_then_one_ending(events in prop::collection::vec(any_event(), 0..25)) {
        let (recording, history) = live_through(events);
        let endings = history.notices.iter().filter(|notice| **notice != Notice::Started).count();
        let started = history.notices.iter().filter(|notice| **notice == Notice::Started).count();
        prop_assert!(started <= 1);
        prop_assert_eq!(endings, usize::from(!recording.phase.is_live()));
        if started == 1 {
            prop_assert_eq!(&history.notices[0], &Notice::Started);
        }
    }

    #[test]
    fn a_second_stop_changes_nothing(events in prop::collection::vec(any_event(), 0..25)) {
        let (recording, _) = live_through(events);
        if let Some(step) = recording.on(&stop(), now()) {
            prop_assert_eq!(step.next.on(&stop(), now()), None);
        }
    }

    #[test]
    fn media_is_forgotten_only_when_it_is_stored_or_lost_or_discarded(events in prop::collection::vec(any_event(), 0..25)) {
        let (recording, history) = live_through(events);
        if history.effects.contains(&Effect::Forget) && history.phases.contains(&Phase::Uploading) {
            prop_assert!(matches!(recording.phase, Phase::Closed(Ending::Stored | Ending::Lost | Ending::Discarded)));
        }
        if recording.phase == Phase::Closed(Ending::Empty) {
            let last = history.events.iter().position(|event| matches!(event,
                Event::Sealed { .. } | Event::Broke { .. } | Event::Recovered { .. }));
            let ended_without = matches!(history.events[last.unwrap()],
                Event::Sealed { media: false, .. } | Event::Broke { media: false, .. } | Event::Recovered { media: false, .. });
            prop_assert!(ended_without, "media was there and is forgotten");
        }
    }

    #[test]
    fn the_reports_tell_one_story(events in prop::collection::vec(any_event(), 0..25)) {
        let (recording, history) = live_through(events);
        // As the metrics take them: nothing after the first `Finished`, and each once.
        let finished_at = history.reports.iter().position(|report| matches!(report, Report::Finished { .. }));
        let counted = &history.reports[..finished_at.map_or(history.reports.len(), |at| at + 1)];
        let failed = counted.contains(&Report::Failed);
        let ended = counted.iter().filter(|report| matches!(report, Report::Ended(_))).count();
        let upload_failed = counted.iter().filter(|report| **report == Report::UploadFailed).count();
        prop_assert_eq!(counted[0], Report::Started);
        prop_assert!(upload_failed <= 1 && !(failed && upload_failed == 1));
        prop_assert!(recording.phase.is_live() || ended >= 1, "every end has a reason");
        let over = matches!(recording.phase, Phase::Closed(_) | Phase::Parked { .. });
        prop_assert!(!over || finished_at.is_some());
        let adds_nothing = finished_at.is_none_or(|at| counted[at] == Report::Finished { seconds: 0.0 });
        prop_assert!(!failed || adds_nothing);
    }

    #[test]
    fn every_recording_can_come_to_its_end(events in prop::collection::vec(any_event(), 0..25)) {
        let (recording, _) = live_through(events);
        let end = bring_to_the_end(recording);
        prop_assert!(matches!(end.phase, Phase::Closed(_)));
        prop_assert_eq!(end.owed, None);
    }
}
