// SPDX-License-Identifier: MIT OR Apache-2.0

//! Durations in virtual time, and shades of counts.

/// A duration in microseconds, in the largest unit of which there is a whole one.
pub(super) fn duration(microseconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (60_000_000, "min"),
        (1_000_000, "s"),
        (1_000, "ms"),
        (1, "µs"),
    ];
    for (unit, name) in UNITS {
        if microseconds >= unit {
            let tenths = u128::from(microseconds) * 10 / u128::from(unit);
            return match (tenths / 10, tenths % 10) {
                (whole, tenth) if whole < 10 && tenth > 0 => format!("{whole}.{tenth} {name}"),
                (whole, _) => format!("{whole} {name}"),
            };
        }
    }
    "0 µs".to_owned()
}

/// The shade of a count beside the largest one, from 0 (none) to 5: each is about three
/// times the one before.
pub(super) fn shade(count: u64, most: u64) -> usize {
    if count == 0 {
        return 0;
    }
    let steps = most.max(count).ilog2() - count.ilog2();
    5 - usize::try_from(steps * 2 / 3).map_or(4, |steps| steps.min(4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_read_at_a_glance() {
        for (microseconds, text) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_000, "1 ms"),
            (1_023, "1 ms"),
            (1_536, "1.5 ms"),
            (65_535, "65 ms"),
            (2_000_000, "2 s"),
            (90_000_000, "1.5 min"),
        ] {
            assert_eq!(duration(microseconds), text);
        }
    }

    #[test]
    fn more_is_darker() {
        assert_eq!(shade(0, 100), 0);
        assert_eq!(shade(1, 1), 5);
        assert_eq!(shade(100, 100), 5);
        assert_eq!(shade(1, u64::MAX), 1);
        let shades: Vec<_> = (1..1000).map(|count| shade(count, 1000)).collect();
        assert!(shades.is_sorted());
    }
}
