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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_when_a_shell_needs_it() {
        assert_eq!(quoted(Path::new("/a/b-c.d")), "/a/b-c.d");
        assert_eq!(quoted(Path::new("/a b/it's")), "'/a b/it'\\''s'");
    }
}
