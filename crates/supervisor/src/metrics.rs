//! The counters for a monitoring system: GET /metrics over HTTP, in the text format of Prometheus.

use crate::admin::{Answer, Errand, Phase, Request as AdminRequest, ServiceState, carry_out};
use crate::limits::{FIGURES_WAIT, SCRAPE_HEAD_TIME, SCRAPE_TIME, SCRAPES};
use crate::state::{Board, ProcessState, Row};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::fmt::{Display, Write};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use waypost_options::{Config, METRICS_ENABLE, METRICS_LISTENADDR, METRICS_PORT};

/// Where the figures are.
const PATH: &str = "/metrics";
/// What they are written in.
const FORMAT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// The place where figures are offered, which follows the settings.
pub(crate) struct Metrics {
    source: Source,
    open: Option<(SocketAddr, AbortHandle)>,
}

/// A figure that the program around the watcher knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Its name; figures with one name stand together.
    pub name: &'static str,
    /// `counter` or `gauge`.
    pub kind: &'static str,
    /// What it says, in one line.
    pub help: &'static str,
    /// What tells it from others of its name, if there are any.
    pub label: Option<(&'static str, &'static str)>,
    /// How much.
    pub value: u64,
}

/// Gives figures when it is asked, within [`FIGURES_WAIT`].
pub type GiveFigures = Arc<dyn Fn() -> Given + Send + Sync>;

/// Figures that are on their way.
pub type Given = Pin<Box<dyn Future<Output = Vec<Figure>> + Send>>;

/// Where the figures come from.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) board: Arc<Board>,
    pub(crate) errands: mpsc::Sender<Errand>,
    pub(crate) more: GiveFigures,
}

impl Metrics {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, open: None }
    }

    /// Offers the figures where the settings say. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// Says why they cannot be offered there; then they are offered nowhere.
    pub(crate) fn settle(&mut self, settings: &Config) -> Result<(), String> {
        let wanted = address(settings);
        if self.open.as_ref().map(|(address, _)| *address) == wanted {
            return Ok(());
        }
        if let Some((_, task)) = self.open.take() {
            task.abort();
        }
        let Some(address) = wanted else { return Ok(()) };
        let listener = listen(address).map_err(|error| {
            format!("metrics.port: cannot offer the counters on {address}: {error}")
        })?;
        let task = tokio::spawn(serve(listener, self.source.clone())).abort_handle();
        self.open = Some((address, task));
        Ok(())
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        if let Some((_, task)) = &self.open {
            task.abort();
        }
    }
}

fn address(settings: &Config) -> Option<SocketAddr> {
    let everywhere = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let address = settings.read(&METRICS_LISTENADDR).unwrap_or(everywhere);
    settings.read(&METRICS_ENABLE).then(|| SocketAddr::new(address, settings.read(&METRICS_PORT)))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

async fn serve(listener: TcpListener, source: Source) {
    let permits = Arc::new(Semaphore::new(SCRAPES));
    loop {
        // Fails only when the semaphore is closed, which nobody does.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let source = source.clone();
                tokio::spawn(async move {
                    // Nothing is lost with a connection that does not end in time.
                    let _ = timeout(SCRAPE_TIME, talk(stream, source)).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "metrics");
                sleep(crate::limits::CONTROL_PAUSE).await;
            }
        }
    }
}

async fn talk(stream: TcpStream, source: Source) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let source = source.clone();
        async move { Ok::<_, Infallible>(respond(&request, &source).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SCRAPE_HEAD_TIME)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "metrics not read");
    }
}

async fn respond(request: &Request<Incoming>, source: &Source) -> Response<Full<Bytes>> {
    let (status, text) = match (request.method(), request.uri().path()) {
        (&Method::GET, PATH) => {
            let answers = carry_out(AdminRequest::Status, &source.board, &source.errands).await;
            // Without them the others are told: the monitoring system sees what is missing.
            let more = timeout(FIGURES_WAIT, (source.more)()).await.unwrap_or_default();
            (StatusCode::OK, figures(&answers, &more))
        }
        (_, PATH) => (StatusCode::METHOD_NOT_ALLOWED, "GET only\n".to_owned()),
        _ => (StatusCode::NOT_FOUND, format!("the counters are at {PATH}\n")),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, FORMAT);
    response
}

/// The text that a monitoring system reads.
fn figures(answers: &[Answer], more: &[Figure]) -> String {
    let mut text = Text::default();
    let services: Vec<&ServiceState> = answers
        .iter()
        .filter_map(|answer| match answer {
            Answer::Service(state) => Some(state),
            _ => None,
        })
        .collect();
    let rows: Vec<&Row> = answers
        .iter()
        .filter_map(|answer| match answer {
            Answer::Process(row) => Some(row),
            _ => None,
        })
        .collect();
    for answer in answers {
        if let Answer::Server { version, since, .. } = answer {
            text.family("waypost_info", "gauge", "The version that runs.");
            text.sample("waypost_info", &[("version", version)], 1);
            text.family("waypost_start_time_seconds", "gauge", "When the server was started.");
            text.sample("waypost_start_time_seconds", &[], since);
        }
    }
    of_services(&mut text, &services);
    of_processes(&mut text, &rows);
    of_others(&mut text, more);
    text.0
}

fn of_others(text: &mut Text, figures: &[Figure]) {
    for together in figures.chunk_by(|one, next| one.name == next.name) {
        let Some(Figure { name, kind, help, .. }) = together.first() else { continue };
        text.family(name, kind, help);
        for figure in together {
            text.sample(name, figure.label.as_slice(), figure.value);
        }
    }
}

/// A family with one sample for each service: name, type, help and value.
type ServiceFamily = (&'static str, &'static str, &'static str, fn(&ServiceState) -> u64);

const SERVICE_FAMILIES: [ServiceFamily; 9] = [
    ("waypost_service_enabled", "gauge", "Whether the configuration enables the service.", |s| {
        u64::from(s.enabled)
    }),
    ("waypost_service_started", "gauge", "Whether the service is started.", |s| {
        u64::from(s.phase == Phase::Started)
    }),
    ("waypost_connections", "gauge", "Connections open now.", |s| s.counts.current),
    ("waypost_connections_max", "gauge", "Most connections open at once.", |s| s.counts.max),
    ("waypost_connections_total", "counter", "Connections taken.", |s| s.counts.total),
    ("waypost_connections_failed_total", "counter", "Connections that ended by a fault.", |s| {
        s.counts.failed
    }),
    ("waypost_received_bytes_total", "counter", "Bytes received, inside TLS.", |s| {
        s.counts.bytes_in
    }),
    ("waypost_sent_bytes_total", "counter", "Bytes sent, inside TLS.", |s| s.counts.bytes_out),
    ("waypost_step_panics_total", "counter", "Sessions ended by a fault of the program.", |s| {
        s.counts.step_panics
    }),
];

fn of_services(text: &mut Text, services: &[&ServiceState]) {
    for (name, kind, help, value) in SERVICE_FAMILIES {
        text.family(name, kind, help);
        for state in services {
            text.sample(name, &[("service", state.service.name())], value(state));
        }
    }
    let name = "waypost_connections_refused_total";
    text.family(name, "counter", "Connections turned away, by the reason.");
    for state in services {
        let service = ("service", state.service.name());
        text.sample(name, &[service, ("reason", "sessions")], state.counts.refused);
        text.sample(name, &[service, ("reason", "address")], state.counts.crowded);
        text.sample(name, &[service, ("reason", "filter")], state.counts.filtered);
    }
    let name = "waypost_logins_total";
    text.family(name, "counter", "Logins, by how they ended.");
    for state in services {
        let service = ("service", state.service.name());
        text.sample(name, &[service, ("result", "good")], state.counts.good_logins);
        text.sample(name, &[service, ("result", "failed")], state.counts.failed_logins);
    }
}

fn of_processes(text: &mut Text, rows: &[&Row]) {
    let name = "waypost_process_up";
    text.family(name, "gauge", "Whether the process serves.");
    for row in rows {
        text.sample(name, &process(row), u8::from(row.state == ProcessState::Ready));
    }
    let name = "waypost_process_restarts_total";
    text.family(name, "counter", "How often the process was started again.");
    for row in rows {
        text.sample(name, &process(row), row.restarts);
    }
    let name = "waypost_process_start_time_seconds";
    text.family(name, "gauge", "When the process was started.");
    for (row, since) in rows.iter().filter_map(|row| Some((row, row.since?))) {
        text.sample(name, &process(row), since);
    }
}

fn process(row: &Row) -> [(&str, &str); 1] {
    [("process", &row.name)]
}

/// Lines of the text format. Names and label values are plain words, so nothing is quoted twice.
#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Service;
    use waypost_counters::ServiceCounts;

    #[test]
    fn figures_are_in_the_text_format() {
        let counts = ServiceCounts { current: 3, good_logins: 7, crowded: 2, ..Default::default() };
        let (service, phase) = (Service::Imap, Phase::Started);
        let answers = [
            Answer::Server { version: "1.2.3".to_owned(), process: 1, since: 99 },
            Answer::Service(ServiceState { service, enabled: true, phase, counts }),
            Answer::Process(Row::new("imapd.1", Vec::new())),
        ];
        let figure = |result, value| Figure {
            name: "waypost_things_total",
            kind: "counter",
            help: "Things.",
            label: Some(("result", result)),
            value,
        };
        let text = figures(&answers, &[figure("done", 5), figure("failed", 6)]);
        assert_eq!(text.matches("# TYPE waypost_things_total counter").count(), 1, "{text}");
        for line in [
            "waypost_info{version=\"1.2.3\"} 1",
            "waypost_start_time_seconds 99",
            "# TYPE waypost_connections gauge",
            "waypost_connections{service=\"imap\"} 3",
            "waypost_logins_total{service=\"imap\",result=\"good\"} 7",
            "waypost_connections_refused_total{service=\"imap\",reason=\"address\"} 2",
            "waypost_process_up{process=\"imapd.1\"} 0",
            "waypost_things_total{result=\"done\"} 5",
            "waypost_things_total{result=\"failed\"} 6",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        let typed = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let names: Vec<&str> = typed.filter_map(|line| line.split(' ').next()).collect();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            assert!(names.contains(&name), "{line} has no type");
        }
    }

    #[test]
    fn they_are_offered_where_the_settings_say() {
        let address = |text: &str| address(&Config::from_str(text).unwrap());
        assert_eq!(address(""), None);
        let on = address("metrics.enable = 1\nmetrics.port = 9999").unwrap();
        assert_eq!(on.to_string(), "127.0.0.1:9999");
        let all = address("metrics.enable = 1\nmetrics.listenaddr = \"\"").unwrap();
        assert_eq!(all.to_string(), "[::]:9930");
    }
}
