//! Runs of two servers side by side: medians, ratios, a table and plots.

use crate::plot::{self, Bar};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

/// Figures of a row as `--tsv` writes them: per second, p50, p99, server CPU, generator CPU.
type Figures = [f64; 5];

const RATE: usize = 0;
const P50: usize = 1;
const P99: usize = 2;
const CPU: usize = 3;
const GENERATOR: usize = 4;

/// What to compare.
#[derive(clap::Args)]
pub(crate) struct Compare {
    /// The file that `--tsv` wrote.
    results: PathBuf,
    /// The folder that takes `comparison.md`, `cpu.svg` and `time.svg`.
    #[arg(long)]
    out: PathBuf,
    /// The server that is judged.
    #[arg(long, default_value = "waypost")]
    ours: String,
    /// The server it is compared with.
    #[arg(long, default_value = "dovecot")]
    theirs: String,
    /// A line above the table, such as the machine and the versions.
    #[arg(long, default_value = "")]
    about: String,
}

/// A row that both servers have.
struct Pair {
    what: String,
    concurrency: String,
    rounds: usize,
    ours: Figures,
    theirs: Figures,
}

impl Pair {
    /// Ours to theirs. Where a row counts messages, the time is that of each: its percentiles are of whole
    /// inboxes, and the faster server has more in them.
    fn ratio(&self, figure: usize) -> f64 {
        if figure == P50 && self.what.contains("(a message)") {
            return self.theirs[RATE] / self.ours[RATE];
        }
        self.ours[figure] / self.theirs[figure]
    }

    fn name(&self) -> String {
        match self.concurrency.as_str() {
            "1" => self.what.clone(),
            more => format!("{} ({more})", self.what),
        }
    }
}

/// Writes the table and the plots; answers what was written.
pub(crate) fn run(compare: &Compare) -> io::Result<String> {
    let text = std::fs::read_to_string(&compare.results)?;
    let pairs = pairs(&text, &compare.ours, &compare.theirs);
    if pairs.is_empty() {
        return Err(io::Error::other("no row was measured on both servers"));
    }
    std::fs::create_dir_all(&compare.out)?;
    let write = |name: &str, text: &str| write_file(&compare.out, name, text);
    write("comparison.md", &table(compare, &pairs))?;
    let bars = |figure| pairs.iter().map(move |pair| Bar::new(pair.name(), pair.ratio(figure)));
    let title = |what| format!("{what}, {} / {}", compare.ours, compare.theirs);
    write("cpu.svg", &plot::ratios(&title("Server CPU an operation"), bars(CPU)))?;
    write("time.svg", &plot::ratios(&title("Median time of an operation"), bars(P50)))?;
    Ok(format!("{} rows in {}", pairs.len(), compare.out.display()))
}

fn write_file(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    std::fs::write(folder.join(name), text)
}

/// The rows that both servers have, in the order in which they were first measured.
fn pairs<'t>(text: &'t str, ours: &'t str, theirs: &'t str) -> Vec<Pair> {
    let mut order: Vec<(&str, &str)> = Vec::new();
    let mut runs: BTreeMap<(&'t str, &'t str, &'t str), Vec<Figures>> = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.split('\t');
        let names = fields.next().zip(fields.next()).zip(fields.next());
        let Some(((label, what), concurrency)) = names else { continue };
        let mut figures = [f64::NAN; 5];
        for (figure, field) in figures.iter_mut().zip(fields) {
            *figure = field.parse().unwrap_or(f64::NAN);
        }
        if !order.contains(&(what, concurrency)) {
            order.push((what, concurrency));
        }
        runs.entry((label, what, concurrency)).or_default().push(figures);
    }
    let pair = |(what, concurrency)| {
        let our_runs = runs.get(&(ours, what, concurrency))?;
        let their_runs = runs.get(&(theirs, what, concurrency))?;
        Some(Pair {
            what: what.to_owned(),
            concurrency: concurrency.to_owned(),
            rounds: our_runs.len().min(their_runs.len()),
            ours: medians(our_runs),
            theirs: medians(their_runs),
        })
    };
    order.into_iter().filter_map(pair).collect()
}

fn medians(runs: &[Figures]) -> Figures {
    let mut medians = [f64::NAN; 5];
    for (at, median) in medians.iter_mut().enumerate() {
        let mut all: Vec<f64> = runs.iter().map(|figures| figures[at]).collect();
        all.sort_by(f64::total_cmp);
        *median = match all.len() {
            0 => f64::NAN,
            odd if odd % 2 == 1 => all[odd / 2],
            even => f64::midpoint(all[even / 2 - 1], all[even / 2]),
        };
    }
    medians
}

fn table(compare: &Compare, pairs: &[Pair]) -> String {
    let (ours, theirs) = (&compare.ours, &compare.theirs);
    let mut text = format!(
        "# {ours} beside {theirs}\n\nWritten by `make bench-compare`; do not edit. {}\n\nRuns alternate between the \
         servers; figures are medians of the rounds. Ratios are {ours} / {theirs}: below 1 the former needs less. Bold \
         rows are lost.\n\n![server CPU](cpu.svg)\n\n![time](time.svg)\n\n",
        compare.about
    );
    // Writing to a string does not fail.
    let _ = write!(
        text,
        "| what | conc | rounds | {ours}: /s | p50 ms | p99 ms | CPU us | generator us | {theirs}: /s | p50 ms | p99 ms \
         | CPU us | generator us | time ratio | CPU ratio |\n|{}\n",
        "---|".repeat(15)
    );
    for pair in pairs {
        let mut cells = vec![pair.what.clone(), pair.concurrency.clone(), pair.rounds.to_string()];
        for side in [&pair.ours, &pair.theirs] {
            cells.extend([RATE, P50, P99, CPU, GENERATOR].map(|figure| shown(side[figure])));
        }
        let ratios = [P50, CPU].map(|figure| pair.ratio(figure));
        cells.extend(ratios.map(shown));
        let lost = ratios.iter().any(|ratio| *ratio > 1.0);
        if lost {
            cells[0] = format!("**{}**", cells[0]);
        }
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

/// A figure with three digits that mean something.
fn shown(figure: f64) -> String {
    match figure {
        none if none.is_nan() => "-".to_owned(),
        large if large.abs() >= 100.0 => format!("{large:.0}"),
        middle if middle.abs() >= 10.0 => format!("{middle:.1}"),
        small => format!("{small:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESULTS: &str = "waypost\tRETR\t4\t100\t1\t2\t10\t5\n\
                           dovecot\tRETR\t4\t50\t2\t4\t20\t5\n\
                           waypost\tRETR\t4\t300\t3\t2\t30\t5\n\
                           waypost\tRETR\t4\t200\t2\t2\t20\t5\n\
                           waypost\tFETCH (a message)\t4\t400\t9\t9\t5\t5\n\
                           dovecot\tFETCH (a message)\t4\t100\t3\t3\t6\t5\n\
                           waypost\tonly here\t1\t1\t1\t1\t1\t1\n\
                           dovecot\tidle\t1\tNaN\tNaN\tNaN\t4096\tNaN\n\
                           waypost\tidle\t1\tNaN\tNaN\tNaN\t8192\tNaN\n";

    #[test]
    fn rows_of_both_are_medians_in_order() {
        let pairs = pairs(RESULTS, "waypost", "dovecot");
        let names: Vec<_> = pairs.iter().map(Pair::name).collect();
        assert_eq!(names, ["RETR (4)", "FETCH (a message) (4)", "idle"]);
        assert!((pairs[0].ours[RATE] - 200.0).abs() < 1e-9);
        assert!((pairs[0].ratio(CPU) - 1.0).abs() < 1e-9);
        assert!((pairs[1].ratio(P50) - 0.25).abs() < 1e-9);
        assert!((pairs[2].ratio(CPU) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn the_table_marks_what_is_lost() {
        let compare = Compare {
            results: PathBuf::new(),
            out: PathBuf::new(),
            ours: "waypost".to_owned(),
            theirs: "dovecot".to_owned(),
            about: String::new(),
        };
        let table = table(&compare, &pairs(RESULTS, "waypost", "dovecot"));
        assert!(table.contains("| **idle** |"), "{table}");
        assert!(table.contains("| FETCH (a message) |"), "{table}");
        assert!(
            table.contains("| RETR | 4 | 1 | 200 | 2.00 | 2.00 | 20.0 | 5.00 | 50.0 |"),
            "{table}"
        );
    }
}
