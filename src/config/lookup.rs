//! Which backend a request or a spool directory belongs to.

use std::{collections::BTreeSet, path::Path};

use actors::ids::BackendId;

use super::{BackendSettings, Backends, addresses};

/// The backend of a URL.
#[derive(Debug, Clone)]
pub struct Found<'a> {
    /// Its section name, or the URL without trailing slash if it is not listed.
    pub id: BackendId,
    /// What holds for it.
    pub settings: &'a BackendSettings,
}

impl Backends {
    /// The backend that calls under this URL, if it may record. Apart from a trailing slash the URL must be
    /// the configured one to the letter, scheme included.
    pub fn find(&self, url: &str) -> Option<Found<'_>> {
        let wanted = url.trim_end_matches('/');
        for backend in &self.listed {
            if backend.urls.iter().any(|url| url == wanted) {
                return Some(Found { id: backend.id.clone(), settings: &backend.settings });
            }
        }
        let settings = self.any.as_ref()?;
        let id = addresses::base_url(url)?.parse().ok()?;
        Some(Found { id, settings })
    }

    /// What holds for a backend that recorded earlier, if it still may.
    pub fn settings_of(&self, id: &BackendId) -> Option<&BackendSettings> {
        for backend in &self.listed {
            if backend.id == *id {
                return Some(&backend.settings);
            }
        }
        let any = self.any.as_ref()?;
        addresses::base_url(id.as_str()).map(|_| any)
    }

    /// Every spool directory, each once.
    pub fn directories(&self) -> BTreeSet<&Path> {
        let listed = self.listed.iter().map(|backend| &backend.settings);
        listed.chain(&self.any).map(|settings| settings.directory.as_path()).collect()
    }
}

#[cfg(test)]
mod tests {
    use secrecy::{ExposeSecret, SecretString};

    use super::*;
    use crate::config::Backend;

    fn settings(secret: &str) -> BackendSettings {
        BackendSettings::defaults(SecretString::from(secret), "/spool".into())
    }

    fn backends(any: Option<BackendSettings>) -> Backends {
        let backend = Backend {
            id: "cloud".parse().unwrap(),
            urls: vec!["https://a.example.com/nc".to_owned(), "http://b".to_owned()],
            settings: settings("own"),
        };
        Backends { listed: vec![backend], any }
    }

    #[test]
    fn a_url_is_found_to_the_letter_but_for_trailing_slashes() {
        let backends = backends(None);
        for url in ["https://a.example.com/nc", "https://a.example.com/nc//", "http://b/"] {
            assert_eq!(backends.find(url).unwrap().id.as_str(), "cloud", "{url}");
        }
        for url in ["http://a.example.com/nc", "https://A.example.com/nc", "https://a.example.com", ""] {
            assert!(backends.find(url).is_none(), "{url}");
        }
    }

    #[test]
    fn anybody_else_is_named_by_its_url() {
        let backends = backends(Some(settings("common")));
        let found = backends.find("https://new.example.com/").unwrap();
        assert_eq!(found.id.as_str(), "https://new.example.com");
        assert_eq!(found.settings.secret.expose_secret(), "common");
        assert!(backends.find("new.example.com").is_none());
        let long = format!("https://{}.example.com", "x".repeat(250));
        assert!(backends.find(&long).is_none());
    }

    #[test]
    fn an_id_leads_back_to_its_settings() {
        let url: BackendId = "https://new.example.com".parse().unwrap();
        let gone: BackendId = "gone".parse().unwrap();
        let listed: BackendId = "cloud".parse().unwrap();
        assert!(backends(None).settings_of(&listed).is_some());
        assert!(backends(None).settings_of(&url).is_none());
        let open = backends(Some(settings("common")));
        assert!(open.settings_of(&url).is_some());
        assert!(open.settings_of(&gone).is_none());
    }
}
