//! `waypost deliver`: one message from standard input, as if LMTP had brought it.

use super::newline::Newlines;
use super::{block_on, check_takes_mail, find_user, limits_for, open_store};
use crate::cli::DeliverArguments;
use crate::failure::{Context, Failure};
use crate::output::tell;
use crate::{ownership, settings};
use bytes::Bytes;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use waypost_lmtp::trace_lines;
use waypost_options::{Config, LMTP_MAXMESSAGESIZE};
use waypost_store::{Deliver, Delivered, Mutation, Outcome, Recipient, StoreError, Upload};
use waypost_supervisor::ToolRights;
use waypost_types::{FlagSet, MailboxName, Moment};

/// Bytes read at a time.
const CHUNK_BYTES: usize = 64 << 10;
/// How mbox files begin a message; some programs leave the line in.
const MBOX_LINE: &[u8] = b"From ";
/// The longest such line in bytes.
const MBOX_LINE_BYTES: u64 = 1_000;

/// Delivers the message on standard input.
pub(crate) fn run(file: &Path, arguments: &DeliverArguments) -> Result<(), Failure> {
    let config = ownership::load_for_tool(file, ToolRights::None)?;
    let (user, folder) = find_user(&config, &arguments.user)?;
    check_takes_mail(&config, &user)?;
    let folder = arguments.folder.as_deref().or(folder.as_deref()).map(MailboxName::new);
    let recipient = Recipient {
        account: user.account.clone(),
        folder: folder.transpose().map_err(|error| Failure::usage(format!("--folder: {error}")))?,
        flags: FlagSet::default(),
        limits: limits_for(&config, &user, arguments.ignore_quota),
    };
    let (size, uid) = block_on(deliver(&config, recipient, &arguments.from))?;
    tell(format_args!("delivered {size} bytes to {} as UID {uid}", user.entry));
    Ok(())
}

async fn deliver(config: &Config, recipient: Recipient, from: &str) -> Result<(u64, u32), Failure> {
    let access = open_store(config).await?;
    let store = access.store();
    let now = Moment::now().wall;
    let trace = trace_lines(from, ("localhost", None), &settings::hostname(config), "local", now);
    let upload = store.upload().write(trace.into()).await.context("the store")?;
    let mut input = BufReader::with_capacity(CHUNK_BYTES, io::stdin().lock());
    skip_mbox_line(&mut input).context("cannot read the message")?;
    let upload = copy(input, upload, config.read(&LMTP_MAXMESSAGESIZE)).await?;
    let payload = upload.finish().await.context("the store")?;
    let size = payload.size();
    let deliver = Deliver { payload, recipients: vec![recipient], internal_date: now };
    let outcome = store.submit(Mutation::Deliver(deliver)).await.context("not delivered")?;
    let delivered = uid(outcome).map_err(|error| match error {
        StoreError::OverQuota(_) => {
            Failure::new(format!("not delivered: {error}; --ignore-quota delivers all the same"))
        }
        error => Failure::new(format!("not delivered: {error}")),
    })?;
    Ok((size, delivered.uid.0))
}

fn uid(outcome: Outcome) -> Result<Delivered, StoreError> {
    match outcome {
        Outcome::Delivered(results) if results.len() == 1 => {
            let absent = || StoreError::Io("the store gave no result".to_owned());
            results.into_iter().next().ok_or_else(absent)?
        }
        other => Err(StoreError::Io(format!("the store answered {other:?} to a delivery"))),
    }
}

fn skip_mbox_line(input: &mut impl BufRead) -> io::Result<()> {
    if input.fill_buf()?.starts_with(MBOX_LINE) {
        input.take(MBOX_LINE_BYTES).read_until(b'\n', &mut Vec::new())?;
    }
    Ok(())
}

async fn copy(
    mut input: impl Read,
    mut upload: Box<dyn Upload>,
    most: u64,
) -> Result<Box<dyn Upload>, Failure> {
    let mut newlines = Newlines::default();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut size = 0;
    loop {
        let read = input.read(&mut chunk).context("cannot read the message")?;
        let mut out = Vec::new();
        newlines.convert(chunk.get(..read).unwrap_or_default(), &mut out);
        if out.is_empty() {
            break;
        }
        size += out.len() as u64;
        if size > most {
            let text = format!("the message is larger than lmtp.maxmessagesize ({most} bytes)");
            return Err(Failure::new(text));
        }
        upload = upload.write(Bytes::from(out)).await.context("the store")?;
    }
    if size == 0 {
        Err(Failure::usage("there is no message on standard input"))
    } else {
        Ok(upload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_mbox_line_is_skipped_and_only_that() {
        let rest = |text: &str| {
            let mut input = text.as_bytes();
            skip_mbox_line(&mut input).unwrap();
            String::from_utf8(input.to_vec()).unwrap()
        };
        assert_eq!(rest("From a@b Thu Jan  1\nFrom: x\n"), "From: x\n");
        assert_eq!(rest("From: x\n"), "From: x\n");
    }
}
