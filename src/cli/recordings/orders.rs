//! Retrying and discarding: by the server that holds the spool, or by hand where there is none.

use std::os::unix::fs::MetadataExt;

use actors::{
    recording::{Event, Phase, Recording},
    spool::{Spool, SpoolError, peek},
};
use anyhow::{Context, anyhow, bail};
use jiff::Timestamp;
use rustix::process::geteuid;

use super::Held;
use crate::control::{self, Answer, AskError, Request, Wish};

/// Has a wish fulfilled, and says in words what became of it.
pub(super) fn carry_out(wish: Wish, held: &Held) -> anyhow::Result<&'static str> {
    must_wait(held.recording()?)?;
    let owner = held.spool.metadata().with_context(|| held.spool.display().to_string())?.uid();
    if owner != geteuid().as_raw() {
        // What this user writes there could not be read by the server.
        return by_the_server(wish, held).map_err(|error| match error.downcast_ref() {
            Some(AskError::Unreachable { .. }) => anyhow!(
                "{error}; while no server runs, only the owner of the spool (user id {owner}) can do this"
            ),
            _ => error,
        });
    }
    match Spool::open(&held.spool) {
        Ok(spool) => by_hand(wish, held, &spool),
        Err(SpoolError::InUse { .. }) => by_the_server(wish, held),
        Err(error) => Err(anyhow::Error::msg(error)),
    }
}

/// Fails, with the reason, for a recording that does not wait for an operator.
pub(super) fn must_wait(recording: &Recording) -> anyhow::Result<()> {
    if recording.is_waiting() {
        return Ok(());
    }
    match recording.phase {
        Phase::Starting | Phase::Recording | Phase::Stopping => bail!(
            "it is being recorded ({}), or was cut off and is taken up when the server starts",
            recording.phase.name()
        ),
        Phase::Salvaging => bail!("it is being made whole and is uploaded then"),
        Phase::Uploading | Phase::Parked { .. } => {
            bail!("it is being uploaded for the first time, or will be when the server starts")
        }
        Phase::Closed(_) => bail!("it is over ({}) and is about to go", recording.phase.name()),
    }
}

fn by_the_server(wish: Wish, held: &Held) -> anyhow::Result<&'static str> {
    let request = Request { wish, backend: held.glimpse.backend.clone(), recording: held.glimpse.id };
    match control::ask(&held.spool, &request)? {
        Answer::Done => Ok(match wish {
            Wish::Retry => "the server uploads it now",
            Wish::Discard => "the server removes it now",
        }),
        Answer::NotWaiting => {
            bail!("the server says that it does not wait any more; `recordings` lists what is held")
        }
        Answer::Refused(reason) => bail!("the server refused: {reason}"),
    }
}

/// This process holds the spool. The recording may have moved on since it was looked at.
fn by_hand(wish: Wish, held: &Held, spool: &Spool) -> anyhow::Result<&'static str> {
    let now_held = peek(&held.spool)
        .map_err(anyhow::Error::msg)?
        .into_iter()
        .find(|glimpse| glimpse.id == held.glimpse.id);
    let recording = now_held.and_then(|glimpse| glimpse.recording.ok()).context("it is gone")?;
    must_wait(&recording)?;
    let drawer = spool.drawer(&held.glimpse.backend);
    match wish {
        Wish::Retry => {
            let step = recording.on(&Event::RetryAsked, Timestamp::now()).context("nothing to do")?;
            drawer.save(&step.next).map_err(anyhow::Error::msg)?;
            Ok("it is uploaded when the server starts")
        }
        Wish::Discard => {
            drawer.remove(recording.id).map_err(anyhow::Error::msg)?;
            Ok("it is removed")
        }
    }
}
