//! Certificates in PEM. Judges only whether they are certificates.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// DER of all certificates of a text, at least one. The error is for people.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut store = RootCertStore::empty();
    let mut all = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("{error}; write certificates as PEM"))?;
        all.push(certificate.as_ref().to_vec());
        store.add(certificate).map_err(|error| format!("certificate {} is none: {error}", all.len()))?;
    }
    if all.is_empty() {
        return Err("it holds no certificate; write -----BEGIN CERTIFICATE----- and what follows".into());
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate() {
        for (pem, why) in [
            ("", "no certificate"),
            ("hello", "no certificate"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate 1 is none"),
            ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "as PEM"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n", "as PEM"),
        ] {
            let error = certificates(pem.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{pem:?}: {error}");
        }
    }
}
