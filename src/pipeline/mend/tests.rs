//! Real media that was cut off, a script in the place of ffmpeg, and disks without room.

use std::process::Command;

use super::*;

/// A recording's directory, and one for what lives while it is mended.
struct Place {
    directory: tempfile::TempDir,
    entry: PathBuf,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let entry = directory.path().join(RecordingId::random().to_string());
        fs::create_dir(&entry).unwrap();
        Self { directory, entry }
    }

    /// Media of 5 seconds that ffmpeg wrote with these options and had no time to seal, without its last fifth.
    fn cut(&self, name: &str, options: &str) -> PathBuf {
        let format = match name.rsplit_once('.').unwrap().1 {
            "mkv" => "matroska",
            format => format,
        };
        // What goes into a pipe cannot be sealed.
        let output = Command::new("ffmpeg")
            .args(
                "-v error -f lavfi -i sine=duration=5 -f lavfi -i testsrc2=size=320x180:rate=30:duration=5"
                    .split(' '),
            )
            .args(options.split(' '))
            .args(["-f", format, "pipe:1"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let media = self.entry.join(name);
        fs::write(&media, &output.stdout[..output.stdout.len() * 8 / 10]).unwrap();
        media
    }

    async fn mend(&self, media: &Path) -> Result<f64, EngineError> {
        let ffmpeg = Ffmpeg { common: vec!["ffmpeg".to_owned()], ..crate::config::Config::defaults().ffmpeg };
        mend(&ffmpeg, self.directory.path(), 0, media).await
    }

    fn files(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(&self.entry)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn ask(media: &Path, question: &str) -> String {
    let output = Command::new("ffprobe")
        .args("-v error -of default=nokey=1:noprint_wrappers=1".split(' '))
        .args(question.split(' '))
        .arg(media)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn seconds(media: &Path) -> Option<f64> {
    ask(media, "-show_entries format=duration").parse().ok()
}

/// How many packets each stream has, without a last one that was cut in half.
fn packets(media: &Path) -> String {
    ask(media, "-fflags +discardcorrupt -count_packets -show_entries stream=nb_read_packets")
}

const WEBM: &str = "-c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus -cluster_time_limit 1000";

#[tokio::test]
async fn cut_media_gets_a_length_and_keeps_every_packet() {
    for (name, options) in [
        ("media.webm", WEBM),
        ("media.mkv", WEBM),
        ("media.ogg", "-map 0:a -c:a libopus -page_duration 500000"),
        (
            "media.mp4",
            "-c:v libx264 -preset ultrafast -c:a aac -movflags +frag_keyframe+empty_moov -frag_duration 1000000",
        ),
    ] {
        let place = Place::new();
        let media = place.cut(name, options);
        let before = packets(&media);
        assert!(matches!(name, "media.ogg" | "media.mp4") || seconds(&media).is_none(), "{name} is not cut");

        let length = place.mend(&media).await.unwrap();

        assert_eq!(packets(&media), before, "{name}");
        let told = seconds(&media).unwrap_or_else(|| panic!("{name} has no length"));
        assert!((2.0..5.1).contains(&told) && (told - length).abs() < 0.1, "{name}: {told} s, said {length}");
        let mut seek = Command::new("ffmpeg");
        seek.args(["-v", "error", "-ss", "2", "-i"]).arg(&media);
        let sought = seek.args(["-f", "null", "-"]).output().unwrap();
        assert!(sought.status.success() && sought.stderr.is_empty(), "{name}: {sought:?}");
        assert_eq!(place.files(), [name]);
    }
}

#[tokio::test]
async fn what_a_crash_left_is_removed_and_whole_media_stays_whole() {
    let place = Place::new();
    let media = place.cut("media.webm", WEBM);
    fs::write(place.entry.join(".mending.webm"), "half a file").unwrap();
    let once = place.mend(&media).await.unwrap();
    let twice = place.mend(&media).await.unwrap();
    assert!((once - twice).abs() < 0.1, "{once} s, then {twice} s");
    assert_eq!(place.files(), ["media.webm"]);
}

#[tokio::test]
async fn what_cannot_be_read_stays_as_it_is() {
    let place = Place::new();
    let media = place.entry.join("media.webm");
    fs::write(&media, "this is no recording").unwrap();
    let error = place.mend(&media).await.unwrap_err();
    assert!(error.cause.contains("ffmpeg failed"), "{error}");
    assert_eq!(fs::read_to_string(&media).unwrap(), "this is no recording");
    assert_eq!(place.files(), ["media.webm"]);
}

#[tokio::test]
async fn a_head_without_a_body_is_nothing_to_play() {
    let place = Place::new();
    let media = place.cut("media.webm", WEBM);
    let head = fs::read(&media).unwrap()[..400].to_vec();
    fs::write(&media, &head).unwrap();
    place.mend(&media).await.unwrap_err();
    assert_eq!(fs::read(&media).unwrap(), head);
}

/// Has a program copy a file that is this script, with the new file as its last argument. It may do nothing for half a
/// second.
async fn copied_by(script: &str) -> Result<Progress, EngineError> {
    let place = Place::new();
    let program = place.directory.path().join("ffmpeg");
    let text = format!("#!/bin/sh\nfor copy; do :; done\n{script}\n");
    // Written by a program of its own: one that another test starts would inherit the open file, which cannot be run then.
    let mut writer = Command::new("sh");
    writer.args(["-c", "printf %s \"$1\" > \"$0\"; chmod 700 \"$0\""]).arg(&program).arg(text);
    assert!(writer.status().unwrap().success());
    let mender = Mender {
        program: program.to_str().unwrap(),
        scratch: Scratch::create(place.directory.path(), RecordingId::random()).unwrap(),
        patience: Duration::from_millis(500),
    };
    mender.copy(&place.entry.join("media.mp4"), &place.entry.join("copy.mp4")).await
}

#[tokio::test]
async fn a_file_that_changes_without_a_word_is_progress_and_silence_is_not() {
    let moves = "echo long > $copy; for turn in 1 2 3 4 5 6 7 8; do sleep 0.2; echo same | dd of=$copy conv=notrunc; done";
    let copied = copied_by(&format!("{moves}; echo frame=7")).await.unwrap();
    assert_eq!(copied.frames, 7);
    let error = copied_by("echo frame=7; echo long > $copy; sleep 60").await.unwrap_err();
    assert!(error.cause.contains("ffmpeg did nothing for 0 s"), "{error}");
    let error = copied_by("while :; do echo frame=7; sleep 0.1; done").await.unwrap_err();
    assert!(error.cause.contains("ffmpeg did nothing for 0 s"), "{error}");
}

#[tokio::test]
async fn only_media_of_a_recording_is_mended() {
    let directory = tempfile::tempdir().unwrap();
    let media = directory.path().join("media.webm");
    let ffmpeg = crate::config::Config::defaults().ffmpeg;
    let error = mend(&ffmpeg, directory.path(), 0, &media).await.unwrap_err();
    assert!(error.cause.contains("no recording's directory"), "{error}");
}

#[tokio::test]
async fn a_copy_that_would_take_of_the_reserve_is_not_made_and_what_a_crash_left_makes_room() {
    let place = Place::new();
    let media = place.entry.join("media.webm");
    fs::write(&media, "a recording").unwrap();
    fs::write(place.entry.join(".mending.webm"), "half a file").unwrap();
    let ffmpeg = crate::config::Config::defaults().ffmpeg;
    let error = mend(&ffmpeg, place.directory.path(), u64::MAX, &media).await.unwrap_err();
    assert!(error.cause.contains("no room on the disk for a second copy"), "{error}");
    assert_eq!(fs::read_to_string(&media).unwrap(), "a recording");
    assert_eq!(place.files(), ["media.webm"]);
}

#[test]
fn a_second_copy_must_fit_with_room_to_spare_and_leave_the_reserve() {
    is_room(100, 0, 100 + MARGIN).unwrap();
    is_room(100, 50, 150 + MARGIN).unwrap();
    is_room(100, 51, 150 + MARGIN).unwrap_err();
    let error = is_room(100 << 20, 1 << 30, 1 << 30).unwrap_err();
    assert_eq!(
        error.to_string(),
        "mending: no room on the disk for a second copy: it takes 132.0 MiB, 1.0 GiB must stay free ([spool] \
         reserve), and 1.0 GiB are free"
    );
}

#[test]
fn a_new_file_that_lacks_something_is_refused() {
    let whole = Progress { frames: 100, seconds: 10.0, dropped: 0 };
    is_plausible(&whole, &whole, 1000, 900).unwrap();
    is_plausible(&whole, &Progress { seconds: 9.9, ..whole }, 1000, 1100).unwrap();
    for (written, found, new_bytes) in [
        (whole, Progress { seconds: 9.0, ..whole }, 1000),
        (whole, Progress { frames: 99, ..whole }, 1000),
        (whole, whole, 400),
        (Progress::default(), Progress::default(), 1000),
    ] {
        is_plausible(&written, &found, 1000, new_bytes).unwrap_err();
    }
}
