//! Memory does not follow the size of the message. A program of its own, so that the process's
//! peak is this test's.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may unwrap")]

use waypost_mime::Scanner;

/// KiB the process may grow while 200 MB pass.
const GROWTH_KIB_MAX: u64 = 8 * 1024;

/// Peak resident size, KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn huge_message_keeps_memory_flat() {
    let lines = "QUJD".repeat(19) + "\r\n";
    let lines = lines.repeat(800);
    let endless = "x".repeat(64 * 1024);
    let mut scanner = Scanner::new();
    scanner.push(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n");
    let before = peak();
    for _ in 0..1_600 {
        scanner.push(lines.as_bytes());
        scanner.push(endless.as_bytes());
    }
    scanner.push(b"\r\n--b\r\nContent-Type: text/plain\r\n\r\n");
    scanner.push(b"end\r\n--b--\r\n");
    let form = scanner.finish().form;
    assert!(form.size > 200_000_000 && form.parts.len() == 3);
    let growth = peak() - before;
    assert!(growth < GROWTH_KIB_MAX, "grew by {growth} KiB");
}
