//! `talk-recorder demo`: a sample call, recorded for real on this machine.
//!
//! The server with its built-in defaults and a small Nextcloud run in this process. Display, sound, browser and encoder are
//! the real programs. What is left afterwards is one file.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use actix::System;
use actors::recorder::Running;
use anyhow::{Context, bail, ensure};
use log::LevelFilter;
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::{
    app::App,
    client::Clients,
    config::{Backend, BackendSettings, Browser, Config, Holder},
    demo::{
        Kind,
        cloud::{Cloud, Settings},
        judge::{self, Judgement},
        state::{NoticeKind, StoredFile},
    },
    logging,
    pipeline::Pipeline,
    signaling::Watched,
    tls,
};

const ROOM: &str = "demo1234";
const OWNER: &str = "alice";
/// How the metrics begin that are told: there are many more.
const TOLD: &str = "recording_recordings_";
/// How long bringing the programs up may take on a slow machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// What of the demo can be chosen.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The browser that records.
    #[arg(long, value_enum)]
    browser: Option<BrowserName>,
    /// How long the call is recorded.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(3..=600))]
    seconds: u64,
    /// Width of the picture in pixels.
    #[arg(long, default_value_t = 1920, value_parser = clap::value_parser!(u32).range(320..=3840))]
    width: u32,
    /// Height of the picture in pixels.
    #[arg(long, default_value_t = 1080, value_parser = clap::value_parser!(u32).range(180..=2160))]
    height: u32,
    /// Where the recording goes.
    #[arg(long, default_value = "demo-recording.webm", value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum BrowserName {
    Firefox,
    Chrome,
}

/// Records, and says what came out.
pub(super) fn demo(options: &Options) -> ExitCode {
    logging::start(LevelFilter::Warn);
    tls::install_provider();
    match System::new().block_on(run(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> anyhow::Result<()> {
    let directory = tempfile::tempdir().context("no temporary directory")?;
    let stage = Stage::set(options, &directory)?;
    println!("server    {}", stage.url);
    println!("nextcloud {} (a small one, for the demo)", stage.cloud.address());
    let before = stage.metrics().await?;
    let stored = stage.record_a_call(options.seconds).await?;
    let after = stage.leave().await?;
    fs::copy(&stored.path, &options.output)
        .with_context(|| format!("cannot write {}", options.output.display()))?;
    print_metrics(&before, &after);
    let path = options.output.canonicalize()?;
    println!("judging   reading the recording back …");
    let judgement = judge::judge(&path).await?;
    print_judgement(&path, &stored, &judgement);
    ensure!(judgement.facts.video.is_some(), "the recording has no picture");
    ensure!(judgement.sound.tone_dbfs > -60.0, "the tone of the call is not in the recording");
    Ok(())
}

/// Server and Nextcloud.
struct Stage {
    app: App,
    cloud: Cloud,
    url: String,
    spool: PathBuf,
}

impl Stage {
    fn set(options: &Options, directory: &TempDir) -> anyhow::Result<Self> {
        let recording_secret = SecretString::from(uuid::Uuid::new_v4().to_string());
        let internal_secret = SecretString::from(uuid::Uuid::new_v4().to_string());
        let cloud = Cloud::start(Settings {
            recording_secret: recording_secret.clone(),
            internal_secret: internal_secret.clone(),
            rooms: vec![(ROOM.to_owned(), OWNER.to_owned())],
            files: directory.path().join("files"),
        })?;
        let spool = directory.path().join("spool");
        let mut config = Config::defaults();
        config.signaling.common = Some(internal_secret);
        config.recording.browser = options.browser.map(|browser| match browser {
            BrowserName::Firefox => Browser::Firefox,
            BrowserName::Chrome => Browser::Chrome,
        });
        let mut settings = BackendSettings::defaults(recording_secret, spool.clone());
        (settings.video_width, settings.video_height) = (options.width, options.height);
        let urls = vec![cloud.address().to_owned()];
        config.backends.listed = vec![Backend { id: "demo".parse()?, urls, settings }];
        let (holder, clients) = (Holder::new(config), Clients::default());
        let engine = Pipeline::in_directory(holder.current(), directory.path().join("run"))?;
        let engine = Watched::new(engine, holder.current(), clients.clone());
        let app = App::start(holder, Arc::new(engine), clients)?;
        let address = app.addresses().first().context("no address is served")?;
        let url = format!("http://{address}");
        cloud.use_recorder(&url);
        Ok(Self { app, cloud, url, spool })
    }

    async fn record_a_call(&self, seconds: u64) -> anyhow::Result<StoredFile> {
        println!("start     alice presses record; display, sound, browser and encoder come up");
        self.cloud.press_record(ROOM, Kind::Video).await?;
        let told = |wanted: fn(&NoticeKind) -> bool| {
            move |state: &crate::demo::state::State| state.told(ROOM).iter().any(wanted)
        };
        let over = |kind: &NoticeKind| matches!(kind, NoticeKind::Started(_) | NoticeKind::Failed);
        let state = self.cloud.wait_for(told(over), PATIENCE).await.ok();
        let state =
            state.with_context(|| format!("no frames within {PATIENCE:?}, RUST_LOG=debug tells more"))?;
        if state.told(ROOM).contains(&NoticeKind::Failed) {
            bail!("the recording could not be started, the line above says why");
        }
        println!("started   frames are being written, nextcloud was told");
        show_progress(seconds).await?;
        println!("stop      alice presses stop; the file is sealed and uploaded");
        self.cloud.press_stop(ROOM).await?;
        let state = self.cloud.wait_for(|state| !state.stored.is_empty(), PATIENCE).await.ok();
        let state = state.with_context(|| format!("nothing was uploaded within {PATIENCE:?}"))?;
        state.stored.first().cloned().context("nothing was stored")
    }

    async fn metrics(&self) -> anyhow::Result<BTreeSet<String>> {
        let text = reqwest::get(format!("{}/metrics", self.url)).await?.text().await?;
        Ok(text.lines().filter(|line| line.starts_with(TOLD)).map(str::to_owned).collect())
    }

    /// Ends everything, sees to it that nothing is left, and returns the last metrics.
    async fn leave(self) -> anyhow::Result<BTreeSet<String>> {
        let left = self.app.drain(Running::Stop).await;
        let metrics = self.metrics().await?;
        ensure!(left.is_empty(), "the spool at {} still holds a recording", self.spool.display());
        self.app.stop().await;
        self.cloud.stop().await;
        let children = children()?;
        ensure!(children.is_empty(), "programs were left behind: {}", children.join(", "));
        println!("end       server and programs have ended, nothing is left behind");
        Ok(metrics)
    }
}

/// The commands of the processes that this one started.
fn children() -> anyhow::Result<Vec<String>> {
    let own = std::process::id().cast_signed();
    let stats = procfs::process::all_processes()?.filter_map(|process| process.ok()?.stat().ok());
    Ok(stats.filter(|stat| stat.ppid == own && stat.state != 'Z').map(|stat| stat.comm).collect())
}

async fn show_progress(seconds: u64) -> io::Result<()> {
    for second in 1..=seconds {
        sleep(Duration::from_secs(1)).await;
        print!("\rrecording {second:3} of {seconds} seconds");
        io::stdout().flush()?;
    }
    println!();
    Ok(())
}

fn print_metrics(before: &BTreeSet<String>, after: &BTreeSet<String>) {
    println!("metrics   those that changed:");
    for line in after.difference(before) {
        println!("            {line}");
    }
}

fn print_judgement(path: &Path, stored: &StoredFile, judgement: &Judgement) {
    let Judgement { facts, frames, edges, sound, .. } = judgement;
    println!("file      {}", path.display());
    println!("            {} in nextcloud, {} bytes", stored.name, facts.bytes);
    println!("            {:.2} seconds", facts.seconds.unwrap_or_default());
    if let Some(video) = &facts.video {
        println!(
            "            picture: {} {}x{}, {} frames, {:.1} a second, {} of the call's frames missing, {}",
            video.codec,
            video.width,
            video.height,
            video.frames,
            video.fps,
            frames.missing(),
            if edges.fit() { "fills the frame" } else { "does NOT fill the frame" },
        );
    }
    if let Some(audio) = &facts.audio {
        println!(
            "            sound: {} {} Hz, mean {:.1} dBFS, peak {:.1} dBFS, tone of the call {:.1} dBFS",
            audio.codec, audio.rate, audio.mean_dbfs, audio.peak_dbfs, sound.tone_dbfs,
        );
    }
    if let Some(offset) = judgement.offset_ms() {
        println!("            picture and sound are {:.0} ms apart", offset.abs());
    }
}
