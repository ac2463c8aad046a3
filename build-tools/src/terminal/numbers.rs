// SPDX-License-Identifier: MIT OR Apache-2.0

//! Numbers as people read them: thousands separators, singular and plural, and times.

use std::time::Duration;

use indicatif::HumanCount;

/// `number` with thousands separators: `1,000`.
pub(crate) fn grouped(number: u64) -> String {
    HumanCount(number).to_string()
}

/// `number` and its noun: `1 cycle`, `1,000 cycles`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{} {noun}", grouped(number))
}

/// The number of items of a list, and their noun.
pub(crate) fn count_of<T>(items: &[T], one: &str, many: &str) -> String {
    count(items.len() as u64, one, many)
}

/// A time: `0.9 s`, `4 min 5 s`.
pub(crate) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..=99 => format!("{:.1} s", time.as_secs_f64()),
        _ => format!("{} min {} s", grouped(seconds / 60), seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_and_thousands_are_right() {
        assert_eq!(count(1, "cycle", "cycles"), "1 cycle");
        assert_eq!(count(0, "cycle", "cycles"), "0 cycles");
        assert_eq!(count(1_234_567, "cycle", "cycles"), "1,234,567 cycles");
        assert_eq!(time(Duration::from_millis(940)), "0.9 s");
        assert_eq!(time(Duration::from_secs(245)), "4 min 5 s");
    }
}
