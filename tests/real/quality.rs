//! What lies in the file: the whole call and nothing else, in step.

use talk_recorder::demo::{
    Kind,
    judge::{self, Judgement},
};
use testing::processes::displays;

use crate::stage::{Browser, CHROMIUM, FIREFOX, nothing_is_left, record, seekable, sized};

/// The farthest that sound and picture may be apart.
const FARTHEST_MS: f64 = 100.0;

/// Records the sample call and checks everything that does not depend on how fast the machine is.
async fn record_and_judge(browser: Browser, size: &'static str, width: u32, height: u32) -> Judgement {
    let locks = displays();
    let scene = sized(browser, size).await;
    let file = record(&scene, Kind::Video, 10).await;
    nothing_is_left(&scene, &locks).await;
    let judgement = judge::judge(&file.path).await.unwrap();
    let video = judgement.facts.video.as_ref().unwrap();
    assert_eq!((video.codec.as_str(), video.width, video.height), ("vp8", width, height));
    let audio = judgement.facts.audio.as_ref().unwrap();
    assert_eq!((audio.codec.as_str(), audio.rate), ("opus", 48000));
    let seconds = seekable(&file).await;
    assert!((9.5..16.0).contains(&seconds), "{seconds} seconds");
    assert!(judgement.edges.fit(), "the picture does not fill its frame: {:?}", judgement.edges);
    assert!((-26.0..-14.0).contains(&judgement.sound.tone_dbfs), "tone {} dBFS", judgement.sound.tone_dbfs);
    let offset = judgement.offset_ms().expect("flashes and beeps");
    assert!(
        offset.abs() <= FARTHEST_MS,
        "sound and picture are {offset} ms apart: {:?}",
        judgement.offsets_ms
    );
    assert_eq!(judgement.frames.torn(), 0, "half old, half new frames");
    judgement
}

/// How many different frames of the call there are, as a share of those that it drew.
fn share_of_frames(judgement: &Judgement) -> f64 {
    let unique = f64::from(u32::try_from(judgement.frames.unique()).unwrap());
    let missing = f64::from(u32::try_from(judgement.frames.missing()).unwrap());
    unique / (unique + missing)
}

#[actix_rt::test]
async fn firefox_at_1920x1080() {
    let judgement = record_and_judge(FIREFOX, "", 1920, 1080).await;
    assert!(share_of_frames(&judgement) > 0.5, "{}", share_of_frames(&judgement));
}

#[actix_rt::test]
async fn chromium_at_1920x1080() {
    let judgement = record_and_judge(CHROMIUM, "", 1920, 1080).await;
    assert!(share_of_frames(&judgement) > 0.5, "{}", share_of_frames(&judgement));
}

#[actix_rt::test]
async fn firefox_at_960x540() {
    let judgement = record_and_judge(FIREFOX, "videowidth = 960\nvideoheight = 540", 960, 540).await;
    assert!(share_of_frames(&judgement) > 0.7, "{}", share_of_frames(&judgement));
}

#[actix_rt::test]
async fn chromium_at_960x540() {
    let judgement = record_and_judge(CHROMIUM, "videowidth = 960\nvideoheight = 540", 960, 540).await;
    assert!(share_of_frames(&judgement) > 0.7, "{}", share_of_frames(&judgement));
}

#[actix_rt::test]
async fn sound_alone_has_no_picture() {
    for browser in [FIREFOX, CHROMIUM] {
        let locks = displays();
        let scene = sized(browser, "").await;
        let file = record(&scene, Kind::Audio, 5).await;
        nothing_is_left(&scene, &locks).await;
        assert!(file.name.contains(".ogg"), "{}", file.name);
        let seconds = seekable(&file).await;
        assert!((4.5..9.0).contains(&seconds), "{seconds} seconds");
        let facts = judge::facts(&file.path).await.unwrap();
        assert_eq!(facts.video, None);
        assert_eq!(facts.audio.unwrap().codec, "opus");
        let sound = judge::sound(&file.path).await.unwrap();
        assert!((-26.0..-14.0).contains(&sound.tone_dbfs), "{browser:?}: tone {} dBFS", sound.tone_dbfs);
    }
}
