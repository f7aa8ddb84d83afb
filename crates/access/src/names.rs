//! Where the names of addresses come from, and the decision that asks for them when it must.

use crate::connection::{Connection, Known};
use crate::rule::{Decision, Filters, Outcome};
use std::future::{Future, ready};
use std::net::IpAddr;
use std::pin::Pin;

/// The answer of a name service.
pub type Lookup = Pin<Box<dyn Future<Output = Known> + Send>>;

/// A name service. It answers within a time of its own: late is [`Known::Unknown`].
pub trait Names: Send + Sync {
    /// The names of an address that lead back to it.
    fn names_of(&self, address: IpAddr) -> Lookup;
}

/// Knows no name.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoNames;

impl Names for NoNames {
    fn names_of(&self, _: IpAddr) -> Lookup {
        Box::pin(ready(Known::Unknown))
    }
}

/// Decides, and asks for the names of either end once if a rule needs them; they are then in `connection`.
pub async fn decide(filters: &Filters, connection: &mut Connection, names: &dyn Names) -> Decision {
    loop {
        match filters.decide(connection) {
            Outcome::Decided(decision) => return decision,
            Outcome::Ask(whose) => {
                let known = match connection.end(whose).address() {
                    Some(address) => names.names_of(address).await,
                    None => Known::Unknown,
                };
                // An end whose names are known is not asked about again.
                connection.learn(whose, known);
            }
        }
    }
}
