// SPDX-License-Identifier: MIT OR Apache-2.0

//! The pages of Microsoft's documents to which the code of a finding leads.

/// Where a code is documented: the title of the page, and its address.
pub(super) fn of(code: &str) -> Option<(&'static str, &'static str)> {
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|it| it.is_ascii_digit());
    if code.strip_prefix('R').is_some_and(is_number) {
        return Some((
            "Architecture overview for the Network Module Registrar",
            "https://learn.microsoft.com/windows-hardware/drivers/network/architecture-overview",
        ));
    }
    code.starts_with("0x").then_some((
        "Bug check code reference",
        "https://learn.microsoft.com/windows-hardware/drivers/debugger/bug-check-code-reference2",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_and_bug_checks_are_documented() {
        assert!(of("R28").is_some_and(|(title, _)| title.contains("Registrar")));
        assert!(of("0xC4").is_some_and(|(title, _)| title.starts_with("Bug check")));
        for code in ["leak", "R", "Race", "hang"] {
            assert_eq!(of(code), None, "{code}");
        }
    }
}
