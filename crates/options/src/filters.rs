//! Options that hold access filters: `*.domainallowed` and `*.domainnotallowed`.

use crate::record::{Grammar, OptionRecord, point_at};
use crate::value::{OptionType, Value};
use std::path::Path;
use waypost_access::RuleList;

/// How filters are written.
pub(crate) const FILTERS: Grammar = Grammar {
    form: "SERVICES:CLIENTS[$SERVICES:CLIENTS...]",
    check: |text| match RuleList::parse(text) {
        Ok(rules) if rules == RuleList::default() => {
            Err(point_at(text, 0, "there is no filter; an empty value takes all filters away"))
        }
        Ok(_) => Ok(()),
        Err(fault) => Err(point_at(text, fault.at, &fault.what)),
    },
};

/// What the filters are like; the same for every service.
pub(crate) const ALLOWED_DETAILS: &str = "`imap: 192.0.2., .example.com EXCEPT guest.example.com`: \
     names of services or ALL, then addresses, networks, host names, endings of names, LOCAL, KNOWN, UNKNOWN, \
     DNSSPOOFER or ALL; several filters stand between `$`. Filters that allow come first, then those that deny. Who \
     meets none is let in, except where some allow and none denies.";

/// The same of filters that deny.
pub(crate) const NOT_ALLOWED_DETAILS: &str = "Written as the option of the filters that allow. `ALL: ALL` shuts out \
     everybody whom no filter allows; `ALL: DNSSPOOFER` everybody whose name does not lead back to their address.";

/// An empty text is no filter.
impl OptionType for RuleList {
    fn from_value(_: &OptionRecord, value: &Value, _: &Path) -> Option<Self> {
        match value {
            Value::Text(text) => Self::parse(text).ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_pointed_at_in_its_line() {
        let fault = |text| (FILTERS.check)(text).unwrap_err();
        assert!(fault("imap: ALL$imqp: ALL").ends_with("\n  imap: ALL$imqp: ALL\n            ^"));
        assert!(fault("imap: ALL\npop: 10.0.0.0/33").ends_with("\n  pop: 10.0.0.0/33\n       ^"));
        assert!(fault("$$").starts_with("there is no filter"));
        assert!((FILTERS.check)("imap: ALL\npop: ALL EXCEPT LOCAL").is_ok());
    }
}
