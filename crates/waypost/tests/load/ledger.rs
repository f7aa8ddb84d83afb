//! What a working client was told of its changes, to be compared with what is there in the end.

use crate::client::Client;
use std::collections::HashMap;
use std::io;

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Append,
    Create,
    Store,
    Move,
}

/// A client's own mailboxes and the fate of every change it asked for.
pub(crate) struct Ledger {
    work: Work,
    /// The mailbox it works in; moved messages go to the same name with `-b`.
    mailbox: String,
    count: usize,
    /// Names that the server said it has.
    sure: Vec<String>,
    /// Names whose answer did not come.
    unsure: Vec<String>,
    /// Names that the server said it has moved.
    moved: Vec<String>,
}

impl Ledger {
    pub(crate) fn new(number: usize) -> Self {
        let kinds = [Work::Append, Work::Create, Work::Store, Work::Move];
        let (work, mailbox) = (kinds[number % kinds.len()], format!("box{number}"));
        Self { work, mailbox, count: 0, sure: vec![], unsure: vec![], moved: vec![] }
    }

    /// How many changes were acknowledged.
    pub(crate) fn acknowledged(&self) -> usize {
        self.sure.len()
    }

    pub(crate) fn work(&self) -> Work {
        self.work
    }

    /// Makes the mailboxes, before anything is cut off.
    pub(crate) async fn prepare(&self, client: &mut Client) -> io::Result<()> {
        client.ok(&format!("CREATE {}", self.mailbox)).await?;
        client.ok(&format!("CREATE {}-b", self.mailbox)).await?;
        match self.work {
            Work::Store => client.append(&self.mailbox, "flagged").await,
            _ => Ok(()),
        }
    }

    /// Works until the connection ends or `done` says so.
    pub(crate) async fn run(
        &mut self,
        client: &mut Client,
        done: impl Fn() -> bool,
    ) -> io::Result<()> {
        client.ok(&format!("SELECT {}", self.mailbox)).await?;
        while !done() {
            self.step(client).await?;
        }
        Ok(())
    }

    async fn step(&mut self, client: &mut Client) -> io::Result<()> {
        self.count += 1;
        let (name, mailbox) = (format!("{}x{}", self.mailbox, self.count), &self.mailbox);
        let changed = match self.work {
            Work::Append | Work::Move => client.append(mailbox, &name).await,
            Work::Create => client.ok(&format!("CREATE {name}")).await.map(drop),
            Work::Store => client.ok(&format!("STORE 1 FLAGS ({name})")).await.map(drop),
        };
        if let Err(error) = changed {
            self.unsure.push(name);
            return Err(error);
        }
        self.sure.push(name.clone());
        if self.work == Work::Move {
            client.ok(&format!("MOVE 1:* {mailbox}-b")).await?;
            self.moved.push(name);
        }
        Ok(())
    }

    /// What is there and must not be, or must be and is not; empty when all is well.
    pub(crate) async fn faults(&self, client: &mut Client) -> io::Result<Vec<String>> {
        if self.work == Work::Store {
            return self.wrong_flags(client).await;
        }
        let (here, there) = self.found(client).await?;
        let (here, there) = (counted(&here), counted(&there));
        let counts = |name: &str| {
            (here.get(name).copied().unwrap_or(0), there.get(name).copied().unwrap_or(0))
        };
        let sure = self.sure.iter().filter_map(|name| {
            let (here, there) = counts(name);
            let fault = format!("{name} was acknowledged: {here} and {there} times there");
            (here + there != 1).then_some(fault)
        });
        let moved = self.moved.iter().filter(|name| counts(name) != (0, 1));
        let moved = moved.map(|name| format!("{name} was moved, and is not there"));
        let unsure = self.unsure.iter().filter_map(|name| {
            let (here, there) = counts(name);
            let fault = format!("{name} was not acknowledged: {here} and {there} times there");
            (here + there > 1).then_some(fault)
        });
        Ok(sure.chain(moved).chain(unsure).collect())
    }

    /// The names in the mailbox, and those in the one that messages are moved to.
    async fn found(&self, client: &mut Client) -> io::Result<(Vec<String>, Vec<String>)> {
        if self.work == Work::Create {
            let pattern = format!("{}x*", self.mailbox);
            let listed = client.ok(&format!("LIST \"\" {pattern}")).await?;
            let names = listed.iter().filter_map(|line| line.trim_end().rsplit(' ').next());
            return Ok((names.map(|name| name.trim_matches('"').to_owned()).collect(), vec![]));
        }
        let here = client.subjects(&self.mailbox).await?;
        Ok((here, client.subjects(&format!("{}-b", self.mailbox)).await?))
    }

    /// The message has the flag of the last acknowledged STORE, or of one after it.
    async fn wrong_flags(&self, client: &mut Client) -> io::Result<Vec<String>> {
        client.ok(&format!("EXAMINE {}", self.mailbox)).await?;
        let fetched = client.ok("FETCH 1 FLAGS").await?;
        let text = fetched.concat();
        let has = |name: &str| text.split([' ', '(', ')']).any(|word| word == name);
        let number = |name: &str| name.rsplit('x').next().and_then(|n| n.parse::<usize>().ok());
        let last = self.sure.last();
        let later = self.unsure.iter().filter(|name| number(name) > last.and_then(|l| number(l)));
        let possible: Vec<&String> = last.into_iter().chain(later).collect();
        let fine = possible.iter().filter(|name| has(name)).count() == 1;
        Ok(if fine { vec![] } else { vec![format!("{text}, possible were {possible:?}")] })
    }
}

fn counted(names: &[String]) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    for name in names {
        *counts.entry(name.as_str()).or_default() += 1;
    }
    counts
}
