//! `make install`: what it puts where, that the unit is sound, and that the installed server runs.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The root of the repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// Plays a small system: the installed files in their places, a user, folders and a network of its own.
const SYSTEM: &str = include_str!("installed.sh");
/// The least secure that the unit may become, in tenths of `systemd-analyze security`.
const EXPOSURE: &str = "20";

/// An installation below a folder of its own.
struct Staging {
    folder: tempfile::TempDir,
}

impl Staging {
    fn new() -> Self {
        let staging = Self { folder: tempfile::tempdir().unwrap() };
        staging.make("install", &[]);
        staging
    }

    fn make(&self, target: &str, more: &[&str]) {
        let destination = format!("DESTDIR={}", self.folder.path().display());
        let program = concat!("PROGRAM=", env!("CARGO_BIN_EXE_waypost"));
        let mut make = Command::new("make");
        make.args(["--silent", "-C", ROOT, target, &destination, program]).args(more);
        let output = make.env_remove("MAKEFLAGS").output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Every file, from the top, sorted.
    fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        gather(self.folder.path(), &mut files);
        let start = format!("{}/", self.folder.path().display());
        let mut names: Vec<String> = files
            .iter()
            .map(|path| path.display().to_string().strip_prefix(&start).unwrap().to_owned())
            .collect();
        names.sort();
        names
    }
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => gather(&entry.path(), files),
            false => files.push(entry.path()),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn names() -> Vec<String> {
    let list = fs::read_to_string(Path::new(ROOT).join("packaging/programs")).unwrap();
    list.lines().map(str::to_owned).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn every_program_has_its_link_its_manual_and_its_completions() {
    let staging = Staging::new();
    let binary = staging.path("usr/local/sbin/waypost");
    assert_eq!(mode(&binary), 0o755);
    for name in names() {
        let program = staging.path("usr/local/sbin").join(&name);
        if name != "waypost" {
            assert_eq!(fs::read_link(&program).unwrap(), Path::new("waypost"));
        }
        let help = Command::new(&program).arg("--help").output().unwrap();
        assert!(help.status.success() && text(&help.stdout).contains("Usage: "), "{name}");
        for file in [
            format!("usr/local/share/man/man8/{name}.8"),
            format!("usr/local/share/bash-completion/completions/{name}"),
            format!("usr/local/share/zsh/site-functions/_{name}"),
            format!("usr/local/share/fish/vendor_completions.d/{name}.fish"),
        ] {
            assert_eq!(mode(&staging.path(&file)), 0o644, "{file}");
        }
    }
    assert_eq!(mode(&staging.path("usr/local/share/man/man5/waypost.toml.5")), 0o644);
}

#[test]
fn the_sample_configuration_is_good_and_stays_the_administrators() {
    let staging = Staging::new();
    let config = staging.path("etc/waypost/config.toml");
    assert_eq!((mode(&config), mode(config.parent().unwrap())), (0o640, 0o750));
    let sample = fs::read_to_string(&config).unwrap();
    assert!(sample.contains("user = \"waypost\"\n") && !sample.contains('@'), "{sample}");
    let check = Command::new(staging.path("usr/local/sbin/waypost"))
        .args(["check-config", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    assert!(check.status.success(), "{}", text(&check.stderr));
    fs::write(&config, "# mine\n").unwrap();
    staging.make("install", &[]);
    assert_eq!(fs::read_to_string(&config).unwrap(), "# mine\n");
    staging.make("uninstall", &[]);
    assert_eq!(staging.files(), ["etc/waypost/config.toml"]);
}

#[test]
fn paths_follow_the_variables() {
    let staging = Staging { folder: tempfile::tempdir().unwrap() };
    let variables = ["PREFIX=/opt/w", "SYSCONFDIR=/opt/etc", "LOCALSTATEDIR=/opt/var"];
    staging.make("install", &[&variables[..], &["WAYPOST_USER=mail"]].concat());
    let unit =
        fs::read_to_string(staging.path("opt/w/lib/systemd/system/waypost.service")).unwrap();
    assert!(
        unit.contains("ExecStart=/opt/w/sbin/waypost run --config /opt/etc/waypost/config.toml")
    );
    assert!(
        unit.contains("User=mail\n") && !unit.contains('\u{40}'.to_string().repeat(2).as_str())
    );
    let config = fs::read_to_string(staging.path("opt/etc/waypost/config.toml")).unwrap();
    assert!(config.contains("path = \"/opt/var/lib/waypost/store\""), "{config}");
    let outside: Vec<_> = staging.files().into_iter().filter(|f| !f.starts_with("opt/")).collect();
    assert_eq!(outside, Vec::<String>::new());
}

/// Runs the small system with one of its scenes; `None` where that is not possible.
fn system(staging: &Staging, scene: &str) -> Option<Output> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not root: no system of its own can be played, so this is not tested");
        return None;
    }
    certificate(&staging.path("etc/waypost"));
    let mut command = Command::new("unshare");
    command.args([
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "bash",
        "-euo",
        "pipefail",
    ]);
    command.args(["-c", SYSTEM, "installed.sh"]).arg(staging.folder.path()).arg(scene);
    command.current_dir("/").env_remove("WAYPOST_CONFIG").stdin(Stdio::null());
    Some(command.output().unwrap())
}

/// A certificate and its key, which the user's group may read.
fn certificate(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let texts = [("cert.pem", made.cert.pem()), ("key.pem", made.signing_key.serialize_pem())];
    for (name, text) in texts {
        fs::write(folder.join(name), text).unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o640)).unwrap();
    }
}

#[test]
fn the_installed_server_runs_as_its_user_and_its_tools_find_it() {
    let staging = Staging::new();
    fs::set_permissions(staging.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let Some(output) = system(&staging, "serve") else { return };
    let (out, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}{errors}");
    for line in [
        "no fault found",
        "added the domain example.com",
        "runs as 4711 with 0000000000000400",
        "pop is stopped\npop is started",
        "0.0.0.0:995",
        "delivered",
        "store 4711 700",
        "config.toml 0 640",
        "the server is ending",
    ] {
        assert!(out.contains(line), "{line:?} is not in:\n{out}{errors}");
    }
    assert!(!out.contains("warning:"), "{out}");
}

#[test]
fn the_unit_is_sound_and_tight() {
    let staging = Staging::new();
    let Some(output) = system(&staging, "unit") else { return };
    let (out, errors) = (text(&output.stdout), text(&output.stderr));
    if out.contains("no systemd-analyze") {
        eprintln!("no systemd-analyze here, so the unit is not checked");
        return;
    }
    assert!(output.status.success(), "exposure above {EXPOSURE} tenths, or:\n{out}{errors}");
    assert!(!errors.contains("waypost"), "{errors}");
}
