//! Where each backend's recordings lie, and how its Nextcloud is spoken to.
//!
//! A backend is known by its section, by `allowall`, or by recordings that it left in a spool. Each spool directory
//! is opened, and so locked, once.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use actors::{
    ids::BackendId,
    ports::Backend,
    spool::{Drawer, Spool, SpoolError},
};

use crate::{
    app::StartupError,
    client::Clients,
    config::Config,
    nextcloud::{Nextcloud, Unconfigured},
};

/// Client and drawer of each backend.
pub(crate) struct Sites {
    known: BTreeMap<BackendId, (Arc<dyn Backend>, Drawer)>,
    /// For backends that are allowed without being listed.
    any: Option<(Arc<dyn Backend>, Spool)>,
    left_behind: Vec<BackendId>,
}

impl Sites {
    /// Opens every spool that the configuration names.
    pub(crate) fn open(config: &Config, clients: &mut Clients) -> Result<Self, StartupError> {
        let mut spools = Spools::default();
        let mut known: BTreeMap<BackendId, (Arc<dyn Backend>, Drawer)> = BTreeMap::new();
        for backend in &config.backends.listed {
            let client = clients.for_backend(&backend.id, &backend.settings)?;
            let client = Nextcloud::new(client, &backend.settings);
            let drawer = spools.open(&backend.settings.directory)?.drawer(&backend.id);
            known.insert(backend.id.clone(), (Arc::new(client), drawer));
        }
        let mut any: Option<(Arc<dyn Backend>, Spool)> = None;
        if let Some(settings) = &config.backends.any {
            let client = clients.for_backend(&BackendId::allowall(), settings)?;
            let client = Nextcloud::new(client, settings);
            any = Some((Arc::new(client), spools.open(&settings.directory)?));
        }
        let mut sites = Self { known, any, left_behind: Vec::new() };
        for (directory, spool) in &spools.0 {
            sites.take_up(config, directory, spool)?;
        }
        Ok(sites)
    }

    /// Backends that have recordings in a spool, but no section.
    pub(crate) fn left_behind(&self) -> impl Iterator<Item = BackendId> + '_ {
        self.left_behind.iter().cloned()
    }

    /// The client and the drawer of a backend that may record, or once might.
    pub(crate) fn of(&self, backend: &BackendId) -> Option<(Arc<dyn Backend>, Drawer)> {
        if let Some((client, drawer)) = self.known.get(backend) {
            return Some((Arc::clone(client), drawer.clone()));
        }
        let (client, spool) = self.any.as_ref()?;
        Some((Arc::clone(client), spool.drawer(backend)))
    }

    /// Looks for recordings of backends that are not listed, and for those of listed ones in the wrong place.
    fn take_up(&mut self, config: &Config, directory: &PathBuf, spool: &Spool) -> Result<(), SpoolError> {
        for backend in spool.backends()? {
            let listed = config.backends.listed.iter().find(|listed| listed.id == backend);
            match listed {
                Some(listed) if listed.settings.directory == *directory => {}
                Some(listed) => log::warn!(backend:%, found = directory.display().to_string(),
                    configured = listed.settings.directory.display().to_string();
                    "recordings of this backend lie in another spool than its own; move them there and restart"),
                None => self.adopt(config, backend, spool),
            }
        }
        Ok(())
    }

    fn adopt(&mut self, config: &Config, backend: BackendId, spool: &Spool) {
        let client: Arc<dyn Backend> = match &self.any {
            Some((client, _)) if config.backends.settings_of(&backend).is_some() => Arc::clone(client),
            _ => {
                log::warn!(backend:%; "recordings of a backend that is not configured any more stay in the spool");
                Arc::new(Unconfigured)
            }
        };
        self.known.insert(backend.clone(), (client, spool.drawer(&backend)));
        self.left_behind.push(backend);
    }
}

/// Every spool that is open, by its directory.
#[derive(Default)]
struct Spools(BTreeMap<PathBuf, Spool>);

impl Spools {
    fn open(&mut self, directory: &PathBuf) -> Result<Spool, SpoolError> {
        if let Some(spool) = self.0.get(directory) {
            return Ok(spool.clone());
        }
        let spool = Spool::open(directory)?;
        self.0.insert(directory.clone(), spool.clone());
        Ok(spool)
    }
}
