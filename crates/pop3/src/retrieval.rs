//! RETR and TOP: a message on its way to the client, in slices.
//!
//! Messages go out as they are stored, also those with raw 8-bit headers to a client that did not
//! say UTF8: refusing them with `[UTF8]` (RFC 6856 section 5) would hide the mail from every client
//! that is older than that RFC.

use crate::job::Desk;
use crate::limits;
use crate::maildrop::Maildrop;
use crate::reply;
use crate::stuffing::Stuffer;
use std::sync::Arc;
use waypost_store::{Body, StoreError};
use waypost_types::Uid;

/// A message that is being sent. Its body stays readable between slices, without a snapshot.
pub(crate) struct Retrieval {
    uid: Uid,
    body: Arc<dyn Body>,
    offset: u64,
    stuffer: Stuffer,
    /// RETR, not TOP.
    whole: bool,
}

impl Retrieval {
    /// Looks the message up and writes the first line of the reply. `None`: the reply is complete.
    pub(crate) fn begin(
        number: u32,
        lines: Option<u32>,
        maildrop: &mut Maildrop,
        desk: &mut Desk<'_>,
    ) -> Result<Option<Self>, StoreError> {
        let Some(uid) = maildrop.find(number) else {
            reply::err(desk.output, reply::NO_SUCH_MESSAGE);
            return Ok(None);
        };
        let snapshot = desk.store.snapshot()?;
        let Some(row) = snapshot.message(maildrop.mailbox(), uid)? else {
            reply::err(desk.output, reply::NOT_STORED);
            return Ok(None);
        };
        let body = snapshot.body(maildrop.account(), row.email)?;
        let stuffer = match lines {
            None => {
                maildrop.look(&*snapshot, uid);
                reply::ok(desk.output, format_args!("{} octets", body.size()));
                Stuffer::whole()
            }
            Some(lines) => {
                reply::ok(desk.output, "the top of the message follows");
                Stuffer::top(lines)
            }
        };
        Ok(Some(Self { uid, body, offset: 0, stuffer, whole: lines.is_none() }))
    }

    pub(crate) const fn uid(&self) -> Uid {
        self.uid
    }

    pub(crate) const fn is_whole(&self) -> bool {
        self.whole
    }

    /// Size of the message in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.body.size()
    }

    /// Writes a slice; true when the reply is complete.
    pub(crate) fn run(&mut self, desk: &mut Desk<'_>) -> Result<bool, StoreError> {
        let size = self.body.size();
        while self.offset < size {
            if desk.is_full() {
                return Ok(false);
            }
            let before = desk.output.len();
            let end = self.offset.saturating_add(limits::READ_BYTES as u64).min(size);
            self.body.append_to(self.offset..end, desk.output)?;
            if desk.output.len() == before {
                return Err(StoreError::Corrupt("a message ends early".to_owned()));
            }
            self.offset += (desk.output.len() - before) as u64;
            if self.stuffer.push_appended(desk.output, before) {
                break;
            }
        }
        self.stuffer.finish(desk.output);
        Ok(true)
    }
}
