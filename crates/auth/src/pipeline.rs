//! The decision itself, a step after the other. Blocking; one run per attempt.
//!
//! The password is checked before status, service and host are *told*, so that only who knows it learns
//! that an account is shut. Users that do not exist cost the same time as those that do. Every step notes
//! what it decided and where its rule stands; there is no other code that explains a login.

use crate::config::AuthConfig;
use crate::failure::{FailureKind, LoginFailure};
use crate::login::{Identity, LoginAttempt, LoginName, for_log};
use crate::service_access::ServiceAccess;
use crate::trace::{Rule, Step};
use waypost_directory::{
    Directory, DirectoryError, Domain, PARTITION, PasswordVerdict, User, forbidden_uid, standing,
};
use waypost_ldap_filter::{Filter, Names, Template};
use waypost_types::Secret;

/// How many entries are named when a login name fits several.
const NAMED_ENTRIES: usize = 5;

pub(crate) type Decided<T> = Result<T, LoginFailure>;

/// A login under way.
pub(crate) struct Run<'a> {
    pub(crate) directory: &'a dyn Directory,
    pub(crate) config: &'a AuthConfig,
    /// What was decided so far.
    pub(crate) steps: Vec<Step>,
}

/// A user and the domain whose rules hold for him.
pub(crate) struct Found {
    pub(crate) domain: Domain,
    pub(crate) user: User,
}

impl<'a> Run<'a> {
    pub(crate) fn new(directory: &'a dyn Directory, config: &'a AuthConfig) -> Self {
        Self { directory, config, steps: Vec::new() }
    }

    /// Whether a password may be sent over such a connection at all.
    pub(crate) fn connection(&mut self, attempt: &LoginAttempt) -> Decided<()> {
        let option = attempt.service.min_cipher_option();
        let bits =
            attempt.tls.map_or_else(|| "no TLS".to_owned(), |bits| format!("TLS, {bits} bits"));
        let step = Step::new("connection", bits, Rule::Option(option));
        match self.config.password_refusal(attempt.service, attempt.tls) {
            None => self.pass(step, "passwords are taken", ()),
            Some(kind) => self.refuse(step, kind, format!("{option} forbids it")),
        }
    }

    /// Splits a name.
    pub(crate) fn name(&mut self, text: &str) -> Decided<LoginName> {
        let step = Step::new("login name", for_log(text), Rule::Option("base.loginseparator"));
        let Some(name) = LoginName::parse(text, self.config) else {
            return self.refuse(step, FailureKind::BadCredentials, "malformed login name");
        };
        let LoginName { uid, domain, .. } = &name;
        let (step, answer) = match name.is_bare {
            false => (step, format!("user {uid} of the domain {domain}")),
            true if self.config.search_for_domain => {
                let step = Step { rule: Rule::Option("base.defaultdomain"), ..step };
                (step, format!("user {uid} of the default domain {domain}"))
            }
            true => {
                let step = Step { rule: Rule::Option("auth.searchfordomain"), ..step };
                (step, format!("user {uid} of any domain"))
            }
        };
        self.pass(step, answer, name)
    }

    /// Looks the user up, checks the password when there is one, and whether the user may enter.
    pub(crate) fn decide(
        &mut self,
        name: &LoginName,
        password: Option<&Secret<String>>,
    ) -> Decided<Identity> {
        let found = match self.find(name) {
            Err(failure) if failure.kind == FailureKind::BadCredentials => {
                if let Some(password) = password {
                    self.directory.verify_nobody(password)?;
                }
                return Err(failure);
            }
            found => found?,
        };
        self.credential(&found.user, password)?;
        self.entry(found)
    }

    /// Whether a user may enter, whoever knows his password. Which services he may use is judged by the
    /// identity's own rules, at every login.
    pub(crate) fn entry(&mut self, found: Found) -> Decided<Identity> {
        self.store_id(&found)?;
        self.standing(&found)?;
        self.host(&found.user)?;
        self.message_store(&found.user)?;
        let access = ServiceAccess::of(&found.domain, &found.user);
        Ok(Identity { access, ..Identity::from(found.user) })
    }

    /// The domain and the one user of a name.
    pub(crate) fn find(&mut self, name: &LoginName) -> Decided<Found> {
        if name.is_bare && !self.config.search_for_domain {
            let (template, rule) = self.site_template();
            let mut found = self.search(None, name, &template, rule)?;
            let user = found.remove(0);
            let domain = self.domain(&user.domain)?;
            return Ok(Found { domain, user });
        }
        let domain = self.domain(&name.domain)?;
        let (template, rule) = self.template(&domain)?;
        let user = self.search(Some(&domain), name, &template, rule)?.remove(0);
        Ok(Found { domain, user })
    }

    pub(crate) fn domain(&mut self, name: &str) -> Decided<Domain> {
        let step = Step::new("domain", name, Rule::Always("the directory holds it or does not"));
        match self.asked(&step, |run| run.directory.domain(name))? {
            Some(domain) => {
                let answer = format!("found, canonical name {}", domain.name);
                self.pass(step, answer, domain)
            }
            None => self.refuse(step, FailureKind::BadCredentials, "unknown domain"),
        }
    }

    /// The domain's own filter, else the site's.
    fn template(&mut self, domain: &Domain) -> Decided<(Template, Rule)> {
        const ATTRIBUTE: &str = "inetDomainSearchFilter";
        let Some(text) = &domain.inet_domain_search_filter else { return Ok(self.site_template()) };
        let rule = Rule::of(&domain.name, ATTRIBUTE);
        match Template::for_logins(text) {
            Ok(template) => Ok((template, rule)),
            Err(error) => {
                let reason = format!("{ATTRIBUTE} of {}: {error}", domain.name);
                self.refuse(Step::new("search filter", text, rule), FailureKind::Damaged, reason)
            }
        }
    }

    fn site_template(&self) -> (Template, Rule) {
        (self.config.search_filter.clone(), Rule::Option("auth.searchfilter"))
    }

    /// Exactly one user; several are refused, and the log names them.
    fn search(
        &mut self,
        domain: Option<&Domain>,
        name: &LoginName,
        template: &Template,
        rule: Rule,
    ) -> Decided<Vec<User>> {
        let names = Names { user: &name.uid, domain: &name.domain, typed: &name.typed };
        let filter: Filter = template.fill(&names);
        let scope = domain.map_or("all domains", |domain| domain.name.as_str());
        let step = Step { filter: Some(filter.to_string()), ..Step::new("search", scope, rule) };
        let find = |run: &Self| run.directory.find_users(domain, &filter, NAMED_ENTRIES + 1);
        let found = self.asked(&step, find)?;
        match found.as_slice() {
            [] => self.refuse(step, FailureKind::BadCredentials, "unknown user"),
            [user] => {
                let answer = format!("one entry: {}", user.entry);
                self.pass(step, answer, found)
            }
            several => {
                let reason = format!("not unique: {}", entries(several));
                self.refuse(step, FailureKind::BadCredentials, reason)
            }
        }
    }

    fn credential(&mut self, user: &User, password: Option<&Secret<String>>) -> Decided<()> {
        let rule = Rule::of(&user.entry, "userPassword");
        let step = Step::new("password", user.entry.as_str(), rule);
        let Some(password) = password else { return self.pass(step, "not given, not checked", ()) };
        let verdict = self.asked(&step, |run| run.directory.verify_password(user, password))?;
        match refusal(verdict) {
            None => self.pass(step, "right", ()),
            Some((kind, reason)) => self.refuse(step, kind, reason),
        }
    }

    fn store_id(&mut self, found: &Found) -> Decided<()> {
        let Found { domain, user } = found;
        let rule = match &domain.domain_uid_separator {
            Some(_) => Rule::of(&domain.name, "domainUidSeparator"),
            None => {
                Rule::Always("some ids mean something else in access rights and names of mailboxes")
            }
        };
        let step = Step::new("store id", user.uid.as_str(), rule);
        match forbidden_uid(&user.uid) {
            None => self.pass(step, user.account.as_str(), ()),
            Some(reason) => self.refuse(step, FailureKind::Disabled, format!("the uid {reason}")),
        }
    }

    fn standing(&mut self, found: &Found) -> Decided<()> {
        let standing = standing(&found.domain, &found.user);
        let of_domain = standing.attribute.to_ascii_lowercase().contains("domain");
        let entry = if of_domain { &found.domain.name } else { &found.user.entry };
        let rule = Rule::of(entry, standing.attribute);
        let step = Step::new("status", found.user.entry.as_str(), rule);
        let answer = format!("{} is {}", standing.attribute, standing.status);
        if standing.status.may_log_in() {
            return self.pass(step, answer, ());
        }
        self.refuse(step, FailureKind::Disabled, answer)
    }

    fn host(&mut self, user: &User) -> Decided<()> {
        let own = self.config.hostname.as_str();
        let Some(host) = &user.mail_host else {
            let step = Step::new("mail host", own, Rule::Always("mailHost is not set"));
            return self.pass(step, "any host", ());
        };
        let step = Step::new("mail host", own, Rule::of(&user.entry, "mailHost"));
        if host.eq_ignore_ascii_case(own) {
            return self.pass(step, "this host", ());
        }
        self.refuse(step, FailureKind::WrongHost, format!("mailHost is {host}"))
    }

    fn message_store(&mut self, user: &User) -> Decided<()> {
        let rule = match user.mail_message_store {
            None => Rule::Always("mailMessageStore is not set"),
            Some(_) => Rule::of(&user.entry, "mailMessageStore"),
        };
        let step = Step::new("message store", PARTITION, rule);
        match user.other_partition().map(str::to_owned) {
            None => self.pass(step, "this partition", ()),
            Some(other) => {
                let reason = format!("mailMessageStore is {other}, a partition that is not here");
                self.refuse(step, FailureKind::MailElsewhere, reason)
            }
        }
    }

    /// Asks the directory; a failure of it ends the step.
    pub(crate) fn asked<T>(
        &mut self,
        step: &Step,
        ask: impl FnOnce(&Self) -> Result<T, DirectoryError>,
    ) -> Decided<T> {
        ask(self).map_err(|error| {
            let step = Step { passed: false, ..step.clone() };
            self.steps.push(step.answer(error.to_string()));
            error.into()
        })
    }

    pub(crate) fn pass<T>(
        &mut self,
        step: Step,
        answer: impl Into<String>,
        value: T,
    ) -> Decided<T> {
        self.steps.push(step.answer(answer));
        Ok(value)
    }

    pub(crate) fn refuse<T>(
        &mut self,
        step: Step,
        kind: FailureKind,
        reason: impl Into<String>,
    ) -> Decided<T> {
        let reason = reason.into();
        self.steps.push(Step { passed: false, ..step.answer(reason.clone()) });
        Err(LoginFailure::new(kind, reason))
    }
}

/// Why a password does not let in, if so. A locked account looks like a wrong password to clients, because
/// a directory may say so without having looked at the password.
fn refusal(verdict: PasswordVerdict) -> Option<(FailureKind, String)> {
    let (kind, cause, message) = match verdict {
        PasswordVerdict::Right => return None,
        PasswordVerdict::Wrong => (FailureKind::BadCredentials, "wrong password", String::new()),
        PasswordVerdict::Locked { message } => {
            (FailureKind::BadCredentials, "the directory has locked the account", message)
        }
        PasswordVerdict::Expired { message } => {
            (FailureKind::PasswordExpired, "the password has expired", message)
        }
        PasswordVerdict::MustChange { message } => {
            (FailureKind::PasswordMustChange, "the password must be changed", message)
        }
    };
    let said = if message.is_empty() { String::new() } else { format!(": {message:?}") };
    Some((kind, format!("{cause}{said}")))
}

/// Entries by name, the rest counted out.
fn entries(users: &[User]) -> String {
    let named = users.iter().take(NAMED_ENTRIES).map(|user| user.entry.as_str());
    let names = named.collect::<Vec<_>>().join(", ");
    let more = if users.len() > NAMED_ENTRIES { " and more" } else { "" };
    format!("{names}{more}")
}
