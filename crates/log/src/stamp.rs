//! Times in lines and names of files: UTC, so that lines of several hosts can be merged.

use std::time::{Duration, SystemTime};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// The time at the start of a line.
const IN_LINES: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
/// The time in the name of a file that was put aside; names sort by it.
const IN_NAMES: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second].[subsecond digits:3]Z");
/// The length of a time in a line, in bytes.
pub(crate) const IN_LINES_BYTES: usize = 24;

/// The one place of this crate that reads the clock, to the millisecond.
pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::from(SystemTime::now())
}

/// Whether less than `span` has passed since `then`; a clock that went back has passed all.
pub(crate) fn within(then: Option<OffsetDateTime>, now: OffsetDateTime, span: Duration) -> bool {
    then.is_some_and(|then| now >= then && now - then < span)
}

/// The start of a line that this process, of that number, writes now.
pub fn start_of_line(level: &str, process: &str, pid: u32) -> String {
    start_of(now(), level, process, pid)
}

/// The start of a line.
pub(crate) fn start_of(now: OffsetDateTime, level: &str, process: &str, pid: u32) -> String {
    let ((year, month, day), (hour, minute, second, millis)) =
        (now.to_calendar_date(), now.to_hms_milli());
    // The form of `IN_LINES`, without the detours of a formatter that knows all forms.
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z {level} {process}[{pid}]",
        month = u8::from(month),
    )
}

/// The time that a line begins with.
pub(crate) fn time_of_line(text: &str) -> Option<OffsetDateTime> {
    let time = text.get(..IN_LINES_BYTES)?;
    PrimitiveDateTime::parse(time, IN_LINES).ok().map(PrimitiveDateTime::assume_utc)
}

/// The end of a file's name.
pub(crate) fn name_of(time: OffsetDateTime) -> String {
    time.format(IN_NAMES).unwrap_or_default()
}

/// The time in the end of a file's name; only what [`name_of`] writes.
pub(crate) fn time_of_name(name: &str) -> Option<OffsetDateTime> {
    let time = PrimitiveDateTime::parse(name, IN_NAMES).ok()?.assume_utc();
    (name_of(time) == name).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn times_are_read_as_they_are_written() {
        let time = datetime!(2026-02-03 04:05:06.007 UTC);
        let line = start_of(time, "INFO", "imapd", 12);
        assert_eq!(line, "2026-02-03T04:05:06.007Z INFO imapd[12]");
        assert_eq!(time_of_line(&line), Some(time));
        assert_eq!(time_of_line("2026-02-03T04:05:06.007 INFO imapd[12]"), None);
        assert_eq!(name_of(time), "20260203T040506.007Z");
        assert_eq!(time_of_name("20260203T040506.007Z"), Some(time));
        for name in ["20260203T040506Z", "20260203T040506.007Z.gz", "", "20261303T040506.007Z"] {
            assert_eq!(time_of_name(name), None, "{name}");
        }
    }
}
