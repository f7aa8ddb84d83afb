//! Every row of the description of `certmap.conf`, and certificates that are really made.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use crate::certificate::ClientCertificate;
use crate::maps::CertMaps;
use crate::question::{Question, by_mail};
use rcgen::{CertificateParams, DnType, DnValue, KeyPair, SanType};

const DEFAULT: &str = "certmap default default\n";
const E: [u64; 7] = [1, 2, 840, 113_549, 1, 9, 1];
const UID: [u64; 7] = [0, 9, 2342, 19_200_300, 100, 1, 1];

/// A certificate that it signs itself, its name in the order of certificates.
fn certificate(subject: &[(DnType, &str)], mails: &[&str]) -> ClientCertificate {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    for (kind, value) in subject {
        params.distinguished_name.push(kind.clone(), DnValue::Utf8String((*value).to_owned()));
    }
    let mail = |mail: &&str| SanType::Rfc822Name((*mail).try_into().unwrap());
    params.subject_alt_names = mails.iter().map(mail).collect();
    let signed = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    ClientCertificate::read(signed.der()).unwrap()
}

/// C=DE, O=Example, Ltd; OU=pilar; CN=Pilar Lorca; UID=pl; E=pilar@example.com
fn pilar() -> ClientCertificate {
    let custom = |oid: &[u64]| DnType::CustomDnType(oid.to_vec());
    let subject = [
        (DnType::CountryName, "DE"),
        (DnType::OrganizationName, "Example, Ltd"),
        (DnType::OrganizationalUnitName, "pilar"),
        (DnType::CommonName, "Pilar *Lorca*"),
        (custom(&UID), "pl"),
        (custom(&E), "pilar@example.com"),
    ];
    certificate(&subject, &["p.lorca@example.com", "PILAR@example.com"])
}

const PILAR: &str = r"E=pilar@example.com,UID=pl,CN=Pilar *Lorca*,OU=pilar,O=Example\, Ltd,C=DE";

fn question(properties: &str) -> Question {
    let maps = CertMaps::read(&format!("{DEFAULT}{properties}")).unwrap();
    maps.question(&pilar()).1
}

/// Base and filter, or why there are none.
fn asked(properties: &str) -> String {
    match question(properties).by_components {
        Ok((base, filter)) => format!("{base}: {filter}"),
        Err(why) => why.to_string(),
    }
}

fn fault(text: &str) -> String {
    CertMaps::read(text).unwrap_err().to_string()
}

#[test]
fn names_are_read_most_specific_first() {
    let pilar = pilar();
    assert_eq!(pilar.subject().to_string(), PILAR);
    assert_eq!(pilar.issuer(), pilar.subject(), "signed by itself");
    assert_eq!(pilar.mails(), ["pilar@example.com", "p.lorca@example.com"]);
}

#[test]
fn without_a_map_the_mail_address_is_asked_for() {
    let filter = by_mail(&pilar()).unwrap().to_string();
    assert_eq!(filter, "(|(mail=pilar@example.com)(mail=p.lorca@example.com))");
    let only = certificate(&[], &["a*@example.com"]);
    assert_eq!(by_mail(&only).unwrap().to_string(), "(mail=a\\2a@example.com)");
    let none = certificate(&[(DnType::CommonName, "a")], &[]);
    assert_eq!(by_mail(&none).unwrap_err().to_string(), "the certificate has no mail address");
}

#[test]
fn dncomps_say_where_to_search() {
    let everything = "(objectclass=*)";
    // Absent: the subject as it is.
    let entry = r"1.2.840.113549.1.9.1=pilar@example.com,uid=pl,cn=Pilar *Lorca*,ou=pilar,o=Example\, Ltd,c=DE";
    assert_eq!(asked(""), format!("the entry {entry}: {everything}"));
    assert_eq!(asked("default:FilterComps uid"), format!("below {entry}: (uid=pl)"));
    // Empty: the whole tree.
    assert_eq!(asked("default:DNComps\ndefault:FilterComps uid"), "the whole tree: (uid=pl)");
    // A list: these attributes in the order of the subject, not of the list.
    assert_eq!(asked("default:DNComps c, o"), format!(r"below o=Example\, Ltd,c=DE: {everything}"));
    assert_eq!(
        asked("default:dncomps O,OU"),
        format!(r"below ou=pilar,o=Example\, Ltd: {everything}")
    );
    assert_eq!(asked("default:DNComps l, o"), format!(r"below o=Example\, Ltd: {everything}"));
    // None of them in the subject: nothing is asked, for everywhere is not what was meant.
    assert_eq!(asked("default:DNComps l, st"), "the certificate has none of DNComps l, st");
    // The form of the proxy: another attribute in the directory.
    assert_eq!(asked("default:DNComps o=dc"), format!(r"below dc=Example\, Ltd: {everything}"));
}

#[test]
fn filtercomps_say_by_what() {
    let by = |list: &str| asked(&format!("default:DNComps\ndefault:FilterComps {list}"));
    for nothing in ["", " "] {
        assert_eq!(by(nothing), "the whole tree: (objectclass=*)");
    }
    assert_eq!(by("e, uid"), "the whole tree: (&(mail=pilar@example.com)(uid=pl))");
    for name in ["e", "E", "mail", "email"] {
        assert_eq!(by(name), "the whole tree: (mail=pilar@example.com)");
    }
    assert_eq!(by("cn"), "the whole tree: (cn=Pilar \\2aLorca\\2a)");
    assert_eq!(by("c,o,ou"), "the whole tree: (&(c=DE)(o=Example, Ltd)(ou=pilar))");
    assert_eq!(by("l, uid, st"), "the whole tree: (uid=pl)");
    assert_eq!(by("l, st"), "the certificate has none of FilterComps l, st");
    assert_eq!(by("ou=uid"), "the whole tree: (uid=pilar)");
    assert_eq!(
        by("e=mailAlternateAddress, cn"),
        "the whole tree: (&(mailalternateaddress=pilar@example.com)(cn=Pilar \\2aLorca\\2a))"
    );
    // Without an address in the subject, those of the alternative names.
    let maps = CertMaps::read(&format!("{DEFAULT}default:DNComps\ndefault:FilterComps e")).unwrap();
    let other = certificate(&[(DnType::CommonName, "x")], &["a@x.example", "b@x.example"]);
    let (_, filter) = maps.question(&other).1.by_components.unwrap();
    assert_eq!(filter.to_string(), "(|(mail=a@x.example)(mail=b@x.example))");
}

#[test]
fn verifycert_is_off_unless_it_is_on() {
    assert!(!question("").verify_certificate);
    assert!(!question("default:verifycert off").verify_certificate);
    assert!(question("default:VerifyCert On").verify_certificate);
    assert!(fault(&format!("{DEFAULT}default:verifycert maybe")).starts_with("line 2: \"maybe\""));
}

#[test]
fn cmapldapattr_is_asked_with_the_whole_subject() {
    let spaced = PILAR.replace("\\, ", "\\,_").replace(',', ", ").replace("\\, _", "\\, ");
    let value = |text: &str| text.replace('\\', "\\5c").replace('*', "\\2a");
    let asked = |attribute: &str| {
        let (one, two) = (value(PILAR), value(&spaced));
        format!("(|({attribute}={one})({attribute}={two}))")
    };
    let by_subject = |text: &str| question(text).by_subject.map(|filter| filter.to_string());
    assert_eq!(by_subject(""), Some(asked("certsubjectdn")));
    assert_eq!(by_subject("default:CmapLdapAttr seeAlso"), Some(asked("seealso")));
    assert_eq!(by_subject("default:CmapLdapAttr"), None, "empty asks for none");
}

#[test]
fn the_issuer_chooses_the_map_as_text() {
    let chosen = |issuer: &str| {
        let maps = CertMaps::read(&format!("{DEFAULT}certmap own {issuer}")).unwrap();
        maps.map_of(&pilar()).name.clone()
    };
    assert_eq!(chosen(PILAR), "own");
    assert_eq!(chosen(&PILAR.to_lowercase()), "own");
    assert_eq!(
        chosen(&PILAR.replace(",C=DE", ", C=DE")),
        "default",
        "a space makes another issuer"
    );
    assert_eq!(chosen("CN=Another"), "default");
}

#[test]
fn a_whole_file_is_read() {
    let text = "# comment\n\n certmap default default \ndefault:DNComps\n\
                default:FilterComps e, uid\r\ncertmap moz ou=Mozilla CA,o=Mozilla,c=US\n\
                moz: verifycert on\nCERTMAP other CN=a b\n";
    let maps = CertMaps::read(text).unwrap();
    let all: Vec<_> =
        maps.all().map(|map| (map.name.as_str(), map.issuer.as_str(), map.line)).collect();
    let expected = [
        ("default", "default", 3),
        ("moz", "ou=Mozilla CA,o=Mozilla,c=US", 6),
        ("other", "CN=a b", 8),
    ];
    assert_eq!(all, expected);
    assert_eq!(maps.default.filter_comps.len(), 2);
    assert!(maps.others[0].verify_certificate && maps.others[0].dn_comps.is_none());
}

#[test]
fn faults_name_their_line() {
    let first = "the first map must be `certmap default default`";
    for (text, expected) in [
        ("", format!("line 1: {first}")),
        ("# nothing\n\n", format!("line 2: {first}")),
        ("certmap x CN=x", format!("line 1: {first}")),
        ("certmap default CN=x", format!("line 1: {first}")),
        ("certmap default default\ncertmap default default", format!("line 2: {first}")),
        ("certmap default default\ncertmap x default", format!("line 2: {first}")),
    ] {
        assert_eq!(fault(text), expected);
    }
    for (line, word) in [
        ("default:library /usr/lib/x.so", "library: code of others is not loaded"),
        ("default:InitFn f", "InitFn: code of others"),
        ("default:DNComp o", "\"DNComp\" is no property"),
        ("other:DNComps o", "there is no map \"other\""),
        ("default:DNComps o, x", "\"x\" is no component"),
        ("default:FilterComps e,,uid", "\"\" is no component"),
        ("default:FilterComps ou=", "an attribute is missing"),
        ("default:FilterComps ou=a)(b", "is no name of an attribute"),
        ("default:FilterComps uid=userPassword", "passwords are not searched for"),
        ("default:CmapLdapAttr a b", "is no name of an attribute"),
        ("default DNComps o", "write `certmap NAME ISSUER-DN`"),
        ("certmap x", "write `certmap NAME ISSUER-DN`"),
        ("certmap a/b CN=x", "a name has letters"),
    ] {
        let told = fault(&format!("{DEFAULT}{line}"));
        assert!(told.starts_with("line 2: ") && told.contains(word), "{line}: {told}");
    }
    let twice = format!("{DEFAULT}certmap a CN=x\ncertmap A CN=y");
    assert_eq!(fault(&twice), "line 3: the map A is there already, in line 2");
    let twice = format!("{DEFAULT}certmap a CN=x\ncertmap b cn=X");
    assert_eq!(fault(&twice), "line 3: the map a in line 2 has this issuer");
    let twice = format!("{DEFAULT}default:DNComps\ndefault:dncomps o");
    assert_eq!(fault(&twice), "line 3: the map default has this property already");
    assert!(fault(&"#\n".repeat(crate::MAP_FILE_BYTES)).contains("more than 262144 bytes"));
}

#[test]
fn what_is_no_certificate_is_refused() {
    let refused = |der: &[u8]| ClientCertificate::read(der).unwrap_err().to_string();
    assert!(refused(b"nonsense").starts_with("the certificate cannot be read: "));
    assert!(refused(&[0x30; 20_000]).ends_with("larger than 16384 bytes"));
    // Cut anywhere, or with any byte changed, it is refused or read, and nothing panics.
    let whole = pilar().der().to_vec();
    for at in 0..whole.len() {
        let _ = ClientCertificate::read(&whole[..at]);
        let mut other = whole.clone();
        other[at] ^= 0x55;
        let _ = ClientCertificate::read(&other);
    }
}
