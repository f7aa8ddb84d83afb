//! Finding and reading the configuration file.

use crate::failure::{Context, Failure};
use rustix::process::geteuid;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use waypost_options::Config;

/// The demo's configuration, for the tools beside it.
const DEMO_FILE: &str = "var/config.toml";
/// The folder of the system's settings; `make build` can set another.
const SYSTEM_FOLDER: Option<&str> = option_env!("WAYPOST_SYSCONFDIR");
/// The configuration of an installed server, in that folder.
const SYSTEM_FILE: &str = "waypost/config.toml";

/// The configuration file: what was asked for, else the first that exists. Absolute, because it is
/// handed to other processes.
pub(crate) fn find(asked: Option<&Path>) -> Result<PathBuf, Failure> {
    let system = Path::new(SYSTEM_FOLDER.unwrap_or("/etc")).join(SYSTEM_FILE);
    let demo = PathBuf::from(DEMO_FILE);
    let found = match asked {
        Some(path) => path.to_owned(),
        None if let Some(file) =
            std::env::args_os().next().and_then(|own| of_program(own.as_ref())) =>
        {
            file
        }
        None if is_own(&demo) => demo,
        None if system.exists() => system,
        None => return Err(missing(&system)),
    };
    std::path::absolute(&found).context(found.display())
}

/// The configuration of the demo whose program was called: `DIR/bin/waypost` means the server in `DIR`, wherever it is
/// called from.
fn of_program(called: &Path) -> Option<PathBuf> {
    let folder = called.parent().filter(|folder| folder.ends_with("bin"))?;
    let file = folder.parent()?.join("config.toml");
    is_own(&file).then_some(file)
}

/// Whether a demo of this very user lies in the present folder. One that somebody else has put there must
/// not direct what root does.
fn is_own(demo: &Path) -> bool {
    std::fs::metadata(demo).is_ok_and(|found| found.uid() == geteuid().as_raw())
}

fn missing(system: &Path) -> Failure {
    Failure::usage(format!(
        "no configuration: neither ./{DEMO_FILE} of your own nor {} exists; name one with --config \
         FILE, or try `waypost demo`",
        system.display()
    ))
}

/// Reads and checks it.
pub(crate) fn load(file: &Path) -> Result<Config, Failure> {
    Config::load(file).map_err(Failure::usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_a_demo_finds_its_server() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("bin/waypost");
        assert_eq!(of_program(&own), None);
        let file = folder.path().join("config.toml");
        std::fs::write(&file, "").unwrap();
        assert_eq!(of_program(&own), Some(file));
        assert_eq!(of_program(&folder.path().join("lib/waypost")), None);
        assert_eq!(of_program(Path::new("waypost")), None);
    }
}
