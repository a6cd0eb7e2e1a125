//! The one TLS implementation of the process.

/// Installs it; without one, no HTTP client can be made. A second call changes nothing.
pub fn install_provider() {
    drop(rustls::crypto::ring::default_provider().install_default());
}
