//! What holds for any bytes: shared by the fuzz target and the replay of its corpus.

use waypost_certmap::{CertMaps, ClientCertificate, by_mail};
use waypost_ldap_filter::Filter;

/// A certificate of a person.
const ALICE: &[u8] = include_bytes!("../../../imap/tests/certificates/alice.der");

/// The input is taken for a map and for a certificate. Whatever it is: no panic, a fault lies in a line of the
/// text, and what is asked for a certificate is a filter that a directory reads as it was meant.
pub(crate) fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let maps = CertMaps::read(&text);
    if let Err(fault) = &maps {
        assert!((1..=text.lines().count().max(1)).contains(&fault.line), "{fault}");
    }
    let read = ClientCertificate::read(input).ok();
    let alice = ClientCertificate::read(ALICE).ok();
    for certificate in read.iter().chain(&alice) {
        if let Ok(filter) = by_mail(certificate) {
            same(&filter);
        }
        let Ok(maps) = &maps else { continue };
        let (_, question) = maps.question(certificate);
        question.by_subject.iter().for_each(same);
        if let Ok((_, filter)) = &question.by_components {
            same(filter);
        }
    }
}

/// A text that is not over the limit of filters reads as the filter it was written from.
fn same(filter: &Filter) {
    if let Ok(again) = filter.to_string().parse::<Filter>() {
        assert_eq!(&again, filter);
    }
}
