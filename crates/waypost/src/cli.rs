//! The command line.

use crate::tools::cert::CertCommand;
use clap::{Args, Parser, Subcommand};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The commands that are also programs: links of their name to this one.
pub(crate) const PROGRAMS: [&str; 7] =
    ["msconfig", "start-msg", "stop-msg", "refresh", "imsconnutil", "mboxutil", "reconstruct"];

/// The name that this program is called by, and the command line as if it were called as `waypost` and
/// its command.
pub(crate) fn called(words: impl Iterator<Item = OsString>) -> (&'static str, Vec<OsString>) {
    let mut words: Vec<OsString> = words.collect();
    let name = words.first().and_then(|word| Path::new(word).file_name().map(OsStr::to_owned));
    let program = PROGRAMS.into_iter().find(|program| name.as_deref() == Some(OsStr::new(program)));
    if let Some(program) = program {
        words.insert(1, program.into());
        words.first_mut().into_iter().for_each(|own| *own = "waypost".into());
    }
    (program.unwrap_or("waypost"), words)
}

/// A mail access server: POP3 and IMAP over one store, mail in by LMTP.
#[derive(Debug, Parser)]
#[command(name = "waypost", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// The configuration file [default: config.toml beside the program's bin, else ./var/config.toml, else
    /// /etc/waypost/config.toml]
    #[arg(long, global = true, env = "WAYPOST_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server until SIGTERM or Ctrl-C
    Run,
    /// Set up and run a demo server with the users alice and bob in a folder
    Demo {
        /// Where its configuration, mail and users are kept
        #[arg(value_name = "DIR", default_value = "./var")]
        folder: PathBuf,
    },
    /// Show services, processes, connections and ports
    Status,
    /// Start services that are enabled; without names, all of them
    StartMsg {
        /// pop, imap, lmtp or store
        #[arg(value_name = "SERVICE")]
        services: Vec<String>,
    },
    /// Stop services, enabled or not; without names, all of them
    StopMsg {
        /// Kill the processes instead of telling their clients first
        #[arg(short, long)]
        force: bool,
        /// pop, imap, lmtp or store; or watcher, which ends the server
        #[arg(value_name = "SERVICE")]
        services: Vec<String>,
    },
    /// Have services read their settings again without dropping a connection; without names, all
    Refresh {
        /// pop, imap, lmtp or store
        #[arg(value_name = "SERVICE")]
        services: Vec<String>,
    },
    /// Show the counters of the services
    Counters(CountersArguments),
    /// Show who is connected, or disconnect users
    Imsconnutil(ImsconnutilArguments),
    /// List, create, delete, rename and bring back mailboxes
    Mboxutil(MboxutilArguments),
    /// Make, show, check and install the server's certificate
    #[command(subcommand)]
    Cert(CertCommand),
    /// Manage users
    #[command(subcommand)]
    User(UserCommand),
    /// Manage domains
    #[command(subcommand)]
    Domain(DomainCommand),
    /// Look at the directory that the server uses
    #[command(subcommand)]
    Directory(DirectoryCommand),
    /// Show whether a user would be let in, every step of the decision and where its rule stands
    LoginExplain(LoginExplainArguments),
    /// Deliver the message on standard input to a user
    Deliver(DeliverArguments),
    /// Show what users have stored, and their quotas
    Quota(QuotaArguments),
    /// Import an mbox file or a Maildir into a user's mailboxes
    Import(ImportArguments),
    /// Copy store, users and configuration consistently, also while the server runs
    Backup {
        /// An absent or empty folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Check whether the store is whole, also while the server runs; nothing is changed
    Check(CheckArguments),
    /// Give back the disk space of messages that are gone, at once instead of in the background
    Compact {
        /// Only segments of which at least so many percent are dead
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=100))]
        percent: u8,
    },
    /// Check the store and repair what can be repaired, also while the server runs
    Repair(RepairArguments),
    /// Make the metadata of the store anew from its segments, when they are lost or cannot be read
    Reconstruct(ReconstructArguments),
    /// Check whether this machine's disk and system keep what is acknowledged, in a new folder
    Selftest(SelftestArguments),
    /// Check the configuration file
    CheckConfig,
    /// Change and show options; without arguments it asks for commands
    Msconfig(MsconfigArguments),
    /// Show the version
    Version,
    /// The writer that `selftest` kills
    #[command(hide = true)]
    SelftestWriter {
        /// Where its store and its socket are
        folder: PathBuf,
    },
    /// The writer of the store (started by `run`)
    #[command(hide = true)]
    Stored,
    /// The IMAP service (started by `run`)
    #[command(hide = true)]
    Imapd,
    /// The POP3 service (started by `run`)
    #[command(hide = true)]
    Popd,
    /// The LMTP service (started by `run`)
    #[command(hide = true)]
    Lmtpd,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user; the password is asked for
    Add {
        /// The user: `name` in the default domain, or `name@domain`
        user: String,
        /// The person's name
        #[arg(long, value_name = "NAME")]
        cn: Option<String>,
        /// Another address that delivers to this user; may be repeated
        #[arg(long = "alias", value_name = "ADDRESS")]
        aliases: Vec<String>,
        /// The most bytes of mail (mailQuota): a number with or without K, M or G, or -1 for no limit
        #[arg(long, value_name = "SIZE", allow_hyphen_values = true, value_parser = quota_text)]
        quota: Option<String>,
        /// The most messages (mailMsgQuota), or -1 for no limit
        #[arg(long, value_name = "COUNT", allow_hyphen_values = true, value_parser = quota_text)]
        message_quota: Option<String>,
        /// Take a hash of the password from the first line of standard input: {SSHA}, {SSHA256},
        /// {SSHA512}, {CRYPT}, {PBKDF2...} or {ARGON2}
        #[arg(long, conflicts_with = "password_stdin")]
        hash_stdin: bool,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Show all attributes of a user; of the password only the scheme
    Show {
        /// The user
        user: String,
    },
    /// Give attributes of a user other values
    Set {
        /// The user
        user: String,
        /// `ATTRIBUTE=VALUE`, repeated for several values; `ATTRIBUTE=` takes the attribute away
        #[arg(value_name = "ATTRIBUTE=VALUE", required = true)]
        attributes: Vec<String>,
    },
    /// Print domains and users as LDIF, hashes included
    Export {
        /// The form (the only one)
        #[arg(long, required = true)]
        ldif: bool,
        /// The entry that the domains stand below
        #[arg(long, value_name = "DN", default_value = "o=isp")]
        base: String,
        /// Only this domain
        #[arg(value_name = "DOMAIN")]
        domain: Option<String>,
    },
    /// Take in domains and users; who is there already is changed, all or nothing
    Import {
        /// An LDIF file of entries; `-` is standard input
        #[arg(long, value_name = "FILE")]
        ldif: PathBuf,
    },
    /// Change a user's password; it is asked for
    Passwd {
        /// The user
        user: String,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// List the users
    List {
        /// Only those of this domain
        #[arg(long, value_name = "DOMAIN")]
        domain: Option<String>,
    },
    /// Shut a user out and refuse new mail
    Disable {
        /// The user
        user: String,
    },
    /// Let a disabled user in again
    Enable {
        /// The user
        user: String,
    },
    /// Show or change which services a user may use, and from where (mailAllowedServiceAccess)
    Access {
        /// The user
        user: String,
        #[command(flatten)]
        change: AccessArguments,
    },
    /// Remove a user from the directory; stored mail stays
    Delete {
        /// The user
        user: String,
    },
}

/// Where a new password comes from; never the command line, which others can see.
#[derive(Debug, Args)]
pub(crate) struct PasswordSource {
    /// Take the password from the first line of standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DomainCommand {
    /// Add a domain
    Add {
        /// Its name
        domain: String,
    },
    /// List the domains
    List,
    /// Show all attributes of a domain
    Show {
        /// Its name
        domain: String,
    },
    /// Give attributes of a domain other values, such as mailDomainStatus or inetDomainSearchFilter
    Set {
        /// Its name
        domain: String,
        /// `ATTRIBUTE=VALUE`, repeated for several values; `ATTRIBUTE=` takes the attribute away
        #[arg(value_name = "ATTRIBUTE=VALUE", required = true)]
        attributes: Vec<String>,
    },
    /// Show or change which services a domain's users may use, and from where
    /// (mailDomainAllowedServiceAccess)
    Access {
        /// The domain
        domain: String,
        #[command(flatten)]
        change: AccessArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct LoginExplainArguments {
    /// The login name as a client sends it
    #[arg(required_unless_present = "certificate")]
    pub(crate) user: Option<String>,
    /// A client's certificate in PEM form, with those that lead to its authority: the way of SASL EXTERNAL
    #[arg(long, value_name = "FILE", conflicts_with_all = ["user", "password_stdin"])]
    pub(crate) certificate: Option<PathBuf>,
    /// The client's address
    #[arg(long, value_name = "ADDR")]
    pub(crate) from: Option<std::net::IpAddr>,
    /// imap or pop
    #[arg(long, value_name = "SERVICE", default_value = "imap", value_parser = ["imap", "pop"])]
    pub(crate) service: String,
    /// The user that a store administrator acts as
    #[arg(long = "as", value_name = "USER")]
    pub(crate) acting_as: Option<String>,
    /// Bits of the TLS cipher's key; 0 is no TLS
    #[arg(long, value_name = "BITS", default_value_t = 256)]
    pub(crate) tls_bits: u32,
    /// Check the password on the first line of standard input too
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// Without one of them the rules are shown.
#[derive(Debug, Args)]
pub(crate) struct AccessArguments {
    /// Rules such as `+imap,pop:*` or `-ALL:ALL EXCEPT 192.0.2.`, `$` between them
    #[arg(long, value_name = "RULES", allow_hyphen_values = true)]
    pub(crate) set: Option<String>,
    /// Remove the rules: all services are allowed
    #[arg(long, conflicts_with = "set")]
    pub(crate) clear: bool,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum DirectoryCommand {
    /// Look whether users, domains and servers are as logins and deliveries need them
    Check,
}

/// Options begin with one dash here, as the administrator's guide writes them, so the words are read by
/// the tool itself.
#[derive(Debug, Args)]
pub(crate) struct MsconfigArguments {
    /// `help` lists the commands
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) words: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CountersArguments {
    /// imapstat, popstat or lmtpstat; without names, all
    #[arg(value_name = "OBJECT")]
    pub(crate) objects: Vec<String>,
    /// Show them again every so many seconds
    #[arg(short, long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) interval: Option<u64>,
    /// Stop after so many times [default: never with --interval, else 1]
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub(crate) count: Option<u64>,
}

/// One of `-c`, `-a` and `-k` says what to do.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["connected", "access", "kill"]))]
pub(crate) struct ImsconnutilArguments {
    /// List the users who are connected
    #[arg(short = 'c')]
    pub(crate) connected: bool,
    /// List when users have last logged in and out
    #[arg(short = 'a')]
    pub(crate) access: bool,
    /// Disconnect the users of -u or -f
    #[arg(short = 'k')]
    pub(crate) kill: bool,
    /// Only connections of this service (imap or pop); -k and -a always take all
    #[arg(short = 's', value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// Only this user: `name` in the default domain, or `name@domain`; may be repeated
    #[arg(short = 'u', value_name = "USER")]
    pub(crate) users: Vec<String>,
    /// Only the users in this file, one a line
    #[arg(short = 'f', value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// Only what is stored of this user: `name` in the default domain, or `name@domain`
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Do not read the messages themselves, only what is known of them
    #[arg(long)]
    pub(crate) quick: bool,
    /// A line of JSON for each finding, and one at the end
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct QuotaArguments {
    /// Login name or address of a user; without, everybody who has mail
    #[arg(value_name = "USER")]
    pub(crate) users: Vec<String>,
    /// Only users of this domain
    #[arg(short = 'd', long, value_name = "DOMAIN", conflicts_with = "users")]
    pub(crate) domain: Option<String>,
    /// Only users who have used this share of a quota or more
    #[arg(long, value_name = "PERCENT")]
    pub(crate) above: Option<u64>,
}

/// One of the options says what to do. Mailboxes are named `user/USER/FOLDER`; without a folder, the inbox.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("deed").required(true).args(["list", "create", "delete", "rename", "restore"]))]
pub(crate) struct MboxutilArguments {
    /// List mailboxes with messages and bytes: those of the named users, or of all
    #[arg(short = 'l')]
    pub(crate) list: bool,
    /// With -l: only names
    #[arg(short = 's', requires = "list")]
    pub(crate) short: bool,
    /// Create mailboxes, with those above them
    #[arg(short = 'c')]
    pub(crate) create: bool,
    /// Delete mailboxes; those below them stay
    #[arg(short = 'd')]
    pub(crate) delete: bool,
    /// Rename a mailbox with those below it: its name, then the new one
    #[arg(short = 'r')]
    pub(crate) rename: bool,
    /// Bring back expunged messages of mailboxes, or mailboxes that were deleted
    #[arg(short = 'R')]
    pub(crate) restore: bool,
    /// With -R: only what was expunged or deleted in the last so many hours
    #[arg(short = 't', value_name = "HOURS", requires = "restore", value_parser = clap::value_parser!(i64).range(1..=87_600))]
    pub(crate) hours: Option<i64>,
    /// `user/USER/FOLDER`; with -l `user/USER`
    #[arg(value_name = "MAILBOX")]
    pub(crate) mailboxes: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RepairArguments {
    /// Only what is stored of this user: `name` in the default domain, or `name@domain`
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Only say what is wrong and what can be done
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReconstructArguments {
    /// Only say what would come of it
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Also when the metadata can be read
    #[arg(short, long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SelftestArguments {
    /// How long it may take
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(5..=3_600))]
    pub(crate) seconds: u16,
    /// The folder on the disk in question [default: the store's]
    #[arg(value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DeliverArguments {
    /// Login name or address of the user
    pub(crate) user: String,
    /// The mailbox, INBOX when it does not exist
    #[arg(long, value_name = "F")]
    pub(crate) folder: Option<String>,
    /// The envelope sender, for the Return-Path line
    #[arg(long, value_name = "ADDRESS", default_value = "")]
    pub(crate) from: String,
    /// Store the mail also where it exceeds the user's quota
    #[arg(long)]
    pub(crate) ignore_quota: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// Login name or address of the user
    pub(crate) user: String,
    /// An mbox file, quoted as `mboxrd` or `mboxo`
    #[arg(long, value_name = "FILE", required_unless_present = "maildir")]
    pub(crate) mbox: Option<PathBuf>,
    /// A Maildir with its subfolders
    #[arg(long, value_name = "DIR", conflicts_with = "mbox")]
    pub(crate) maildir: Option<PathBuf>,
    /// The mailbox, made when missing; subfolders go below it [default: INBOX]
    #[arg(long, value_name = "F")]
    pub(crate) folder: Option<String>,
    /// Leave out the first N messages, which an earlier run has imported
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) skip: u64,
    /// Store the mail also where it exceeds the user's quota
    #[arg(long)]
    pub(crate) ignore_quota: bool,
}

/// Refuses a quota before anything is done for it.
fn quota_text(text: &str) -> Result<String, String> {
    match waypost_directory::QuotaValue::parse(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("write a number with or without K, M or G, or -1 for no limit".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_program_is_a_command() {
        let words = |line: &str| {
            let (_, words) = called(line.split(' ').map(OsString::from));
            let words = words.into_iter();
            words.map(|word| word.into_string().unwrap()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(words("/bin/msconfig set a -1"), "waypost msconfig set a -1");
        assert_eq!(words("msconfig"), "waypost msconfig");
        assert_eq!(words("./waypost msconfig"), "./waypost msconfig");
        let line = "waypost msconfig --config f set -prompt a -1";
        let parsed = Cli::try_parse_from(line.split(' ')).unwrap();
        assert_eq!(parsed.config.as_deref(), Some(Path::new("f")));
        let Command::Msconfig(arguments) = parsed.command else { panic!("another command") };
        assert_eq!(arguments.words, ["set", "-prompt", "a", "-1"]);
    }

    #[test]
    fn tools_are_known_by_the_name_they_are_called_with() {
        let parse = |line: &str| {
            let (program, words) = called(line.split(' ').map(OsString::from));
            (program, Cli::try_parse_from(words).unwrap().command)
        };
        let start = parse("/usr/bin/start-msg pop");
        assert!(matches!(start, ("start-msg", Command::StartMsg { .. })));
        let stop = parse("stop-msg -f pop");
        assert!(matches!(stop, ("stop-msg", Command::StopMsg { force: true, .. })));
        assert!(matches!(parse("waypost refresh"), ("waypost", Command::Refresh { .. })));
    }

    #[test]
    fn an_import_has_one_source() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' '));
        assert!(parse("waypost import a --mbox f").is_ok());
        assert!(parse("waypost import a --maildir d --folder F").is_ok());
        assert!(parse("waypost import a").is_err());
        assert!(parse("waypost import a --mbox f --maildir d").is_err());
    }
}
