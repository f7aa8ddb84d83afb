//! Tidy: the house rules that no compiler checks. A failure reads `path:line: rule: what to do`.
//!
//! `xtask/tidy-exceptions.toml` lists the places that may break a rule, each with its reason; an
//! entry that is no longer needed fails too, so the list can only be as long as it must.

mod coverage;
mod exceptions;
mod finding;
pub(crate) mod guide;
mod lengths;
mod links;
mod options;
mod scan;
mod source;
mod tiers;

use exceptions::Exceptions;
use finding::Finding;
use source::Source;
use std::path::Path;

/// Where the argued exceptions stand, from the workspace's root.
const EXCEPTIONS_PATH: &str = "xtask/tidy-exceptions.toml";

/// Checks the workspace at `root` and prints what is wrong; the error is the closing line.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let sources = source::read_all(root, "rs")?;
    let mut exceptions = Exceptions::read(root, EXCEPTIONS_PATH)?;
    let (mut findings, lengths) = check_sources(&sources);
    findings.extend(tiers::check(root)?);
    findings.extend(coverage::check(root)?);
    findings.extend(guide::check(root, &sources)?);
    findings.extend(links::check(root)?);
    findings.retain(|finding| !exceptions.excuse(finding));
    findings.extend(exceptions.unused(EXCEPTIONS_PATH));
    findings.sort();
    for finding in &findings {
        eprintln!("{finding}");
    }
    println!("tidy: {} files, {}", sources.len(), lengths.summary());
    match findings.len() {
        0 => Ok(()),
        1 => Err("tidy: 1 failure".to_owned()),
        many => Err(format!("tidy: {many} failures")),
    }
}

fn check_sources(sources: &[Source]) -> (Vec<Finding>, lengths::Lengths) {
    let mut findings = Vec::new();
    let mut lengths = lengths::Lengths::default();
    let mut options = options::Options::default();
    for source in sources {
        findings.extend(source.check_text());
        match scan::scan(source) {
            Ok(mut scanned) => {
                options.add(source, &mut scanned);
                findings.extend(lengths::check(source, &scanned.functions));
                findings.extend(scanned.findings);
                lengths.add(&scanned.functions);
            }
            Err(finding) => findings.push(finding),
        }
    }
    findings.extend(options.check());
    (findings, lengths)
}
