//! Threads are compared with those of a slow program that does what RFC 5256 says, word by word, with
//! lists of children and recursion.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A message with what it needs to have of its own.
#[derive(Debug, Clone)]
struct Mail {
    sent: i64,
    subject: &'static str,
    id: Option<&'static str>,
    references: Vec<&'static str>,
}

fn threads(algorithm: ThreadAlgorithm, mails: &[Mail]) -> String {
    let mut forest = Forest::new(algorithm, 0);
    for (number, mail) in (1..).zip(mails) {
        let Mail { sent, subject, id, references } = mail;
        let message = Message { number, sent: *sent, subject, id: *id, references };
        forest.add(&message).unwrap();
    }
    told(forest)
}

fn told(mut forest: Forest) -> String {
    let mut tree = std::iter::repeat_with(|| forest.grow()).flatten().next().unwrap();
    let mut out = Vec::new();
    loop {
        // No step may tell more than one piece.
        let limit = out.len();
        if tree.tell(&mut out, limit) {
            break;
        }
    }
    String::from_utf8(out).unwrap()
}

/// The program of the RFC. Place 0 is the root.
struct Slow<'m> {
    mails: &'m [Mail],
    /// Of each message or dummy its mail, parent and children.
    nodes: Vec<(Option<usize>, Option<usize>, Vec<usize>)>,
}

impl<'m> Slow<'m> {
    fn add(&mut self, mail: Option<usize>) -> usize {
        self.nodes.push((mail, None, Vec::new()));
        self.nodes.len() - 1
    }

    fn is_below(&self, node: usize, above: usize) -> bool {
        node == above || self.nodes[above].2.iter().any(|child| self.is_below(node, *child))
    }

    fn unlink(&mut self, node: usize) {
        if let Some(parent) = self.nodes[node].1.take() {
            self.nodes[parent].2.retain(|child| *child != node);
        }
    }

    fn link(&mut self, parent: usize, child: usize) {
        if !self.is_below(parent, child) {
            self.nodes[child].1 = Some(parent);
            self.nodes[parent].2.push(child);
        }
    }

    fn join(mails: &'m [Mail]) -> Self {
        let mut slow = Self { mails, nodes: vec![(None, None, Vec::new())] };
        let mut table: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, mail) in mails.iter().enumerate() {
            let waiting = mail.id.and_then(|id| table.get(id).copied());
            let node = match waiting {
                Some(dummy) if slow.nodes[dummy].0.is_none() => dummy,
                Some(_) => slow.add(None),
                None => slow.add(None),
            };
            if let (Some(id), None) = (mail.id, waiting) {
                table.insert(id, node);
            }
            slow.nodes[node].0 = Some(at);
            let mut last = None;
            for id in &mail.references {
                let next = match table.get(id) {
                    Some(known) => *known,
                    None => {
                        let dummy = slow.add(None);
                        table.insert(id, dummy);
                        dummy
                    }
                };
                if let Some(last) = last
                    && slow.nodes[next].1.is_none()
                {
                    slow.link(last, next);
                }
                last = Some(next);
            }
            slow.unlink(node);
            if let Some(parent) = last {
                slow.link(parent, node);
            }
        }
        for node in 1..slow.nodes.len() {
            if slow.nodes[node].1.is_none() {
                slow.nodes[node].1 = Some(0);
                slow.nodes[0].2.push(node);
            }
        }
        slow
    }

    /// Step 3: the children of a node without dummies, as far as they may go.
    fn prune(&mut self, node: usize) {
        let mut kept = Vec::new();
        for child in self.nodes[node].2.clone() {
            self.prune(child);
            let children = self.nodes[child].2.clone();
            let is_dummy = self.nodes[child].0.is_none();
            if !is_dummy || (node == 0 && children.len() > 1) {
                kept.push(child);
            } else {
                kept.extend(children);
            }
        }
        kept.iter().for_each(|child| self.nodes[*child].1 = Some(node));
        self.nodes[node].2 = kept;
    }

    fn date(&self, node: usize) -> (i64, usize) {
        match self.nodes[node].0 {
            Some(mail) => (self.mails[mail].sent, mail),
            None => self.nodes[node].2.iter().map(|child| self.date(*child)).min().unwrap(),
        }
    }

    fn sort(&mut self, node: usize, deep: bool) {
        let mut children = std::mem::take(&mut self.nodes[node].2);
        for child in &children {
            if deep || self.nodes[*child].0.is_none() {
                self.sort(*child, deep);
            }
        }
        children.sort_by_key(|child| self.date(*child));
        self.nodes[node].2 = children;
    }

    fn subject(&self, node: usize) -> BaseSubjectOf {
        let first = self.nodes[node].0.or_else(|| self.nodes[self.nodes[node].2[0]].0).unwrap();
        let base = base_subject(self.mails[first].subject);
        (base.text.to_ascii_lowercase(), base.is_reply)
    }

    fn move_to(&mut self, node: usize, parent: usize) {
        self.unlink(node);
        self.nodes[node].1 = Some(parent);
        self.nodes[parent].2.push(node);
    }

    /// Step 5.
    fn gather(&mut self) {
        let mut table: BTreeMap<String, usize> = BTreeMap::new();
        let heads = self.nodes[0].2.clone();
        let is_dummy = |slow: &Self, node: usize| slow.nodes[node].0.is_none();
        for head in &heads {
            let (subject, is_reply) = self.subject(*head);
            if subject.is_empty() {
                continue;
            }
            match table.get(&subject).copied() {
                None => drop(table.insert(subject, *head)),
                Some(other) => {
                    let other_is_reply = self.subject(other).1;
                    if !is_dummy(self, other)
                        && (is_dummy(self, *head) || (other_is_reply && !is_reply))
                    {
                        table.insert(subject, *head);
                    }
                }
            }
        }
        for head in heads {
            let (subject, is_reply) = self.subject(head);
            let Some(other) = table.get(&subject).copied() else { continue };
            if subject.is_empty() || other == head {
                continue;
            }
            if is_dummy(self, other) && is_dummy(self, head) {
                for child in self.nodes[head].2.clone() {
                    self.move_to(child, other);
                }
                self.unlink(head);
            } else if is_dummy(self, other) || (is_reply && !self.subject(other).1) {
                self.move_to(head, other);
            } else {
                let dummy = self.add(None);
                self.move_to(dummy, 0);
                self.move_to(head, dummy);
                self.move_to(other, dummy);
                table.insert(subject, dummy);
            }
        }
    }

    fn tell(&self, node: usize, out: &mut String) {
        let (mail, _, children) = &self.nodes[node];
        if let Some(mail) = mail {
            out.push_str(&(mail + 1).to_string());
            out.push_str(if children.is_empty() { "" } else { " " });
        }
        for child in children {
            out.push_str(if children.len() > 1 { "(" } else { "" });
            self.tell(*child, out);
            out.push_str(if children.len() > 1 { ")" } else { "" });
        }
    }

    fn told(&self) -> String {
        let mut out = String::new();
        for head in &self.nodes[0].2 {
            out.push_str(if out.is_empty() { " (" } else { "(" });
            self.tell(*head, &mut out);
            out.push(')');
        }
        out
    }
}

/// A base subject in lower case, and whether it is one of a reply.
type BaseSubjectOf = (String, bool);

fn slow_references(mails: &[Mail]) -> String {
    let mut slow = Slow::join(mails);
    slow.prune(0);
    slow.sort(0, false);
    slow.gather();
    slow.sort(0, true);
    slow.told()
}

fn slow_ordered_subject(mails: &[Mail]) -> String {
    let base = |at: &usize| base_subject(mails[*at].subject).text.to_ascii_lowercase();
    let mut sorted: Vec<usize> = (0..mails.len()).collect();
    sorted.sort_by_key(|at| (base(at), mails[*at].sent));
    let mut threads: Vec<&[usize]> = sorted.chunk_by(|a, b| base(a) == base(b)).collect();
    threads.sort_by_key(|thread| (mails[thread[0]].sent, thread[0]));
    let mut out = String::new();
    for thread in threads {
        let number = |at: &usize| (at + 1).to_string();
        let rest: Vec<String> = thread[1..].iter().map(number).collect();
        let rest = match &rest[..] {
            [] => String::new(),
            [one] => format!(" {one}"),
            more => format!(" ({})", more.join(")(")),
        };
        let space = if out.is_empty() { " " } else { "" };
        out.push_str(&format!("{space}({}{rest})", number(&thread[0])));
    }
    out
}

const IDS: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
const SUBJECTS: [&str; 7] = ["", "x", "Re: x", "X (fwd)", "y", "re: Y", "[z] fwd: "];

fn mails() -> impl Strategy<Value = Vec<Mail>> {
    let id = prop_oneof![8 => (0..IDS.len()).prop_map(|at| Some(IDS[at])), 1 => Just(None)];
    let references = prop::collection::vec((0..IDS.len()).prop_map(|at| IDS[at]), 0..5);
    let subject = (0..SUBJECTS.len()).prop_map(|at| SUBJECTS[at]);
    let mail = (0..4_i64, subject, id, references);
    let mail =
        mail.prop_map(|(sent, subject, id, references)| Mail { sent, subject, id, references });
    prop::collection::vec(mail, 0..14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn references_are_followed_as_the_rfc_says(mails in mails()) {
        prop_assert_eq!(threads(ThreadAlgorithm::References, &mails), slow_references(&mails));
    }

    #[test]
    fn subjects_are_gathered_as_the_rfc_says(mails in mails()) {
        let told = threads(ThreadAlgorithm::OrderedSubject, &mails);
        prop_assert_eq!(told, slow_ordered_subject(&mails));
    }
}

fn mail(sent: i64, subject: &'static str, id: &'static str, references: &[&'static str]) -> Mail {
    Mail { sent, subject, id: Some(id), references: references.to_vec() }
}

#[test]
fn replies_branch_below_what_they_answer() {
    let mails = [
        mail(1, "x", "a", &[]),
        mail(2, "Re: x", "b", &["a"]),
        mail(4, "Re: x", "c", &["a", "b"]),
        mail(3, "Re: x", "d", &["a", "b"]),
        mail(5, "Re: x", "e", &["a", "b", "c"]),
        mail(6, "y", "f", &["gone"]),
        mail(7, "z", "g", &["gone"]),
    ];
    let told = threads(ThreadAlgorithm::References, &mails);
    assert_eq!(told, " (1 2 (4)(3 5))((6)(7))");
    assert_eq!(threads(ThreadAlgorithm::References, &[]), "");
}

#[test]
fn quoting_of_ids_does_not_count() {
    let mails = [mail(1, "x", "\"a\"@x", &[]), mail(2, "y", "b", &["a@x"])];
    assert_eq!(threads(ThreadAlgorithm::References, &mails), " (1 2)");
}

#[test]
fn a_long_chain_is_told_without_recursion() {
    let count = 100_000_u32;
    let mut forest = Forest::new(ThreadAlgorithm::References, count);
    // The newest first, so that every message but the first is a dummy before it comes.
    for number in 1..=count {
        let (id, above) = (number.to_string(), (number + 1).to_string());
        let sent = -i64::from(number);
        let message =
            Message { number, sent, subject: "", id: Some(&id), references: &[above.as_str()] };
        forest.add(&message).unwrap();
    }
    let expected: Vec<String> = (1..=count).rev().map(|number| number.to_string()).collect();
    assert!(told(forest) == format!(" ({})", expected.join(" ")));
}

#[test]
fn chains_that_are_joined_from_their_ends_are_refused_before_they_take_long() {
    let depth = 50_000;
    let mut forest = Forest::new(ThreadAlgorithm::References, depth);
    let mut number = 0;
    let mut add = |id: String, references: &[String]| {
        number += 1;
        let references: Vec<&str> = references.iter().map(String::as_str).collect();
        let references = &references[..];
        forest.add(&Message { number, sent: 0, subject: "", id: Some(&id), references })
    };
    for at in 1..=depth {
        add(at.to_string(), &[(at - 1).to_string()]).unwrap();
    }
    // Each of these ids has a child when it is to come below the end of the chain, so that all of
    // the chain has to be looked at.
    let mut join = |at: u32| {
        let id = format!("joined {at}");
        add(format!("child of {id}"), std::slice::from_ref(&id))?;
        add(format!("other child of {id}"), &[depth.to_string(), id])
    };
    assert!((0..10).all(|at| join(at).is_ok()));
    assert!((10..500).any(|at| join(at).is_err()));
}
