//! A recording, and the judgement of states drawn from it, on two threads.

use crate::content::{Content, from_mark};
use crate::judge::{Allowed, judge};
use crate::place::{Place, memory_folder};
use crate::script::{self, Faults};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use waypost_powercut::control::Word;
use waypost_powercut::cut::{Luck, State};
use waypost_powercut::dice::Dice;
use waypost_powercut::disk::{Disk, Removed};
use waypost_powercut::record::{self, Kind, Record};

/// Threads that judge.
const JUDGES: usize = 2;
/// One state in so many is one of the store's first moments, which a uniform choice hardly hits.
const EARLY_SHARE: usize = 8;
/// How many records those are: the making of the store.
const EARLY_RECORDS: usize = 80;
/// A backup is looked at in one state of so many.
const BACKUP_SHARE: usize = 4;

/// What is to be judged.
pub(crate) struct Plan {
    /// How many states.
    pub(crate) states: usize,
    /// From which random choices.
    pub(crate) seed: u64,
    /// Without which syncs.
    pub(crate) removed: Option<Removed>,
}

impl Plan {
    /// After how many records each state is drawn, ascending, with its number.
    fn moments(&self, records: usize) -> Vec<(usize, usize)> {
        let moment = |number: usize| {
            let spread = if number.is_multiple_of(EARLY_SHARE) {
                number / EARLY_SHARE % EARLY_RECORDS
            } else {
                number * records / self.states.max(1)
            };
            ((spread + 1).min(records), number)
        };
        let mut moments: Vec<_> = (0..self.states).map(moment).collect();
        moments.sort_unstable();
        moments
    }
}

/// What `stored` did, and what it acknowledged meanwhile.
pub(crate) struct Recording {
    log: Vec<u8>,
    root: String,
    faults: Faults,
}

/// What was acknowledged at a record, in order.
struct Acknowledged {
    at: usize,
    word: String,
    content: Content,
}

impl Recording {
    /// Runs the script. The recording must hold every change: replayed as a whole it gives the very
    /// files that are there.
    pub(crate) fn make(faults: Faults) -> Self {
        let place = Place::new();
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(script::run(&place, faults));
        let log = fs::read(place.log()).unwrap();
        let recording = Self { log, root: place.root().to_str().unwrap().to_owned(), faults };
        recording.must_be_whole(&place.root());
        recording
    }

    /// Leaves the recording in a file.
    pub(crate) fn keep(&self) -> String {
        let path = std::env::temp_dir().join(format!("waypost-cut-{}.log", std::process::id()));
        fs::write(&path, &self.log).unwrap();
        path.display().to_string()
    }

    pub(crate) fn len(&self) -> usize {
        self.records().len()
    }

    fn records(&self) -> Vec<Record<'_>> {
        record::read(&self.log).unwrap()
    }

    fn must_be_whole(&self, root: &Path) {
        let mut disk = Disk::new(&self.root, None);
        self.records().iter().for_each(|record| disk.apply(record).unwrap());
        let mut found = BTreeMap::new();
        collect(root, "", &mut found);
        let replayed = State::current(&disk).entries;
        let names = |map: &BTreeMap<String, _>| map.keys().cloned().collect::<Vec<String>>();
        assert_eq!(
            names(&replayed),
            names(&found),
            "changes of names are missing in the recording"
        );
        for (name, bytes) in found {
            assert!(replayed[&name] == bytes, "changes of {name} are missing in the recording");
        }
    }

    fn acknowledged(&self) -> Vec<Acknowledged> {
        let nothing = Acknowledged { at: 0, word: String::new(), content: Content::new() };
        let records = self.records();
        let marks = records.iter().enumerate().filter(|(_, record)| record.kind == Kind::Mark);
        let read = |(at, record): (usize, &Record<'_>)| {
            let (word, content) = from_mark(record.data);
            Acknowledged { at: at + 1, word, content }
        };
        std::iter::once(nothing).chain(marks.map(read)).collect()
    }

    /// Judges the states of a plan; ends after `most` violations.
    pub(crate) fn judge(&self, plan: &Plan, most: usize) -> Vec<String> {
        let (acknowledged, found) = (self.acknowledged(), Mutex::new(Vec::new()));
        let judged = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for judge in 0..JUDGES {
                let (found, judged, acknowledged) = (&found, &judged, &acknowledged);
                scope.spawn(move || self.walk(plan, judge, acknowledged, most, found, judged));
            }
        });
        let judged = judged.into_inner();
        assert!(most < usize::MAX || judged == plan.states, "only {judged} states were judged");
        found.into_inner().unwrap()
    }

    /// One judge goes along the recording and takes its share of the states.
    fn walk(
        &self,
        plan: &Plan,
        judge: usize,
        acknowledged: &[Acknowledged],
        most: usize,
        found: &Mutex<Vec<String>>,
        judged: &AtomicUsize,
    ) {
        let records = self.records();
        let mut disk = Disk::new(&self.root, plan.removed);
        for (goal, number) in plan.moments(records.len()).into_iter().skip(judge).step_by(JUDGES) {
            while disk.position() < goal {
                disk.apply(&records[disk.position()]).unwrap();
            }
            if found.lock().unwrap().len() >= most {
                return;
            }
            if let Err(why) = self.one_state(&disk, plan.seed, number, acknowledged) {
                let last = records[goal - 1];
                let where_ = format!("state {number} after record {goal} ({:?})", last.kind);
                found.lock().unwrap().push(format!("{where_}: {why}"));
            }
            judged.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn one_state(
        &self,
        disk: &Disk,
        seed: u64,
        number: usize,
        acknowledged: &[Acknowledged],
    ) -> Result<(), String> {
        let mut dice = Dice::new(seed.wrapping_add((number as u64).wrapping_mul(0x9e37_79b9)));
        let luck = Luck::draw(&mut dice);
        let mut state = State::draw(disk, luck, &mut dice);
        let folder = memory_folder();
        let past = acknowledged.partition_point(|one| one.at <= disk.position());
        let before = &acknowledged[past - 1];
        let after = acknowledged.get(past).unwrap_or(before);
        let backup = acknowledged[..past].iter().find(|one| one.word == script::BACKUP);
        let backup = backup.filter(|_| dice.once_in(BACKUP_SHARE)).map(|one| &one.content);
        if backup.is_none() {
            state.entries.retain(|name, _| !name.starts_with("backup"));
        }
        state.write_to(folder.path()).unwrap();
        if dice.once_in(2) && state.entries.contains_key("store/meta") {
            // LMDB's table of readers may hold anything.
            fs::write(folder.path().join("store/meta/lock.mdb"), vec![0xa5; 8_192]).unwrap();
        }
        let single = after.word != script::GROUP;
        let repeated = self.faults == Faults::Syncs(Word::MetadataHeadErrors);
        let (before, after) = (&before.content, &after.content);
        let allowed = Allowed { before, after, single, repeated, backup };
        judge(folder.path(), &allowed, &mut dice).map_err(|why| format!("{luck:?}: {why}"))
    }
}

fn collect(folder: &Path, prefix: &str, found: &mut BTreeMap<String, Option<Vec<u8>>>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{name}/"), found);
            found.insert(name, None);
        } else if !name.ends_with("lock.mdb") {
            found.insert(name, Some(fs::read(entry.path()).unwrap()));
        }
    }
}
