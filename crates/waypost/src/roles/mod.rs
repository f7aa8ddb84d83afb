//! The processes that the watcher starts.

mod certificate;
pub(crate) mod imapd;
pub(crate) mod lmtpd;
pub(crate) mod popd;
pub(crate) mod stored;
mod users;
mod worker;

use std::ffi::CString;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Allows as many descriptors as the system grants: each connection needs one.
pub(crate) fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "limit of descriptors not raised");
    }
}

/// Shows the role in process lists, where the program would be called `exe`.
pub(crate) fn name_process(role: &str) {
    if let Ok(name) = CString::new(format!("waypost-{role}")) {
        // Without it everything works all the same.
        let _ = rustix::thread::set_name(&name);
    }
}
