//! The command line of ffmpeg.
//!
//! - Options of the configuration come after ours, so that they win, and keep the places that the reference gives them.
//! - Both inputs are stamped by the same clock, and `-isync` keeps the distance between their beginnings: ffmpeg opens
//!   the sound first and would otherwise start the picture that much too early.
//! - `-enc_time_base` keeps the times of frames as they are; ffmpeg would move them by up to 20 ms.
//! - Media is written in pieces of a second at most, each flushed.

use actors::recording::Kind;

use super::{Take, extension};
use crate::config::Ffmpeg;

/// What a page draws is on the screen, and in the next frame that is taken of it, about so many seconds later. Sound
/// needs no such time.
const SCREEN_LAG: &str = "-itsoffset -0.020";

/// Everything behind the name of the program but the file.
pub(super) fn arguments(ffmpeg: &Ffmpeg, global: &[String], take: &Take<'_>) -> Vec<String> {
    let size = format!("{}x{}", take.size.width, take.size.height);
    let mut line = Line(global.to_vec());
    line.ours("-progress pipe:1 -nostats -stats_period 0.25");
    // Fragments of 20 ms: the time stamp of sound is right from the first one on.
    line.ours("-thread_queue_size 1024 -fragment_size 3840");
    line.theirs(&ffmpeg.input_audio);
    line.ours("-f pulse -i");
    line.theirs(&[take.source.to_owned()]);
    if take.kind == Kind::Video {
        line.ours("-thread_queue_size 32 -framerate 30 -isync 0");
        line.ours(SCREEN_LAG);
        line.theirs(&ffmpeg.input_video);
        line.ours("-f x11grab -draw_mouse 0 -video_size");
        line.theirs(&[size, "-i".to_owned(), take.display.to_owned()]);
    }
    if take.kind == Kind::Video {
        // Frames keep their own time instead of the nearest thirtieth of a second.
        line.ours("-enc_time_base:v 1:1000");
    }
    line.ours(container_options(extension(ffmpeg, take.kind)));
    line.theirs(&ffmpeg.output_audio);
    if take.kind == Kind::Video {
        line.theirs(&ffmpeg.output_video);
    }
    line.0
}

/// What keeps the loss at a crash to a second or so: media is written in pieces that stand for themselves.
fn container_options(extension: &str) -> &'static str {
    match extension {
        ".webm" | ".mkv" | ".mka" => "-flush_packets 1 -cluster_time_limit 1000",
        ".ogg" => "-flush_packets 1 -page_duration 500000",
        // ffmpeg 5.1 would repeat frames until there are a thousand a second.
        ".mp4" => "-flush_packets 1 -fps_mode vfr -movflags +frag_keyframe+empty_moov -frag_duration 1000000",
        _ => "-flush_packets 1",
    }
}

/// A command line in the making.
struct Line(Vec<String>);

impl Line {
    fn ours(&mut self, options: &str) {
        self.0.extend(options.split(' ').map(str::to_owned));
    }

    fn theirs(&mut self, options: &[String]) {
        self.0.extend_from_slice(options);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::pipeline::display::Size;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn ffmpeg() -> Ffmpeg {
        Ffmpeg {
            common: words("ffmpeg -loglevel level+warning -n"),
            input_audio: Vec::new(),
            input_video: Vec::new(),
            output_audio: words("-c:a libopus"),
            output_video: words("-c:v libvpx -b:v 1M"),
            extension_audio: ".ogg".to_owned(),
            extension_video: ".webm".to_owned(),
        }
    }

    fn line(ffmpeg: &Ffmpeg, kind: Kind) -> String {
        let take = Take {
            kind,
            display: ":7",
            size: Size { width: 1920, height: 1080 },
            source: "rec.monitor",
            directory: Path::new("/spool"),
        };
        arguments(ffmpeg, &ffmpeg.common[1..], &take).join(" ")
    }

    #[test]
    fn picture_and_sound_have_their_options_in_their_places() {
        assert_eq!(
            line(&ffmpeg(), Kind::Video),
            "-loglevel level+warning -n -progress pipe:1 -nostats -stats_period 0.25 \
             -thread_queue_size 1024 -fragment_size 3840 -f pulse -i rec.monitor \
             -thread_queue_size 32 -framerate 30 -isync 0 -itsoffset -0.020 -f x11grab -draw_mouse 0 -video_size 1920x1080 -i :7 \
             -enc_time_base:v 1:1000 -flush_packets 1 -cluster_time_limit 1000 -c:a libopus -c:v libvpx -b:v 1M"
        );
    }

    #[test]
    fn sound_alone_has_no_picture() {
        assert_eq!(
            line(&ffmpeg(), Kind::Audio),
            "-loglevel level+warning -n -progress pipe:1 -nostats -stats_period 0.25 \
             -thread_queue_size 1024 -fragment_size 3840 -f pulse -i rec.monitor -flush_packets 1 -page_duration 500000 -c:a libopus"
        );
    }

    #[test]
    fn options_of_the_configuration_come_after_ours() {
        let ffmpeg = Ffmpeg {
            input_audio: words("-thread_queue_size 99"),
            input_video: words("-framerate 15"),
            extension_video: ".mp4".to_owned(),
            ..ffmpeg()
        };
        let line = line(&ffmpeg, Kind::Video);
        assert!(line.contains("-fragment_size 3840 -thread_queue_size 99 -f pulse"), "{line}");
        assert!(line.contains("-framerate 30 -isync 0 -itsoffset -0.020 -framerate 15 -f x11grab"), "{line}");
        assert!(line.contains("-movflags +frag_keyframe+empty_moov -frag_duration 1000000 -c:a"), "{line}");
    }
}
