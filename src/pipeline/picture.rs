//! A look at the screen, independent of the encoder: every eighth row of pixels, read from the X server.
//!
//! Each look is a connection of its own, so that it also tells whether the display still answers.

use std::{
    hash::{DefaultHasher, Hasher},
    io,
    path::PathBuf,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};
use x11rb_protocol::{
    connect::Connect,
    protocol::xproto::{GetImageRequest, ImageFormat},
};

use super::{
    display::{COOKIE_NAME, Size},
    signs::Picture,
};

/// A look that takes longer has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// Letters are higher than the pixels between two rows that are read.
const ROW_STEP: u16 = 8;
/// Length of what comes before the pixels, and of an error.
const HEADER: usize = 32;
/// First byte of an answer that is no error.
const ANSWER: u8 = 1;
/// A pixel is red, green, blue, and a byte without meaning.
const PIXEL: usize = 4;
/// Brightness up to which a colour counts as black.
const DARKEST: u8 = 16;

/// Looks at one display.
#[derive(Debug, Clone)]
pub(super) struct Eye {
    /// Where the display listens.
    pub(super) socket: PathBuf,
    /// What it demands from whoever connects.
    pub(super) cookie: [u8; 16],
}

impl Eye {
    /// Looks at the picture, which begins in the upper left corner.
    ///
    /// # Errors
    /// When the display does not answer in time, or refuses.
    pub(super) async fn look(&self, size: Size) -> io::Result<Picture> {
        timeout(PATIENCE, self.read(size)).await?
    }

    async fn read(&self, size: Size) -> io::Result<Picture> {
        let mut display = UnixStream::connect(&self.socket).await?;
        let root = self.introduce(&mut display).await?;
        let rows: Vec<Vec<u8>> = requests(root, size).collect();
        // All of them at once: each answer that is waited for is a chance to be held up.
        display.write_all(&rows.concat()).await?;
        let mut seen = Fingerprint::default();
        for _ in rows {
            seen.add(&row_of_pixels(&mut display).await?);
        }
        Ok(seen.picture())
    }

    /// Introduces itself; says what the screen is called.
    async fn introduce(&self, display: &mut UnixStream) -> io::Result<u32> {
        let (mut greeting, hello) = Connect::with_authorization(COOKIE_NAME.to_vec(), self.cookie.to_vec());
        display.write_all(&hello).await?;
        loop {
            let read = display.read(greeting.buffer()).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if greeting.advance(read) {
                break;
            }
        }
        let setup = greeting.into_setup().map_err(|error| io::Error::other(error.to_string()))?;
        let screen = setup.roots.first().ok_or_else(|| io::Error::other("the display has no screen"))?;
        Ok(screen.root)
    }
}

/// One request a row.
fn requests(root: u32, size: Size) -> impl Iterator<Item = Vec<u8>> {
    let coordinate = |pixels| u16::try_from(pixels).unwrap_or(i16::MAX.unsigned_abs());
    let (width, height) = (coordinate(size.width), coordinate(size.height));
    (0..height).step_by(usize::from(ROW_STEP)).map(move |row| {
        let request = GetImageRequest {
            format: ImageFormat::Z_PIXMAP,
            drawable: root,
            x: 0,
            y: row.cast_signed(),
            width,
            height: 1,
            plane_mask: u32::MAX,
        };
        request.serialize().0.concat()
    })
}

async fn row_of_pixels(display: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut header = [0; HEADER];
    display.read_exact(&mut header).await?;
    if header[0] != ANSWER {
        return Err(io::Error::other(format!("the display refuses to be looked at (error {})", header[1])));
    }
    let words = u32::from_ne_bytes([header[4], header[5], header[6], header[7]]);
    let mut pixels = vec![0; words as usize * 4];
    display.read_exact(&mut pixels).await?;
    Ok(pixels)
}

/// A picture in the making.
#[derive(Default)]
struct Fingerprint {
    hasher: DefaultHasher,
    any_light: bool,
}

impl Fingerprint {
    fn add(&mut self, pixels: &[u8]) {
        self.hasher.write(pixels);
        let has_light = |pixel: &[u8]| pixel[..3].iter().any(|colour| *colour > DARKEST);
        self.any_light = self.any_light || pixels.chunks_exact(PIXEL).any(has_light);
    }

    fn picture(self) -> Picture {
        Picture { fingerprint: self.hasher.finish(), black: !self.any_light }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(rows: &[[u8; 8]]) -> Picture {
        let mut fingerprint = Fingerprint::default();
        for row in rows {
            fingerprint.add(row);
        }
        fingerprint.picture()
    }

    #[test]
    fn a_picture_is_black_when_no_colour_of_it_has_light() {
        assert!(picture(&[[0, 0, 0, 255, 16, 16, 16, 0]]).black, "the fourth byte is no colour");
        assert!(!picture(&[[0; 8], [0, 0, 0, 0, 17, 0, 0, 0]]).black);
    }

    #[test]
    fn one_other_pixel_makes_another_picture() {
        let (dark, light) = ([0; 8], [9, 9, 9, 0, 9, 9, 9, 0]);
        assert_eq!(picture(&[dark, light]), picture(&[dark, light]));
        assert_ne!(picture(&[dark, light]).fingerprint, picture(&[light, dark]).fingerprint);
    }

    #[test]
    fn a_look_asks_for_every_eighth_row_in_few_bytes() {
        let asked: Vec<Vec<u8>> = requests(7, Size { width: 1920, height: 1080 }).collect();
        assert_eq!((asked.len(), asked.concat().len()), (135, 2700));
        let last = asked.last().unwrap();
        let number = |at: usize| i16::from_ne_bytes([last[at], last[at + 1]]);
        assert_eq!(
            [number(8), number(10), number(12), number(14)],
            [0, 1072, 1920, 1],
            "x, y, width, height"
        );
    }

    #[tokio::test]
    async fn a_display_that_is_not_there_or_says_nothing_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let eye = Eye { socket: directory.path().join("X7"), cookie: [0; 16] };
        let size = Size { width: 8, height: 8 };
        assert_eq!(eye.look(size).await.unwrap_err().kind(), io::ErrorKind::NotFound);
        let _silent = std::os::unix::net::UnixListener::bind(&eye.socket).unwrap();
        tokio::time::pause();
        assert_eq!(eye.look(size).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
