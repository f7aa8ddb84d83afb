//! The rules of service access that `waypost user` and `waypost domain` show and change.

use crate::cli::AccessArguments;
use crate::failure::Failure;
use crate::output::tell;
use waypost_access::{Filters, Reading};
use waypost_directory::Attribute;
use waypost_options::point_at;

/// The attribute of a user.
pub(super) const OF_USER: &str = "mailAllowedServiceAccess";
/// The attribute of a domain.
pub(super) const OF_DOMAIN: &str = "mailDomainAllowedServiceAccess";

/// The attribute with other rules if they are to be changed, without values to remove them. They are read more strictly than at a
/// login: what would do nothing is refused too.
pub(super) fn change(
    arguments: &AccessArguments,
    attribute: &str,
) -> Result<Option<Attribute>, Failure> {
    let attribute = |values| Attribute { name: attribute.to_owned(), values };
    let Some(rules) = &arguments.set else {
        return Ok(arguments.clear.then(|| attribute(Vec::new())));
    };
    check(rules)?;
    Ok(Some(attribute(vec![rules.clone()])))
}

/// Refuses a value of an attribute that is no rules, where the attribute holds rules.
pub(super) fn check_attribute(name: &str, value: &str) -> Result<(), Failure> {
    let holds_rules = [OF_USER, OF_DOMAIN].iter().any(|own| own.eq_ignore_ascii_case(name));
    if holds_rules { check(value) } else { Ok(()) }
}

fn check(rules: &str) -> Result<(), Failure> {
    if rules.chars().any(char::is_control) {
        return Err(Failure::usage("rules stand in one line, `$` between them"));
    }
    Filters::of_attribute(rules, Reading::Strict).map(drop).map_err(|fault| {
        let place = point_at(rules, fault.at, &fault.what);
        Failure::usage(format!("{place}\n  it is written +|-SERVICES:CLIENTS[$...]"))
    })
}

/// Tells what `whose` rules are.
pub(super) fn show(whose: &str, rules: Option<&str>) {
    match rules {
        Some(rules) => tell(format_args!("{whose}\t{rules}")),
        None => tell(format_args!("{whose}\tno rules, all services are allowed")),
    }
}
