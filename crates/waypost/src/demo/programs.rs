//! The programs of a demo: links to this one by every name it answers to.

use crate::cli::PROGRAMS;
use crate::failure::{Context, Failure};
use crate::settings;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Links that are missing or point elsewhere are made; what is no link stays.
pub(super) fn ensure(folder: &Path) -> Result<(), Failure> {
    settings::private_folder(folder)?;
    let program = std::env::current_exe().context("cannot find this program")?;
    for name in PROGRAMS.into_iter().chain(["waypost"]) {
        let path = folder.join(name);
        link(&program, &path).context(format!("cannot make the link {}", path.display()))?;
    }
    Ok(())
}

fn link(program: &Path, path: &Path) -> io::Result<()> {
    match std::fs::read_link(path) {
        Ok(target) if target == program => return Ok(()),
        Ok(_) => std::fs::remove_file(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => (),
        // Something else of this name, which is not the demo's to remove.
        Err(_) => return Ok(()),
    }
    symlink(program, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_follow_the_program_and_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        symlink("/elsewhere", bin.join("waypost")).unwrap();
        ensure(&bin).unwrap();
        let program = std::env::current_exe().unwrap();
        assert_eq!(std::fs::read_link(bin.join("waypost")).unwrap(), program);
        std::fs::remove_file(bin.join("msconfig")).unwrap();
        std::fs::write(bin.join("msconfig"), "own").unwrap();
        ensure(&bin).unwrap();
        assert_eq!(std::fs::read_to_string(bin.join("msconfig")).unwrap(), "own");
    }
}
