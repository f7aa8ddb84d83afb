//! Filters by example, and the evaluator against a naive model.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use proptest::prelude::*;
use std::borrow::Cow;
use waypost_ldap_filter::{
    Entry, Filter, MAX_FILTER_BYTES, Names, Node, Relation, Substrings, Template,
};

#[derive(Debug)]
struct Listed(Vec<(&'static str, String)>);

impl Entry for Listed {
    fn values(&self, attribute: &str) -> Vec<Cow<'_, str>> {
        let own = self.0.iter().filter(|(name, _)| *name == attribute);
        own.map(|(_, value)| Cow::Borrowed(value.as_str())).collect()
    }
}

fn alice() -> Listed {
    let listed = [
        ("objectclass", "inetOrgPerson"),
        ("uid", "alice"),
        ("cn", "Alice  Liddell"),
        ("telephonenumber", "+44 1865 276-150"),
        ("employeenumber", "1007"),
        ("userpassword", "x"),
    ];
    Listed(listed.into_iter().map(|(name, value)| (name, value.to_owned())).collect())
}

fn fits(text: &str) -> bool {
    text.parse::<Filter>().unwrap().matches(&alice())
}

#[test]
fn the_filters_of_the_standard_are_read_and_written() {
    // RFC 4515 section 4; names come back in lower case.
    for text in [
        "(cn=babs jensen)",
        "(!(cn=tim howes))",
        "(&(objectclass=Person)(|(sn=Jensen)(cn=Babs J*)))",
        "(o=univ*of*mich*)",
        "(seealso=)",
        "(cn:caseexactmatch:=Fred Flintstone)",
        "(cn:=Betty Rubble)",
        "(sn:dn:2.4.6.8.10:=Barney Rubble)",
        "(o:dn:=Ace Industry)",
        "(:1.2.3:=Wilma Flintstone)",
        "(:dn:2.4.6.8.10:=Dino)",
        "(o=Parens R Us \\28for all your parenthetical needs\\29)",
        "(cn=*\\2a*)",
        "(filename=C:\\5cMyFile)",
        "(sn=Lučić)",
        "(&)",
        "(|)",
        "(uid>=a)",
        "(uid<=a)",
        "(uid~=a)",
        "(cn;lang-de=a)",
        "(2.5.4.3=a)",
        "(uid=*)",
    ] {
        assert_eq!(text.parse::<Filter>().unwrap().to_string(), text);
    }
    let binary = "(bin=\\00\\00\\00\\04)".parse::<Filter>().unwrap();
    assert!(matches!(&binary, Node::Compare { value, .. } if value == &[0, 0, 0, 4]));
    assert_eq!(binary.to_string(), "(bin=\\00\\00\\00\\04)");
    assert_eq!("uid=a".parse::<Filter>().unwrap().to_string(), "(uid=a)");
    assert_eq!("(o:Dn:=a)".parse::<Filter>().unwrap().to_string(), "(o:dn:=a)");
    assert_eq!("(o:DN:2.4:=a)".parse::<Filter>().unwrap().to_string(), "(o:dn:2.4:=a)");
    let spaced = "(& (uid=a) (| (cn=b) (cn=c) ) )".parse::<Filter>().unwrap();
    assert_eq!(spaced.to_string(), "(&(uid=a)(|(cn=b)(cn=c)))");
}

#[test]
fn faults_are_placed() {
    let at = |text: &str| text.parse::<Filter>().unwrap_err().at;
    assert_eq!(at(""), 0);
    assert_eq!(at("(uid=a"), 6);
    assert_eq!(at("(uid)"), 4);
    assert_eq!(at("(uid=a))"), 7);
    assert_eq!(at("(&(uid=a)"), 9);
    assert_eq!(at("(uid=\\4)"), 5);
    assert_eq!(at("(uid=a(b)"), 6);
    assert_eq!(at("(=a)"), 1);
    assert_eq!(at("(:=a)"), 1);
    assert_eq!(at(&"(!".repeat(40)), 64);
    assert!(format!("(uid={})", "a".repeat(MAX_FILTER_BYTES)).parse::<Filter>().is_err());
    let what = |text: &str| Template::for_logins(text).unwrap_err();
    assert_eq!((what("(uid=%u)").at, what("(uid=%").at), (5, 5));
    assert!(what("(uid=%V)").what.contains("neither %U nor %o"));
}

#[test]
fn a_login_name_is_a_value_whatever_it_holds() {
    let template = Template::for_logins("(&(objectclass=inetOrgPerson)(uid=%U_%V))").unwrap();
    let fill = |user| template.fill(&Names { user, domain: "siroe.com", typed: "x" }).to_string();
    assert_eq!(fill("john"), "(&(objectclass=inetOrgPerson)(uid=john_siroe.com))");
    assert_eq!(
        fill("*)(uid=*"),
        "(&(objectclass=inetOrgPerson)(uid=\\2a\\29\\28uid=\\2a_siroe.com))"
    );
    assert_eq!(template.to_string(), "(&(objectclass=inetOrgPerson)(uid=%U_%V))");
    let percent = Template::for_logins("(uid=%o\\25U)").unwrap();
    assert_eq!(percent.to_string(), "(uid=%o\\25U)");
    let names = Names { user: "u", domain: "d", typed: "u@d" };
    assert_eq!(percent.fill(&names).to_string(), "(uid=u@d%U)");
    assert_eq!(Template::for_logins(Template::DEFAULT).unwrap(), Template::default());
}

#[test]
fn entries_fit_without_regard_to_case_and_spaces() {
    for text in [
        "(uid=ALICE)",
        "(&(objectclass=inetorgperson)(uid=alice))",
        "(cn=alice liddell)",
        "(cn= Alice Liddell )",
        "(cn=alice*)",
        "(cn=*lid*ell)",
        "(telephonenumber=+441865276150)",
        "(telephonenumber=+44*150)",
        "(employeenumber>=999)",
        "(employeenumber<=1007)",
        "(!(employeetype=contractor))",
        "(cn:caseExactMatch:=Alice Liddell)",
        "(|(uid=bob)(uid=*))",
        "(&)",
    ] {
        assert!(fits(text), "{text}");
    }
    for text in [
        "(uid=\\2a)",
        "(uid=bob)",
        "(cn=lid*)",
        "(cn=alice*alice*)",
        "(cn:caseExactMatch:=alice liddell)",
        "(employeenumber>=1008)",
        "(description=*)",
        "(|)",
    ] {
        assert!(!fits(text), "{text}");
    }
}

#[test]
fn what_is_not_understood_never_fits() {
    for inner in
        ["(userPassword=x)", "(cn:1.2.3:=a)", "(cn:dn:=a)", "(:caseExactMatch:=a)", "(cn=\\ff)"]
    {
        assert!(!fits(inner), "{inner}");
        assert!(!fits(&format!("(!{inner})")), "not {inner}");
        assert!(!fits(&format!("(&{inner}(uid=alice))")), "{inner} and alice");
        assert!(fits(&format!("(|{inner}(uid=alice))")), "{inner} or alice");
    }
}

#[test]
fn what_an_entry_must_have_is_found() {
    let required = |text: &str| {
        text.parse::<Filter>()
            .unwrap()
            .required("uid")
            .map(|value| String::from_utf8(value.into()).unwrap())
    };
    assert_eq!(required("(&(objectclass=*)(&(cn=a)(uid=b)))").as_deref(), Some("b"));
    assert_eq!(required("(|(uid=a)(uid=b))"), None);
    assert_eq!(required("(!(uid=a))"), None);
    assert_eq!(required("(uid>=a)"), None);
}

/// Few names, letters and values, so that filters often fit.
fn word() -> impl Strategy<Value = String> {
    "[abA \\-*()%\\\\]{0,4}"
}

fn attribute() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["uid", "cn", "telephonenumber", "userpassword"])
}

fn filter() -> impl Strategy<Value = Filter> {
    let bytes = || word().prop_map(String::into_bytes);
    let part = || "[abA ]{1,2}".prop_map(String::into_bytes);
    let name = || attribute().prop_map(str::to_owned);
    let relation = prop::sample::select(vec![
        Relation::Equal,
        Relation::GreaterOrEqual,
        Relation::LessOrEqual,
        Relation::Approximate,
    ]);
    let compare = (name(), relation, bytes())
        .prop_map(|(attribute, relation, value)| Node::Compare { attribute, relation, value });
    let some = || prop::option::of(part());
    let substrings = (name(), some(), prop::collection::vec(part(), 1..3), some()).prop_map(
        |(attribute, initial, any, last)| Node::Substrings {
            attribute,
            parts: Substrings { initial, any, last },
        },
    );
    let leaf = prop_oneof![compare, substrings, name().prop_map(Node::Present)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            list.clone().prop_map(Node::And),
            list.prop_map(Node::Or),
            inner.prop_map(|inner| Node::Not(Box::new(inner))),
        ]
    })
}

fn entry() -> impl Strategy<Value = Listed> {
    prop::collection::vec((attribute(), word()), 0..5).prop_map(Listed)
}

mod model {
    //! The same answers by the slowest way: every split of a value, and both truths of what is undefined.

    use super::*;

    pub(super) fn matches(filter: &Filter, entry: &Listed) -> bool {
        // True whatever the undefined parts would be.
        truths(filter, entry) == (true, false)
    }

    /// Whether it can be true, and whether it can be false.
    fn truths(filter: &Filter, entry: &Listed) -> (bool, bool) {
        match filter {
            Node::And(parts) => {
                let all: Vec<_> = parts.iter().map(|part| truths(part, entry)).collect();
                (all.iter().all(|can| can.0), all.iter().any(|can| can.1))
            }
            Node::Or(parts) => {
                let all: Vec<_> = parts.iter().map(|part| truths(part, entry)).collect();
                (all.iter().any(|can| can.0), all.iter().all(|can| can.1))
            }
            Node::Not(inner) => {
                let (can, cannot) = truths(inner, entry);
                (cannot, can)
            }
            Node::Present(attribute) => leaf(attribute, entry, |_| true),
            Node::Compare { attribute, relation, value } => {
                let value = fold(attribute, std::str::from_utf8(value).unwrap());
                leaf(attribute, entry, |own| match relation {
                    Relation::Equal | Relation::Approximate => own.trim() == value.trim(),
                    Relation::GreaterOrEqual => own.trim() >= value.trim(),
                    Relation::LessOrEqual => own.trim() <= value.trim(),
                })
            }
            Node::Substrings { attribute, parts } => {
                let part = |part: &Vec<u8>| fold(attribute, std::str::from_utf8(part).unwrap());
                let (initial, last) =
                    (parts.initial.as_ref().map(part), parts.last.as_ref().map(part));
                let mut pattern = vec![initial.unwrap_or_default().trim_start().to_owned()];
                pattern.extend(parts.any.iter().map(part));
                pattern.push(last.unwrap_or_default().trim_end().to_owned());
                leaf(attribute, entry, |own| begins(own.trim(), &pattern))
            }
            Node::Extensible { .. } => (true, true),
        }
    }

    fn leaf(attribute: &str, entry: &Listed, fits: impl Fn(&str) -> bool) -> (bool, bool) {
        if attribute == "userpassword" {
            return (true, true);
        }
        let fits =
            entry.0.iter().any(|(name, own)| *name == attribute && fits(&fold(attribute, own)));
        (fits, !fits)
    }

    fn fold(attribute: &str, text: &str) -> String {
        let mut text = text.to_lowercase();
        if attribute == "telephonenumber" {
            text.retain(|letter| letter != ' ' && letter != '-');
        }
        while text.contains("  ") {
            text = text.replace("  ", " ");
        }
        text
    }

    /// Whether the first part begins the text and the others follow somewhere, the last at the end.
    fn begins(own: &str, pattern: &[String]) -> bool {
        let [first, rest @ ..] = pattern else { return own.is_empty() };
        let Some(after) = own.strip_prefix(first.as_str()) else { return false };
        if rest.is_empty() {
            return after.is_empty();
        }
        (0..=after.len()).any(|skip| begins(&after[skip..], rest))
    }
}

proptest! {
    #[test]
    fn the_text_of_a_filter_gives_the_filter(filter in filter()) {
        prop_assert_eq!(filter.to_string().parse::<Filter>().unwrap(), filter);
    }

    #[test]
    fn the_evaluator_agrees_with_the_naive_model(filter in filter(), entry in entry()) {
        prop_assert_eq!(filter.matches(&entry), model::matches(&filter, &entry), "{}", filter);
    }

    #[test]
    fn no_login_name_changes_the_shape(user in "\\PC{0,20}", typed in any::<String>()) {
        let template = Template::for_logins("(&(uid=%U)(|(cn=a%o*)(!(mail=%U@%V))))").unwrap();
        let names = Names { user: &user, domain: "d", typed: &typed };
        let filled = template.fill(&names);
        let again: Filter = filled.to_string().parse().unwrap();
        prop_assert_eq!(&again, &filled);
        let shape = |filter: &Filter| filter.map(&mut |_| Vec::<u8>::new());
        let plain = template.fill(&Names { user: "u", domain: "d", typed: "t" });
        prop_assert_eq!(shape(&filled), shape(&plain));
    }

    #[test]
    fn any_text_is_read_or_refused_at_a_place_inside(text in "[()&|!=*\\\\%UVoa:;.<>~ 0-9]{0,40}") {
        match text.parse::<Template>() {
            Ok(template) => prop_assert_eq!(template.to_string().parse::<Template>().unwrap(), template),
            Err(error) => prop_assert!(error.at <= text.len()),
        }
    }
}
