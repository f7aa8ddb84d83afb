//! What one step may cost, whatever the client pipelines.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may unwrap")]

use bytes::BytesMut;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use waypost_directory::EmbeddedDirectory;
use waypost_lmtp::{Config, LmtpService};
use waypost_net::INPUT_BUFFER_BYTES;
use waypost_net::session::{
    ConnectionFacts, Event, Io, Next, OUTPUT_STEP_BYTES, Service, Session, WakeHandle,
};
use waypost_net::user_list::Arrival;
use waypost_store::model::ModelStore;
use waypost_types::Moment;

/// More than any one reply takes.
const REPLY_BYTES: usize = 1_024;

#[test]
fn a_step_of_pipelined_commands_appends_no_more_than_its_share() {
    let dir = tempfile::tempdir().unwrap();
    let directory = EmbeddedDirectory::open_writable(dir.path(), "example.com").unwrap();
    let config = Config {
        hostname: "mail.example.com".to_owned(),
        max_message_bytes: 1_000,
        idle_timeout: Duration::from_secs(60),
        quota: Default::default(),
    };
    let config = Arc::new(RwLock::new(Arc::new(config)));
    let service = LmtpService::new(Arc::new(ModelStore::new()), Arc::new(directory), config);
    let waker = WakeHandle::new(|| {});
    let facts = ConnectionFacts {
        id: 1,
        peer: None,
        tls: None,
        starttls_available: false,
        waker,
        arrival: Arrival::default(),
    };
    let mut session = service.session(facts);

    let line = "LHLO x\r\n";
    let lines = INPUT_BUFFER_BYTES / line.len();
    let mut input = BytesMut::from(line.repeat(lines).as_bytes());
    let (mut event, mut replies) = (Event::Input, 0);
    loop {
        let mut output = Vec::new();
        let mut io = Io { input: &mut input, eof: false, output: &mut output, now: Moment::now() };
        let next = session.step(&mut io, event);
        assert!(output.len() <= OUTPUT_STEP_BYTES + REPLY_BYTES, "{} bytes", output.len());
        replies += String::from_utf8(output).unwrap().matches("250-mail.example.com").count();
        match next {
            Next::Continue => event = Event::Go,
            Next::Read { .. } => break,
            _ => panic!("an unexpected wait"),
        }
    }
    assert_eq!(replies, lines);
}
