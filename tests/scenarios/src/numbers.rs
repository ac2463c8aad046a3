// SPDX-License-Identifier: MIT OR Apache-2.0

//! Numbers for people to read, in sentences of a report.

/// `number` with thousands separators, and its noun: `1 cycle`, `1,000 cycles`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    let noun = if number == 1 { one } else { many };
    format!("{text} {noun}")
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn nouns_and_thousands_are_right() {
        for (number, text) in [
            (0, "0 cycles"),
            (1, "1 cycle"),
            (999, "999 cycles"),
            (1_000, "1,000 cycles"),
            (1_234_567, "1,234,567 cycles"),
        ] {
            assert_eq!(count(number, "cycle", "cycles"), text);
        }
    }
}
