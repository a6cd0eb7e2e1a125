//! Taking a copy of the media out of the spool.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, ensure};
use bytesize::ByteSize;

use super::Held;

/// Copies the media of an entry to a new file, which only this user may read.
pub(super) fn export(held: &Held, file: &Path) -> anyhow::Result<()> {
    let media = held.glimpse.media.as_ref().with_context(|| format!("{} has no media", held.glimpse.id))?;
    let extension = media.path.extension().unwrap_or_default();
    ensure!(
        file.extension().is_some_and(|given| given.eq_ignore_ascii_case(extension)),
        "the media is a .{0} file: give {1} that extension",
        extension.display(),
        file.display()
    );
    let mut source = File::open(&media.path).with_context(|| media.path.display().to_string())?;
    let mut copy =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(|error| {
            let hint = if error.kind() == io::ErrorKind::AlreadyExists {
                ", and nothing is overwritten"
            } else {
                ""
            };
            anyhow::anyhow!("{}: {error}{hint}", file.display())
        })?;
    let copied = io::copy(&mut source, &mut copy).and_then(|bytes| copy.sync_all().map(|()| bytes));
    let bytes = match copied {
        Ok(bytes) => bytes,
        Err(error) => {
            // Half a copy would be taken for a whole one.
            drop(fs::remove_file(file));
            return Err(error).with_context(|| file.display().to_string());
        }
    };
    println!(
        "{}: {} copied to {}; it stays in the spool",
        held.glimpse.id,
        ByteSize::b(bytes),
        file.display()
    );
    if held.glimpse.recording.as_ref().is_ok_and(|recording| recording.phase.is_live()) {
        println!("it is being recorded, or was cut off: the copy ends where the media does now");
    }
    Ok(())
}
