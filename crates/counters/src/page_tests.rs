//! Tests of the page.

use super::*;

const NOW: u64 = 1_000;

fn address(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn other(page: &Page) -> Page {
    Page::from_fd(page.fd().unwrap().try_clone_to_owned().unwrap()).unwrap()
}

fn enter(page: &Page, slot: usize, address: IpAddr, limit: Option<u64>) -> Result<(), Refusal> {
    page.enter(slot, 10, Some(address), limit, NOW)
}

#[test]
fn a_process_holds_no_more_than_its_seats() {
    let page = Page::own(2);
    let enter = || page.enter(0, 2, None, None, NOW);
    assert_eq!([enter(), enter(), enter()], [Ok(()), Ok(()), Err(Refusal::Full)]);
    page.leave(0, None);
    assert_eq!(enter(), Ok(()));
    let counts = page.counts();
    assert_eq!((counts.current, counts.max, counts.total), (2, 2, 3));
    assert_eq!(counts.last_connection, NOW);
}

#[test]
fn processes_count_together() {
    let one = Page::shared(2, 10).unwrap();
    let two = other(&one);
    enter(&one, 0, address(1), None).unwrap();
    enter(&two, 1, address(1), None).unwrap();
    two.login(true);
    one.login(false);
    one.failed();
    two.refused(Refusal::Full);
    two.refused(Refusal::Crowded);
    two.refused(Refusal::Filtered);
    two.received(5);
    two.sent(7);
    let counts = one.counts();
    assert_eq!((counts.current, counts.max, counts.total), (2, 2, 2));
    assert_eq!((counts.good_logins, counts.failed_logins, counts.failed), (1, 1, 1));
    assert_eq!((counts.refused, counts.crowded), (1, 1));
    assert_eq!((counts.bytes_in, counts.bytes_out), (5, 7));
    assert_eq!(one.connections_of(address(1)), 2);
    assert_eq!(one.slot(1), SlotCounts { process: 0, current: 1, seats: 0 });
}

#[test]
fn an_address_is_limited_over_all_processes() {
    let page = Page::shared(2, 10).unwrap();
    assert_eq!(enter(&page, 0, address(1), Some(2)), Ok(()));
    assert_eq!(enter(&page, 1, address(1), Some(2)), Ok(()));
    assert_eq!(enter(&page, 0, address(1), Some(2)), Err(Refusal::Crowded));
    assert_eq!(enter(&page, 1, address(1), Some(2)), Err(Refusal::Crowded));
    assert_eq!(enter(&page, 1, address(2), Some(2)), Ok(()));
    page.leave(1, Some(address(1)));
    assert_eq!(enter(&page, 0, address(1), Some(2)), Ok(()));
    assert_eq!(page.counts().current, 3);
}

#[test]
fn a_network_of_ipv6_is_one_address_and_a_mapped_one_is_ipv4() {
    let page = Page::own(10);
    let parse = |text: &str| text.parse::<IpAddr>().unwrap();
    enter(&page, 0, parse("2001:db8::1"), None).unwrap();
    enter(&page, 0, parse("::ffff:192.0.2.1"), None).unwrap();
    assert_eq!(page.connections_of(parse("2001:db8::ffff")), 1);
    assert_eq!(page.connections_of(parse("2001:db8:0:1::1")), 0);
    assert_eq!(page.connections_of(address(1)), 1);
}

#[test]
fn what_a_dead_process_held_is_let_go_and_what_happened_stays() {
    let page = Page::shared(2, 10).unwrap();
    page.claim(0, 77, NOW);
    for _ in 0..3 {
        enter(&page, 0, address(1), None).unwrap();
    }
    enter(&page, 1, address(1), None).unwrap();
    page.release(0);
    let counts = page.counts();
    assert_eq!((counts.current, counts.max, counts.total), (1, 4, 4));
    assert_eq!(page.connections_of(address(1)), 1);
    assert_eq!(page.slot(0), SlotCounts::default());
    // Its last word comes late and changes nothing.
    page.leave(0, Some(address(1)));
    assert_eq!(page.counts().current, 1);
    assert_eq!(page.connections_of(address(1)), 1);
}

#[test]
fn a_new_page_goes_on_where_the_old_one_was() {
    let old = Page::shared(1, 10).unwrap();
    old.begin(None, 5);
    enter(&old, 0, address(1), None).unwrap();
    let new = Page::shared(3, 1_000).unwrap();
    new.begin(Some(&old), 9);
    let counts = new.counts();
    assert_eq!((counts.started, counts.total, counts.max, counts.current), (9, 1, 1, 0));
    assert_eq!(new.processes(), 3);
}

#[test]
fn a_sibling_is_counted_on_only_while_it_lives_and_has_room() {
    let page = Page::shared(2, 10).unwrap();
    assert!(!page.sibling_has_room(0, NOW), "nobody is there");
    page.claim(1, 77, NOW);
    assert!(!page.sibling_has_room(0, NOW), "it does not serve yet");
    page.show(1, 1, NOW);
    assert!(page.sibling_has_room(0, NOW + SILENT_SECONDS));
    assert!(!page.sibling_has_room(1, NOW), "a process is not its own sibling");
    assert!(!page.sibling_has_room(0, NOW + SILENT_SECONDS + 1), "it is silent");
    page.enter(1, 1, None, None, NOW).unwrap();
    assert!(!page.sibling_has_room(0, NOW), "it is full");
    page.release(1);
    assert!(!page.sibling_has_room(0, NOW), "it has ended");
}

#[test]
fn strangers_are_no_pages() {
    let memory = Memory::shared(64).unwrap();
    let fd = memory.fd().unwrap().try_clone_to_owned().unwrap();
    assert!(Page::from_fd(fd).is_err());
    let file = tempfile_of_zeroes();
    assert!(Page::from_fd(file).is_err());
}

/// A file that is not sealed.
fn tempfile_of_zeroes() -> OwnedFd {
    let fd = rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    rustix::fs::ftruncate(&fd, 4_096).unwrap();
    fd
}

#[test]
fn many_addresses_are_told_apart() {
    let page = Page::own(4_000);
    let all = (0..4_000_u32).map(|n| IpAddr::from((0x0a00_0000 + n).to_be_bytes()));
    for address in all.clone() {
        page.enter(0, 4_000, Some(address), None, NOW).unwrap();
    }
    let wrong = all.clone().filter(|address| page.connections_of(*address) != 1).count();
    assert!(wrong < 100, "{wrong} of 4,000 are thought to have more than one connection");
    all.for_each(|address| page.leave(0, Some(address)));
    assert_eq!(page.connections_of(address(1)), 0);
}
