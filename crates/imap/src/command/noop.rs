//! NOOP and CHECK (RFC 3501 sections 6.1.2, 6.4.1): what they do is done by the announcement that
//! follows them.

use super::{Job, Started};
use crate::flow::{Completion, Flow};
use crate::state::State;

/// Gives its turn to the announcement.
pub(crate) struct Noop {
    text: &'static str,
}

pub(super) fn start(state: &State, text: &'static str) -> Started {
    match state {
        State::Selected(_) => Started::Job(Job::Noop(Noop { text })),
        _ => Completion::ok(text).into(),
    }
}

/// CHECK asks for a check-point; every change is on stable storage when it is acknowledged.
pub(super) fn start_check() -> Started {
    Started::Job(Job::Noop(Noop { text: "CHECK completed" }))
}

impl Noop {
    pub(super) fn step(&self) -> Flow {
        Completion::ok(self.text).into()
    }
}
