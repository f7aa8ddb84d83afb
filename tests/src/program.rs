//! Where the program under test is; builds it when it is missing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The path of the `waypost` program.
///
/// `WAYPOST_BIN` names another one, for example a release build.
pub fn waypost() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| match std::env::var_os("WAYPOST_BIN") {
        Some(path) => PathBuf::from(path),
        None => built(),
    })
}

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace")
}

fn built() -> PathBuf {
    let path = target_folder().join("debug/waypost");
    if !path.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .args(["build", "--locked", "-p", "waypost"])
            .current_dir(workspace())
            .status()
            .expect("cargo starts");
        assert!(status.success(), "cargo build -p waypost: {status}");
    }
    path
}

/// The test program lies in `TARGET/debug/deps`.
fn target_folder() -> PathBuf {
    let test = std::env::current_exe().expect("a process knows its program");
    test.ancestors().nth(3).expect("a test lies in a target folder").to_owned()
}
