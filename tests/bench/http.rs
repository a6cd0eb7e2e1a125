//! What the server's own doors cost: `wrk` asks the built server, and the kernel says what CPU time it took.
//!
//! CPU a request is the figure to compare: it hardly depends on what else the machine does. The figures of the
//! reference that stand beside it were measured in the same way: one `wrk` thread on the same two cores.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]
#![expect(clippy::panic, reason = "a benchmark fails by panicking")]
#![expect(clippy::cast_precision_loss, reason = "the numbers are small")]

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Command,
    thread,
    time::Duration,
};

use procfs::{process::Process, ticks_per_second};
use rustix::time::{ClockId, clock_gettime};
use secrecy::SecretString;
use talk_recorder::{
    signature::{CHECKSUM_HEADER, RANDOM_HEADER, Signature},
    tls,
};
use tempfile::TempDir;
use testing::{Server, usage};
use tokio::time::sleep;

const SERVER: &str = env!("CARGO_BIN_EXE_talk-recorder");
const SECRET: &str = "open sesame";
const NEXTCLOUD: &str = "http://127.0.0.1:9/0";
const CONNECTIONS: [u32; 3] = [1, 32, 256];
const BACKENDS: [usize; 4] = [1, 100, 1000, 10_000];
const SECONDS: u32 = 3;
const ROUNDS: usize = 3;
const ROOMS: usize = 10_000;

/// What `wrk` saw of one load.
#[derive(Debug, Clone, Copy)]
struct Answered {
    requests: f64,
    a_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    refused: u64,
}

/// The same with what the kernel saw.
#[derive(Debug, Clone, Copy)]
struct Seen {
    answered: Answered,
    cpu_ms_a_request: f64,
}

/// A request that is sent over and over.
struct Load {
    name: &'static str,
    path: &'static str,
    script: String,
    /// CPU ms a request of the reference, by connections.
    reference: [Option<f64>; 3],
}

fn main() {
    tls::install_provider();
    actix_rt::System::new().block_on(run());
}

async fn run() {
    println!("{SECONDS} s of wrk with one thread, the median of {ROUNDS} runs\n");
    floor(tempfile::tempdir().unwrap().path());
    for backends in BACKENDS {
        let (server, directory) = start(backends).await;
        println!("{backends} backends: {:.1} MiB resident when idle", resident_mib(&server));
        let scrape = Load {
            name: "scrape",
            path: "/metrics",
            script: String::new(),
            reference: match backends {
                1 => [Some(1.02), Some(1.32), Some(1.20)],
                100 => [Some(3.41), Some(4.17), Some(4.79)],
                1000 => [Some(30.44), Some(44.59), None],
                _ => [None; 3],
            },
        };
        measure(&server, &directory, &scrape);
        if backends == 1 {
            for load in doors() {
                measure(&server, &directory, &load);
            }
            learn_rooms(&server).await;
            println!("{ROOMS} rooms being recorded: {:.1} MiB resident", resident_mib(&server));
        }
        println!();
    }
}

/// The loads that do not depend on the number of backends.
fn doors() -> [Load; 4] {
    let start =
        r#"{"type":"start","start":{"status":1,"owner":"alice","actor":{"type":"users","id":"alice"}}}"#;
    let stop = r#"{"type":"stop","stop":[]}"#;
    [
        Load {
            name: "welcome",
            path: "/api/v1/welcome",
            script: String::new(),
            reference: [Some(0.55), Some(0.61), Some(0.73)],
        },
        Load {
            name: "start, signed, of a room that is recorded",
            path: "/api/v1/room/abcd1234",
            script: post(start, SECRET),
            reference: [None; 3],
        },
        Load {
            name: "stop, signed, of an unknown room",
            path: "/api/v1/room/efgh5678",
            script: post(stop, SECRET),
            reference: [Some(0.76), Some(0.75), Some(1.00)],
        },
        Load {
            name: "start with a wrong signature",
            path: "/api/v1/room/abcd1234",
            script: post(start, "wrong"),
            reference: [Some(0.73), Some(0.98), Some(1.05)],
        },
    ]
}

/// A script that has `wrk` send a signed request.
fn post(body: &str, secret: &str) -> String {
    let Signature { random, checksum } = Signature::of(&SecretString::from(secret), body.as_bytes());
    format!(
        "wrk.method = \"POST\"\nwrk.body = [[{body}]]\nwrk.headers[\"Content-Type\"] = \"application/json\"\n\
         wrk.headers[\"Talk-Recording-Backend\"] = \"{NEXTCLOUD}/\"\nwrk.headers[\"{RANDOM_HEADER}\"] = \"{random}\"\n\
         wrk.headers[\"{CHECKSUM_HEADER}\"] = \"{checksum}\"\n"
    )
}

async fn start(backends: usize) -> (Server, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..backends).map(|number| format!("\"b{number}\"")).collect();
    let spool = directory.path().join("spool");
    let mut text = format!(
        "[logs]\nlevel = \"info\"\n[http]\nlisten = \"127.0.0.1:0\"\n[spool]\nreserve = \"off\"\n[limits]\nwatch_call = false\n\
         [recording]\nengine = \"synthetic\"\nmax_concurrent = 100000\n[backend]\ndirectory = {:?}\nbackends = [{}]\n",
        spool.display().to_string(),
        names.join(", "),
    );
    for number in 0..backends {
        text.push_str(&format!(
            "[b{number}]\nurl = \"http://127.0.0.1:9/{number}\"\nsecret = \"{SECRET}\"\n"
        ));
    }
    let config = directory.path().join("config.toml");
    fs::write(&config, text).unwrap();
    let server = Server::start(SERVER, &config).await;
    sleep(Duration::from_secs(2)).await;
    (server, directory)
}

fn measure(server: &Server, directory: &TempDir, load: &Load) {
    for (connections, reference) in CONNECTIONS.into_iter().zip(load.reference) {
        let mut runs: Vec<Seen> =
            (0..ROUNDS).map(|_| once(server, directory.path(), load, connections)).collect();
        let spread = runs.iter().map(|seen| seen.cpu_ms_a_request);
        let (least, most) =
            (spread.clone().fold(f64::INFINITY, f64::min), spread.fold(f64::NEG_INFINITY, f64::max));
        runs.sort_by(|one, other| one.cpu_ms_a_request.total_cmp(&other.cpu_ms_a_request));
        let Seen { answered, cpu_ms_a_request } = runs[ROUNDS / 2];
        let ratio = reference.map_or_else(String::new, |reference| {
            format!(", the reference {reference:.2}: ratio {:.3}", cpu_ms_a_request / reference)
        });
        println!(
            "  {:42} {connections:3} connections: {:8.0} /s, p50 {:.2} ms, p99 {:.2} ms, CPU {cpu_ms_a_request:.4} ms a request [{least:.4}..{most:.4}], \
             {} not 2xx{ratio}",
            load.name, answered.a_second, answered.p50_ms, answered.p99_ms, answered.refused,
        );
    }
}

fn once(server: &Server, directory: &Path, load: &Load, connections: u32) -> Seen {
    let before = cpu_seconds(server);
    let answered = wrk(&format!("{}{}", server.url(), load.path), directory, &load.script, connections);
    let cpu_ms_a_request = (cpu_seconds(server) - before) * 1000.0 / answered.requests;
    Seen { answered, cpu_ms_a_request }
}

/// What the kernel alone takes for an answer on one connection: a thread that reads and writes, and does not think.
fn floor(directory: &Path) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        // wrk connects once only to see whether anybody is there.
        (0..2).map(|_| answer_blindly(&listener.accept().unwrap().0)).sum::<Duration>()
    });
    let answered = wrk(&url, directory, "", 1);
    let cpu = thread.join().unwrap().as_secs_f64() * 1000.0 / answered.requests;
    println!("a thread that reads and writes, 1 connection: CPU {cpu:.4} ms a request\n");
}

/// Gives the same answer to everything that one client sends; says how much CPU time that took.
fn answer_blindly(mut client: &TcpStream) -> Duration {
    const ANSWER: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 19\r\n\r\n{\"version\":\"0.1.0\"}";
    let spent = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
    let (before, mut request) = (spent(), [0; 4096]);
    while client.read(&mut request).is_ok_and(|bytes| bytes > 0) && client.write_all(ANSWER).is_ok() {}
    spent().saturating_sub(before)
}

fn wrk(url: &str, directory: &Path, script: &str, connections: u32) -> Answered {
    let path = directory.join("load.lua");
    fs::write(&path, script).unwrap();
    let output = Command::new("wrk")
        .args(["--threads", "1", "--latency", "--duration", &format!("{SECONDS}s")])
        .args(["--connections", &connections.to_string(), "--script"])
        .arg(&path)
        .arg(url)
        .output()
        .expect("wrk is not installed: `make bench-http` installs it, or install the Debian package wrk");
    let text = String::from_utf8(output.stdout).unwrap();
    let number = |line_with: &str, position: usize| {
        let line = text.lines().find(|line| line.contains(line_with))?;
        Some(line.split_whitespace().nth(position)?.to_owned())
    };
    Answered {
        requests: number("requests in", 0).unwrap_or_else(|| panic!("{text}")).parse().unwrap(),
        a_second: number("Requests/sec:", 1).unwrap().parse().unwrap(),
        p50_ms: milliseconds(&number("50%", 1).unwrap()),
        p99_ms: milliseconds(&number("99%", 1).unwrap()),
        refused: number("Non-2xx", 4).map_or(0, |count| count.parse().unwrap()),
    }
}

/// Reads a time as `wrk` writes it.
fn milliseconds(text: &str) -> f64 {
    let unit = text.trim_start_matches(|character: char| character.is_ascii_digit() || character == '.');
    let value: f64 = text[..text.len() - unit.len()].parse().unwrap();
    match unit {
        "us" => value / 1000.0,
        "ms" => value,
        "s" => value * 1000.0,
        "m" => value * 60_000.0,
        _ => panic!("wrk says {text}"),
    }
}

fn cpu_seconds(server: &Server) -> f64 {
    let stat = Process::new(server.pid().cast_signed()).unwrap().stat().unwrap();
    (stat.utime + stat.stime) as f64 / ticks_per_second() as f64
}

fn resident_mib(server: &Server) -> f64 {
    usage::resident_mib(server.pid())
}

/// Has a recording started in many rooms.
async fn learn_rooms(server: &Server) {
    let client = reqwest::Client::new();
    let body =
        r#"{"type":"start","start":{"status":1,"owner":"alice","actor":{"type":"users","id":"alice"}}}"#;
    let signature = Signature::of(&SecretString::from(SECRET), body.as_bytes());
    for number in 0..ROOMS {
        let request = client
            .post(format!("{}/api/v1/room/room{number}", server.url()))
            .header("Content-Type", "application/json")
            .header("Talk-Recording-Backend", format!("{NEXTCLOUD}/"))
            .header(RANDOM_HEADER, &signature.random)
            .header(CHECKSUM_HEADER, &signature.checksum)
            .body(body);
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
}
