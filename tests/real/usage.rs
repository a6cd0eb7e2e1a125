//! What the programs of a recording take is seen, by kind, and what they have used stays counted when they are gone.

use std::time::Duration;

use talk_recorder::demo::Kind;
use testing::Scene;
use tokio::time::sleep;

use crate::stage::{CHROMIUM, FIREFOX, START, small};

const KINDS: [&str; 4] = ["browser", "encoder", "display", "sound"];
/// Longer than the pause between two looks at the processes.
const NEXT_LOOK: Duration = Duration::from_secs(7);

async fn value(scene: &Scene, family: &str, kind: &str) -> f64 {
    scene.server.value(&format!("recording_programs{family}{{kind=\"{kind}\"}}")).await.unwrap()
}

#[actix_rt::test]
async fn the_programs_of_both_browsers_are_seen_by_kind() {
    for browser in [FIREFOX, CHROMIUM] {
        let scene = small(browser).await;
        scene.press_record(Kind::Video).await;
        scene.until_started(START).await;
        sleep(NEXT_LOOK).await;
        let mut used = Vec::new();
        for kind in KINDS {
            assert!(value(&scene, "", kind).await >= 1.0, "{browser:?}: no {kind}");
            assert!(value(&scene, "_resident_memory_bytes", kind).await > 1e6, "{browser:?}: {kind}");
            used.push(value(&scene, "_cpu_seconds_total", kind).await);
        }
        assert!(used[0] > used[2] && used[1] > 0.0, "{browser:?}: {used:?}");

        scene.press_stop().await;
        scene.until_stored(1, 30).await;
        sleep(NEXT_LOOK).await;
        for (kind, used) in KINDS.iter().zip(used) {
            assert_eq!(value(&scene, "", kind).await, 0.0, "{browser:?}: {kind}");
            assert!(value(&scene, "_cpu_seconds_total", kind).await >= used, "{browser:?}: {kind}");
        }
    }
}
