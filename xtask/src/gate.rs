//! The gate: one command that says whether a tree may land.
//!
//! Every step runs even when an earlier one failed, so one round shows all that is to be mended.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// How much of the gate to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Format, tidy, clippy and deny: nothing that runs the product.
    Static,
    /// The static part and the tests.
    Everything,
}

/// Runs the gate in the workspace at `root`; the error names the steps that failed.
pub(crate) fn run(root: &Path, extent: Extent) -> Result<(), String> {
    let mut failed = Vec::new();
    for (name, step) in steps(extent) {
        eprintln!("gate: {name}");
        if let Err(message) = step(root) {
            eprintln!("gate: {name} failed: {message}");
            failed.push(name);
        }
    }
    if failed.is_empty() {
        eprintln!("gate: passed");
        return Ok(());
    }
    Err(format!("gate: failed in {}", failed.join(", ")))
}

type Step = fn(&Path) -> Result<(), String>;

fn steps(extent: Extent) -> Vec<(&'static str, Step)> {
    let mut steps: Vec<(&'static str, Step)> = vec![
        ("format", format),
        ("tidy", crate::tidy::run),
        ("clippy", clippy),
        ("fuzz", fuzz),
        ("deny", deny),
    ];
    if extent == Extent::Everything {
        steps.push(("tests", tests));
    }
    steps
}

fn format(root: &Path) -> Result<(), String> {
    let fuzz = ["--manifest-path", "fuzz/Cargo.toml"];
    [&[][..], &fuzz[..]].into_iter().try_for_each(|place| {
        cargo(root, &[&["fmt", "--all"], place, &["--check"]].concat())
            .map_err(|e| format!("{e}; run `cargo fmt --all{}`", place.join(" ")))
    })
}

fn clippy(root: &Path) -> Result<(), String> {
    cargo(root, &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])
}

/// The fuzz targets are a workspace of their own: without this nobody would see that they no longer build,
/// or that their lock file is behind the crates' dependencies.
fn fuzz(root: &Path) -> Result<(), String> {
    let place = ["--manifest-path", "fuzz/Cargo.toml", "--target-dir", "target"];
    let clippy = ["clippy", "--all-targets", "--locked"];
    cargo(root, &[&clippy[..], &place[..], &["--", "-D", "warnings"]].concat()).map_err(|e| {
        format!("{e}; a lock file that is behind: `cargo metadata --manifest-path fuzz/Cargo.toml`")
    })
}

/// Licences, bans and sources; advisories need a network and are looked at outside the gate.
fn deny(root: &Path) -> Result<(), String> {
    let path = path_with(root, "cargo-deny")?;
    let mut command = Command::new(program());
    let checks = ["check", "--hide-inclusion-graph", "licenses", "bans", "sources"];
    command.args(["deny", "--locked"]).args(checks).env("PATH", path);
    succeed(command.current_dir(root))
}

fn tests(root: &Path) -> Result<(), String> {
    succeed(Command::new(root.join("scripts/run-tests")).current_dir(root))
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<(), String> {
    succeed(Command::new(program()).args(arguments).current_dir(root))
}

fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The search path with the folder of a cargo tool in front; installs the tool when it is missing.
fn path_with(root: &Path, tool: &str) -> Result<OsString, String> {
    let output = Command::new(root.join("scripts/cargo-tool"))
        .arg(tool)
        .current_dir(root)
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|e| format!("cannot run scripts/cargo-tool: {e}"))?;
    if !output.status.success() {
        return Err(format!("scripts/cargo-tool {tool}: {}", output.status));
    }
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let old = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(folder.into()).chain(std::env::split_paths(&old)))
        .map_err(|e| format!("the folder of {tool} cannot stand in PATH: {e}"))
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} ended with {status}")),
        Err(error) => Err(format!("cannot run {name}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_gate_runs_the_tests() {
        let names = |extent| steps(extent).iter().map(|(name, _)| *name).collect::<Vec<_>>();
        assert_eq!(names(Extent::Static), ["format", "tidy", "clippy", "fuzz", "deny"]);
        assert_eq!(
            names(Extent::Everything),
            ["format", "tidy", "clippy", "fuzz", "deny", "tests"]
        );
    }

    #[test]
    fn a_command_that_fails_or_is_missing_is_an_error() {
        assert!(succeed(&mut Command::new("true")).is_ok());
        assert!(succeed(&mut Command::new("false")).is_err());
        assert!(succeed(&mut Command::new("/nonexistent/program")).is_err());
    }
}
