//! Messages that look like mail: trace fields, people, subjects, threads, text and parts. A number
//! always gives the same message, so every server is filled with the same mail.

use std::fmt::Write;

const PEOPLE: [(&str, &str); 8] = [
    ("Anna Lindqvist", "anna.lindqvist"),
    ("\"Baker, Thomas\"", "t.baker"),
    ("=?UTF-8?Q?Ren=C3=A9e_Dubois?=", "renee"),
    ("Support Team", "support"),
    ("Marek Kowalski", "marek.k"),
    ("newsletter", "no-reply"),
    ("Yuki Tanaka", "yuki"),
    ("Priya Raman", "priya.raman"),
];
const PLACES: [&str; 6] = [
    "example.com",
    "mail.example.net",
    "lists.example.org",
    "shop.example",
    "news.example.net",
    "example.org",
];
const WORDS: [&str; 24] = [
    "invoice", "meeting", "report", "holiday", "order", "delivery", "project", "budget", "review",
    "weekly", "server", "question", "answer", "draft", "contract", "photos", "update", "release",
    "travel", "minutes", "schedule", "feedback", "request", "reminder",
];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const LINE: &str =
    "Please find the details below; the figures of last week are included as agreed.\r\n";

/// Numbers that look like chance and are the same in every run (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % (sides as u64)).unwrap_or(0)
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.roll(list.len())]
    }

    fn person(&mut self) -> String {
        let (name, local) = self.of(&PEOPLE);
        format!("{name} <{local}@{}>", self.of(&PLACES))
    }
}

/// Message number `number`, 2 to 10 KB, 4 KB on average.
pub(crate) fn message(number: u32) -> Vec<u8> {
    let mut dice = Dice(number.into());
    let mut text = String::with_capacity(10 << 10);
    put_header(&mut text, number, &mut dice);
    // Most messages are short, few are long.
    let size = 2_000 + dice.roll(2_900) + if dice.roll(8) == 0 { dice.roll(5_000) } else { 0 };
    match dice.roll(4) {
        0 => put_plain(&mut text, size),
        1 | 2 => put_alternative(&mut text, number, size),
        _ => put_attachment(&mut text, number, size),
    }
    text.into_bytes()
}

fn put_header(text: &mut String, number: u32, dice: &mut Dice) {
    let date = date(number);
    let from = dice.person();
    for hop in 0..3 {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "Received: from relay{hop}.{} (relay{hop}.{} [192.0.2.{}])\r\n\tby mx{hop}.example.com with ESMTPS id \
             {number:08x}{hop}\r\n\tfor <someone@example.com>; {date}\r\n",
            dice.of(&PLACES),
            dice.of(&PLACES),
            dice.roll(250) + 1
        );
    }
    let _ = write!(
        text,
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net; s=mail;\r\n\th=from:to:subject:date; \
         bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n\tb={number:064x}{number:064x}\r\nFrom: {from}\r\nTo: {}\r\n",
        dice.person()
    );
    if dice.roll(3) == 0 {
        let _ = write!(text, "Cc: {}, {}\r\n", dice.person(), dice.person());
    }
    let reply = dice.roll(3) == 0 && number > 10;
    let subject = [dice.of(&WORDS), dice.of(&WORDS), dice.of(&WORDS)].join(" ");
    let _ = write!(
        text,
        "Subject: {}{subject} {number}\r\nDate: {date}\r\nMessage-ID: <{number}.bench@mail.example.net>\r\n",
        if reply { "Re: " } else { "" }
    );
    if reply {
        let parent = number - 1 - u32::try_from(dice.roll(9)).unwrap_or(0);
        let _ = write!(
            text,
            "In-Reply-To: <{parent}.bench@mail.example.net>\r\nReferences: <{parent}.bench@mail.example.net>\r\n"
        );
    }
    text.push_str("User-Agent: ExampleMail/7.2\r\nMIME-Version: 1.0\r\n");
}

/// A message every five minutes, from the year 2020 on.
fn date(number: u32) -> String {
    let minutes = number.wrapping_mul(5);
    let (days, minute) = (minutes / 1_440, minutes % 1_440);
    // Months of 28 days: any valid date will do.
    let (day, month, year) = (days % 28 + 1, days / 28 % 12, 2020 + days / 336);
    let month = MONTHS[month as usize % 12];
    format!("{day} {month} {year} {:02}:{:02}:00 +0100", minute / 60, minute % 60)
}

fn put_lines(text: &mut String, size: usize) {
    while text.len() < size {
        text.push_str(LINE);
    }
}

fn put_plain(text: &mut String, size: usize) {
    text.push_str("Content-Type: text/plain; charset=utf-8; format=flowed\r\n\r\n");
    put_lines(text, size);
}

fn put_alternative(text: &mut String, number: u32, size: usize) {
    let half = text.len().midpoint(size);
    let _ = write!(
        text,
        "Content-Type: multipart/alternative; boundary=\"=_{number}\"\r\n\r\n--=_{number}\r\nContent-Type: text/plain; \
         charset=utf-8\r\n\r\n"
    );
    put_lines(text, half);
    let _ = write!(
        text,
        "\r\n--=_{number}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n<html>\
         <body>\r\n"
    );
    put_lines(text, size);
    let _ = write!(text, "</body></html>\r\n--=_{number}--\r\n");
}

fn put_attachment(text: &mut String, number: u32, size: usize) {
    let half = text.len().midpoint(size);
    let _ = write!(
        text,
        "Content-Type: multipart/mixed; boundary=\"=_{number}\"\r\n\r\n--=_{number}\r\nContent-Type: text/plain; \
         charset=us-ascii\r\n\r\n"
    );
    put_lines(text, half);
    let _ = write!(
        text,
        "\r\n--=_{number}\r\nContent-Type: application/pdf; name=\"file{number}.pdf\"\r\nContent-Transfer-Encoding: \
         base64\r\nContent-Disposition: attachment; filename=\"file{number}.pdf\"\r\n\r\n"
    );
    while text.len() < size {
        text.push_str(
            "JVBERi0xLjQKJcOkw7zDtsOfCjIgMCBvYmoKPDwvTGVuZ3RoIDMgMCBSL0ZpbHRlci9GbGF0ZURl\r\n",
        );
    }
    let _ = write!(text, "--=_{number}--\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_sizes_of_mail() {
        let sizes: Vec<usize> = (0..2_000).map(|number| message(number).len()).collect();
        let all: usize = sizes.iter().sum();
        assert!(
            sizes.iter().all(|size| (2_000..=10_240).contains(size)),
            "{:?}",
            sizes.iter().max()
        );
        assert!((3_000..5_000).contains(&(all / sizes.len())), "{}", all / sizes.len());
    }

    #[test]
    fn a_number_is_one_message() {
        assert_eq!(message(7), message(7));
        assert_ne!(message(7), message(8));
        let text = String::from_utf8(message(7)).unwrap_or_default();
        assert!(text.contains("\r\n\r\n") && !text.replace("\r\n", "").contains('\n'));
    }
}
