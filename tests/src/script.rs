//! Other programs as clients: run with a time limit, their output shown when they fail.

use crate::instance::Instance;
use crate::process;
use crate::program::workspace;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Runs `python/NAME` with the instance's settings in its environment and answers what it printed.
///
/// # Panics
/// When the script fails or takes longer than `limit`.
pub fn python(instance: &Instance, name: &str, arguments: &[&str], limit: Duration) -> String {
    let folder = workspace().join("tests/python");
    let mut command = Command::new("python3");
    command.arg("-u").arg(folder.join(name)).args(arguments);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    run(instance, command, limit)
}

/// Runs a command likewise.
///
/// # Panics
/// When the command fails or takes longer than `limit`.
pub fn run(instance: &Instance, command: Command, limit: Duration) -> String {
    let shown = format!("{command:?}");
    let (success, output) = attempt(instance, command, limit);
    assert!(success, "{shown} failed:\n{output}");
    println!("{output}");
    output
}

/// Runs a command; answers whether it succeeded, and its output.
///
/// # Panics
/// When it takes longer than `limit`.
pub fn attempt(instance: &Instance, mut command: Command, limit: Duration) -> (bool, String) {
    let (output, path) = output_file(instance);
    command.envs(instance.environment()).current_dir(instance.scratch());
    let errors = output.try_clone().expect("a file can be cloned");
    if let Some(input) = instance.take_input() {
        command.stdin(input);
    } else {
        command.stdin(Stdio::null());
    }
    let mut child = command.stdout(output).stderr(errors).spawn().expect("the program starts");
    let status = process::wait_at_most(&mut child, limit);
    let text = String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned();
    let Some(status) = status else {
        child.kill().expect("a child can be killed");
        child.wait().expect("a child can be waited for");
        panic!("{command:?} took longer than {limit:?}:\n{text}");
    };
    (status.success(), text)
}

fn output_file(instance: &Instance) -> (File, PathBuf) {
    let file = tempfile::NamedTempFile::new_in(instance.scratch()).expect("a file can be made");
    file.keep().expect("a file can be kept")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_checks_find_what_they_must() {
        let script = workspace().join("tests/python/self_check.py");
        let output = Command::new("python3").arg("-B").arg(script).output().expect("python3 runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
