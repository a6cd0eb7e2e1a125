//! What a recording costs on this machine: CPU-seconds a recorded second, memory, and the time to the first frame.
//!
//! Real programs record the sample call, with this server's encoder settings and with those of the reference in
//! turn, so that their ratio is from one run on one machine.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]
#![expect(clippy::cast_precision_loss, reason = "the numbers are small")]

use std::{collections::BTreeMap, time::Duration};

use talk_recorder::demo::{Kind, judge};
use testing::{
    Scene, Setup,
    usage::{self, Usage},
};
use tokio::time::{Instant, sleep};

const SERVER: &str = env!("CARGO_BIN_EXE_talk-recorder");
const SETTLE: Duration = Duration::from_secs(4);
const MEASURED: Duration = Duration::from_secs(15);
const ROUNDS: usize = 3;
const KINDS: [&str; 7] = ["encoder", "browser", "display", "sound", "driver", "server", "other"];

const OURS: &str = "";
const REFERENCE: &str = "[ffmpeg]\noutputvideo = \"-c:v libvpx -deadline:v realtime -crf 10 -b:v 1M\"";

const BROWSERS: [(&str, &str); 2] =
    [("firefox", "browser = \"firefox\""), ("chrome", "browser = \"chrome\"")];
const SIZES: [(&str, &str); 2] = [("1920x1080", ""), ("960x540", "videowidth = 960\nvideoheight = 540")];

/// What one recording cost.
#[derive(Debug, Default, Clone)]
struct Cost {
    start_seconds: f64,
    /// Cores by kind.
    cores: BTreeMap<&'static str, f64>,
    peak_pss_mib: f64,
    unique_fps: f64,
    offset_ms: f64,
}

impl Cost {
    fn total(&self) -> f64 {
        self.cores.values().sum()
    }
}

fn main() {
    talk_recorder::tls::install_provider();
    actix_rt::System::new().block_on(run());
}

async fn run() {
    println!("idle server: {:.1} MiB PSS\n", idle_memory().await);
    println!(
        "cores = CPU-seconds a recorded second; median of {ROUNDS} recordings of {} s\n",
        MEASURED.as_secs()
    );
    for (size, size_setting) in SIZES {
        for (browser, browser_setting) in BROWSERS {
            let (mut ours, mut reference) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                ours.push(record(browser_setting, size_setting, OURS).await);
                reference.push(record(browser_setting, size_setting, REFERENCE).await);
            }
            report(&format!("{browser} {size}"), &ours);
            report(&format!("{browser} {size}, encoder settings of the reference"), &reference);
            let encoder = |costs: &[Cost]| median(costs, |cost| cost.cores["encoder"]);
            println!(
                "  encoder, this server to the reference's settings: {:.2}\n",
                encoder(&ours) / encoder(&reference)
            );
        }
    }
}

async fn idle_memory() -> f64 {
    let scene = Scene::synthetic(SERVER).await;
    sleep(Duration::from_secs(3)).await;
    usage::by_kind(scene.server.marker())["server"].pss_mib
}

async fn record(browser: &'static str, size: &'static str, more: &'static str) -> Cost {
    let scene =
        Scene::start(SERVER, Setup { recording: browser, backend: size, more, ..Setup::default() }).await;
    let begun = Instant::now();
    scene.press_record(Kind::Video).await;
    scene.until_started(60).await;
    let start_seconds = begun.elapsed().as_secs_f64();
    sleep(SETTLE).await;
    let (cores, peak_pss_mib) = measure(scene.server.marker()).await;
    scene.press_stop().await;
    let file = scene.until_stored(1, 60).await;
    let judgement = judge::judge(&file.path).await.unwrap();
    let unique_fps = judgement.frames.unique() as f64 / judgement.frames.seconds();
    Cost {
        start_seconds,
        cores,
        peak_pss_mib,
        unique_fps,
        offset_ms: judgement.offset_ms().unwrap_or(f64::NAN),
    }
}

/// Cores by kind and the peak of the memory of all.
async fn measure(marker: &str) -> (BTreeMap<&'static str, f64>, f64) {
    let before = usage::by_kind(marker);
    let begun = Instant::now();
    let mut peak = 0.0_f64;
    let mut after = before.clone();
    while begun.elapsed() < MEASURED {
        sleep(Duration::from_secs(1)).await;
        after = usage::by_kind(marker);
        peak = peak.max(after.values().map(|usage| usage.pss_mib).sum());
    }
    let seconds = begun.elapsed().as_secs_f64();
    let spent = |kind: &str| {
        let cpu =
            |usages: &BTreeMap<&'static str, Usage>| usages.get(kind).map_or(0.0, |usage| usage.cpu_seconds);
        (cpu(&after) - cpu(&before)) / seconds
    };
    (KINDS.into_iter().map(|kind| (kind, spent(kind))).collect(), peak)
}

fn report(title: &str, costs: &[Cost]) {
    println!("{title}");
    for kind in KINDS {
        println!("  {kind:8} {:6.3} cores", median(costs, |cost| cost.cores[kind]));
    }
    println!("  total    {:6.3} cores", median(costs, Cost::total));
    println!("  memory   {:6.0} MiB PSS at the peak", median(costs, |cost| cost.peak_pss_mib));
    println!("  start    {:6.2} s from the button to `started`", median(costs, |cost| cost.start_seconds));
    println!("  picture  {:6.1} different frames a second", median(costs, |cost| cost.unique_fps));
    let offsets: Vec<String> = costs.iter().map(|cost| format!("{:.0}", cost.offset_ms)).collect();
    println!("  offset   {} ms between picture and sound\n", offsets.join(", "));
}

fn median(costs: &[Cost], value: impl Fn(&Cost) -> f64) -> f64 {
    let mut values: Vec<f64> = costs.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
