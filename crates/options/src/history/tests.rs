//! Tests of the history.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use super::*;
use crate::groups::sample;
use crate::lookup::find;

struct Fixture {
    folder: tempfile::TempDir,
    file: ConfigFile,
}

impl Fixture {
    fn new(text: &str) -> Self {
        Self::with(registry(), text)
    }

    fn with(registry: Registry, text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, text).unwrap();
        Self { file: ConfigFile::with(registry, &path).unwrap(), folder }
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.file.files.options).unwrap()
    }

    fn change(&self, name: &str, value: &str) -> Result<Option<u32>, WriteError> {
        let writer = self.file.lock().unwrap();
        let mut draft = self.file.draft().unwrap();
        draft.set(&find(self.file.registry, name).unwrap(), value).unwrap();
        writer.store(&draft, &note("a\nb"))
    }

    fn secrets(&self) -> String {
        fs::read_to_string(&self.file.files.secrets).unwrap()
    }

    fn put_secrets(&self, text: &str, mode: u32) {
        let path = &self.file.files.secrets;
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn remarks(&self) -> Vec<(u32, String)> {
        let history = self.file.history().unwrap();
        history.into_iter().map(|g| (g.number, g.note.remark)).collect()
    }
}

fn note(remark: &str) -> Note {
    Note { when: "now".to_owned(), who: "me".to_owned(), remark: remark.to_owned() }
}

#[test]
fn a_change_is_kept_with_what_was_before() {
    let fixture = Fixture::new("# mine\n");
    assert_eq!(fixture.change("pop.port", "1110").unwrap(), Some(2));
    assert_eq!(fixture.text(), "# mine\n\n[pop]\nport = 1110\n");
    assert_eq!(fixture.change("pop.port", "1110").unwrap(), None, "nothing new");
    let expected = [(1, BY_HAND.to_owned()), (2, "a b".to_owned())];
    assert_eq!(fixture.remarks(), expected);
    assert_eq!(fixture.file.generation(1).unwrap().texts.options, "# mine\n");
    assert_eq!(fixture.file.generation(2).unwrap().texts.options, fixture.text());
    assert_eq!(fixture.file.generation(2).unwrap().note.who, "me");
    assert!(fixture.file.generation(3).is_none());
}

#[test]
fn what_was_written_by_hand_becomes_a_generation() {
    let fixture = Fixture::new("");
    fixture.change("pop.port", "1110").unwrap();
    fs::write(&fixture.file.files.options, "[pop]\nport = 3110 # by hand\n").unwrap();
    assert_eq!(fixture.change("pop.port", "1110").unwrap(), Some(4));
    assert_eq!(fixture.file.generation(3).unwrap().texts.options, "[pop]\nport = 3110 # by hand\n");
    assert_eq!(fixture.text(), "[pop]\nport = 1110 # by hand\n");
}

#[test]
fn a_change_by_somebody_else_is_not_written_over() {
    let fixture = Fixture::new("");
    let mut draft = fixture.file.draft().unwrap();
    draft.set(&find(registry(), "pop.port").unwrap(), "2110").unwrap();
    fixture.change("imap.port", "1143").unwrap();
    let before = fixture.text();
    let stored = fixture.file.lock().unwrap().store(&draft, &note(""));
    assert!(matches!(stored, Err(WriteError::Changed(_))), "{stored:?}");
    assert_eq!(fixture.text(), before);
}

#[test]
fn what_does_not_fit_or_is_damaged_is_refused_and_stays() {
    let fixture = Fixture::new("[pop]\nport = 1110\n");
    let refused = fixture.change("pop.port", "143").unwrap_err();
    assert!(refused.to_string().contains("imap.port and pop.port are both 143"), "{refused}");
    let draft = fixture.file.draft().unwrap();
    fs::write(&fixture.file.files.options, "[pop]\nprot = 1\n").unwrap();
    assert!(fixture.file.draft().is_err());
    let stored = fixture.file.lock().unwrap().store(&draft, &note(""));
    assert!(matches!(stored, Err(WriteError::Refused(_))), "{stored:?}");
    assert_eq!(fixture.text(), "[pop]\nprot = 1\n");
    assert!(fixture.remarks().is_empty());
}

#[test]
fn mode_and_links_stay_and_generations_are_private() {
    let fixture = Fixture::new("");
    let path = &fixture.file.files.options;
    fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap();
    let link = fixture.folder.path().join("link.toml");
    std::os::unix::fs::symlink(path, &link).unwrap();
    let fixture = Fixture { file: ConfigFile::new(&link).unwrap(), folder: fixture.folder };
    fixture.change("pop.port", "1110").unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&link), 0o640);
    assert_eq!(mode(&fixture.file.generation_files(2).options), FILE_MODE);
    assert_eq!(mode(&fixture.file.history), FOLDER_MODE);
}

#[test]
fn the_oldest_generations_are_forgotten() {
    let fixture = Fixture::new("");
    let writer = fixture.file.lock().unwrap();
    for number in 1..=KEPT_GENERATIONS {
        fs::write(fixture.file.generation_files(u32::try_from(number).unwrap()).options, "x")
            .unwrap();
    }
    drop(writer);
    fixture.change("pop.port", "1110").unwrap();
    let numbers = fixture.file.numbers().unwrap();
    assert_eq!((numbers.len(), numbers[0]), (KEPT_GENERATIONS, 3));
}

#[test]
fn writers_wait_for_one_another() {
    let fixture = Fixture::new("");
    let ports: Vec<u16> = (2_001..2_021).collect();
    std::thread::scope(|scope| {
        for port in &ports {
            scope.spawn(|| fixture.change("pop.port", &port.to_string()).unwrap());
        }
    });
    assert_eq!(fixture.remarks().len(), ports.len() + 1);
}

#[test]
fn damaged_generations_are_passed_over() {
    let fixture = Fixture::new("");
    fixture.change("pop.port", "1110").unwrap();
    fs::write(fixture.file.generation_files(1).options, "# generation: 1\n# when: x\n").unwrap();
    fs::write(fixture.file.generation_files(7).options, "# generation: 8\n").unwrap();
    assert_eq!(fixture.remarks(), [(2, "a b".to_owned())]);
    assert_eq!(fixture.change("pop.port", "1111").unwrap(), Some(8), "no number is used twice");
}

#[test]
fn a_file_that_mixes_groups_can_be_changed() {
    let fixture = Fixture::new("pop.port = 1110\nimap.port = 1143\npop.banner = \"b\"\n");
    assert_eq!(fixture.change("pop.port", "1110").unwrap(), None, "nothing new");
    assert_eq!(fixture.change("pop.port", "2110").unwrap(), Some(2));
    assert!(fixture.text().contains("pop.port = 2110\n"), "{}", fixture.text());
}

#[test]
fn secrets_are_kept_apart_and_private() {
    let fixture = Fixture::with(sample::registry(), "# ours\n");
    fixture.change("sample.proxy:b1.port", "1143").unwrap();
    let text = fixture.text();
    assert!(!fixture.file.files.secrets.exists(), "without a secret there is no file");
    assert_eq!(fixture.change("sample.proxy:b1.password", "xyzzy").unwrap(), Some(3));
    assert_eq!(fixture.text(), text);
    assert_eq!(fixture.secrets(), "[sample.\"proxy:b1\"]\npassword = \"xyzzy\"\n");
    let Files { options, secrets } = fixture.file.generation_files(3);
    for path in [&secrets, &fixture.file.files.secrets] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, FILE_MODE);
    }
    assert!(!fs::read_to_string(options).unwrap().contains("xyzzy"));
    assert!(!fixture.file.generation_files(2).secrets.exists());
    assert!(!format!("{:?}", fixture.file.history().unwrap()).contains("xyzzy"));
}

#[test]
fn the_way_back_brings_secrets_too() {
    let fixture = Fixture::with(sample::registry(), "");
    fixture.change("sample.proxy:b1.password", "first").unwrap();
    fixture.change("sample.proxy:b1.password", "second").unwrap();
    fixture.change("sample.proxy:b1.port", "1143").unwrap();
    for (number, password) in [(2, Some("first")), (1, None), (4, Some("second"))] {
        let mut draft = fixture.file.draft().unwrap();
        let generation = fixture.file.generation(number).unwrap();
        fixture.file.revert(&mut draft, &generation).unwrap();
        fixture.file.lock().unwrap().store(&draft, &note("")).unwrap();
        let config = fixture.file.draft().unwrap();
        let read = config.config().read_named(&sample::SAMPLE_PASSWORD, "b1");
        assert_eq!(read.as_ref().map(|secret| secret.expose().as_str()), password);
    }
}

#[test]
fn secrets_that_are_not_understood_or_open_to_others_stay_as_they_are() {
    let good = "key = \"xyzzy\"\n";
    for (text, mode, line, reason) in [
        (format!("[sample.proxy]\n{good}"), 0o640, None, "chmod 600 "),
        (format!("[sample.proxy]\n{good}"), 0o604, None, "mode 0604"),
        ("[sample.proxy]\nkey = xyzzy\n".to_owned(), 0o600, Some(2), ""),
        ("[sample.proxy]\nkye = \"xyzzy\"\n".to_owned(), 0o600, Some(2), "did you mean"),
        ("[sample.proxy]\nkey = 5\n".to_owned(), 0o600, Some(2), "text in quotes"),
        ("\n[pop]\nport = 110\n".to_owned(), 0o600, Some(3), "pop.port is no secret: move it"),
    ] {
        let fixture = Fixture::with(sample::registry(), "");
        fixture.put_secrets(&text, mode);
        let refused = fixture.file.draft().map(|_| ()).unwrap_err();
        assert_eq!(refused.problems[0].line, line, "{refused}");
        let told = refused.to_string();
        assert!(told.contains("secrets.toml:") && told.contains(reason), "{told}");
        assert!(!told.contains("xyzzy"), "{told}");
        assert_eq!(fixture.secrets(), text);
    }
    let fixture = Fixture::with(sample::registry(), &format!("[sample.proxy]\n{good}"));
    let told = fixture.file.draft().map(|_| ()).unwrap_err().to_string();
    assert!(told.contains("config.toml:2: sample.proxy.key is a secret"), "{told}");
    assert!(told.contains("`msconfig set -prompt sample.proxy.key`"), "{told}");
    assert!(!told.contains("xyzzy"), "{told}");
}

#[test]
fn a_damaged_file_of_secrets_is_not_written_over() {
    let fixture = Fixture::with(sample::registry(), "");
    fixture.change("sample.proxy.key", "xyzzy").unwrap();
    let writer = fixture.file.lock().unwrap();
    let mut draft = fixture.file.draft().unwrap();
    draft.set(&find(sample::registry(), "sample.proxy.key").unwrap(), "other").unwrap();
    for text in ["[sample.proxy\n", "[sample.proxy]\nkey = \"by hand\"\n"] {
        fixture.put_secrets(text, 0o600);
        assert!(writer.store(&draft, &note("")).is_err());
        assert_eq!(fixture.secrets(), text);
    }
}

#[test]
fn a_copy_has_everything_and_is_as_private() {
    let fixture = Fixture::with(sample::registry(), "");
    fixture.change("pop.port", "1110").unwrap();
    fixture.change("sample.proxy.key", "xyzzy").unwrap();
    let copy = tempfile::tempdir().unwrap();
    let target = copy.path().join("config.toml");
    fixture.file.lock().unwrap().copy_to(&target).unwrap();
    let file = ConfigFile::with(sample::registry(), &target).unwrap();
    assert!(file.draft().unwrap().texts() == fixture.file.draft().unwrap().texts());
    let notes = |file: &ConfigFile| format!("{:?}", file.history().unwrap());
    assert_eq!(notes(&file), notes(&fixture.file));
    for path in [&file.files.secrets, &file.generation_files(3).secrets] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, FILE_MODE);
    }
    let again = fixture.file.lock().unwrap().copy_to(&target);
    assert!(matches!(again, Err(WriteError::Io(..))), "nothing is written over");
}

#[test]
fn secrets_left_behind_by_a_crash_belong_to_no_generation() {
    let fixture = Fixture::with(sample::registry(), "");
    drop(fixture.file.lock().unwrap());
    let left = fixture.file.generation_files(2).secrets;
    fs::write(&left, "[sample.proxy]\nkey = \"xyzzy\"\n").unwrap();
    assert_eq!(fixture.change("pop.port", "1110").unwrap(), Some(2));
    assert!(!left.exists());
    assert!(fixture.file.generation(2).unwrap().texts.secrets.expose().is_empty());
}
