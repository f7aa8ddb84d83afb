//! From options to what certificates of clients are judged by: the authorities, and the maps of their owners.

use crate::failure::Failure;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use waypost_auth::CertMaps;
use waypost_net::tls::{ClientTrust, read_bounded};
use waypost_options::{BASE_CERTMAPFILE, BASE_SSLCLIENTCAFILE, BASE_SSLCLIENTCRLFILE, Config};

/// What is known of clients' certificates.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clients {
    /// Whose certificates are trusted; `None` asks for none.
    pub(crate) trust: Option<ClientTrust>,
    /// The text of the maps, which can be read; `None` finds owners by mail address.
    pub(crate) maps: Option<String>,
}

/// The files that are looked at.
pub(crate) fn files(config: &Config) -> Vec<PathBuf> {
    let options = [&BASE_SSLCLIENTCAFILE, &BASE_SSLCLIENTCRLFILE, &BASE_CERTMAPFILE];
    options.into_iter().filter_map(|option| config.read(option)).collect()
}

/// Reads the files; whatever cannot be used is a failure that names its file.
pub(crate) fn read(config: &Config) -> Result<Clients, Failure> {
    Ok(Clients { trust: trust(config)?, maps: maps(config)? })
}

fn trust(config: &Config) -> Result<Option<ClientTrust>, Failure> {
    let Some(file) = config.read(&BASE_SSLCLIENTCAFILE) else { return Ok(None) };
    let authorities = content("base.sslclientcafile", &file)?;
    let lists = config.read(&BASE_SSLCLIENTCRLFILE);
    let revoked = lists.map(|file| content("base.sslclientcrlfile", &file)).transpose()?;
    let trust = ClientTrust { authorities, revoked };
    let checked = trust.check();
    checked.map_err(|error| {
        Failure::usage(format!("base.sslclientcafile, base.sslclientcrlfile: {error}"))
    })?;
    Ok(Some(trust))
}

fn maps(config: &Config) -> Result<Option<String>, Failure> {
    let Some(file) = config.read(&BASE_CERTMAPFILE) else { return Ok(None) };
    let failed = |why: &dyn std::fmt::Display| {
        Failure::usage(format!("base.certmapfile: {}: {why}", file.display()))
    };
    let text = String::from_utf8(content("base.certmapfile", &file)?);
    let text = text.map_err(|_| failed(&"it is not UTF-8"))?;
    CertMaps::read(&text).map_err(|fault| failed(&fault))?;
    Ok(Some(text))
}

fn content(option: &str, file: &Path) -> Result<Vec<u8>, Failure> {
    read_bounded(file).map_err(|error| Failure::usage(format!("{option}: {error}")))
}

impl Clients {
    /// The maps, ready to use.
    pub(crate) fn cert_maps(&self) -> Result<Option<Arc<CertMaps>>, Failure> {
        let read = self.maps.as_deref().map(CertMaps::read).transpose();
        let read = read.map_err(|fault| Failure::usage(format!("base.certmapfile: {fault}")))?;
        Ok(read.map(Arc::new))
    }
}
