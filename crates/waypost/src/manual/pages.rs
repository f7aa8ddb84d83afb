//! The pages of the programs.

use super::page::{Page, usage};
use super::{program, settings};
use crate::tools::msconfig::COMMANDS;
use clap::Command;
use waypost_supervisor::Service;

/// The guide's dialogues, which a test plays as they stand.
const DIALOGUES: [&str; 2] = [
    include_str!("../../tests/transcripts/pop.txt"),
    include_str!("../../tests/transcripts/imap.txt"),
];
/// The same change of one option with single commands.
const ONE_BY_ONE: &str = "# msconfig set pop.port 1110\n\
    Stored as generation 2; pop.port takes effect after a restart of pop:\n\
    stop-msg pop\n\
    start-msg pop\n\
    # stop-msg pop\n\
    pop is stopped\n\
    # start-msg pop\n\
    pop is started\n\
    # msconfig show pop.port\n\
    pop.port = 1110  (default: 110)";

/// Every page: the name of its file, and its text.
pub(super) fn all() -> Vec<(String, String)> {
    let mut pages =
        vec![("waypost.8".to_owned(), waypost()), ("waypost.toml.5".to_owned(), settings::page())];
    pages.extend(crate::cli::PROGRAMS.map(|name| (format!("{name}.8"), page_of(name))));
    pages
}

fn page_of(name: &str) -> String {
    match name {
        "msconfig" => msconfig(),
        "start-msg" => start_msg(),
        "stop-msg" => stop_msg(),
        "refresh" => refresh(),
        "imsconnutil" => imsconnutil(),
        other => plain(other),
    }
}

/// A page with a name and the command line.
fn start(name: &str) -> (Page, Command) {
    let command = program(name);
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let mut page = Page::new(name, "8", name, &lower(&about));
    page.command_line(&command);
    (page, command)
}

fn lower(sentence: &str) -> String {
    let first = sentence.chars().take(1).flat_map(char::to_lowercase);
    first.chain(sentence.chars().skip(1)).collect()
}

fn exit_status(page: &mut Page) -> &mut Page {
    page.section("EXIT STATUS")
        .term("0", "All that was asked for is done.")
        .term("1", "Something failed; the message says what, and what to do.")
        .term("2", "The command line or the configuration is wrong; nothing was changed.")
}

fn services() -> String {
    let names: Vec<String> = Service::ALL.iter().map(|one| format!("`{one}`")).collect();
    format!("The services are {}.", names.join(", "))
}

fn plain(name: &str) -> String {
    let (mut page, _) = start(name);
    exit_status(&mut page);
    page.see_also(&["waypost(8)", "waypost.toml(5)"])
}

fn waypost() -> String {
    let (mut page, command) = start("waypost");
    page.section("DESCRIPTION").paragraph(
        "`waypost run` is the server. It opens every port, starts one process for the store and some for \
         each service, watches them and replaces one that dies while its port stays open. The other \
         commands are for the administrator. Most of them work whether the server runs or not.",
    );
    page.paragraph(
        "Started by root, the server becomes the user that the option `base.user` names and keeps the one \
         right to open ports below 1024. So do the commands that touch users or mail when root runs them: \
         what they make is the server's.",
    );
    page.section("COMMANDS");
    commands(&mut page, &command);
    page.section("SIGNALS")
        .term("SIGTERM, SIGINT", "End. Clients are told; a second signal makes it quick.")
        .term("SIGHUP", "Read the settings and the certificate again, as `refresh` does.");
    page.section("ENVIRONMENT")
        .term("WAYPOST_CONFIG", "The configuration file, where `--config` does not name it.")
        .term(
            "NOTIFY_SOCKET, WATCHDOG_USEC",
            "Set by systemd, which is told of readiness, reloads, the end and signs of life.",
        );
    page.section("FILES")
        .term("/etc/waypost/config.toml", "The configuration, see `waypost.toml`(5).")
        .term("/var/lib/waypost", "Mail (`store`) and users (`directory`).")
        .term("/run/waypost", "Sockets, state and lock of the running server.")
        .term("/var/log/waypost", "Logs.");
    exit_status(&mut page);
    page.see_also(&[
        "msconfig(8)",
        "start-msg(8)",
        "stop-msg(8)",
        "refresh(8)",
        "imsconnutil(8)",
        "waypost.toml(5)",
    ])
}

/// Every command that people run, those below others too.
fn commands(page: &mut Page, above: &Command) {
    let shown = above.get_subcommands().filter(|command| !command.is_hide_set());
    for command in shown.filter(|command| command.get_name() != "help") {
        if command.has_subcommands() {
            commands(page, command);
            continue;
        }
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        page.term(&usage(command), &format!("{about}."));
        for option in command.get_opts().filter(|option| option.get_id() != "config") {
            let help = option.get_help().map(ToString::to_string).unwrap_or_default();
            page.more(&format!("`{option}`: {}.", lower(&help)));
        }
    }
}

fn msconfig() -> String {
    let (mut page, _) = start("msconfig");
    page.section("DESCRIPTION").paragraph(
        "With a command, `msconfig` carries it out and stores the change at once. Without one it asks for \
         commands: the prompt is `msconfig>`, and `msconfig#` while a change is not stored. Tab completes \
         names, `?` after the beginning of a name lists what fits. After a change it prints the commands \
         that make it take effect; it starts and stops nothing itself.",
    );
    page.paragraph(
        "A configuration that does not fit together is not stored. Every state that was in force is kept \
         and can be brought back with `revert`. Comments and order of the file stay.",
    );
    page.section("COMMANDS");
    for (usage, what) in COMMANDS {
        let first = what.chars().take(1).flat_map(char::to_uppercase);
        let sentence: String = first.chain(what.chars().skip(1)).collect();
        page.term(usage, &format!("{sentence}."));
    }
    page.section("EXAMPLES").paragraph("POP3 with TLS on a port of its own, as a dialogue:");
    page.example(DIALOGUES[0]).paragraph("The same for IMAP:").example(DIALOGUES[1]);
    page.paragraph("The last two lines are to be run. One option with single commands:");
    page.example(ONE_BY_ONE);
    exit_status(&mut page);
    page.see_also(&["waypost.toml(5)", "start-msg(8)", "stop-msg(8)", "refresh(8)"])
}

fn start_msg() -> String {
    let (mut page, _) = start("start-msg");
    page.section("DESCRIPTION").paragraph(&format!(
        "The settings are read again and the ports opened that they name now; then the processes are \
         started, the store first when it does not run. {} A service is enabled by an option such as \
         `pop.enable` and started by this program; one that is not enabled is refused with the command \
         that enables it. When another program has a port it is named, as far as the user may see it.",
        services()
    ));
    page.paragraph(
        "The watcher itself is started by `waypost run`, or by `systemctl start waypost`, with every \
         enabled service.",
    );
    page.section("EXAMPLES").example("# msconfig set pop.enable 1\n# start-msg pop");
    exit_status(&mut page);
    page.see_also(&["stop-msg(8)", "refresh(8)", "msconfig(8)", "waypost(8)"])
}

fn stop_msg() -> String {
    let (mut page, _) = start("stop-msg");
    page.section("DESCRIPTION").paragraph(&format!(
        "A service lets go of its ports at once, tells its clients and ends; clients of other services \
         stay connected. {} Without a name all are stopped, the store last, and the watcher stays; \
         `stop-msg watcher` ends the server. A stop lasts until the next start of the service or of the \
         server: it does not disable.",
        services()
    ));
    page.section("EXAMPLES").example("# stop-msg pop\n# stop-msg -f imap lmtp\n# stop-msg watcher");
    exit_status(&mut page);
    page.see_also(&["start-msg(8)", "refresh(8)", "msconfig(8)", "waypost(8)"])
}

fn refresh() -> String {
    let (mut page, _) = start("refresh");
    page.section("DESCRIPTION").paragraph(&format!(
        "Banners, idle times, limits, the level of logs, and the certificate and its key apply without a \
         restart; `waypost.toml`(5) says of each option when it takes effect. What needs a restart is named. \
         {} No connection is dropped. SIGHUP to the watcher does the same for all services.",
        services()
    ));
    page.section("EXAMPLES").example("# msconfig set imap.banner \"%h ready\"\n# refresh imap");
    exit_status(&mut page);
    page.see_also(&["msconfig(8)", "start-msg(8)", "stop-msg(8)", "waypost.toml(5)"])
}

fn imsconnutil() -> String {
    let (mut page, _) = start("imsconnutil");
    page.section("DESCRIPTION").paragraph(
        "One of `-c`, `-a` and `-k` says what to do; `-u` and `-f` name the users, without them all are \
         meant, except by `-k`, which needs names. A user who is disconnected may log in again: disable the \
         user first to keep it out.",
    );
    page.section("EXAMPLES").example(
        "# imsconnutil -c\n# imsconnutil -c -s imap -u alice\n# waypost user disable alice\n\
         # imsconnutil -k -u alice",
    );
    exit_status(&mut page);
    page.see_also(&["waypost(8)", "stop-msg(8)"])
}
