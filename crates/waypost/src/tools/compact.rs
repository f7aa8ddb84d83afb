//! `waypost compact`: gives back the disk space of messages that are gone.

use super::{block_on, open_store};
use crate::failure::{Context, Failure};
use crate::output::tell;
use crate::ownership;
use std::path::Path;
use waypost_supervisor::ToolRights;

/// Compacts at once what the background would do in time; says what that was.
pub(crate) fn run(file: &Path, percent: u8) -> Result<(), Failure> {
    let config = ownership::load_for_tool(file, ToolRights::WriteFiles)?;
    let report = block_on(async {
        let access = open_store(&config).await?;
        access.compact(percent).await.context("the store was not compacted")
    })?;
    let won = report.removed_bytes.saturating_sub(report.copied_bytes);
    tell(format_args!(
        "removed {} segments of {} bytes, copied {} bytes that live: {won} bytes are free again",
        report.segments, report.removed_bytes, report.copied_bytes
    ));
    Ok(())
}
