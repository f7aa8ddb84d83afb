//! What the scanner must see, and what it must not mistake for code.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use super::*;

fn scan_at(path: &str, text: &str) -> Scanned {
    scan(&Source { path: path.to_owned(), text: text.to_owned() }).unwrap()
}

fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let scanned = scan_at("crates/a/src/lib.rs", text);
    scanned.functions.into_iter().map(|f| (f.name, f.line, f.lines)).collect()
}

fn rules_at(path: &str, text: &str) -> Vec<(usize, Rule)> {
    scan_at(path, text).findings.iter().map(|f| (f.line, f.rule)).collect()
}

fn rules(text: &str) -> Vec<(usize, Rule)> {
    rules_at("crates/a/src/lib.rs", text)
}

#[test]
fn functions_are_measured_from_fn_to_brace() {
    let text = "/// Doc.\n#[inline]\nfn one() {}\n\npub fn two(\n    a: u8,\n) -> u8 {\n    a\n}\n";
    assert_eq!(functions(text), [("one".to_owned(), 3, 1), ("two".to_owned(), 5, 5)]);
}

#[test]
fn braces_in_strings_chars_and_comments_do_not_count() {
    let text = "fn f() {\n    // }\n    /* } /* } */ */\n    let _ = \"}\\\"}\";\n    let _ = r#\"}\"}\"#;\n    let _ = ('}', b'{', '\\'');\n    let x: &'static str = \"{\";\n}\n";
    assert_eq!(functions(text), [("f".to_owned(), 1, 8)]);
}

#[test]
fn functions_are_found_in_impls_modules_functions_and_macros() {
    let text = "mod m {\n impl A {\n  fn a() {\n   fn b() {}\n  }\n }\n}\nmacro_rules! c { () => { fn d() {} } }\n";
    let found = functions(text);
    let names: Vec<_> = found.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["a", "b", "d"]);
}

#[test]
fn signatures_without_a_body_and_function_types_are_no_functions() {
    let text = "trait T { fn a(); fn b() where Self: Sized; }\ntype F = fn(u8) -> u8;\n";
    assert_eq!(functions(text), []);
}

#[test]
fn braces_of_a_const_argument_are_no_body() {
    let text = "fn f() -> Array<{ N }> {\n    g()\n}\n";
    assert_eq!(functions(text), [("f".to_owned(), 1, 3)]);
}

#[test]
fn clocks_are_seen_by_every_path_and_inside_macros() {
    assert_eq!(rules("fn f() { Instant::now(); }"), [(1, Rule::Clock)]);
    assert_eq!(rules("fn f() {\n std::time::SystemTime::now();\n}"), [(2, Rule::Clock)]);
    assert_eq!(rules("fn f() { assert!(a < Instant::now()); }"), [(1, Rule::Clock)]);
    assert_eq!(rules("fn f() { a.unwrap_or_else(Instant::now); }"), [(1, Rule::Clock)]);
    assert_eq!(rules("fn f() { started.elapsed(); }"), [(1, Rule::Clock)]);
    assert_eq!(rules("fn f() { Moment::now(); a.elapsed; b.elapsed(now); }"), []);
}

#[test]
fn protocol_code_is_told_the_time_and_given_bytes() {
    let text = "use std::net::TcpStream;\nfn f() {\n Moment::now();\n}\n";
    let expected = [(1, Rule::Socket), (3, Rule::Clock)];
    assert_eq!(rules_at("crates/imap/src/fetch.rs", text), expected);
    assert_eq!(rules_at("crates/net/src/driver.rs", text), []);
    assert_eq!(rules_at("crates/imap/tests/dialogue.rs", text), []);
}

#[test]
fn names_in_text_are_no_calls() {
    assert_eq!(rules("/// `Instant::now()` and `unsafe`.\nfn f() { \"Instant::now()\"; }"), []);
    assert_eq!(rules("// todo!() unsafe\nfn f() { r\"println!()\"; }"), []);
}

#[test]
fn tests_may_read_clocks_and_print() {
    let body = "{ Instant::now(); println!(); }";
    assert_eq!(rules(&format!("#[test]\nfn f() {body}")), []);
    assert_eq!(rules(&format!("#[tokio::test(flavor = \"x\")]\nasync fn f() {body}")), []);
    assert_eq!(rules(&format!("#[cfg(test)]\nmod tests {{ fn f() {body} }}")), []);
    assert_eq!(rules(&format!("#![cfg(test)]\nfn f() {body}")), []);
    assert_eq!(rules_at("crates/a/tests/b.rs", &format!("fn f() {body}")), []);
}

#[test]
fn an_item_after_a_test_item_is_product_again() {
    let after = "\nfn f() { Instant::now(); }";
    assert_eq!(rules(&format!("#[cfg(test)]\nmod tests;{after}")), [(3, Rule::Clock)]);
    assert_eq!(rules(&format!("#[cfg(test)]\nmod tests {{}}{after}")), [(3, Rule::Clock)]);
    assert_eq!(rules(&format!("#[cfg(not(test))]{after}")), [(2, Rule::Clock)]);
}

#[test]
fn only_main_may_exit() {
    let text = "fn f() { std::process::exit(1); }";
    assert_eq!(rules(text), [(1, Rule::Exit)]);
    assert_eq!(rules_at("crates/waypost/src/main.rs", text), []);
}

#[test]
fn only_programs_may_print() {
    let text = "fn f() { println!(\"x\"); }";
    assert_eq!(rules(text), [(1, Rule::Print)]);
    assert_eq!(rules_at("crates/waypost/src/tools/user.rs", text), []);
    assert_eq!(rules("fn f() { let a = print != b; }"), []);
}

#[test]
fn unsafe_is_seen_as_block_function_and_impl() {
    let text = "unsafe fn f() {}\nunsafe impl A for B {}\nfn g() { unsafe { f() } }\n";
    assert_eq!(rules(text), [(1, Rule::Unsafe), (2, Rule::Unsafe), (3, Rule::Unsafe)]);
    assert_eq!(rules("#![forbid(unsafe_code)]\n"), []);
}

#[test]
fn work_left_undone_is_seen_in_tests_too() {
    assert_eq!(rules("#[test]\n#[ignore]\nfn f() {}"), [(2, Rule::Ignore)]);
    assert_eq!(rules("#[test]\n#[ignore = \"slow\"]\nfn f() {}"), [(2, Rule::Ignore)]);
    assert_eq!(rules("#[cfg_attr(a, ignore)]\nfn f() {}"), [(1, Rule::Ignore)]);
    assert_eq!(rules("#[serde(ignore)]\nfn f() {}"), []);
    assert_eq!(rules("#[test]\nfn f() { todo!() }"), [(2, Rule::Todo)]);
    assert_eq!(rules("fn f() { unimplemented!(\"x\") }"), [(1, Rule::Todo)]);
}

#[test]
fn a_file_that_is_not_rust_fails_at_its_line() {
    let source = Source { path: "a.rs".to_owned(), text: "fn f() {\n  )\n}\n".to_owned() };
    let finding = scan(&source).unwrap_err();
    assert_eq!((finding.path.as_str(), finding.rule), ("a.rs", Rule::Syntax));
    assert_eq!(finding.line, 2);
}
