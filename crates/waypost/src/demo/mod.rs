//! `waypost demo`: a whole server in one folder, with two users, ready to try.

mod certificate;
mod configuration;
mod env_file;
mod programs;
mod users;

use crate::failure::{Context, Failure};
use crate::output::tell;
use crate::{config_file, logs, settings, watch};
use configuration::Ports;
use env_file::{EnvFile, Facts};
use std::path::{Path, PathBuf};

/// Permissions of files that hold secrets.
const SECRET_MODE: u32 = 0o600;

/// The files of a demo.
struct Files {
    config: PathBuf,
    env: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
    ca: PathBuf,
    bin: PathBuf,
}

impl Files {
    fn new(folder: &Path) -> Self {
        let file = |name: &str| folder.join(name);
        Self {
            config: file("config.toml"),
            env: file("demo.env"),
            certificate: file("cert.pem"),
            key: file("key.pem"),
            ca: file("ca.pem"),
            bin: file("bin"),
        }
    }
}

/// Sets up what is missing, runs the server, and says how to try it.
pub(crate) fn run(folder: &Path) -> Result<(), Failure> {
    let folder = std::path::absolute(folder).context(folder.display())?;
    settings::private_folder(&folder)?;
    let files = Files::new(&folder);
    certificate::ensure(&files)?;
    programs::ensure(&files.bin)?;
    configuration::ensure(&files.config)?;
    // Claimed before ports are looked at: those of a demo that runs are taken, by itself.
    let config = watch::settle(&files.config, &config_file::load(&files.config)?)?;
    let lock = watch::claim(&config)?;
    let ports = configuration::settle_ports(&files.config)?;
    let config = config_file::load(&files.config)?;
    let passwords = users::ensure(&config, &EnvFile::read(&files.env))?;
    let facts = Facts { files: &files, ports: &ports, passwords: &passwords, config: &config };
    env_file::write(&files.env, &facts)?;
    tell(format_args!("Starting; the logs go to {}", logs::place(&config)));
    watch::serve(&files.config, &config, &lock, |_| announce(&facts))
}

fn announce(facts: &Facts<'_>) {
    let Ports { imap, imaps, pop, pops, lmtp } = facts.ports;
    let env = facts.files.env.display();
    tell(format_args!("\nWaypost is ready on 127.0.0.1"));
    tell(format_args!("  IMAP  {imap} (STARTTLS)   {imaps} (TLS)"));
    tell(format_args!("  POP3  {pop} (STLS)       {pops} (TLS)"));
    tell(format_args!("  LMTP  {lmtp}"));
    for user in users::USERS {
        let password = facts.passwords.get(user).map_or("?", String::as_str);
        tell(format_args!("  user  {user}@{} with the password {password}", configuration::DOMAIN));
    }
    tell(format_args!("  the same for scripts: {env}"));
    tell(format_args!("\nTry it, in another terminal:"));
    for line in try_it(facts) {
        tell(format_args!("  {line}"));
    }
    tell(format_args!("\nThe administrator's programs: {}", facts.files.bin.display()));
    tell(format_args!("\nCtrl-C ends it; the next run finds its mail again."));
}

/// Three lines that bring in a message and read it again.
fn try_it(facts: &Facts<'_>) -> [String; 3] {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("waypost"));
    let source = format!(". {}", quoted(&facts.files.env));
    let deliver = format!(
        "printf 'Subject: Hello\\n\\nIt works.\\n' | {} --config \"$WAYPOST_CONFIG\" deliver alice",
        quoted(&program)
    );
    let read = "curl --cacert \"$WAYPOST_CA\" -u \"alice:$WAYPOST_ALICE_PASSWORD\" \
                \"imaps://localhost:$WAYPOST_IMAPS_PORT/INBOX;MAILINDEX=1\"";
    [source, deliver, read.to_owned()]
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Writes a file that only this user may read, whole or not at all.
fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut next = path.as_os_str().to_owned();
    next.push(".new");
    let next = PathBuf::from(next);
    let mut options = std::fs::OpenOptions::new();
    // What an earlier run left behind, or somebody else put there, has permissions of its own.
    match std::fs::remove_file(&next) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = options.write(true).create_new(true).mode(SECRET_MODE).open(&next)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(next, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_when_a_shell_needs_it() {
        assert_eq!(quoted(Path::new("/a/b-c.d")), "/a/b-c.d");
        assert_eq!(quoted(Path::new("/a b/it's")), "'/a b/it'\\''s'");
    }

    #[test]
    fn secrets_are_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let other = folder.path().join("other");
        std::fs::write(&other, "kept").unwrap();
        std::os::unix::fs::symlink(&other, folder.path().join("secret.new")).unwrap();
        write_secret(&path, "one").unwrap();
        std::fs::write(folder.path().join("secret.new"), "left behind").unwrap();
        write_secret(&path, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, SECRET_MODE);
        assert_eq!(std::fs::read_to_string(other).unwrap(), "kept");
    }
}
