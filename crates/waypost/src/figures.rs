//! Figures of the store's writer for a monitoring system.

use crate::settings;
use std::sync::Arc;
use waypost_options::Config;
use waypost_store_local::client::ask_status;
use waypost_store_local::proto::StatusReport;
use waypost_supervisor::{Figure, GiveFigures};

/// Asks the writer each time; there are none while it does not answer.
pub(crate) fn of_store(config: &Config) -> GiveFigures {
    let client = settings::store_client(config, "figures", false);
    Arc::new(move || {
        let client = client.clone();
        Box::pin(async move {
            match ask_status(&client).await {
                Ok(report) => figures(&report),
                Err(error) => {
                    tracing::warn!(%error, "the store's figures cannot be told");
                    Vec::new()
                }
            }
        })
    })
}

/// A name, a type, a help and how a value is read.
type Family = (&'static str, &'static str, &'static str, fn(&StatusReport) -> u64);

const FAMILIES: [Family; 24] = [
    ("waypost_store_batches_total", "counter", "Commits of changes.", |r| r.batches),
    ("waypost_store_mutations_total", "counter", "Changes answered.", |r| r.mutations),
    ("waypost_store_waiting", "gauge", "Changes that wait for a commit.", |r| r.waiting.into()),
    ("waypost_store_segments", "gauge", "Files of messages.", |r| r.segments),
    ("waypost_store_segment_bytes", "gauge", "Bytes of these files.", |r| r.segment_bytes),
    ("waypost_store_dead_bytes", "gauge", "Bytes of them that compaction would give back.", |r| {
        r.dead_bytes
    }),
    ("waypost_store_compacting", "gauge", "Whether a segment is being compacted.", |r| {
        r.compacting.into()
    }),
    ("waypost_store_compacted_bytes_total", "counter", "Bytes that compaction copied.", |r| {
        r.compacted_bytes
    }),
    ("waypost_store_freed_bytes_total", "counter", "Bytes of segments it removed.", |r| {
        r.removed_bytes
    }),
    ("waypost_store_freed_segments_total", "counter", "Segments it removed.", |r| {
        r.removed_segments
    }),
    ("waypost_store_damage_met_total", "counter", "Places where damage was met in use.", |r| {
        r.suspects
    }),
    ("waypost_store_faults_found_total", "counter", "Faults that checks of these found.", |r| {
        r.faults_found
    }),
    ("waypost_store_full", "gauge", "Whether mail is refused because the disk is full.", |r| {
        r.full.into()
    }),
    ("waypost_store_harmed", "gauge", "Whether damaged pages close it to changes.", |r| {
        r.harmed.into()
    }),
    ("waypost_store_repairs_waiting", "gauge", "Repairs under way or waiting.", |r| {
        r.repairs_waiting
    }),
    ("waypost_store_scrub_rounds_total", "counter", "Times all messages were read.", |r| {
        r.scrub_rounds
    }),
    ("waypost_store_scrub_finished_time_seconds", "gauge", "When all were read last.", |r| {
        r.scrub_finished
    }),
    ("waypost_store_scrub_messages_total", "counter", "Messages the scrub has read.", |r| {
        r.scrub_messages
    }),
    ("waypost_store_scrub_bytes_total", "counter", "Bytes of messages it has read.", |r| {
        r.scrubbed_bytes
    }),
    ("waypost_store_scrub_faults_total", "counter", "Messages it found damaged.", |r| {
        r.scrub_faults
    }),
    ("waypost_store_saved_bytes_total", "counter", "Bytes of states saved in segments.", |r| {
        r.saved_bytes
    }),
    ("waypost_store_unsaved_accounts", "gauge", "Accounts changed since they were saved.", |r| {
        r.unsaved_accounts
    }),
    ("waypost_store_save_failures_total", "counter", "Times states could not be saved.", |r| {
        r.save_failures
    }),
    ("waypost_store_repaired_total", "counter", "Single things that repairs mended.", |r| {
        r.repaired
    }),
];

fn figures(report: &StatusReport) -> Vec<Figure> {
    let one = |(name, kind, help, value): Family| {
        let value = value(report);
        Figure { name, kind, help, label: None, value }
    };
    let ended = |result, value| Figure {
        name: "waypost_store_repairs_total",
        kind: "counter",
        help: "Repairs, by how they ended.",
        label: Some(("result", result)),
        value,
    };
    let repairs = [ended("done", report.repairs_done), ended("failed", report.repairs_failed)];
    FAMILIES.into_iter().map(one).chain(repairs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_used_twice() {
        let mut names: Vec<_> = FAMILIES.iter().map(|family| family.0).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAMILIES.len());
        let report = StatusReport { repairs_failed: 7, waiting: 3, ..StatusReport::default() };
        let figures = figures(&report);
        let values = figures.iter().filter(|figure| figure.value > 0);
        assert_eq!(values.map(|figure| figure.value).collect::<Vec<_>>(), [3, 7]);
    }
}
