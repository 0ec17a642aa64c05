//! One-time certificates, and the two forms in which they reach the other side.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P521_SHA512,
};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::ParsedCertificate;

use crate::tuning::tls as tuning;

/// The name that one-time certificates are for, wherever the two sides really are.
pub(super) const NAME: &str = "localhost";

/// A certificate for one process, and its key.
pub(crate) struct OneTime {
    pem: String,
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl OneTime {
    /// What Go's side checks: the name, the time, that it is an authority (its own) and may be used
    /// by servers and clients. The rest is as in go-plugin's certificates, so that a peer which
    /// looks sees no difference.
    pub(crate) fn generate() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512)?;
        let mut params = CertificateParams::new([NAME.to_owned()])?;
        let name = &mut params.distinguished_name;
        name.push(DnType::OrganizationName, "HashiCorp");
        name.push(DnType::CommonName, NAME);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
            KeyUsagePurpose::KeyAgreement,
            KeyUsagePurpose::KeyCertSign,
        ];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::ServerAuth,
        ];
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        #[expect(
            clippy::arithmetic_side_effects,
            reason = "both are far from the ends of the calendar"
        )]
        let (from, until) = (
            epoch + now.saturating_sub(tuning::CLOCK_SKEW),
            epoch + now + tuning::LIFETIME,
        );
        params.not_before = from;
        params.not_after = until;
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        })
    }

    /// The certificate as the environment holds it.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// The certificate as the handshake line holds it.
    pub(crate) fn field(&self) -> String {
        STANDARD_NO_PAD.encode(&self.certificate)
    }
}

/// Reads the certificates in the environment. go-plugin takes any number, and so does this.
///
/// # Errors
///
/// Says what is wrong, without repeating what was given.
pub(crate) fn from_pem(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("no PEM: {}", what_is_wrong(&error)))?;
    if certificates.is_empty() {
        return Err("no PEM block of a certificate".to_owned());
    }
    for certificate in &certificates {
        check(certificate)?;
    }
    Ok(certificates)
}

/// The error's own text has what was given in it, which might be a key by mistake.
fn what_is_wrong(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "the line that ends a block is missing",
        pem::Error::IllegalSectionStart { .. } => "the line that begins a block is malformed",
        pem::Error::Base64Decode(_) => "a block holds what is no base64",
        _ => "it is malformed",
    }
}

/// Reads the certificate in a handshake line.
///
/// # Errors
///
/// Says what is wrong, without repeating what was given.
pub(crate) fn from_field(field: &str) -> Result<CertificateDer<'static>, String> {
    let der = STANDARD_NO_PAD
        .decode(field)
        .map_err(|error| format!("no unpadded base64: {error}"))?;
    let certificate = CertificateDer::from(der);
    check(&certificate)?;
    Ok(certificate)
}

/// Whether it is a certificate at all. Otherwise every handshake would fail, and none would say
/// why.
fn check(certificate: &CertificateDer<'_>) -> Result<(), String> {
    match ParsedCertificate::try_from(certificate) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("no X.509 certificate: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_give_the_certificate_back() {
        let own = OneTime::generate().unwrap();
        assert_eq!(from_field(&own.field()).unwrap(), own.certificate);
        assert_eq!(from_pem(own.pem().as_bytes()).unwrap(), [own.certificate]);
    }

    #[test]
    fn no_two_are_the_same() {
        let (one, other) = (OneTime::generate().unwrap(), OneTime::generate().unwrap());
        assert_ne!(one.certificate, other.certificate);
    }

    #[test]
    fn every_certificate_of_a_pem_counts() {
        let (one, other) = (OneTime::generate().unwrap(), OneTime::generate().unwrap());
        let pem = format!("{}\n{}", one.pem(), other.pem());
        let read = from_pem(pem.as_bytes()).unwrap();
        assert_eq!(read, [one.certificate, other.certificate]);
    }

    #[test]
    fn what_is_no_certificate_is_refused_with_the_reason() {
        let own = OneTime::generate().unwrap();
        let field = own.field();
        for (field, reason) in [
            ("!".repeat(60), "no unpadded base64"),
            (field.clone() + "=", "no unpadded base64"),
            (field[..field.len() / 8 * 4].to_owned(), "no X.509"),
            ("A".repeat(60), "no X.509"),
        ] {
            let error = from_field(&field).unwrap_err();
            assert!(error.starts_with(reason), "{field}: {error}");
        }
        let pem = own.pem();
        let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (pem, reason) in [
            ("", "no PEM block"),
            ("a line of text", "no PEM block"),
            (&pem[..pem.len() / 2], "no PEM: the line that ends"),
            (&pem.replace('\n', ""), "no PEM: the line that ends"),
            (cut, "no X.509"),
        ] {
            let error = from_pem(pem.as_bytes()).unwrap_err();
            assert!(error.starts_with(reason), "{pem}: {error}");
        }
    }
}
