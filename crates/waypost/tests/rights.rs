//! Whose user the processes are, what they keep of root's rights, and whose the files are.
//!
//! Changing the user and network namespaces need root; without it those tests say so and pass.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use nix::sched::{CloneFlags, unshare};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use support::{Connection, Server, World, wait_for};

/// A user that every system has.
const USER: &str = "nobody";
/// Its number.
const UID: u32 = 65_534;
/// What the watcher keeps: CAP_NET_BIND_SERVICE.
const ONE_RIGHT: &str = "0000000000000400";
const NO_RIGHT: &str = "0000000000000000";
/// Brings up the loopback device of a new network namespace.
const LOOPBACK_UP: &str = "import fcntl, socket, struct\n\
    fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sh14x', b'lo', 0x49))\n";

fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("not root: users and namespaces cannot be changed, so this is not tested");
    }
    root
}

/// A configuration of root that the server's user may read.
fn world(more: &str) -> World {
    let world = World::new(more);
    world.set("base.logfile.logdir", "\"logs\"");
    mode(world.folder.path(), 0o755);
    world
}

fn owned_world() -> World {
    let world = world("");
    world.set("base.user", &format!("{USER:?}"));
    world
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A line of `/proc/PID/status`, in words.
fn fact(pid: u32, name: &str) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}:"))).unwrap();
    line.split_whitespace().map(str::to_owned).collect()
}

fn check_rights(pid: u32, uid: u32, right: &str, bounding: &[&str]) {
    let uid = uid.to_string();
    assert_eq!(fact(pid, "Uid"), [uid.as_str(); 4], "{pid}");
    for (set, wanted) in
        [("CapEff", right), ("CapPrm", right), ("CapInh", NO_RIGHT), ("CapAmb", NO_RIGHT)]
    {
        assert_eq!(fact(pid, set), [wanted], "{set} of {pid}");
    }
    let found = fact(pid, "CapBnd").concat();
    assert!(bounding.contains(&found.as_str()), "CapBnd of {pid}: {found}");
    assert_eq!(fact(pid, "NoNewPrivs"), ["1"]);
}

/// The watcher has its one right, the others have none.
fn check_all_rights(world: &World, server: &Server, uid: u32, bounding: &[&str]) {
    check_rights(server.child.id(), uid, ONE_RIGHT, bounding);
    let processes = world.processes();
    assert_eq!(processes.len(), 4);
    for process in processes {
        check_rights(process.pid.unwrap(), uid, NO_RIGHT, bounding);
    }
}

/// A network of this thread's own, and of the programs that it starts.
fn own_network() {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    let up = Command::new("python3").args(["-c", LOOPBACK_UP]).status().unwrap();
    assert!(up.success(), "no loopback device");
}

/// Everything below a folder that another user owns.
fn foreign(folder: &Path, uid: u32) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let metadata = entry.metadata().unwrap();
        if metadata.uid() != uid {
            found.push(entry.path().display().to_string());
        }
        if metadata.is_dir() {
            found.extend(foreign(&entry.path(), uid));
        }
    }
    found
}

fn deliver_and_read(world: &World) {
    world.tool(&["deliver", "alice"], "Subject: Hello\n\nIt works.\n");
    let mut session = world.imap("alice");
    let reply = session.command("SELECT INBOX");
    assert!(reply.contains("* 1 EXISTS"), "{reply}");
    let reply = session.command("FETCH 1 BODY[TEXT]");
    assert!(reply.contains("It works."), "{reply}");
}

#[test]
fn root_hands_the_server_to_its_user_with_one_right() {
    if !is_root() {
        return;
    }
    let world = owned_world();
    world.add_user("alice");
    let mut server = world.start();
    check_all_rights(&world, &server, UID, &[NO_RIGHT]);
    assert_eq!(fact(server.child.id(), "Groups"), ["65534"]);
    deliver_and_read(&world);
    let status = world.tool(&["status"], "");
    assert!(!status.contains("warning:"), "{status}");
    for folder in ["store", "directory", "run", "logs"] {
        let path = world.folder.path().join(folder);
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o700, "{folder}");
        assert_eq!(path.metadata().unwrap().uid(), UID, "{folder}");
        assert_eq!(foreign(&path, UID), Vec::<String>::new());
    }
    server.signal("TERM");
    assert!(server.wait().success());
}

#[test]
fn root_without_a_user_keeps_one_right_and_is_warned() {
    if !is_root() {
        return;
    }
    let world = world("");
    fs::create_dir(world.folder.path().join("logs")).unwrap();
    world.add_user("alice");
    let server = world.start();
    check_all_rights(&world, &server, 0, &[NO_RIGHT]);
    deliver_and_read(&world);
    let status = world.tool(&["status"], "");
    assert!(status.contains("warning: the server runs as root") && status.contains("base.user"));
    let log = fs::read_to_string(world.folder.path().join("logs/admin")).unwrap();
    assert!(log.contains("base.user"), "{log}");
}

#[test]
fn a_service_manager_gives_the_right_to_the_watcher_alone() {
    if !is_root() {
        return;
    }
    let world = owned_world();
    world.add_user("alice");
    for folder in ["run", "logs"] {
        let path = world.folder.path().join(folder);
        fs::create_dir(&path).unwrap();
        std::os::unix::fs::chown(&path, Some(UID), Some(UID)).unwrap();
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", USER, "--regid", "65534", "--clear-groups"])
        .args(["--inh-caps", "-all,+net_bind_service"])
        .args(["--ambient-caps", "+net_bind_service"])
        .args(["--bounding-set", "-all,+net_bind_service"])
        .arg(env!("CARGO_BIN_EXE_waypost"))
        .arg("--config")
        .arg(world.config())
        .arg("run");
    let server = Server { child: command.spawn().unwrap() };
    wait_for("ready server", || world.run(&["status"], "").status.success().then_some(()));
    check_all_rights(&world, &server, UID, &[ONE_RIGHT]);
    deliver_and_read(&world);
}

#[test]
fn a_port_below_1024_can_be_opened_later() {
    if !is_root() {
        return;
    }
    own_network();
    let world = owned_world();
    certificate(&world);
    world.add_user("alice");
    let server = world.start();
    world.tool(&["msconfig", "set", "pop.enablesslport", "1"], "");
    world.tool(&["msconfig", "set", "pop.sslport", "995"], "");
    let taken = TcpListener::bind("127.0.0.1:995").unwrap();
    world.tool(&["stop-msg", "pop"], "");
    let refused = world.run(&["start-msg", "pop"], "");
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success());
    let owner = format!("(process {}) has it; stop that", std::process::id());
    assert!(text.contains("pop: pop.sslport: cannot listen on 127.0.0.1:995"), "{text}");
    assert!(text.contains(&owner), "{text}");
    drop(taken);
    world.tool(&["start-msg", "pop"], "");
    assert!(world.process("popd").pid.is_some());
    std::net::TcpStream::connect("127.0.0.1:995").unwrap();
    check_all_rights(&world, &server, UID, &[NO_RIGHT]);
}

fn certificate(world: &World) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = |name: &str| world.folder.path().join(name);
    fs::write(file("cert.pem"), made.cert.pem()).unwrap();
    fs::write(file("key.pem"), made.signing_key.serialize_pem()).unwrap();
    world.set("base.sslcertfile", "\"cert.pem\"");
    world.set("base.sslkeyfile", "\"key.pem\"");
}

#[test]
fn without_the_right_a_port_below_1024_is_refused_with_the_way_out() {
    let world = world("");
    world.set("pop.port", "995");
    let mut command = world.command(&["run"]);
    if rustix::process::geteuid().is_root() {
        own_network();
        fs::create_dir(world.folder.path().join("logs")).unwrap();
        std::os::unix::fs::chown(world.folder.path(), Some(UID), Some(UID)).unwrap();
        std::os::unix::fs::chown(world.folder.path().join("logs"), Some(UID), Some(UID)).unwrap();
        command.uid(UID).gid(UID);
    } else {
        fs::create_dir(world.folder.path().join("logs")).unwrap();
    }
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(text.contains("pop.port: cannot listen on 127.0.0.1:995"), "{text}");
    assert!(text.contains("may not open ports below 1024"), "{text}");
}

#[test]
fn what_tools_of_root_make_is_the_servers() {
    if !is_root() {
        return;
    }
    let world = owned_world();
    // Before the first start, so that everything is made by tools.
    world.add_user("alice");
    let mbox = world.folder.path().join("mbox");
    fs::write(&mbox, "From a@b Thu Jan  1 00:00:00 1970\nSubject: old\n\nIt works.\n").unwrap();
    mode(&mbox, 0o600);
    world.tool(&["import", "alice", "--mbox", mbox.to_str().unwrap()], "");
    world.tool(&["msconfig", "set", "pop.banner", "%h"], "");
    let backup = world.folder.path().join("private/backup");
    fs::create_dir(backup.parent().unwrap()).unwrap();
    mode(backup.parent().unwrap(), 0o700);
    world.tool(&["backup", backup.to_str().unwrap()], "");
    for folder in ["store", "directory", "private/backup/store", "private/backup/directory"] {
        let found = foreign(&world.folder.path().join(folder), UID);
        assert_eq!(found, Vec::<String>::new());
    }
    let _server = world.start();
    let mut session = world.imap("alice");
    assert!(session.command("SELECT INBOX").contains("* 1 EXISTS"));
    world.tool(&["user", "add", "bob", "--password-stdin"], "secret\n");
    world.tool(&["deliver", "bob"], "Subject: Hello\n\nIt works.\n");
    world.tool(&["refresh"], "");
    for folder in ["store", "directory", "run"] {
        let found = foreign(&world.folder.path().join(folder), UID);
        assert_eq!(found, Vec::<String>::new());
    }
}

#[test]
fn passwords_that_root_has_written_are_the_servers_to_read() {
    if !is_root() {
        return;
    }
    let world = owned_world();
    let secrets = world.folder.path().join("secrets.toml");
    let owner = || secrets.metadata().map(|found| (found.uid(), found.mode() & 0o777)).unwrap();
    let write = || {
        fs::write(&secrets, "").unwrap();
        std::os::unix::fs::chown(&secrets, Some(0), Some(0)).unwrap();
        mode(&secrets, 0o600);
    };
    write();
    world.tool(&["msconfig", "set", "pop.banner", "%h"], "");
    world.tool(&["msconfig", "set", "-restricted", "base.user", USER], "");
    assert_eq!(owner(), (UID, 0o600));
    write();
    let _server = world.start();
    assert_eq!(owner(), (UID, 0o600));
    assert_eq!(world.config().metadata().unwrap().uid(), 0);
}

#[test]
fn a_tool_of_root_follows_the_owner_of_the_data() {
    if !is_root() {
        return;
    }
    let world = owned_world();
    world.add_user("alice");
    world.set("base.user", "\"\"");
    world.tool(&["user", "add", "bob", "--password-stdin"], "secret\n");
    assert_eq!(foreign(&world.folder.path().join("directory"), UID), Vec::<String>::new());
    let refused = world.run(&["run"], "");
    let text = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(text.contains("the stored data belongs to nobody"), "{text}");
}

#[test]
fn files_of_root_are_not_given_away() {
    if !is_root() {
        return;
    }
    let world = world("");
    // As an administrator would who sets `base.user` afterwards.
    world.add_user("alice");
    world.set("base.user", &format!("{USER:?}"));
    let directory = world.folder.path().join("directory");
    for arguments in [&["run"][..], &["user", "list"]] {
        let refused = world.run(arguments, "");
        let text = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success());
        let advice = format!("`chown -R nobody: {}`", directory.display());
        assert!(text.contains(&advice), "{text}");
    }
    assert_eq!(foreign(&directory, 0), Vec::<String>::new());
    let advice = Command::new("chown").args(["-R", "nobody:"]).arg(&directory).status();
    assert!(advice.unwrap().success());
    let _server = world.start();
    world.imap("alice");
}

#[test]
fn a_configuration_that_the_user_cannot_read_is_told_at_once() {
    if !is_root() {
        return;
    }
    let world = owned_world();
    mode(&world.config(), 0o600);
    let refused = world.run(&["run"], "");
    let text = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(text.contains("the server's user nobody must be able to read it"), "{text}");
    std::os::unix::fs::chown(world.config(), None, Some(UID)).unwrap();
    mode(&world.config(), 0o640);
    let _server = world.start();
    Connection::open(world.pop);
}
