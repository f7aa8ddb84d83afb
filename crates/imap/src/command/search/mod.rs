//! SEARCH and UID SEARCH (RFC 3501 section 6.4.4) with MODSEQ (RFC 7162 section 3.1.5), EMAILID and
//! THREADID (RFC 8474 section 5), and with return options (RFC 4731).

mod key;
mod needle;
mod seek;
pub(super) mod step;
mod text;

use super::answer::{Answer, Found};
use super::{Job, Started};
use crate::flow::{Completion, Env, Flow, Stepped};
use crate::numbers::Numbers;
use crate::state::Selected;
pub(super) use seek::Seek;
use waypost_imap_wire::SearchKey;
use waypost_types::Uid;

/// Searches the open mailbox.
pub(crate) struct Search {
    seek: Seek,
    answer: Answer,
    /// Where telling has got to, once the search is over.
    telling: Option<Uid>,
}

pub(super) fn start(
    open: &mut Selected,
    env: &mut Env<'_>,
    answer: Answer,
    criteria: SearchKey,
) -> Started {
    match Seek::new(criteria, open, env) {
        Ok(seek) => Started::Job(Job::Search(Box::new(Search { seek, answer, telling: None }))),
        Err(refused) => refused.into(),
    }
}

impl Search {
    pub(super) const fn is_mid_response(&self) -> bool {
        self.telling.is_some()
    }

    pub(super) fn step(&mut self, open: &Selected, env: &mut Env<'_>) -> Stepped {
        if self.telling.is_none() {
            if !self.seek.step(open, env)? {
                return Ok(Flow::Work);
            }
            let found = self.seek.found();
            let ends = [found.first(), found.last()];
            let found = Found { count: found.len(), ends, mod_seq: self.seek.mod_seq() };
            self.answer.begin(&found, open, env)?;
            self.telling = Some(Uid(1));
        }
        Ok(if self.tell(open, env) {
            Completion::ok("SEARCH completed").into()
        } else {
            Flow::Work
        })
    }

    /// Tells numbers as they fit; true when the line is complete.
    fn tell(&mut self, open: &Selected, env: &mut Env<'_>) -> bool {
        if self.answer.tells_all() {
            let from = self.telling.unwrap_or(Uid(1));
            let mut numbers = Numbers::new(self.answer.uid, open.view.shown());
            for uid in self.seek.found().iter_from(from) {
                if env.is_full() {
                    self.telling = Some(uid);
                    return false;
                }
                let number = numbers.of(uid);
                number.into_iter().for_each(|number| self.answer.number(number, env));
            }
        }
        self.answer.end(env);
        self.telling = None;
        true
    }
}
