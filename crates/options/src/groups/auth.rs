//! Options of logins: how a name finds its user.

use super::options;
use crate::record::Applies::Refresh;
use crate::record::{Grammar, Kind, point_at};
use waypost_ldap_filter::Template;

/// How `auth.searchfilter` is written.
const FILTER: Grammar = Grammar {
    form: "LDAP filter with %U, %V or %o",
    check: |text| match Template::for_logins(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(point_at(text, error.at, &error.what)),
    },
};

options! {
    group "auth";

    AUTH_SEARCHFORDOMAIN: bool = "searchfordomain" | "sasl.default.ldap.searchfordomain", Kind::Switch { default: true }, Refresh("all"),
        "whether a login name without a domain belongs to the default domain",
        "0 looks for such a name in all domains: it must be the only one there, otherwise the login is refused \
         and the log names the entries. A name with a domain is looked for in that domain.",
        "Login";
    AUTH_SEARCHFILTER: String = "searchfilter" | "sasl.default.ldap.searchfilter",
        Kind::Formal { grammar: FILTER }, Refresh("all"),
        "the filter that finds the user of a login name",
        "An LDAP filter (RFC 4515) in whose values %U stands for the name before the separator, %V for the domain \
         and %o for the name as typed; a percent sign is \\25. It must fit exactly one user. Not set, it is \
         (&(objectclass=inetOrgPerson)(uid=%U)). (employeeNumber=%U) lets users log in by number. \
         inetDomainSearchFilter of a domain has precedence; `waypost login-explain` shows what a name finds.",
        "Login";
}
