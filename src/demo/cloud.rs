//! The demo cloud itself: Nextcloud and signaling server on two ports that the system chose.
//!
//! - Several may run in one process; they share nothing.
//! - [`State`] has one owner, a watch channel: every change can be waited for, nobody polls.
//! - Nothing outlives the [`Cloud`]: dropping it closes both ports and every connection.

use std::{
    io,
    net::TcpListener,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix_web::{App, HttpServer, web};
use secrecy::SecretString;
use tokio::{sync::watch, task::JoinSet, time::timeout};

use super::{
    faults::{Faults, Line},
    press, routes,
    signaling::{self, Hub},
    state::{Rules, State},
};

/// What a demo cloud is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Shared with the recorder.
    pub recording_secret: SecretString,
    /// The signaling server's secret for internal clients.
    pub internal_secret: SecretString,
    /// Token and owner of each room.
    pub rooms: Vec<(String, String)>,
    /// Where uploads go: each user's home is a directory in it.
    pub files: PathBuf,
}

impl Settings {
    /// Where the recordings of a room lie.
    pub(super) fn recordings(&self, owner: &str, room: &str) -> PathBuf {
        self.files.join(owner).join("Talk/Recording").join(room)
    }
}

/// Why a demo cloud did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No port could be opened on the loopback address, or the directory for the files could not be made.
    #[error("cannot listen on 127.0.0.1 or make the directory for files: {0}")]
    Listen(#[from] io::Error),
    /// No HTTP client could be made.
    #[error("cannot make an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// What was waited for did not happen in time.
#[derive(Debug, thiserror::Error)]
#[error("not seen within {limit:?}; the demo cloud knows {state:#?}")]
pub struct NotSeen {
    limit: Duration,
    state: Box<State>,
}

/// A running demo cloud.
pub struct Cloud {
    pub(super) inside: Arc<Inside>,
    pub(super) client: reqwest::Client,
    // Each aborts its server when it is dropped.
    web: Mutex<JoinSet<()>>,
    signaling: JoinSet<()>,
}

/// What the doors and the signaling server share.
pub(super) struct Inside {
    pub(super) settings: Settings,
    pub(super) address: String,
    pub(super) signaling_address: String,
    pub(super) state: watch::Sender<State>,
    pub(super) faults: Faults,
    pub(super) hub: Hub,
}

impl Inside {
    /// The recording secret, as it is now.
    pub(super) fn recording_secret(&self) -> SecretString {
        self.state.borrow().new_secret.clone().unwrap_or_else(|| self.settings.recording_secret.clone())
    }
}

impl Cloud {
    /// Opens both ports and serves until the cloud is dropped.
    ///
    /// # Errors
    /// When no port or no HTTP client can be had.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        std::fs::create_dir_all(&settings.files)?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let signaling_listener = TcpListener::bind("127.0.0.1:0")?;
        signaling_listener.set_nonblocking(true)?;
        let signaling_listener = tokio::net::TcpListener::from_std(signaling_listener)?;
        let inside = Arc::new(Inside {
            state: watch::Sender::new(State::with_rooms(&settings.rooms)),
            settings,
            address: format!("http://{}", listener.local_addr()?),
            signaling_address: format!("http://{}", signaling_listener.local_addr()?),
            faults: Faults::default(),
            hub: Hub::default(),
        });
        let client = press::client()?;
        let mut signaling = JoinSet::new();
        signaling.spawn(signaling::serve(signaling_listener, inside.clone()));
        let cloud = Self { inside, client, web: Mutex::default(), signaling };
        cloud.open(listener)?;
        Ok(cloud)
    }

    /// Closes the port of the Nextcloud: every connection to it is refused from now on.
    pub async fn go_away(&self) {
        let mut web = std::mem::take(&mut *self.web());
        web.shutdown().await;
    }

    /// Opens the port again.
    ///
    /// # Errors
    /// When somebody else has taken it.
    pub fn come_back(&self) -> Result<(), StartError> {
        let address = self.address().trim_start_matches("http://");
        Ok(self.open(TcpListener::bind(address)?)?)
    }

    fn open(&self, listener: TcpListener) -> io::Result<()> {
        let server = web_server(listener, self.inside.clone())?;
        self.web().spawn(async move {
            if let Err(error) = server.await {
                log::error!(error:% = error; "the demo cloud ended");
            }
        });
        Ok(())
    }

    fn web(&self) -> MutexGuard<'_, JoinSet<()>> {
        // No code that holds the lock can panic half-way through a change.
        self.web.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Base address of the Nextcloud, without trailing slash.
    pub fn address(&self) -> &str {
        &self.inside.address
    }

    /// Base address of the signaling server, without trailing slash.
    pub fn signaling_address(&self) -> &str {
        &self.inside.signaling_address
    }

    /// Address of a room's recording page.
    pub fn page(&self, room: &str) -> String {
        format!("{}/index.php/call/{room}/recording", self.inside.address)
    }

    /// Sets the recording server to be used, as an administrator does.
    pub fn use_recorder(&self, address: &str) {
        let address = address.trim_end_matches('/').to_owned();
        self.change(|state| state.recorder = Some(address));
    }

    /// Sets another recording secret, as an administrator does.
    pub fn use_secret(&self, secret: SecretString) {
        self.change(|state| state.new_secret = Some(secret));
    }

    /// Sets the address under which the cloud calls from now on, as an instance with several host names, or behind a
    /// proxy, does.
    pub fn call_as(&self, address: &str) {
        let address = address.trim_end_matches('/').to_owned();
        self.change(|state| state.calls_as = Some(address));
    }

    /// Sets the address that rooms name for the signaling server from now on, as behind a proxy.
    pub fn signal_as(&self, address: &str) {
        self.change(|state| state.signals_as = Some(address.to_owned()));
    }

    /// The address under which the cloud calls.
    pub(super) fn calling_address(&self) -> String {
        self.inside.state.borrow().calls_as.clone().unwrap_or_else(|| self.address().to_owned())
    }

    /// Changes what the administrator has set.
    pub fn rule(&self, change: impl FnOnce(&mut Rules)) {
        self.change(|state| change(&mut state.rules));
    }

    /// A day passes for every share: none of them lets anybody in any more.
    pub fn end_shares(&self) {
        self.change(|state| state.shares.values_mut().for_each(|share| share.is_over = true));
    }

    /// What shall go wrong.
    pub fn faults(&self) -> &Faults {
        &self.inside.faults
    }

    /// What the cloud knows at this moment.
    pub fn state(&self) -> State {
        self.inside.state.borrow().clone()
    }

    /// Waits until the state is as `wanted` and returns it.
    ///
    /// # Errors
    /// When `limit` has passed; the error shows the state at that time.
    pub async fn wait_for(
        &self,
        wanted: impl FnMut(&State) -> bool,
        limit: Duration,
    ) -> Result<State, NotSeen> {
        let mut changes = self.inside.state.subscribe();
        if let Ok(Ok(state)) = timeout(limit, changes.wait_for(wanted)).await {
            return Ok(state.clone());
        }
        Err(NotSeen { limit, state: Box::new(self.state()) })
    }

    /// Ends both servers and every connection, and returns when they have ended.
    pub async fn stop(mut self) {
        self.go_away().await;
        self.signaling.shutdown().await;
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        self.inside.state.send_modify(change);
    }
}

fn web_server(listener: TcpListener, inside: Arc<Inside>) -> io::Result<actix_web::dev::Server> {
    let inside = web::Data::from(inside);
    let server = HttpServer::new(move || App::new().app_data(inside.clone()).configure(routes::configure))
        .on_connect(Line::remember)
        .workers(1)
        .disable_signals()
        .listen(listener)?;
    Ok(server.run())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use tempfile::TempDir;

    pub(in crate::demo) const SECRET: &str = "recording secret";
    pub(in crate::demo) const INTERNAL: &str = "internal secret";

    /// A cloud with the room `abcd1234` of alice, and the directory of its files.
    pub(in crate::demo) fn cloud() -> (Cloud, TempDir) {
        // The second test of the process finds it installed.
        drop(rustls::crypto::ring::default_provider().install_default());
        let files = tempfile::tempdir().unwrap();
        let settings = Settings {
            recording_secret: SECRET.into(),
            internal_secret: INTERNAL.into(),
            rooms: vec![("abcd1234".to_owned(), "alice".to_owned())],
            files: files.path().to_owned(),
        };
        (Cloud::start(settings).unwrap(), files)
    }

    #[actix_rt::test]
    async fn two_clouds_run_side_by_side_and_each_stops_alone() {
        let (first, _files) = cloud();
        let (second, _more_files) = cloud();
        let (page, other_page) = (first.page("abcd1234"), second.page("abcd1234"));
        first.stop().await;
        assert!(reqwest::get(page).await.is_err());
        assert_eq!(reqwest::get(other_page).await.unwrap().status(), 404);
    }

    #[actix_rt::test]
    async fn a_cloud_that_was_away_is_found_at_its_old_address() {
        let (cloud, _files) = cloud();
        cloud.go_away().await;
        let refused = reqwest::get(cloud.page("abcd1234")).await.unwrap_err();
        assert!(refused.is_connect(), "{refused:?}");
        cloud.come_back().unwrap();
        assert_eq!(reqwest::get(cloud.page("abcd1234")).await.unwrap().status(), 404);
    }

    #[actix_rt::test]
    async fn waiting_in_vain_tells_what_the_cloud_knows() {
        let (cloud, _files) = cloud();
        let limit = Duration::from_millis(20);
        let error = cloud.wait_for(|state| !state.stored.is_empty(), limit).await.unwrap_err();
        assert!(error.to_string().contains("abcd1234"));
    }
}
