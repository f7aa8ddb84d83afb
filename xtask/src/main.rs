//! Repository checks: `cargo xtask tidy` and `cargo xtask gate`, the same at home and in CI.

mod gate;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask tidy              check what no compiler checks: tiers, lengths, banned calls
       cargo xtask guide             write docs/guide-coverage.md anew
       cargo xtask gate [--static]   format, tidy, clippy, deny and, without --static, the tests";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["tidy"] => tidy::run(&root()),
        ["guide"] => tidy::guide::write(&root()),
        ["gate"] => gate::run(&root(), gate::Extent::Everything),
        ["gate", "--static"] => gate::run(&root(), gate::Extent::Static),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's root: the folder above this package.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}
