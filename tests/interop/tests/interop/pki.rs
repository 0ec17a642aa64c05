//! Authorities, and what they sign, in files.

use std::path::Path;

use plugwire_interop::tls::SERVER_NAME;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// A directory as `plugwire_interop::tls` reads it: an authority, and what it signed for a plugin
/// and for a host.
pub struct Pki(TempDir);

impl Pki {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new([]).unwrap();
        authority
            .distinguished_name
            .push(DnType::CommonName, "the tests' authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = authority.self_signed(&key).unwrap();
        std::fs::write(directory.path().join("ca.pem"), certificate.pem()).unwrap();
        let issuer = Issuer::new(authority, key);
        for (name, host_name) in [("server", SERVER_NAME), ("client", "host.test")] {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new([host_name.to_owned()]).unwrap();
            let certificate = params.signed_by(&key, &issuer).unwrap();
            let write = |file: String, pem| std::fs::write(directory.path().join(file), pem);
            write(format!("{name}.pem"), certificate.pem()).unwrap();
            write(format!("{name}-key.pem"), key.serialize_pem()).unwrap();
        }
        Self(directory)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}
