//! Certificates of an authority of our own, made by openssl.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A directory with an authority.
pub struct Authority(tempfile::TempDir);

impl Authority {
    /// Makes one.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let own = Self(directory);
        own.openssl("req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -keyout ca.key -out ca.pem -subj /CN=ours -days 9");
        own
    }

    /// Its certificate.
    pub fn file(&self) -> PathBuf {
        self.0.path().join("ca.pem")
    }

    /// A server whose certificate has this name, for so many days.
    pub fn server(&self, name: &str, days: i32) -> ServerConfig {
        std::fs::write(self.0.path().join("ext"), format!("subjectAltName={name}\n")).expect("a file");
        self.openssl(
            "req -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -keyout a.key -out a.csr -subj /CN=a",
        );
        self.openssl(&format!(
            "x509 -req -in a.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile ext -out a.pem -days {days}"
        ));
        let read = |name: &str| std::fs::read(self.0.path().join(name)).expect("what openssl has written");
        let chain = CertificateDer::pem_slice_iter(&read("a.pem")).collect::<Result<Vec<_>, _>>().expect("PEM");
        let key = PrivateKeyDer::from_pem_slice(&read("a.key")).expect("PEM");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("TLS");
        builder.with_no_client_auth().with_single_cert(chain, key).expect("a certificate with its key")
    }

    fn openssl(&self, words: &str) {
        run(self.0.path(), words);
    }
}

fn run(directory: &Path, words: &str) {
    let mut command = Command::new("openssl");
    command.current_dir(directory).args(words.split(' ')).stdin(Stdio::null());
    let output = command.output().expect("openssl: scripts/test installs it");
    assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
}
