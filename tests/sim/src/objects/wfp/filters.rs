// SPDX-License-Identifier: MIT OR Apache-2.0

//! What filters match, and the order in which they decide.
//!
//! Reference: <https://learn.microsoft.com/windows/win32/fwp/filter-arbitration>

use windows_sys::Win32::Foundation::{
    STATUS_FWP_INVALID_RANGE, STATUS_FWP_MATCH_TYPE_MISMATCH, STATUS_FWP_TYPE_MISMATCH,
};
use windows_sys::Win32::NetworkManagement::WindowsFilteringPlatform as wfp;

/// The value of a field, or what a condition compares it with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Datum {
    /// An unsigned integer of this number of bits.
    Unsigned(u8, u64),
    /// An `FWP_BYTE_ARRAY16`.
    Bytes([u8; 16]),
    /// An `FWP_V4_ADDR_AND_MASK`.
    Network(u32, u32),
    /// An `FWP_V6_ADDR_AND_MASK`: an address, and the number of bits that count.
    Prefix([u8; 16], u8),
    /// An `FWP_RANGE0`.
    Range(Box<(Self, Self)>),
    /// Of a type that no field of the traffic has.
    Other,
}

impl Datum {
    /// Returns `true` if both have the same type.
    const fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unsigned(bits, _), Self::Unsigned(others, _)) => *bits == *others,
            (Self::Bytes(_), Self::Bytes(_)) => true,
            _ => false,
        }
    }

    /// Its place among those of its type.
    fn rank(&self) -> u128 {
        match self {
            Self::Unsigned(_, value) => u128::from(*value),
            Self::Bytes(bytes) => u128::from_be_bytes(*bytes),
            _ => 0,
        }
    }
}

/// A condition of a filter.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    /// The key of the field.
    pub(crate) field: u128,
    /// `FWP_MATCH_EQUAL` and so on.
    pub(crate) how: i32,
    pub(crate) with: Datum,
}

impl Condition {
    /// Checks that it can be tested on values like this one. Returns the status of the failure.
    pub(crate) fn check(&self, value: &Datum) -> Result<(), i32> {
        let is_flags = matches!(
            self.how,
            wfp::FWP_MATCH_FLAGS_ALL_SET
                | wfp::FWP_MATCH_FLAGS_ANY_SET
                | wfp::FWP_MATCH_FLAGS_NONE_SET
        );
        let is_text = matches!(
            self.how,
            wfp::FWP_MATCH_EQUAL_CASE_INSENSITIVE
                | wfp::FWP_MATCH_PREFIX
                | wfp::FWP_MATCH_NOT_PREFIX
        );
        let is_equality = [wfp::FWP_MATCH_EQUAL, wfp::FWP_MATCH_NOT_EQUAL].contains(&self.how);
        let fits = match (&self.with, value) {
            (Datum::Range(ends), value) => {
                let (low, high) = &**ends;
                if !low.is_like(value) || !high.is_like(value) {
                    return Err(STATUS_FWP_TYPE_MISMATCH);
                }
                if low.rank() > high.rank() {
                    return Err(STATUS_FWP_INVALID_RANGE);
                }
                self.how == wfp::FWP_MATCH_RANGE
            }
            (Datum::Network(..), Datum::Unsigned(32, _)) | (Datum::Prefix(..), Datum::Bytes(_)) => {
                is_equality
            }
            (with, value) if with.is_like(value) => {
                let is_number = matches!(value, Datum::Unsigned(..));
                self.how != wfp::FWP_MATCH_RANGE && !is_text && (is_number || !is_flags)
            }
            _ => return Err(STATUS_FWP_TYPE_MISMATCH),
        };
        if fits {
            Ok(())
        } else {
            Err(STATUS_FWP_MATCH_TYPE_MISMATCH)
        }
    }

    /// Returns `true` if it is true for a value.
    fn is_true(&self, value: &Datum) -> bool {
        let (mine, its) = (self.with.rank(), value.rank());
        let is_equal = match &self.with {
            Datum::Network(address, mask) => {
                let (address, mask) = (u128::from(*address), u128::from(*mask));
                its & mask == address & mask
            }
            Datum::Prefix(address, bits) => {
                let rest = 128 - u32::from(*bits).min(128);
                let shift = |it: u128| it.checked_shr(rest).unwrap_or(0);
                shift(u128::from_be_bytes(*address)) == shift(its)
            }
            Datum::Range(ends) => (ends.0.rank()..=ends.1.rank()).contains(&its),
            _ => mine == its,
        };
        match self.how {
            wfp::FWP_MATCH_GREATER => its > mine,
            wfp::FWP_MATCH_LESS => its < mine,
            wfp::FWP_MATCH_GREATER_OR_EQUAL => its >= mine,
            wfp::FWP_MATCH_LESS_OR_EQUAL => its <= mine,
            wfp::FWP_MATCH_FLAGS_ALL_SET => its & mine == mine,
            wfp::FWP_MATCH_FLAGS_ANY_SET => its & mine != 0,
            wfp::FWP_MATCH_FLAGS_NONE_SET => its & mine == 0,
            wfp::FWP_MATCH_NOT_EQUAL => !is_equal,
            _ => is_equal,
        }
    }
}

/// When a filter decides, and on what.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// The key of the sublayer.
    pub(crate) sublayer: u128,
    pub(crate) weight: u64,
    /// `FWPM_FILTER_FLAG_Xxx`.
    pub(crate) flags: u32,
    pub(crate) conditions: Vec<Condition>,
}

impl Rules {
    /// Returns `true` if a filter matches traffic with these values. Conditions on a field without
    /// a value are `unknown`. Consecutive conditions on the same field are alternatives.
    pub(crate) fn match_values(
        &self,
        value: impl Fn(u128) -> Option<Datum>,
        mut unknown: impl FnMut() -> bool,
    ) -> bool {
        let groups = self
            .conditions
            .chunk_by(|one, next| one.field == next.field);
        let mut is_true = |condition: &Condition| match value(condition.field) {
            Some(value) => condition.is_true(&value),
            None => unknown(),
        };
        groups
            .into_iter()
            .all(|group| group.iter().any(&mut is_true))
    }
}

/// Mixes a cycle's salt with a number: what the documents leave open is drawn by it.
pub(crate) fn mix(salt: u64, number: u128) -> u64 {
    const FIRST: u64 = 0xBF58_476D_1CE4_E5B9;
    const SECOND: u64 = 0x94D0_49BB_1331_11EB;
    let half = |it: u128| u64::try_from(it & u128::from(u64::MAX)).unwrap_or_default();
    let [low, high] = [half(number), half(number >> 64)];
    let mut mixed = salt ^ low.rotate_left(17) ^ high;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(FIRST);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(SECOND);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: u128 = 1;
    const ADDRESS: u128 = 2;

    fn condition(field: u128, how: i32, with: Datum) -> Condition {
        Condition { field, how, with }
    }

    fn short(value: u64) -> Datum {
        Datum::Unsigned(16, value)
    }

    fn range(low: u64, high: u64) -> Datum {
        Datum::Range(Box::new((short(low), short(high))))
    }

    /// What traffic of port 443 to `10.0.0.11` has.
    fn value(field: u128) -> Option<Datum> {
        match field {
            PORT => Some(short(443)),
            ADDRESS => Some(Datum::Unsigned(32, 0x0A00_000B)),
            _ => None,
        }
    }

    fn matches(conditions: &[Condition]) -> bool {
        let rules = Rules {
            conditions: conditions.to_vec(),
            ..Rules::default()
        };
        rules.match_values(value, || panic!("all fields are known"))
    }

    #[test]
    fn each_way_to_match_is_the_documented_one() {
        for (how, with, expected) in [
            (wfp::FWP_MATCH_EQUAL, short(443), true),
            (wfp::FWP_MATCH_EQUAL, short(444), false),
            (wfp::FWP_MATCH_NOT_EQUAL, short(444), true),
            (wfp::FWP_MATCH_NOT_EQUAL, short(443), false),
            (wfp::FWP_MATCH_GREATER, short(442), true),
            (wfp::FWP_MATCH_GREATER, short(443), false),
            (wfp::FWP_MATCH_LESS, short(444), true),
            (wfp::FWP_MATCH_LESS, short(443), false),
            (wfp::FWP_MATCH_GREATER_OR_EQUAL, short(443), true),
            (wfp::FWP_MATCH_GREATER_OR_EQUAL, short(444), false),
            (wfp::FWP_MATCH_LESS_OR_EQUAL, short(443), true),
            (wfp::FWP_MATCH_LESS_OR_EQUAL, short(442), false),
            (wfp::FWP_MATCH_RANGE, range(443, 443), true),
            (wfp::FWP_MATCH_RANGE, range(1, 442), false),
            (wfp::FWP_MATCH_FLAGS_ALL_SET, short(0x1BB), true),
            (wfp::FWP_MATCH_FLAGS_ALL_SET, short(0x1BF), false),
            (wfp::FWP_MATCH_FLAGS_ANY_SET, short(0x4_0000 | 1), true),
            (wfp::FWP_MATCH_FLAGS_ANY_SET, short(4), false),
            (wfp::FWP_MATCH_FLAGS_NONE_SET, short(4), true),
            (wfp::FWP_MATCH_FLAGS_NONE_SET, short(1), false),
        ] {
            let one = condition(PORT, how, with);
            assert_eq!(one.check(&short(443)), Ok(()), "{one:?}");
            assert_eq!(matches(std::slice::from_ref(&one)), expected, "{one:?}");
        }
    }

    #[test]
    fn addresses_are_compared_with_networks() {
        let network = |mask| Datum::Network(0x0A00_0001, mask);
        let one = |with| condition(ADDRESS, wfp::FWP_MATCH_EQUAL, with);
        assert!(matches(&[one(network(0xFFFF_FF00))]));
        assert!(!matches(&[one(network(0xFFFF_FFFF))]));
        let mut address = [0; 16];
        address[0] = 0xFE;
        let host = Datum::Bytes(address);
        for (bits, expected) in [(0, true), (7, true), (8, false), (128, false)] {
            let other = condition(
                ADDRESS,
                wfp::FWP_MATCH_EQUAL,
                Datum::Prefix([0xFF; 16], bits),
            );
            assert_eq!(other.check(&host), Ok(()));
            assert_eq!(other.is_true(&host), expected, "{bits}");
        }
    }

    #[test]
    fn conditions_on_one_field_are_alternatives_and_others_are_all_needed() {
        let port = |value| condition(PORT, wfp::FWP_MATCH_EQUAL, short(value));
        let address = |value| condition(ADDRESS, wfp::FWP_MATCH_EQUAL, Datum::Unsigned(32, value));
        assert!(matches(&[]));
        assert!(matches(&[port(80), port(443), address(0x0A00_000B)]));
        assert!(!matches(&[port(80), port(443), address(1)]));
        // Only consecutive ones are alternatives.
        assert!(!matches(&[port(80), address(0x0A00_000B), port(443)]));
    }

    #[test]
    fn conditions_on_what_is_not_known_are_drawn() {
        let rules = Rules {
            conditions: vec![condition(9, wfp::FWP_MATCH_EQUAL, Datum::Other)],
            ..Rules::default()
        };
        for drawn in [false, true] {
            assert_eq!(rules.match_values(value, || drawn), drawn);
        }
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let number = short(443);
        let bytes = Datum::Bytes([0; 16]);
        for (how, with, value, status) in [
            (
                wfp::FWP_MATCH_EQUAL,
                Datum::Unsigned(32, 443),
                &number,
                STATUS_FWP_TYPE_MISMATCH,
            ),
            (
                wfp::FWP_MATCH_EQUAL,
                Datum::Network(1, 1),
                &number,
                STATUS_FWP_TYPE_MISMATCH,
            ),
            (
                wfp::FWP_MATCH_EQUAL,
                Datum::Other,
                &number,
                STATUS_FWP_TYPE_MISMATCH,
            ),
            (
                wfp::FWP_MATCH_RANGE,
                short(1),
                &number,
                STATUS_FWP_MATCH_TYPE_MISMATCH,
            ),
            (
                wfp::FWP_MATCH_EQUAL,
                range(1, 2),
                &number,
                STATUS_FWP_MATCH_TYPE_MISMATCH,
            ),
            (
                wfp::FWP_MATCH_RANGE,
                range(2, 1),
                &number,
                STATUS_FWP_INVALID_RANGE,
            ),
            (
                wfp::FWP_MATCH_FLAGS_ANY_SET,
                bytes.clone(),
                &bytes,
                STATUS_FWP_MATCH_TYPE_MISMATCH,
            ),
            (
                wfp::FWP_MATCH_PREFIX,
                short(4),
                &number,
                STATUS_FWP_MATCH_TYPE_MISMATCH,
            ),
        ] {
            let one = condition(PORT, how, with);
            assert_eq!(one.check(value), Err(status), "{one:?}");
        }
    }
}
