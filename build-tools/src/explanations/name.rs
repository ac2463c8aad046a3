// SPDX-License-Identifier: MIT OR Apache-2.0

//! Names of explanations, compared without regard to their spelling.

/// A name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    /// A bug check, and the parameter that says what happened, if there is one.
    BugCheck(u32, Option<u64>),
    /// Any other name, in lower case.
    Word(String),
}

impl Name {
    /// Reads a name. A bug check begins with `0x`, or has a parameter: `0xC4`, `C4/62`.
    pub(crate) fn of(text: &str) -> Self {
        bug_check(text).unwrap_or_else(|| Self::Word(text.to_lowercase()))
    }

    /// The bug check alone. Returns `None` if it has no parameter.
    pub(super) const fn without_parameter(&self) -> Option<Self> {
        match self {
            Self::BugCheck(code, Some(_)) => Some(Self::BugCheck(*code, None)),
            _ => None,
        }
    }
}

fn bug_check(text: &str) -> Option<Name> {
    let (code, parameter) = match text.split_once('/') {
        Some((code, parameter)) => (code, Some(parameter)),
        None => (text, None),
    };
    let digits = |text: &str| {
        let prefixed = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        (prefixed.unwrap_or(text).to_owned(), prefixed.is_some())
    };
    let (code, is_number) = digits(code);
    if !is_number && parameter.is_none() {
        return None;
    }
    let code = u32::from_str_radix(&code, 16).ok()?;
    let parameter = parameter.map(|text| u64::from_str_radix(&digits(text).0, 16));
    Some(Name::BugCheck(code, parameter.transpose().ok()?))
}
