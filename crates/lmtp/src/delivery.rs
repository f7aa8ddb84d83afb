//! From the message's bytes to the store: trace lines, and the calls that the loop awaits.

use bytes::Bytes;
use std::net::IpAddr;
use std::sync::Arc;
use waypost_net::session::BoxFuture;
use waypost_store::{Deliver, Delivered, Mutation, Outcome, Recipient, Store, StoreError, Upload};
use waypost_types::UnixTime;

/// What a call of the session answers.
pub enum Reply {
    /// The store took a chunk.
    Wrote(Result<Box<dyn Upload>, StoreError>),
    /// The delivery ended; one result per recipient of the mutation.
    Delivered(Result<Stored, StoreError>),
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Wrote(_) => "Wrote",
            Self::Delivered(_) => "Delivered",
        })
    }
}

/// A delivery that the store answered.
pub struct Stored {
    /// One result per recipient of the mutation.
    pub(crate) results: Vec<Result<Delivered, StoreError>>,
    /// The Message-ID, for the log.
    pub(crate) message_id: Option<String>,
    /// Size in bytes, trace lines included.
    pub(crate) size: u64,
}

/// Hands a chunk to the store.
pub(crate) fn write(upload: Box<dyn Upload>, chunk: Vec<u8>) -> BoxFuture<Reply> {
    Box::pin(async move { Reply::Wrote(upload.write(Bytes::from(chunk)).await) })
}

/// Ends the message and delivers it to all recipients in one mutation.
pub(crate) fn deliver(
    store: Arc<dyn Store>,
    upload: Box<dyn Upload>,
    last: Vec<u8>,
    recipients: Vec<Recipient>,
    internal_date: UnixTime,
) -> BoxFuture<Reply> {
    Box::pin(async move {
        let delivered = async {
            let upload = if last.is_empty() { upload } else { upload.write(last.into()).await? };
            let payload = upload.finish().await?;
            let (size, message_id) = (payload.size(), payload.parsed.message_id.clone());
            let deliver = Deliver { payload, recipients, internal_date };
            match store.submit(Mutation::Deliver(deliver)).await? {
                Outcome::Delivered(results) => Ok(Stored { results, message_id, size }),
                other => Err(StoreError::Io(format!("the store answered {other:?} to a delivery"))),
            }
        };
        Reply::Delivered(delivered.await)
    })
}

/// The one Return-Path and the one Received line that a delivery adds (RFC 5321 section 4.4), the
/// same for all recipients, so that one stored copy serves them.
pub fn trace_lines(
    from: &str,
    client: (&str, Option<IpAddr>),
    hostname: &str,
    protocol: &str,
    now: UnixTime,
) -> Vec<u8> {
    let (name, peer) = client;
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    let name = if name.chars().all(plain) && name.len() <= 255 { name } else { "unknown" };
    let peer = peer.map_or_else(|| "local".to_owned(), |peer| format!("[{peer}]"));
    let from: String = from.chars().filter(|c| !c.is_control()).collect();
    let from = match from.rsplit_once('@') {
        Some((local, domain)) if needs_quotes(local) => format!("{}@{domain}", quote(local)),
        _ => from,
    };
    format!(
        "Return-Path: <{from}>\r\nReceived: from {name} ({peer})\r\n\tby {hostname} (Waypost) \
         with {protocol};\r\n\t{}\r\n",
        date(now)
    )
    .into_bytes()
}

fn needs_quotes(local: &str) -> bool {
    local.chars().any(|c| c.is_whitespace() || "<>()[]\\,;:\"@".contains(c))
}

fn quote(local: &str) -> String {
    format!("\"{}\"", local.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A date as RFC 5322 section 3.3 writes it, in UTC.
fn date(now: UnixTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let days = now.seconds.div_euclid(86_400);
    let second = now.seconds.rem_euclid(86_400);
    let (year, month, day) = civil(days);
    let at = |n: i64| usize::try_from(n).unwrap_or(0);
    format!(
        "{}, {day} {} {year} {:02}:{:02}:{:02} +0000",
        DAYS[at(days.rem_euclid(7))],
        MONTHS[at(month - 1) % 12],
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

/// Days since 1970-01-01 to year, month and day of the Gregorian calendar, counted in eras of 400
/// years that begin on 1 March.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right() {
        assert_eq!(date(UnixTime::utc(0)), "Thu, 1 Jan 1970 00:00:00 +0000");
        assert_eq!(date(UnixTime::utc(951_782_399)), "Mon, 28 Feb 2000 23:59:59 +0000");
        assert_eq!(date(UnixTime::utc(951_782_400)), "Tue, 29 Feb 2000 00:00:00 +0000");
        assert_eq!(date(UnixTime::utc(1_735_689_599)), "Tue, 31 Dec 2024 23:59:59 +0000");
    }

    #[test]
    fn trace_lines_cannot_be_broken_out_of() {
        let lines =
            trace_lines("a\r\nX: y@b", ("evil\r\nY: z", None), "h", "LMTP", UnixTime::utc(0));
        let text = String::from_utf8(lines).expect("UTF-8");
        assert_eq!(text.matches("\r\n").count(), 4, "{text}");
        assert!(text.starts_with("Return-Path: <") && text.contains("from unknown (local)"));
    }
}
