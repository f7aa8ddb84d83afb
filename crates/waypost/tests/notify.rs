//! What the service manager is told: readiness, signs of life, reloads and the end.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use support::{PATIENCE, Server, World, wait_for};

/// How often the manager wants a sign of life, in microseconds.
const WATCHDOG_USEC: &str = "400000";

/// A service manager that only listens.
struct Manager {
    socket: UnixDatagram,
    heard: Vec<String>,
}

impl Manager {
    fn new(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, heard: Vec::new() }
    }

    /// Waits for a line that begins so; answers with the message that it came in.
    fn wait_for(&mut self, start: &str) -> String {
        loop {
            let mut bytes = [0; 4_096];
            let got = self.socket.recv(&mut bytes).unwrap_or_else(|error| {
                panic!("no {start} in time ({error}), but {:?}", self.heard)
            });
            let text = String::from_utf8(bytes[..got].to_vec()).unwrap();
            self.heard.push(text.clone());
            if text.lines().any(|line| line.starts_with(start)) {
                return text;
            }
        }
    }
}

#[test]
fn the_service_manager_hears_of_readiness_reloads_and_the_end() {
    let world = World::new("");
    let path = world.folder.path().join("notify");
    let mut manager = Manager::new(&path);
    let mut command = world.command(&["run"]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", WATCHDOG_USEC);
    let mut server = Server { child: command.spawn().unwrap() };

    manager.wait_for("READY=1");
    assert!(world.run(&["status"], "").status.success(), "ready means that everything serves");
    assert!(manager.heard.iter().any(|text| text.contains("STATUS=4 of 4 processes serve")));
    manager.wait_for("WATCHDOG=1");

    server.signal("HUP");
    let reloading = manager.wait_for("RELOADING=1");
    assert!(reloading.lines().any(|line| line.starts_with("MONOTONIC_USEC=")), "{reloading}");
    manager.wait_for("READY=1");
    // The processes answer before that is said.
    wait_for("line of the log", || world.log().contains("imap is refreshed").then_some(()));

    world.tool(&["stop-msg", "pop"], "");
    manager.wait_for("STATUS=3 of 4 processes serve; popd stopped");
    server.signal("TERM");
    manager.wait_for("STOPPING=1");
    assert!(server.wait().success());
}
