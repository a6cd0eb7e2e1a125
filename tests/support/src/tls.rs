//! A TLS door in front of a demo cloud, with a certificate of an authority of its own.

use std::{fs, net::SocketAddr, path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

/// The door; it is closed when it is dropped.
pub struct TlsDoor {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl TlsDoor {
    /// Opens a door to a server without TLS, and writes the certificate of its authority to a file.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn open(to: &str, authority_file: &Path) -> Self {
        let behind = to.trim_start_matches("http://").to_owned();
        let acceptor = acceptor(authority_file);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(pass_through(acceptor.clone(), client, behind.clone()));
            }
        });
        Self { address, serving }
    }

    /// Its address, such as `https://127.0.0.1:4711`.
    pub fn address(&self) -> String {
        format!("https://{}", self.address)
    }
}

impl Drop for TlsDoor {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A client that does not trust the certificate ends here.
async fn pass_through(acceptor: TlsAcceptor, client: TcpStream, behind: String) {
    let Ok(mut client) = acceptor.accept(client).await else { return };
    let Ok(mut server) = TcpStream::connect(&behind).await else { return };
    // A connection that breaks is broken for both sides.
    drop(copy_bidirectional(&mut client, &mut server).await);
}

fn acceptor(authority_file: &Path) -> TlsAcceptor {
    let key = || KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, key()).expect("an authority signs itself");
    fs::write(authority_file, authority.pem()).expect("the certificate is written");
    let door_key = key();
    let door = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address is a name");
    let certificate = door.signed_by(&door_key, &authority).expect("the authority signs");
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(door_key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .expect("key and certificate fit");
    TlsAcceptor::from(Arc::new(config))
}
