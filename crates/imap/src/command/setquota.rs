//! SETQUOTA (RFC 9208 section 4.1.3): quotas are set in the directory, so nobody may set them here and the
//! capability `QUOTASET` is not offered.

use super::Started;
use super::getquota::{ROOT, no_such_root};
use crate::flow::Completion;
use waypost_imap_wire::ResponseCode;

pub(super) fn start(root: &str) -> Started {
    if root != ROOT {
        return no_such_root().into();
    }
    Completion::no(ResponseCode::NoPerm, "Only the administrator sets quotas").into()
}
