//! An open but idle IMAP connection costs little memory, no thread and no processor time.

use crate::client::Client;
use crate::crowd::{Crowd, USERS, name};
use crate::measure::{TICK, processes, pss_kib, threads, ticks};
use crate::support::{Server, World, wait_for};
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Connections that are measured.
const CONNECTIONS: usize = 1_000;
/// Connections made before, so that what is paid once is not counted.
const WARM_UP: usize = 100;
/// The most that one of them may cost in all processes together, a build for debugging included.
const PLAIN_BYTES_MAX: u64 = 8 * 1024;
/// The same with TLS.
const TLS_BYTES_MAX: u64 = 16 * 1024;
/// How long the processor time is watched.
const WATCHED: Duration = Duration::from_secs(2);
/// The processor time that all of them may cost meanwhile.
const CPU_MAX: Duration = Duration::from_millis(50);

/// Guide: low-overhead-idle
#[test]
fn a_thousand_idle_connections_cost_little() {
    let world = World::new("");
    let port = world.imap;
    measure(world, Door { port, tls: None, more_threads: 0 }, PLAIN_BYTES_MAX);
}

/// Guide: low-overhead-idle
#[test]
fn a_thousand_idle_connections_with_tls_cost_little() {
    let port = World::free_port();
    let world = World::new(&format!(
        "base.sslcertfile = \"cert.pem\"\nbase.sslkeyfile = \"key.pem\"\n\
         imap.enablesslport = 1\nimap.sslport = {port}"
    ));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(world.folder.path().join("cert.pem"), made.cert.pem()).unwrap();
    fs::write(world.folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let tls = Some(connector(&made.cert.pem()));
    // The files of the certificate are looked at now and then.
    measure(world, Door { port, tls, more_threads: 1 }, TLS_BYTES_MAX);
}

/// The way in.
struct Door {
    port: u16,
    tls: Option<TlsConnector>,
    /// Threads that come with it, however many connections there are.
    more_threads: usize,
}

impl Door {
    async fn enter(&self) -> Client {
        let Some(tls) = &self.tls else { return Client::connect(self.port).await.unwrap() };
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let server = ServerName::try_from("localhost").unwrap();
        Client::over(tls.connect(server, stream).await.unwrap()).await.unwrap()
    }

    /// So many clients that have logged in, opened INBOX and wait for mail.
    async fn idlers(&self, count: usize) -> Vec<Client> {
        let mut clients = Vec::new();
        for number in 0..count {
            let mut client = self.enter().await;
            client.log_in(&name(number % USERS)).await.unwrap();
            client.idle().await.unwrap();
            clients.push(client);
        }
        clients
    }
}

fn connector(certificate: &str) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

fn measure(world: World, door: Door, bytes_max: u64) {
    let crowd = Crowd::new(world);
    let server = crowd.world.start();
    let imapd = crowd.world.process("imapd").pid.unwrap();
    let without_clients = threads(imapd) + door.more_threads;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _warm = runtime.block_on(door.idlers(WARM_UP));
    let rest = || wait_for("end of threads", || (threads(imapd) <= without_clients).then_some(()));
    rest();
    let before = footprint(&crowd.world, &server);
    let mut clients = runtime.block_on(door.idlers(CONNECTIONS));
    rest();
    let each = footprint(&crowd.world, &server).saturating_sub(before) / CONNECTIONS as u64;
    let used = processor_time(imapd);
    println!("an idle connection: {each} bytes; all: {used:?} of processor time in {WATCHED:?}");
    assert!(each <= bytes_max, "an idle connection costs {each} bytes, {bytes_max} are allowed");
    assert!(used <= CPU_MAX, "idle connections used {used:?} of processor time in {WATCHED:?}");
    assert_eq!(crowd.world.service("imap")[4], (WARM_UP + CONNECTIONS).to_string());
    runtime.block_on(told_of_mail(&mut clients, &crowd));
}

fn footprint(world: &World, server: &Server) -> u64 {
    pss_kib(&processes(world, server)) * 1024
}

fn processor_time(pid: u32) -> Duration {
    let before = ticks(pid);
    std::thread::sleep(WATCHED);
    TICK * u32::try_from(ticks(pid) - before).unwrap()
}

/// They are idle, not asleep for good: everyone whose mailbox gets a message hears of it.
async fn told_of_mail(clients: &mut [Client], crowd: &Arc<Crowd>) {
    let mut sender = Client::connect(crowd.world.imap).await.unwrap();
    sender.log_in(&name(0)).await.unwrap();
    sender.append("INBOX", "hello").await.unwrap();
    for client in clients.iter_mut().step_by(USERS) {
        assert_eq!(client.line().await.unwrap(), "* 1 EXISTS\r\n");
    }
}
