//! What a running engine says, and what becomes of it: an event of the recording's life, or a line in the log and a
//! number in the metrics.

use std::sync::{Arc, OnceLock};

use actix::{Addr, Context, Handler, Message};
use tokio::time::Instant;

use super::Recorder;
use crate::{
    ids::RecordingId,
    metrics::News,
    ports::Cue,
    recording::{Event, Report},
};

/// Something was said by the engine of a recording.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Said {
    id: RecordingId,
    cue: Cue,
}

/// Hands the cues of a recording to its recorder, and notes when its first frame came.
pub(super) fn giver(
    recorder: Addr<Recorder>,
    id: RecordingId,
    rolling_since: Arc<OnceLock<Instant>>,
) -> impl Fn(Cue) + Send + Sync + 'static {
    move |cue| {
        if cue == Cue::Rolling {
            rolling_since.get_or_init(Instant::now);
        }
        recorder.do_send(Said { id, cue });
    }
}

impl Handler<Said> for Recorder {
    type Result = ();

    fn handle(&mut self, Said { id, cue }: Said, ctx: &mut Context<Self>) {
        let report = match cue {
            Cue::Rolling => return self.advance(id, Event::Rolling, ctx),
            Cue::End(why) => return self.advance(id, Event::StopAsked { by: None, why }, ctx),
            Cue::Sign { sign, seen } => {
                self.narrate_sign(id, sign, seen);
                Report::Sign { sign, seen }
            }
            Cue::Encoding { speed, dropped_frames } => Report::Encoding { speed, dropped_frames },
        };
        self.report(News::Happened { id, report });
    }
}
