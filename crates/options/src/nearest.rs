//! Which name somebody may have meant.

/// The most edits between a name and the one it is taken for.
const MAX_EDITS: usize = 3;

/// The candidate nearest to `name`, if any is near enough to be what was meant.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let distances = candidates.into_iter().map(|c| (edits(name, c), c));
    let (distance, best) = distances.min_by_key(|(distance, _)| *distance)?;
    // Half a name changed is another name.
    (distance <= MAX_EDITS && distance * 2 <= best.chars().count()).then_some(best)
}

/// The least number of letters to insert, remove, replace or swap with their neighbour.
fn edits(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before = Vec::new();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let replaced = row[j] + usize::from(a != b);
            let mut best = replaced.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (from, to, count) in
            [("", "", 0), ("port", "port", 0), ("prot", "port", 1), ("por", "port", 1)]
        {
            assert_eq!(edits(from, to), count, "{from} {to}");
        }
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
    }

    #[test]
    fn only_near_names_are_proposed() {
        let names = ["imap.port", "imap.sslport", "pop.port"];
        assert_eq!(nearest("imap.prot", names), Some("imap.port"));
        assert_eq!(nearest("imap.ssl_port", names), Some("imap.sslport"));
        assert_eq!(nearest("http.spooldir", names), None);
        assert_eq!(nearest("x", names), None);
    }
}
