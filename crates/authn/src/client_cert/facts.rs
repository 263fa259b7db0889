use std::time::{Duration, SystemTime};

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Name;

use crate::ClientCertificate;

/// What a certificate says of its owner.
pub(super) struct Facts {
    pub(super) thumbprint: [u8; 32],
    /// Its only URI. One that has several names nobody (SPIFFE X.509-SVID, section 2).
    pub(super) uri: Option<String>,
    pub(super) hosts: Vec<String>,
    /// Its only common name.
    pub(super) common_name: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) is_authority: bool,
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
}

/// The largest certificate that is looked at.
const MAX_DER: usize = 16 << 10;

impl Facts {
    pub(super) fn read(certificate: &ClientCertificate) -> Result<Self, &'static str> {
        let der = certificate.der();
        if der.len() > MAX_DER {
            return Err("the certificate is larger than 16 KiB");
        }
        let unsound = "the certificate is not sound";
        let (rest, parsed) = X509Certificate::from_der(der).map_err(|_| unsound)?;
        if !rest.is_empty() {
            return Err("something follows the certificate");
        }
        let names = parsed.subject_alternative_name().map_err(|_| unsound)?;
        let names = names.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
        let uris = || names.iter().filter(|name| matches!(name, GeneralName::URI(_)));
        let uri = match (uris().next(), uris().count()) {
            (Some(GeneralName::URI(uri)), 1) => Some((*uri).to_owned()),
            _ => None,
        };
        let hosts = names.iter().filter_map(|name| match name {
            GeneralName::DNSName(host) => Some((*host).to_owned()),
            _ => None,
        });
        let mut common_names = parsed.subject().iter_common_name();
        let common_name = match (common_names.next(), common_names.next()) {
            (Some(name), None) => name.as_str().ok().map(str::to_owned),
            _ => None,
        };
        let is_authority = parsed.basic_constraints().map_err(|_| unsound)?;
        Ok(Self {
            thumbprint: certificate.thumbprint(),
            uri,
            hosts: hosts.collect(),
            common_name,
            subject: spell(parsed.subject()),
            issuer: spell(parsed.issuer()),
            is_authority: is_authority.is_some_and(|extension| extension.value.ca),
            not_before: moment(parsed.validity().not_before).ok_or(unsound)?,
            not_after: moment(parsed.validity().not_after).ok_or(unsound)?,
        })
    }
}

fn moment(time: ASN1Time) -> Option<SystemTime> {
    let seconds = time.timestamp();
    let distance = Duration::from_secs(seconds.unsigned_abs());
    match seconds < 0 {
        true => SystemTime::UNIX_EPOCH.checked_sub(distance),
        false => SystemTime::UNIX_EPOCH.checked_add(distance),
    }
}

/// A name as `C=DE, O=Example, CN=Example CA`: in the order of the certificate, and with a backslash before each character
/// of a value that could be taken for structure, so that two names are never spelled alike. `None` for values that are no
/// text.
fn spell(name: &X509Name<'_>) -> Option<String> {
    let mut spelled = String::new();
    for rdn in name.iter_rdn() {
        for (index, attribute) in rdn.iter().enumerate() {
            spelled.push_str(match (spelled.is_empty(), index) {
                (true, _) => "",
                (false, 0) => ", ",
                (false, _) => " + ",
            });
            match oid2abbrev(attribute.attr_type(), oid_registry()) {
                Ok(short) => spelled.push_str(short),
                Err(_) => spelled.push_str(&attribute.attr_type().to_id_string()),
            }
            spelled.push('=');
            for character in attribute.as_str().ok()?.chars() {
                if matches!(character, ',' | '+' | '=' | '\\' | '"' | ';' | '<' | '>') {
                    spelled.push('\\');
                }
                spelled.push(character);
            }
        }
    }
    Some(spelled)
}
