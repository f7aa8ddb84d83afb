//! The one binary: every process and every tool by the name it is called with.

mod certificate;
mod cli;
mod config_file;
mod demo;
mod failure;
mod figures;
mod handover;
mod log;
mod logs;
#[cfg(test)]
mod manual;
mod output;
mod ownership;
mod prompt;
mod roles;
mod settings;
mod tools;
mod watch;

use clap::Parser;
use cli::{Cli, Command};
use failure::Failure;
use std::process::ExitCode;
use tools::cert::CertCommand;

fn main() -> ExitCode {
    let (program, words) = cli::called(std::env::args_os());
    let cli = Cli::parse_from(words);
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::progress(format_args!("{program}: {failure}"));
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    if let Some(done) = without_configuration(cli) {
        return done;
    }
    let file = config_file::find(cli.config.as_deref())?;
    match &cli.command {
        Command::CheckConfig => tools::check::run(&file),
        Command::Msconfig(arguments) => tools::msconfig::run(&file, &arguments.words)
            .and_then(|()| ownership::give_secrets(&file)),
        Command::Run => watch::run(&file),
        Command::Stored => roles::stored::run(),
        Command::Imapd => roles::imapd::run(),
        Command::Popd => roles::popd::run(),
        Command::Lmtpd => roles::lmtpd::run(),
        Command::User(command) => tools::user::run(&file, command),
        Command::LoginExplain(arguments) => tools::login_explain::run(&file, arguments),
        Command::Domain(command) => tools::domain::run(&file, command),
        Command::Directory(command) => tools::directory::run(&file, *command),
        Command::Deliver(arguments) => tools::deliver::run(&file, arguments),
        Command::Quota(arguments) => tools::quota::run(&file, arguments),
        Command::Import(arguments) => tools::import::run(&file, arguments),
        Command::Cert(command) => tools::cert::run(&file, command),
        Command::Backup { folder } => tools::backup::run(&file, folder),
        Command::Repair(arguments) => tools::repair::run(&file, arguments),
        Command::Reconstruct(arguments) => tools::reconstruct::run(&file, arguments),
        Command::Check(arguments) => tools::check_store::run(&file, arguments),
        Command::Compact { percent } => tools::compact::run(&file, *percent),
        Command::Mboxutil(arguments) => tools::mboxutil::run(&file, arguments),
        Command::Status => tools::status::run(&file),
        Command::StartMsg { services } => tools::control::start(&file, services),
        Command::StopMsg { force, services } => tools::control::stop(&file, *force, services),
        Command::Counters(arguments) => tools::counters::run(&file, arguments),
        Command::Imsconnutil(arguments) => tools::imsconnutil::run(&file, arguments),
        Command::Refresh { services } => tools::control::refresh(&file, services),
        Command::Demo { .. }
        | Command::Selftest(_)
        | Command::SelftestWriter { .. }
        | Command::Version => Ok(()),
    }
}

/// The commands that need no configuration file.
fn without_configuration(cli: &Cli) -> Option<Result<(), Failure>> {
    match &cli.command {
        Command::Demo { folder } => Some(demo::run(folder)),
        Command::Selftest(arguments) => {
            Some(tools::selftest::run(cli.config.as_deref(), arguments))
        }
        Command::SelftestWriter { folder } => Some(tools::selftest::writer(folder)),
        Command::Cert(CertCommand::Show { file: Some(file) }) => Some(tools::cert::show_file(file)),
        Command::Version => {
            output::tell(format_args!("waypost {}", env!("CARGO_PKG_VERSION")));
            Some(Ok(()))
        }
        _ => None,
    }
}
