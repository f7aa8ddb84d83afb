//! A server and a shell in which its commands are typed.

use crate::support::{PASSWORD, World};
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::process::{Command, Output};

/// A server's folder, with the programs in a folder that the shell searches.
pub(crate) struct Site {
    pub(crate) world: World,
    /// The certificate in PEM, when there is one.
    pub(crate) certificate: Option<String>,
}

impl Site {
    pub(crate) fn new(more: &str) -> Self {
        let world = World::new(more);
        let bin = world.folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for name in ["msconfig", "start-msg", "stop-msg", "refresh", "waypost"] {
            symlink(env!("CARGO_BIN_EXE_waypost"), bin.join(name)).unwrap();
        }
        Self { world, certificate: None }
    }

    /// A site whose server has a certificate for `localhost`.
    pub(crate) fn with_certificate(more: &str) -> Self {
        let files = "base.sslcertfile = \"cert.pem\"\nbase.sslkeyfile = \"key.pem\"";
        let mut site = Self::new(&format!("{files}\n{more}"));
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let file = |name: &str| site.world.folder.path().join(name);
        fs::write(file("cert.pem"), made.cert.pem()).unwrap();
        fs::write(file("key.pem"), made.signing_key.serialize_pem()).unwrap();
        site.certificate = Some(made.cert.pem());
        site
    }

    fn shell(&self, lines: &str) -> Output {
        let bin = self.world.folder.path().join("bin").display().to_string();
        let path = format!("{bin}:{}", std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("sh");
        command.args(["-e", "-c", lines]).env("PATH", path);
        command.env("WAYPOST_CONFIG", self.world.config()).output().unwrap()
    }

    /// Types lines that must succeed; answers with what they printed.
    pub(crate) fn typed(&self, lines: &str) -> String {
        let output = self.shell(lines);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{lines}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Types lines of which one must be refused; answers with the reason.
    pub(crate) fn refused(&self, lines: &str) -> String {
        let output = self.shell(lines);
        assert!(!output.status.success(), "{lines}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Types the printed lines of a dialogue, which `msconfig` reads as a script, and the commands after it.
    pub(crate) fn transcript(&self, printed: &str) -> String {
        let mut lines = printed.lines();
        assert_eq!(lines.next(), Some("msconfig"));
        let typed = |line: &str| Some(line.strip_prefix("msconfig")?.get(2..)?.to_owned());
        let (dialogue, after): (Vec<&str>, Vec<&str>) =
            lines.partition(|line| line.starts_with("msconfig"));
        let dialogue: Vec<String> = dialogue.into_iter().filter_map(typed).collect();
        let script = format!("msconfig <<'END'\n{}\nEND\n", dialogue.join("\n"));
        let told = self.typed(&script);
        // It names the very commands that the guide prints next.
        assert_eq!(told, format!("{}\n", after.join("\n")));
        self.typed(&after.join("\n"))
    }
}

/// Whether somebody listens on a port.
pub(crate) fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// The IMAP command that logs a user in.
pub(crate) fn login(user: &str) -> String {
    format!("LOGIN {user} {PASSWORD}")
}
