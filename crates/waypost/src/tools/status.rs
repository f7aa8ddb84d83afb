//! `waypost status`: what the watcher knows of services and processes, for people.

use super::block_on;
use crate::certificate::{CertificateFacts, count, day, warning};
use crate::failure::{Context, Failure};
use crate::output::tell;
use crate::{config_file, settings};
use std::path::Path;
use std::time::Duration;
use waypost_options::{BASE_RUNDIR, Config};
use waypost_store_local::client::ask_status;
use waypost_store_local::proto::StatusReport;
use waypost_supervisor::{
    Answer, AskError, Phase, Plan, ProcessState, Request, Row, ServiceState, ask, read_state,
};
use waypost_types::Moment;

/// How long the writer may take to say how much space messages take.
const STORE_PATIENCE: Duration = Duration::from_secs(2);
/// The seconds of a day.
const SECONDS_PER_DAY: i64 = 86_400;

/// Prints processes and services; fails when the server does not run, or not all that is enabled.
pub(crate) fn run(file: &Path) -> Result<(), Failure> {
    let config = config_file::load(file)?;
    let rundir = config.read(&BASE_RUNDIR);
    let rows = read_state(&rundir).context(format!("cannot read {}", rundir.display()))?;
    let rows = rows.ok_or_else(|| Failure::new("not running; `waypost run` starts it"))?;
    match ask(&Plan::control_socket(&config), &Request::Status) {
        Ok(answers) => show(&answers, &[store(&config), certificate(&config)].concat()),
        Err(AskError::NotRunning) => {
            // It opens its control socket after its folder, and closes it before the end.
            processes(&rows);
            Err(Failure::new("the server is starting or ending"))
        }
        Err(error) => {
            processes(&rows);
            Err(Failure::new(error))
        }
    }
}

fn show(answers: &[Answer], certificate: &[String]) -> Result<(), Failure> {
    let row = |answer: &Answer| match answer {
        Answer::Process(row) => Some(row.clone()),
        _ => None,
    };
    let rows: Vec<Row> = answers.iter().filter_map(row).collect();
    processes(&rows);
    tell("");
    tell(format_args!(
        "{:<8} {:<7} {:<9} {:>9} {:>6} {:>6} {:>8} {:>7}",
        "SERVICE", "ENABLED", "STATE", "PROCESSES", "OPEN", "MOST", "TOTAL", "REFUSED"
    ));
    let states = answers.iter().filter_map(|answer| match answer {
        Answer::Service(state) => Some(*state),
        _ => None,
    });
    let faults: Vec<String> = states
        .filter_map(|state| {
            let own: Vec<&Row> =
                rows.iter().filter(|row| row.service() == Some(state.service)).collect();
            service(state, &own);
            fault(state, &own)
        })
        .collect();
    if let Some(server) = answers.iter().find_map(server) {
        tell("");
        tell(server);
    }
    certificate.iter().for_each(tell);
    for answer in answers {
        if let Answer::Warning(text) = answer {
            tell(format_args!("warning: {text}"));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Failure::new(faults.join("; "))) }
}

fn server(answer: &Answer) -> Option<String> {
    let Answer::Server { version, process, since } = answer else { return None };
    let uptime = uptime(Some(*since));
    Some(format!("Waypost {version}, up for {uptime}, watcher is process {process}"))
}

/// The space that messages take, if the writer says it in time: all else is known without it.
fn store(config: &Config) -> Vec<String> {
    let mut client = settings::store_client(config, "status", false);
    client.deadline = STORE_PATIENCE;
    let asked = block_on(async { ask_status(&client).await.map_err(Failure::new) });
    let Ok(report) = asked else { return Vec::new() };
    let mut lines = care(&report);
    // It was not looked at yet.
    if report.segments == 0 {
        return lines;
    }
    let percent = |part: u64| part.saturating_mul(100) / report.segment_bytes.max(1);
    lines.push(format!(
        "messages: {} in {} segments, {}% of it dead; compaction copied {} and removed {}{}",
        size(report.segment_bytes),
        report.segments,
        percent(report.dead_bytes),
        size(report.compacted_bytes),
        size(report.removed_bytes),
        if report.compacting { ", and is at work" } else { "" }
    ));
    lines
}

/// Damage, and what was done about it since the writer's start.
fn care(report: &StatusReport) -> Vec<String> {
    let mut lines = Vec::new();
    if report.scrub_faults > 0 {
        lines.push(format!(
            "warning: the scrub found {} damaged messages; `waypost check` names them",
            report.scrub_faults
        ));
    }
    if report.suspects > 0 {
        lines.push(format!(
            "warning: damage was met in {} places; {} faults found, {} repaired; see the store's log",
            report.suspects, report.faults_found, report.repaired
        ));
    }
    if report.full {
        let says = "warning: the store's disk is full: mail is refused until there is space again";
        lines.push(says.to_owned());
    }
    if report.harmed {
        lines.push(
            "warning: pages of the metadata are damaged: nothing is written, and not all is read; `waypost \
             reconstruct` makes the metadata anew"
                .to_owned(),
        );
    }
    let StatusReport { repairs_waiting, repairs_done, repairs_failed, .. } = report;
    if repairs_waiting + repairs_done + repairs_failed > 0 {
        let warning = if *repairs_failed > 0 { "warning: " } else { "" };
        lines.push(format!(
            "{warning}repairs: {repairs_done} done, {repairs_waiting} waiting, {repairs_failed} failed"
        ));
    }
    if report.scrubbed_bytes > 0 {
        let finished = match report.scrub_finished {
            0 => "not all of them yet".to_owned(),
            at => format!("all of them {} ago", uptime(Some(at))),
        };
        let (messages, bytes) = (report.scrub_messages, size(report.scrubbed_bytes));
        lines.push(format!("scrub: {messages} messages, {bytes} read and compared, {finished}"));
    }
    if report.save_failures > 0 {
        lines.push(format!(
            "warning: states could not be saved in the segments {} times; see the store's log",
            report.save_failures
        ));
    }
    if report.saved_bytes + report.unsaved_accounts > 0 {
        let (saved, waiting) = (size(report.saved_bytes), report.unsaved_accounts);
        lines.push(format!("saved states: {saved} written, {waiting} accounts wait"));
    }
    lines
}

/// A number of bytes, in the largest unit of which there is one.
fn size(bytes: u64) -> String {
    const UNITS: [(u32, &str); 4] = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = UNITS.into_iter().find(|(shift, _)| bytes >> shift > 0);
    unit.map_or_else(
        || format!("{bytes} B"),
        |(shift, name)| {
            let tenths = (u128::from(bytes) * 10) >> shift;
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        },
    )
}

/// The certificate, and what is to be said of it.
fn certificate(config: &Config) -> Vec<String> {
    let Some(files) = settings::certificate_files(config) else {
        return vec!["certificate: none; `waypost cert self-signed` makes one".to_owned()];
    };
    let facts = match CertificateFacts::of_file(files.certificate()) {
        Ok(facts) => facts,
        Err(error) => return vec![format!("warning: certificate: {error}")],
    };
    let now = Moment::now().wall.seconds;
    let days = count(facts.not_after.saturating_sub(now).div_euclid(SECONDS_PER_DAY));
    let (names, end) = (facts.title(), day(facts.not_after));
    let line = format!("certificate: {names}, expires {end} ({days})");
    let warning = warning(&facts, now).map(|warning| format!("warning: {warning}"));
    std::iter::once(line).chain(warning).collect()
}

fn processes(rows: &[Row]) {
    tell(format_args!(
        "{:<10} {:<9} {:>8} {:>8} {:>9} {:>6}  LISTENS ON",
        "PROCESS", "STATE", "PID", "RESTARTS", "UPTIME", "OPEN"
    ));
    rows.iter().for_each(process);
    for row in rows.iter().filter(|row| !row.confined) {
        tell(format_args!(
            "warning: {} is not fully kept from writing the store; see the log",
            row.name
        ));
    }
}

fn process(row: &Row) {
    let process = row.process.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let (name, state, restarts) = (&row.name, row.state.name(), row.restarts);
    let (uptime, open) = (uptime(row.since), row.open);
    tell(format_args!(
        "{name:<10} {state:<9} {process:>8} {restarts:>8} {uptime:>9} {open:>6}  {}",
        row.places.join(" ")
    ));
}

fn service(state: ServiceState, rows: &[&Row]) {
    let ready = rows.iter().filter(|row| row.state == ProcessState::Ready).count();
    let enabled = if state.enabled { "yes" } else { "no" };
    let (name, phase, counts) = (state.service.name(), phase(state, rows), state.counts);
    tell(format_args!(
        "{name:<8} {enabled:<7} {phase:<9} {:>9} {:>6} {:>6} {:>8} {:>7}",
        format!("{ready}/{}", rows.len()),
        counts.current,
        counts.max,
        counts.total,
        counts.refused.saturating_add(counts.crowded).saturating_add(counts.filtered)
    ));
}

/// A service that stopped by itself is told from one that was told to.
fn phase(state: ServiceState, rows: &[&Row]) -> &'static str {
    let given_up = rows.iter().any(|row| row.state == ProcessState::GivenUp);
    if state.phase == Phase::Stopped && given_up {
        ProcessState::GivenUp.name()
    } else {
        state.phase.name()
    }
}

/// What an administrator should look after.
fn fault(state: ServiceState, rows: &[&Row]) -> Option<String> {
    let service = state.service;
    match state.phase {
        Phase::Started if rows.iter().all(|row| row.state == ProcessState::Ready) => None,
        Phase::Started => {
            Some(format!("{service} is not ready; its log says why ({service}.logfile.logdir)"))
        }
        Phase::Stopping => Some(format!("{service} is ending")),
        Phase::Stopped if !state.enabled => None,
        Phase::Stopped => Some(format!("{service} is stopped; `start-msg {service}` starts it")),
    }
}

/// The time since then, in its two largest units.
fn uptime(since: Option<u64>) -> String {
    let now = u64::try_from(Moment::now().wall.seconds).unwrap_or_default();
    since.map_or_else(|| "-".to_owned(), |since| span(now.saturating_sub(since)))
}

fn span(seconds: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    match seconds {
        0..MINUTE => format!("{seconds}s"),
        MINUTE..HOUR => format!("{}m{:02}s", seconds / MINUTE, seconds % MINUTE),
        HOUR..DAY => format!("{}h{:02}m", seconds / HOUR, seconds % HOUR / MINUTE),
        _ => format!("{}d{:02}h", seconds / DAY, seconds % DAY / HOUR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let spans = [59, 61, 3_661, 90_000].map(span);
        assert_eq!(spans, ["59s", "1m01s", "1h01m", "1d01h"]);
    }

    #[test]
    fn sizes_are_short() {
        let sizes = [0, 1_023, 1_536, 5 << 30, u64::MAX].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "1.5 KiB", "5.0 GiB", "16777215.9 TiB"]);
    }
}
