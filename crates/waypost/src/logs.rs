//! All logs of a server, which the watcher keeps: one of its own and one for each service.

use crate::failure::{Context, Failure};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use waypost_log::{Book, Destination, Facility, FileSettings, Settings};
use waypost_options::{Config, Opt, logfile};
use waypost_supervisor::{OnOutput, Service, Speaker};

/// The name of the watcher's own log.
const OWN: &str = "admin";
/// The watcher in the lines of a log.
const WATCHER: &str = "waypost";
/// The level at which nothing is logged.
pub(crate) const NOTHING: &str = "Nolog";

/// The options of one log.
pub(crate) struct LogOptions {
    pub(crate) loglevel: Opt<String>,
    logdir: Opt<Option<PathBuf>>,
    maxlogfilesize: Opt<u64>,
    rollovertime: Opt<Duration>,
    maxlogfiles: Opt<usize>,
    maxlogsize: Opt<u64>,
    minfreediskspace: Opt<u64>,
    expirytime: Opt<Duration>,
    syslogfacility: Opt<String>,
}

/// Gathers the options of one group.
macro_rules! log_options {
    ($name:ident, $group:ident) => {
        const $name: LogOptions = LogOptions {
            loglevel: logfile::$group::LOGLEVEL,
            logdir: logfile::$group::LOGDIR,
            maxlogfilesize: logfile::$group::MAXLOGFILESIZE,
            rollovertime: logfile::$group::ROLLOVERTIME,
            maxlogfiles: logfile::$group::MAXLOGFILES,
            maxlogsize: logfile::$group::MAXLOGSIZE,
            minfreediskspace: logfile::$group::MINFREEDISKSPACE,
            expirytime: logfile::$group::EXPIRYTIME,
            syslogfacility: logfile::$group::SYSLOGFACILITY,
        };
    };
}

log_options!(BASE_LOGFILE, base);
log_options!(STORE_LOGFILE, store);
log_options!(IMAP_LOGFILE, imap);
log_options!(POP_LOGFILE, pop);
log_options!(LMTP_LOGFILE, lmtp);

/// The options of the log that a process writes to, by its role.
pub(crate) fn options_of(process: &str) -> &'static LogOptions {
    Service::of_process(process).map_or(&BASE_LOGFILE, options)
}

fn options(service: Service) -> &'static LogOptions {
    match service {
        Service::Imap => &IMAP_LOGFILE,
        Service::Lmtp => &LMTP_LOGFILE,
        Service::Pop => &POP_LOGFILE,
        Service::Store => &STORE_LOGFILE,
    }
}

/// The running logs.
pub(crate) struct Logs {
    own: Book,
    services: Vec<(Service, Book)>,
}

impl Logs {
    /// Opens all of them, and has the events of this process logged.
    pub(crate) fn start(config: &Config) -> Result<Self, Failure> {
        let own = open(config, OWN, &BASE_LOGFILE)?;
        let book =
            |service: Service| Ok((service, open(config, service.name(), options(service))?));
        let services = Service::ALL.into_iter().map(book).collect::<Result<_, Failure>>()?;
        crate::log::follow(config, WATCHER, &own.intake());
        Ok(Self { own, services })
    }

    /// Takes in changed settings.
    pub(crate) fn reconfigure(&self, config: &Config) {
        crate::log::reconfigure(config);
        self.own.change(settings(config, OWN, &BASE_LOGFILE));
        for (service, book) in &self.services {
            book.change(settings(config, service.name(), options(*service)));
        }
    }

    /// Takes in what the processes say.
    pub(crate) fn on_output(&self) -> OnOutput {
        let intakes: Vec<_> =
            self.services.iter().map(|(service, book)| (*service, book.intake())).collect();
        Arc::new(move |speaker: Speaker, said| {
            match intakes.iter().find(|(service, _)| *service == speaker.service) {
                Some((service, intake)) => intake.offer(said, service.role(), speaker.process),
                None => Ok(()),
            }
        })
    }
}

fn open(config: &Config, name: &'static str, options: &LogOptions) -> Result<Book, Failure> {
    let settings = settings(config, name, options);
    let path = match &settings.destination {
        Destination::File(file) => file.folder.join(name).display().to_string(),
        _ => name.to_owned(),
    };
    let option = options.logdir.record.full_name();
    Book::start(settings, WATCHER).context(format!("cannot open the log {path} ({option})"))
}

fn settings(config: &Config, name: &'static str, options: &LogOptions) -> Settings {
    Settings { name, destination: destination(config, options) }
}

fn destination(config: &Config, options: &LogOptions) -> Destination {
    if config.read(&options.loglevel) == NOTHING {
        return Destination::Nowhere;
    }
    if let Some(facility) = Facility::named(&config.read(&options.syslogfacility)) {
        return Destination::Syslog(facility);
    }
    let Some(folder) = config.read(&options.logdir) else { return Destination::StandardError };
    Destination::File(FileSettings {
        folder,
        max_file_bytes: config.read(&options.maxlogfilesize),
        rollover: config.read(&options.rollovertime),
        max_files: config.read(&options.maxlogfiles),
        max_bytes: config.read(&options.maxlogsize),
        expiry: config.read(&options.expirytime),
        min_free_bytes: config.read(&options.minfreediskspace),
    })
}

/// The folders that log files are made in.
pub(crate) fn folders(config: &Config) -> Vec<PathBuf> {
    let all = Service::ALL.into_iter().map(options).chain([&BASE_LOGFILE]);
    let mut folders: Vec<PathBuf> = all
        .filter_map(|options| match destination(config, options) {
            Destination::File(file) => Some(file.folder),
            _ => None,
        })
        .collect();
    folders.sort_unstable();
    folders.dedup();
    folders
}

/// Where the logs are, for people.
pub(crate) fn place(config: &Config) -> String {
    match destination(config, &BASE_LOGFILE) {
        Destination::File(file) => file.folder.display().to_string(),
        Destination::Nowhere => "nowhere (base.logfile.loglevel)".to_owned(),
        Destination::StandardError => "standard error".to_owned(),
        Destination::Syslog(_) => "syslog".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination_of(text: &str) -> Destination {
        destination(&Config::from_str(text).unwrap(), &IMAP_LOGFILE)
    }

    #[test]
    fn options_decide_where_a_log_goes() {
        let text = "[base.logfile]\nmaxlogfiles = 3\n[imap.logfile]\nlogdir = \"/logs\"\n\
                    maxlogfilesize = 1000\nrollovertime = 60\nmaxlogsize = 2000\nexpirytime = 70\n\
                    minfreediskspace = 3000";
        let Destination::File(file) = destination_of(text) else { panic!("not a file") };
        assert_eq!((file.folder, file.max_files), ("/logs".into(), 3));
        assert_eq!((file.max_file_bytes, file.max_bytes, file.min_free_bytes), (1000, 2000, 3000));
        assert_eq!((file.rollover.as_secs(), file.expiry.as_secs()), (60, 70));

        assert_eq!(destination_of("base.logfile.logdir = \"-\""), Destination::StandardError);
        let syslog = Destination::Syslog(Facility::named("local2").unwrap());
        assert_eq!(destination_of("imap.logfile.syslogfacility = \"LOCAL2\""), syslog);
        let nothing = "imap.logfile.syslogfacility = \"mail\"\nbase.logfile.loglevel = \"nolog\"";
        assert_eq!(destination_of(nothing), Destination::Nowhere);
    }
}
