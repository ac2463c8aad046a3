// SPDX-License-Identifier: MIT OR Apache-2.0

//! The codes of findings: rules of NMR and of Winsock Kernel, bug checks, or, if neither applies,
//! words.

use super::NetworkRule;

/// The codes that are neither a rule nor a bug check, on any tier.
pub const CODE_WORDS: [&str; 32] = [
    "access",
    "argument",
    "bound",
    "cancel",
    "completion",
    "control",
    "convention",
    "dead-frame",
    "deadlock",
    "due",
    "etw",
    "fault",
    "hang",
    "hold",
    "idle",
    "leak",
    "listed",
    "livelock",
    "load",
    "lost",
    "mismatch",
    "offered",
    "overrun",
    "race",
    "refused",
    "reply",
    "setting",
    "statistics",
    "traced",
    "unload",
    "wdf",
    "wfp",
];

/// The number of NMR's rules for modules: R1 and so on.
const RULES: u8 = 38;

/// Returns `true` if a finding can have this code: `R29`, `WSK6`, `0xC4`, or one of
/// the [words](CODE_WORDS), in upper or lower case.
#[must_use]
pub fn is_code(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    if let Some(digits) = text.strip_prefix("0x") {
        return is_number(digits) && u32::from_str_radix(digits, 16).is_ok();
    }
    let rule = text.strip_prefix('r').filter(|digits| is_number(digits));
    if let Some(number) = rule.and_then(|digits| digits.parse::<u8>().ok()) {
        return (1..=RULES).contains(&number);
    }
    NetworkRule::of(&text).is_some() || CODE_WORDS.contains(&text.as_str())
}

/// Returns `true` for digits without a sign and without leading zeros.
fn is_number(digits: &str) -> bool {
    digits.starts_with(|first: char| first != '0' && first != '+')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_bug_checks_and_words_are_codes() {
        for code in [
            "R1",
            "r38",
            "WSK1",
            "wsk13",
            "0xC4",
            "0x139",
            "0XDEADBEEF",
            "leak",
            "Hang",
        ] {
            assert!(is_code(code), "{code}");
        }
        for other in [
            "",
            "R",
            "R0",
            "R39",
            "R+1",
            "R01",
            "wsk",
            "WSK14",
            "0x",
            "0x0C4",
            "0xG",
            "0x+1",
            "0x123456789",
            "C4",
            "BOGUS",
            "leaks",
        ] {
            assert!(!is_code(other), "{other}");
        }
    }
}
