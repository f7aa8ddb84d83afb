//! End-to-end tests with real mail clients and servers.
//!
//! Every test starts a server of its own in a temporary folder, on free ports, and ends it by its
//! process id. The clients are programs that nobody here wrote, or short scripts in `python/`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

pub mod authority;
pub mod instance;
pub mod line;
pub mod process;
pub mod program;
pub mod script;
pub mod slapd;
pub mod trace;

/// How long anything that should take a moment may take on a busy machine, in seconds.
pub const PATIENCE_SECONDS: u64 = 30;

/// [`PATIENCE_SECONDS`] as a duration.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(PATIENCE_SECONDS);

/// Asks `ready` every few milliseconds until it answers something.
///
/// # Panics
/// When [`PATIENCE`] is over first; `what` names what was waited for.
pub fn wait_for<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let start = std::time::Instant::now();
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE_SECONDS} s in vain for {what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// The seed of a test's random choices: `WAYPOST_SEED`, else the time. The test prints it.
pub fn seed() -> u64 {
    let given = std::env::var("WAYPOST_SEED").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        u64::from(now.expect("the clock is right").subsec_nanos())
    })
}
