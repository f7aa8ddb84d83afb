//! The Date header (RFC 5322 section 3.3, obsolete forms of section 4.3, and common slips).

use crate::limits::COMMENT_DEPTH_MAX;
use waypost_types::UnixTime;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Reads a date-time. Day name and comments are ignored, two- and three-digit years and named
/// zones are read as RFC 5322 section 4.3 says; a zone that is missing or invalid means UTC, such a time
/// midnight (RFC 5256 section 2.2). None when day, month or year are missing or impossible.
pub fn parse_date(text: &str) -> Option<UnixTime> {
    let text = without_comments(text);
    let mut date = Draft::default();
    for token in text.split([' ', '\t', ',', '\r', '\n']).filter(|t| !t.is_empty()) {
        date.take(token)?;
    }
    date.finish()
}

#[derive(Default)]
struct Draft {
    day: Option<i64>,
    month: Option<i64>,
    year: Option<i64>,
    seconds: Option<i64>,
    zone_minutes: Option<i16>,
}

impl Draft {
    fn take(&mut self, token: &str) -> Option<()> {
        let first = *token.as_bytes().first()?;
        match first {
            b'0'..=b'9' if token.contains(':') => self.seconds = Some(clock(token).unwrap_or(0)),
            b'0'..=b'9' if token.contains('-') => self.dashed(token)?,
            b'0'..=b'9' => self.number(token)?,
            b'+' | b'-' => self.zone_minutes = Some(offset(token).unwrap_or(0)),
            _ => self.word(token),
        }
        Some(())
    }

    /// `01-Jan-2020`, which some senders write.
    fn dashed(&mut self, token: &str) -> Option<()> {
        token.split('-').try_for_each(|piece| self.take(piece))
    }

    fn number(&mut self, token: &str) -> Option<()> {
        let number = digits(token)?;
        if self.day.is_none() && token.len() <= 2 {
            self.day = Some(number);
        } else if self.year.is_none() {
            self.year = Some(full_year(number, token.len()));
        }
        Some(())
    }

    fn word(&mut self, token: &str) {
        let lower = token.to_ascii_lowercase();
        let month = MONTHS.iter().position(|m| lower.starts_with(m));
        if let (None, Some(month)) = (self.month, month) {
            self.month = i64::try_from(month + 1).ok();
        } else if self.seconds.is_some() && self.zone_minutes.is_none() {
            self.zone_minutes = Some(named_zone(&lower));
        }
    }

    fn finish(self) -> Option<UnixTime> {
        let (year, month, day) = (self.year?, self.month?, self.day?);
        if !(0..=9_999).contains(&year) || day < 1 || day > month_length(year, month) {
            return None;
        }
        let zone_minutes = self.zone_minutes.unwrap_or(0);
        let local = days_from_epoch(year, month, day) * 86_400 + self.seconds.unwrap_or(0);
        Some(UnixTime { seconds: local - i64::from(zone_minutes) * 60, zone_minutes })
    }
}

fn without_comments(text: &str) -> String {
    let mut depth = 0_usize;
    text.chars()
        .filter(|c| {
            let before = depth;
            match c {
                '(' => depth = (depth + 1).min(COMMENT_DEPTH_MAX),
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            before == 0 && *c != '(' && *c != ')'
        })
        .collect()
}

/// Digits only: `parse` alone would take a sign. At most nine, so nothing overflows.
fn digits(token: &str) -> Option<i64> {
    let plain = token.len() <= 9 && token.bytes().all(|b| b.is_ascii_digit());
    if plain { token.parse().ok() } else { None }
}

/// Seconds of the day; a leap second counts as the one after it.
fn clock(token: &str) -> Option<i64> {
    let mut pieces = token.split(':');
    let hour = digits(pieces.next()?)?;
    let minute = digits(pieces.next()?)?;
    let second = pieces.next().map_or(Some(0), |s| digits(s.split('.').next()?))?;
    (hour <= 23 && minute <= 59 && second <= 60).then_some(hour * 3_600 + minute * 60 + second)
}

fn offset(token: &str) -> Option<i16> {
    let number = digits(token.get(1..)?.replace(':', "").as_str())?;
    let minutes = number / 100 * 60 + number % 100;
    if number % 100 > 59 || minutes > 1_439 {
        return Some(0);
    }
    let minutes = i16::try_from(minutes).ok()?;
    Some(if token.starts_with('-') { -minutes } else { minutes })
}

/// Zone names of RFC 5322 section 4.3. Single letters were defined wrongly once, so they and all
/// unknown names mean nothing: UTC.
fn named_zone(lower: &str) -> i16 {
    match lower {
        "edt" => -240,
        "est" | "cdt" => -300,
        "cst" | "mdt" => -360,
        "mst" | "pdt" => -420,
        "pst" => -480,
        _ => 0,
    }
}

fn full_year(number: i64, length: usize) -> i64 {
    match (length, number) {
        (..=2, ..50) => number + 2_000,
        (..=3, _) => number + 1_900,
        _ => number,
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01. Years begin in March here, so that the leap day comes last.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let since_march = (month + 9) % 12;
    let day_of_year = (153 * since_march + 2) / 5 + day - 1;
    let leap_days = shifted.div_euclid(4) - shifted.div_euclid(100) + shifted.div_euclid(400);
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    shifted * 365 + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<(i64, i16)> {
        parse_date(text).map(|t| (t.seconds, t.zone_minutes))
    }

    #[test]
    fn current_forms() {
        assert_eq!(at("Thu, 01 Jan 1970 00:00:00 +0000"), Some((0, 0)));
        assert_eq!(at("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)"), Some((837_595_405, -420)));
        assert_eq!(at("29 Feb 2000 12:00 +0530"), Some((951_805_800, 330)));
        assert_eq!(at("31 Dec 1969 23:59:59 +0000"), Some((-1, 0)));
    }

    #[test]
    fn obsolete_and_sloppy_forms() {
        assert_eq!(at("1 Jan 70 00:00:00 GMT"), Some((0, 0)));
        assert_eq!(at("1 Jan 100 00:00:00 EST"), Some((946_702_800, -300)));
        assert_eq!(at("Sat Jan  1 00:00:00 2000"), Some((946_684_800, 0)));
        assert_eq!(at("01-Jan-2000 00:00:00 +01:00"), Some((946_681_200, 60)));
        assert_eq!(at("Mon, 1 January 2000 00:00:00 +9999"), Some((946_684_800, 0)));
    }

    #[test]
    fn impossible_dates_are_none() {
        for text in ["", "x", "30 Feb 2000 00:00:00 +0000", "Jan 2000 00:00:00", "1 Jan 0:0:0"] {
            assert_eq!(at(text), None, "{text}");
        }
        assert_eq!(at("1 Jan 99999999999999999999 00:00:00"), None);
        assert_eq!(at("0 Jan 2000 00:00:00"), None);
    }

    #[test]
    fn impossible_times_and_zones_are_midnight_and_utc() {
        for text in ["1 Jan 2000", "1 Jan 2000 24:00:00 Z", "1 Jan 2000 0:x", "1 Jan 2000 0:0:0 +é"]
        {
            assert_eq!(at(text), Some((946_684_800, 0)), "{text}");
        }
        assert_eq!(at("1 Jan 2000 1:00:00 +-0500"), Some((946_688_400, 0)));
    }
}
