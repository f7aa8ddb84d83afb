//! IDLE (RFC 2177): changes are told when the store wakes the session; nothing is polled.

use crate::announce::{Announcer, Told};
use crate::flow::{Completion, Env, Flow, Signal, Stepped};
use crate::state::State;

/// A client that waits for changes.
#[derive(Default)]
pub(crate) struct Idle {
    stage: Stage,
}

#[derive(Default)]
enum Stage {
    #[default]
    Begin,
    /// Parked until a wake-up or DONE.
    Waiting,
    /// The store is looked at.
    Looking,
    Telling(Box<Announcer>),
}

impl Idle {
    pub(super) fn step(&mut self, state: &mut State, env: &mut Env<'_>, signal: Signal) -> Stepped {
        match signal {
            Signal::Line(line) => Ok(end(&line).into()),
            Signal::Woken => Ok(self.look(state)),
            _ => match std::mem::replace(&mut self.stage, Stage::Waiting) {
                Stage::Begin => {
                    env.writer().continuation("Waiting for changes");
                    env.decoder.expect_line();
                    Ok(self.look(state))
                }
                Stage::Waiting => Ok(Flow::Read),
                Stage::Looking => self.tell(None, state, env),
                Stage::Telling(announcer) => self.tell(Some(announcer), state, env),
            },
        }
    }

    /// Changes may have come between the last command and this one, so the first look is at once.
    fn look(&mut self, state: &State) -> Flow {
        if !matches!(state, State::Selected(_)) {
            self.stage = Stage::Waiting;
            return Flow::Read;
        }
        self.stage = Stage::Looking;
        Flow::Work
    }

    fn tell(
        &mut self,
        begun: Option<Box<Announcer>>,
        state: &mut State,
        env: &mut Env<'_>,
    ) -> Stepped {
        let Some(open) = state.selected_mut() else { return Ok(Flow::Read) };
        let mut announcer = match begun {
            Some(announcer) => announcer,
            None => Box::new(Announcer::begin(open, env, true, false)?),
        };
        match announcer.step(open, env)? {
            Told::Part => {
                self.stage = Stage::Telling(announcer);
                Ok(Flow::Work)
            }
            Told::All => Ok(Flow::Read),
            Told::Gone => {
                state.deselect();
                Ok(Flow::Read)
            }
        }
    }
}

fn end(line: &[u8]) -> Completion {
    if line.eq_ignore_ascii_case(b"DONE") {
        Completion::ok("IDLE completed")
    } else {
        Completion::bad("DONE was expected to end IDLE")
    }
}
