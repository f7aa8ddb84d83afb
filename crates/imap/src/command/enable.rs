//! ENABLE (RFC 5161), and the other ways in which a client enables CONDSTORE.

use crate::flow::{Completion, Env};
use crate::state::{Enabled, Selected, State};
use waypost_imap_wire::{ResponseCode, Status, Writer};

pub(super) fn start(names: &[String], state: &mut State, env: &mut Env<'_>) -> Completion {
    let mut told = Vec::new();
    if names.iter().any(|name| name == "CONDSTORE") {
        let new = match state {
            State::Selected(open) => enable_condstore(open, env.out),
            _ => state.user_mut().is_some_and(|user| user.enabled.insert(Enabled::CONDSTORE)),
        };
        told.extend(new.then_some("CONDSTORE"));
    }
    env.writer().enabled(told);
    Completion::ok("ENABLE completed")
}

/// Enables CONDSTORE with a mailbox open: the first time, the client is told its highest
/// modification sequence (RFC 7162 section 3.1). True when it was not enabled before.
pub(crate) fn enable_condstore(open: &mut Selected, out: &mut Vec<u8>) -> bool {
    let new = open.user.enabled.insert(Enabled::CONDSTORE);
    if new {
        let code = ResponseCode::HighestModSeq(open.view.modseq());
        Writer::new(out).untagged(Status::Ok, Some(&code), "CONDSTORE is enabled");
    }
    new
}
