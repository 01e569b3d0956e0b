//! Whom https believes: the public authorities, or those of a file. Certificates are always checked.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::config::{Authorities, Endpoint, Remote};

/// The public authorities, once somebody needs them.
#[derive(Debug, Default)]
pub(super) struct Roots(Option<Arc<RootCertStore>>);

impl Roots {
    /// What the targets of a rule that speak TLS need; `None` if none does. Sessions are resumed within one rule.
    pub fn config(&mut self, rule: &Remote) -> Option<Arc<ClientConfig>> {
        rule.targets.iter().find(|target| matches!(target.endpoint, Endpoint::Tcp { tls: true, .. }))?;
        let roots = match &rule.keys.ca_file {
            Some(authorities) => Arc::new(private(authorities)),
            None => self.0.get_or_insert_with(|| Arc::new(public())).clone(),
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions();
        let mut config = builder.ok()?.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Some(Arc::new(config))
    }
}

fn public() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

fn private(authorities: &Authorities) -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(authorities.certificates.iter().map(|der| der.as_slice().into()));
    store
}

/// A session with this host, whose name its certificate must have.
pub(super) fn session(config: &Arc<ClientConfig>, host: &str) -> Result<ClientConnection, String> {
    let name = host.strip_suffix('.').unwrap_or(host).to_owned();
    let name = ServerName::try_from(name).map_err(|_| "no certificate can have its name".to_owned())?;
    ClientConnection::new(config.clone(), name).map_err(|error| error.to_string())
}
