//! Where each backend's recordings lie, and how its Nextcloud is spoken to.
//!
//! A backend is known by its section, by `allowall`, or by recordings that it left in a spool. What always holds:
//! - each spool directory is opened, and so locked, once, and stays ours until the server ends;
//! - a backend that is known stays known, and where it is: its recordings lie there. One whose section was removed
//!   keeps the client that it had.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use actors::{
    ids::BackendId,
    ports::Backend,
    spool::{Drawer, Spool, SpoolError},
};

use crate::{
    app::StartupError,
    client::Clients,
    config::{BackendSettings, Config},
    nextcloud::{Nextcloud, Unconfigured},
};

/// Client and spool of each backend.
#[derive(Clone, Default)]
pub(crate) struct Sites {
    known: BTreeMap<BackendId, Site>,
    /// For backends that are allowed without being listed, or were.
    any: Option<Site>,
    /// Every spool that is open, by its directory.
    spools: BTreeMap<PathBuf, Spool>,
    /// Those of `known` that were found in a spool, and had no section since.
    left_behind: Vec<BackendId>,
}

#[derive(Clone)]
struct Site {
    client: Arc<dyn Backend>,
    /// One of those that are open.
    directory: PathBuf,
    spool: Spool,
}

impl Sites {
    /// Opens every spool that the configuration names.
    pub(crate) fn open(config: &Config, clients: &Clients) -> Result<Self, StartupError> {
        Self::default().renewed(config, clients)
    }

    /// What another configuration makes of them. It must leave each backend that is known where it is. These stay as they
    /// are; if there is an error, what was opened for it is closed again.
    pub(crate) fn renewed(&self, config: &Config, clients: &Clients) -> Result<Self, StartupError> {
        let mut next = self.clone();
        for backend in &config.backends.listed {
            let site = next.site(&backend.id, &backend.settings, clients)?;
            next.known.insert(backend.id.clone(), site);
            next.left_behind.retain(|id| *id != backend.id);
        }
        if let Some(settings) = &config.backends.any {
            next.any = Some(next.site(&BackendId::allowall(), settings, clients)?);
        }
        next.speak_for_the_unlisted(config);
        let new =
            next.spools.clone().into_iter().filter(|(directory, _)| !self.spools.contains_key(directory));
        for (directory, spool) in new {
            next.take_up(self, config, &directory, &spool)?;
        }
        Ok(next)
    }

    /// Backends that were found in a spool, and had no section since.
    pub(crate) fn left_behind(&self) -> impl Iterator<Item = BackendId> + '_ {
        self.left_behind.iter().cloned()
    }

    /// The client and the drawer of a backend that may record, or once might.
    pub(crate) fn of(&self, backend: &BackendId) -> Option<(Arc<dyn Backend>, Drawer)> {
        let site = self.site_of(backend)?;
        Some((Arc::clone(&site.client), site.spool.drawer(backend)))
    }

    fn site_of(&self, backend: &BackendId) -> Option<&Site> {
        self.known.get(backend).or(self.any.as_ref())
    }

    /// The directory where the recordings of a listed backend lie, or those of all that are not listed, if that is
    /// settled.
    pub(crate) fn directory_of(&self, backend: &BackendId) -> Option<PathBuf> {
        let is_any = *backend == BackendId::allowall();
        let site = if is_any { self.any.as_ref() } else { self.known.get(backend) };
        site.map(|site| site.directory.clone())
    }

    /// Every spool directory that is open.
    pub(crate) fn directories(&self) -> impl Iterator<Item = &Path> {
        self.spools.keys().map(PathBuf::as_path)
    }

    fn site(
        &mut self,
        id: &BackendId,
        settings: &BackendSettings,
        clients: &Clients,
    ) -> Result<Site, StartupError> {
        let client = clients.for_backend(id, settings)?;
        let client = Arc::new(Nextcloud::new(client, settings));
        let directory = settings.directory.clone();
        let spool = match self.spools.get(&directory) {
            Some(spool) => spool.clone(),
            None => Spool::open(&directory)?,
        };
        self.spools.insert(directory.clone(), spool.clone());
        Ok(Site { client, directory, spool })
    }

    /// With `allowall`, backends without a section that it covers have its client.
    fn speak_for_the_unlisted(&mut self, config: &Config) {
        let Some(any) = self.any.as_ref().filter(|_| config.backends.any.is_some()) else { return };
        for id in &self.left_behind {
            if let Some(site) = self.known.get_mut(id)
                && config.backends.settings_of(id).is_some()
            {
                site.client = Arc::clone(&any.client);
            }
        }
    }

    /// Looks for recordings of backends that are not known yet, and for those of known ones in the wrong place.
    fn take_up(
        &mut self,
        before: &Self,
        config: &Config,
        directory: &Path,
        spool: &Spool,
    ) -> Result<(), SpoolError> {
        for backend in spool.backends()? {
            let listed = config.backends.listed.iter().find(|listed| listed.id == backend);
            let any = before.any.as_ref().filter(|_| config.backends.settings_of(&backend).is_some());
            let known = before.known.get(&backend).or(any).map(|site| &site.directory);
            match listed.map(|listed| &listed.settings.directory).or(known) {
                Some(own) if own == directory => {}
                Some(own) => log::warn!(backend:%, found = directory.display().to_string(),
                    configured = own.display().to_string();
                    "recordings of this backend lie in another spool than its own; move them there and restart"),
                None => self.adopt(config, backend, directory, spool),
            }
        }
        Ok(())
    }

    fn adopt(&mut self, config: &Config, backend: BackendId, directory: &Path, spool: &Spool) {
        let client: Arc<dyn Backend> = match &self.any {
            Some(any) if config.backends.settings_of(&backend).is_some() => Arc::clone(&any.client),
            _ => {
                log::warn!(backend:%; "recordings of a backend that is not configured any more stay in the spool");
                Arc::new(Unconfigured)
            }
        };
        let site = Site { client, directory: directory.to_owned(), spool: spool.clone() };
        self.known.insert(backend.clone(), site);
        self.left_behind.push(backend);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{config, tls};

    /// A configuration with these backends, each with a directory in the given one.
    fn listing(base: &Path, backends: &[(&str, &str)]) -> Config {
        let mut config = Config::defaults();
        for (id, directory) in backends {
            let settings = BackendSettings::defaults("secret".into(), base.join(directory));
            let urls = vec![format!("https://{id}.example.com")];
            config.backends.listed.push(config::Backend { id: id.parse().unwrap(), urls, settings });
        }
        config
    }

    fn open(config: &Config) -> Sites {
        tls::install_provider();
        Sites::open(config, &Clients::default()).unwrap()
    }

    fn client(sites: &Sites, id: &str) -> Arc<dyn Backend> {
        sites.of(&id.parse().unwrap()).unwrap().0
    }

    #[test]
    fn one_spool_that_cannot_be_opened_closes_the_others_that_are_new() {
        let base = tempfile::tempdir().unwrap();
        let sites = open(&listing(base.path(), &[("a", "one")]));
        fs::write(base.path().join("file"), "").unwrap();
        let next = listing(base.path(), &[("a", "one"), ("b", "two"), ("c", "file/three")]);
        assert!(sites.renewed(&next, &Clients::default()).is_err());
        assert!(Spool::open(&base.path().join("two")).is_ok(), "nobody holds it");
        assert!(Spool::open(&base.path().join("one")).is_err(), "it is still held");
    }

    #[test]
    fn a_backend_that_is_gone_keeps_its_client_and_the_others_get_new_ones() {
        let base = tempfile::tempdir().unwrap();
        let before = open(&listing(base.path(), &[("a", "one"), ("b", "two")]));
        let after = before.renewed(&listing(base.path(), &[("b", "two")]), &Clients::default()).unwrap();
        assert!(Arc::ptr_eq(&client(&before, "a"), &client(&after, "a")));
        assert!(!Arc::ptr_eq(&client(&before, "b"), &client(&after, "b")));
        assert_eq!(after.directories().count(), 2, "its spool stays open");
        assert_eq!(after.directory_of(&"a".parse().unwrap()), Some(base.path().join("one")));
    }

    #[test]
    fn whoever_was_allowed_without_being_listed_keeps_a_client_too() {
        let base = tempfile::tempdir().unwrap();
        let closed = listing(base.path(), &[("a", "one")]);
        let mut allowing = closed.clone();
        let settings = BackendSettings::defaults("secret".into(), base.path().join("any"));
        allowing.backends.any = Some(settings);
        let stranger = "https://new.example.com";
        let before = open(&allowing);
        let after = before.renewed(&closed, &Clients::default()).unwrap();
        assert!(Arc::ptr_eq(&client(&before, stranger), &client(&after, stranger)));
        let again = after.renewed(&allowing, &Clients::default()).unwrap();
        assert!(!Arc::ptr_eq(&client(&after, stranger), &client(&again, stranger)));
        assert_eq!(again.directory_of(&BackendId::allowall()), Some(base.path().join("any")));
        assert!(open(&listing(base.path(), &[])).of(&stranger.parse().unwrap()).is_none());
    }

    #[test]
    fn certificates_are_read_again() {
        let base = tempfile::tempdir().unwrap();
        let mut config = listing(base.path(), &[("a", "one")]);
        let sites = open(&config);
        let authority = base.path().join("authority.pem");
        fs::write(&authority, "no certificate").unwrap();
        config.backends.listed[0].settings.ca_file = Some(authority);
        let error = sites.renewed(&config, &Clients::default()).err().unwrap().to_string();
        assert!(error.contains("authority.pem") && error.contains("no certificate in it"), "{error}");
    }
}
