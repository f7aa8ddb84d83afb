//! What is known of a condition: Kleene's three values, and a fourth for "a name must be looked up first".

use crate::connection::Whose;

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    /// It does not.
    No,
    /// Nobody can tell.
    Maybe,
    /// The name of this end tells.
    Ask(Whose),
    /// It does.
    Yes,
}

impl Truth {
    pub(crate) fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    /// Both hold. The second is worked out only when the first leaves something open.
    pub(crate) fn and(self, other: impl FnOnce() -> Self) -> Self {
        if self == Self::No {
            return self;
        }
        match (self, other()) {
            (_, Self::No) => Self::No,
            (ask @ Self::Ask(_), _) | (_, ask @ Self::Ask(_)) => ask,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Maybe,
        }
    }

    /// At least one of them holds.
    pub(crate) fn any(all: impl IntoIterator<Item = Self>) -> Self {
        let mut found = Self::No;
        for one in all {
            found = match (found, one) {
                (_, Self::Yes) => return Self::Yes,
                (ask @ Self::Ask(_), _) | (_, ask @ Self::Ask(_)) => ask,
                (Self::Maybe, _) | (_, Self::Maybe) => Self::Maybe,
                _ => Self::No,
            };
        }
        found
    }

    /// It does not hold.
    pub(crate) fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Yes => Self::No,
            open => open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Truth::{Ask, Maybe, No, Yes};
    use super::*;

    const ASK: Truth = Ask(Whose::Client);

    #[test]
    fn what_is_certain_needs_no_look_up() {
        assert_eq!(Truth::any([No, ASK, Yes]), Yes);
        assert_eq!(Truth::any([Maybe, ASK]), ASK);
        assert_eq!(Truth::any([No, Maybe]), Maybe);
        assert_eq!(Truth::any([]), No);
        assert_eq!(ASK.and(|| No), No);
        assert_eq!(No.and(|| unreachable!()), No);
        assert_eq!(Maybe.and(|| ASK), ASK);
        assert_eq!(Yes.and(|| Maybe), Maybe);
        assert_eq!((Maybe.not(), ASK.not(), Yes.not()), (Maybe, ASK, No));
    }
}
