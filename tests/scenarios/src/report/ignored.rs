// SPDX-License-Identifier: MIT OR Apache-2.0

//! Findings that a user asks to ignore: `CODE` or `CODE@FUNCTION`.

use std::fmt;
use std::str::FromStr;

use super::{CODE_WORDS, Place, is_code};

/// The findings of a code, in one function or in any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    code: String,
    function: Option<String>,
}

impl Ignored {
    /// Returns `true` if a finding with this code at this place is one of them.
    #[must_use]
    pub fn matches(&self, code: &str, place: Option<&Place>) -> bool {
        let is_there = |wanted: &String| {
            place.is_some_and(|place| {
                let last = place.function.rsplit("::").next();
                place.function == *wanted || last == Some(wanted)
            })
        };
        self.code.eq_ignore_ascii_case(code) && self.function.as_ref().is_none_or(is_there)
    }
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        match &self.function {
            Some(function) => write!(f, "@{function}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Ignored {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (code, function) = match text.split_once('@') {
            Some((code, function)) => (code, Some(function)),
            None => (text, None),
        };
        if !is_code(code) {
            return Err(format!(
                "`{code}` is no code of a finding: name a rule (R1 to R38, WSK1 to WSK13), a bug check \
                 (such as 0xC4) or one of {}",
                CODE_WORDS.join(", ")
            ));
        }
        if function == Some("") || text.contains(',') {
            return Err(format!(
                "`{text}` names no function: leave out the @, or write it as in 0xC4@DriverEntry"
            ));
        }
        Ok(Self {
            code: code.to_owned(),
            function: function.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_ignored_by_its_code_and_its_function() {
        let place = |function: &str| Place {
            function: function.to_owned(),
            file: None,
            line: None,
        };
        for (text, code, at, ignored) in [
            ("R1", "R1", "DriverEntry", true),
            ("r1", "R1", "DriverEntry", true),
            ("R1", "R10", "DriverEntry", false),
            ("R1@DriverEntry", "R1", "DriverEntry", true),
            ("R1@Entry", "R1", "DriverEntry", false),
            ("R1@run", "R1", "client::worker::run", true),
        ] {
            let wanted: Ignored = text.parse().expect("one");
            assert_eq!(wanted.matches(code, Some(&place(at))), ignored, "{text}");
            assert_eq!(wanted.to_string(), text);
        }
        let wanted: Ignored = "R1@f".parse().expect("one");
        assert!(!wanted.matches("R1", None));
        for text in ["", "@f", "R1@", "R1,R2", "R1@f,g", "BOGUS", "R39@f", "C4"] {
            assert!(text.parse::<Ignored>().is_err(), "{text}");
        }
    }
}
