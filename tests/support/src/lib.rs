//! What the tests of the whole server share.
//!
//! - [`scene`]: a built server, a demo cloud and a directory for both, ready to record;
//! - [`server`]: the built server as a process that can be asked, stopped, killed and started again;
//! - [`tls`]: a door with a certificate in front of a cloud;
//! - [`promtool`]: what Prometheus' own tool says;
//! - [`usage`]: what the processes of a server cost, by kind;
//! - [`disk`]: a disk that is soon full;
//! - [`processes`]: what a server started, and whether it is gone.
//!
//! Everything that a scene starts can be told from other processes. When the scene is over, a process that still
//! runs fails the test.

#![expect(clippy::panic, reason = "a test fails by panicking")]

pub mod disk;
pub mod processes;
pub mod promtool;
pub mod scene;
pub mod server;
pub mod tls;
pub mod usage;

pub use scene::{Scene, Setup};
pub use server::Server;

/// Checks that a test program's main file lists every module that lies beside it: a forgotten one would never run.
///
/// # Panics
/// When one is missing.
pub fn assert_every_module_is_listed(main: &str, directory: &str) {
    for entry in std::fs::read_dir(directory).expect("the directory of the tests") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name of letters");
        let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main") else { continue };
        assert!(main.contains(&format!("mod {module};")), "{name} is not run");
    }
}
