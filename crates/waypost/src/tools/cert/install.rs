//! `waypost cert install`.

use super::findings::{self, Grade, Host};
use super::self_signed::{Target, ssl_ports};
use super::{check, read};
use crate::certificate::Pair;
use crate::failure::{Context, Failure};
use crate::output::tell;
use crate::settings;
use crate::tools::control::report;
use std::path::Path;
use waypost_net::tls::TlsIdentity;
use waypost_options::{Config, ConfigFile};
use waypost_supervisor::{AskError, Plan, Request, ask};
use waypost_types::Moment;

/// Checks a pair of files and puts copies of them in place; running services take them in.
pub(super) fn run(file: &Path, certificate: &Path, key: &Path) -> Result<(), Failure> {
    let config_file = ConfigFile::new(file).map_err(Failure::new)?;
    let target = Target::open(&config_file)?;
    let given = Pair { certificate: certificate.to_owned(), key: key.to_owned() };
    let identity = read(&target.before, &given)?;
    judge(&target.before, &identity)?;
    let pair = &target.pair;
    let installed = pair.install(&identity.certificate, identity.key.expose(), file);
    installed.context(format!("cannot write {}", pair.certificate.display()))?;
    tell(format_args!("installed {} and {}", pair.certificate.display(), pair.key.display()));
    let after = target.store("cert install")?;
    refresh(&after)?;
    ssl_ports(&after);
    Ok(())
}

/// A bad pair is refused, with everything that is to be said of it.
fn judge(config: &Config, identity: &TlsIdentity) -> Result<(), Failure> {
    let host = Host { name: &settings::hostname(config), otherwise: Grade::Warning };
    let found = findings::of_identity(identity, &host, Moment::now().wall.seconds);
    check::report(&found);
    if found.iter().any(|finding| finding.grade == Grade::Bad) {
        return Err(Failure::usage("this certificate would be no good; nothing was changed"));
    }
    Ok(())
}

/// Has running services take the certificate in now.
fn refresh(config: &Config) -> Result<(), Failure> {
    let answers = match ask(&Plan::control_socket(config), &Request::Refresh(Vec::new())) {
        Ok(answers) => answers,
        Err(AskError::NotRunning) => {
            tell("the server does not run; it reads the certificate when it starts");
            return Ok(());
        }
        Err(error) => {
            return Err(Failure::new(format!("{error}; `refresh` has services take it in")));
        }
    };
    if !report(&answers) {
        return Err(Failure::new(
            "not every service has taken the certificate in; the log says why",
        ));
    }
    Ok(())
}
