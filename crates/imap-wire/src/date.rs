//! Dates: the internal date with its zone, and the days of SEARCH (RFC 3501 section 9, `date-time`
//! and `date`).

use crate::text::push_two_digits;
use waypost_types::UnixTime;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_SECONDS: i64 = 86_400;
/// Days from 0000-03-01 to 1970-01-01 in the proleptic Gregorian calendar.
const EPOCH_DAYS: i64 = 719_468;
/// Days of 400 years.
const ERA_DAYS: i64 = 146_097;

/// A calendar day without zone, as days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

impl Day {
    /// The day of a time in the zone it was written in: SEARCH disregards time and zone
    /// (RFC 3501 section 6.4.4).
    pub fn of(time: UnixTime) -> Self {
        Self(local_seconds(time).div_euclid(DAY_SECONDS))
    }

    /// The day with this year (0 to 9999), month (1 to 12) and day of month; `None` when there is
    /// no such day.
    pub fn from_civil(year: i64, month: u8, day: u8) -> Option<Self> {
        let real = (0..=9999).contains(&year) && day >= 1 && day <= month_days(year, month)?;
        real.then(|| Self(days_from_civil(year, i64::from(month), i64::from(day))))
    }

    /// Year, month (1 to 12) and day of month.
    pub fn to_civil(self) -> (i64, u8, u8) {
        let days = self.0.saturating_add(EPOCH_DAYS);
        let era = days.div_euclid(ERA_DAYS);
        let day_of_era = days.rem_euclid(ERA_DAYS);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (year, u8::try_from(month).unwrap_or(1), u8::try_from(day).unwrap_or(1))
    }

    /// Reads `17-Jul-1996`, the day with one or two digits; a leading space is allowed as in
    /// `date-day-fixed`.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text = text.strip_prefix(b" ").unwrap_or(text);
        let mut fields = text.split(|b| *b == b'-');
        let (day, month, year) = (fields.next()?, fields.next()?, fields.next()?);
        if fields.next().is_some() || day.len() > 2 || year.len() != 4 {
            return None;
        }
        let month = MONTHS.iter().position(|name| name.as_bytes().eq_ignore_ascii_case(month))?;
        let month = u8::try_from(month + 1).ok()?;
        Self::from_civil(digits(year)?, month, u8::try_from(digits(day)?).ok()?)
    }

    /// Appends `17-Jul-1996`; a day below 10 is padded with `pad`, when there is one.
    fn push(self, out: &mut Vec<u8>, pad: Option<u8>) {
        let (year, month, day) = self.to_civil();
        match (day, pad) {
            (0..=9, Some(pad)) => out.extend_from_slice(&[pad, b'0' + day]),
            (0..=9, None) => out.push(b'0' + day),
            _ => push_two_digits(out, day),
        }
        let name = MONTHS.get(usize::from(month) - 1).copied().unwrap_or("Jan");
        out.push(b'-');
        out.extend_from_slice(name.as_bytes());
        out.push(b'-');
        let year = year.clamp(0, 9999);
        push_two_digits(out, u8::try_from(year / 100).unwrap_or(0));
        push_two_digits(out, u8::try_from(year % 100).unwrap_or(0));
    }

    /// The day as SEARCH writes it, such as `1-Feb-1994`.
    pub fn to_text(self) -> String {
        let mut out = Vec::new();
        self.push(&mut out, None);
        String::from_utf8(out).unwrap_or_default()
    }
}

/// Appends an internal date with its quotes: `"17-Jul-1996 02:44:25 -0700"`.
pub fn write_internal_date(out: &mut Vec<u8>, time: UnixTime) {
    let second = local_seconds(time).rem_euclid(DAY_SECONDS);
    out.push(b'"');
    Day::of(time).push(out, Some(b' '));
    for (mark, value) in [(b' ', second / 3600), (b':', second / 60 % 60), (b':', second % 60)] {
        out.push(mark);
        push_two_digits(out, u8::try_from(value).unwrap_or(0));
    }
    out.extend_from_slice(if time.zone_minutes < 0 { b" -" } else { b" +" });
    let zone = time.zone_minutes.unsigned_abs();
    push_two_digits(out, u8::try_from(zone / 60).unwrap_or(0));
    push_two_digits(out, u8::try_from(zone % 60).unwrap_or(0));
    out.push(b'"');
}

/// Reads an internal date without its quotes. A leap second becomes the first of the next minute.
pub(crate) fn parse_internal_date(text: &[u8]) -> Option<UnixTime> {
    let zone_at = text.len().checked_sub(6)?;
    let time_at = zone_at.checked_sub(9)?;
    let day = Day::parse(text.get(..time_at)?)?;
    let second = parse_time(text.get(time_at..zone_at)?)?;
    let zone_minutes = parse_zone(text.get(zone_at..)?)?;
    let local = day.0 * DAY_SECONDS + second;
    Some(UnixTime { seconds: local - i64::from(zone_minutes) * 60, zone_minutes })
}

/// ` 02:44:25` as seconds of the day.
fn parse_time(text: &[u8]) -> Option<i64> {
    let [b' ', h1, h2, b':', m1, m2, b':', s1, s2] = text else { return None };
    let (hour, minute) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
    let second = digits(&[*s1, *s2])?;
    (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

/// ` -0700` as minutes east of UTC.
fn parse_zone(text: &[u8]) -> Option<i16> {
    let [b' ', sign, h1, h2, m1, m2] = text else { return None };
    let (hour, minute) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
    let minutes = i16::try_from(hour * 60 + minute).ok().filter(|_| hour < 24 && minute < 60)?;
    match sign {
        b'+' => Some(minutes),
        b'-' => Some(-minutes),
        _ => None,
    }
}

/// A number of one to four decimal digits.
fn digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 4 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
}

fn local_seconds(time: UnixTime) -> i64 {
    time.seconds.saturating_add(i64::from(time.zone_minutes) * 60)
}

/// Years are counted from March, so the leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let year_of_era = year.rem_euclid(400);
    let march_month = (month + 9) % 12;
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    year.div_euclid(400) * ERA_DAYS + day_of_era - EPOCH_DAYS
}

fn month_days(year: i64, month: u8) -> Option<u8> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use proptest::prelude::*;

    fn shown(time: UnixTime) -> String {
        let mut out = Vec::new();
        write_internal_date(&mut out, time);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_example_of_the_standard() {
        let time = parse_internal_date(b"17-Jul-1996 02:44:25 -0700").unwrap();
        assert_eq!(time, UnixTime { seconds: 837_596_665, zone_minutes: -420 });
        assert_eq!(shown(time), "\"17-Jul-1996 02:44:25 -0700\"");
        assert_eq!(Day::of(time), Day::parse(b"17-jul-1996").unwrap());
    }

    #[test]
    fn a_day_below_ten_is_padded() {
        let time = parse_internal_date(b" 7-Feb-1994 21:52:25 +0530").unwrap();
        assert_eq!(shown(time), "\" 7-Feb-1994 21:52:25 +0530\"");
        assert_eq!(parse_internal_date(b"07-Feb-1994 21:52:25 +0530"), Some(time));
        assert_eq!(Day::of(time).to_text(), "7-Feb-1994");
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for text in ["29-Feb-1900", "31-Apr-2000", "0-Jan-2000", "1-Foo-2000", "1-Jan-99", "1--1"] {
            assert_eq!(Day::parse(text.as_bytes()), None, "{text}");
        }
        assert!(Day::parse(b"29-Feb-2000").is_some());
        for text in ["1-Jan-2000 24:00:00 +0000", "1-Jan-2000 00:00:00 +2400", "1-Jan-2000", ""] {
            assert_eq!(parse_internal_date(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_date_reads_as_it_was_written(
            seconds in -60_000_000_000_i64..250_000_000_000,
            zone_minutes in -1439_i16..=1439,
        ) {
            let time = UnixTime { seconds, zone_minutes };
            let text = shown(time);
            prop_assert_eq!(parse_internal_date(&text.as_bytes()[1..text.len() - 1]), Some(time));
        }

        #[test]
        fn any_time_can_be_written(seconds: i64, zone_minutes: i16) {
            let length = shown(UnixTime { seconds, zone_minutes }).len();
            prop_assert_eq!(length, 28);
        }
    }
}
