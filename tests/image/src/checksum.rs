// SPDX-License-Identifier: MIT OR Apache-2.0

//! The checksum of the headers, which Windows compares before it loads a driver.

use std::ops::Range;

/// The checksum of a file that has it at `place`: its words added up without
/// those, carries added again, and its length.
pub(crate) fn of(bytes: &[u8], place: Range<usize>) -> u32 {
    let before = &bytes[..place.start];
    let after = &bytes[place.end..];
    let sum = [before, after]
        .into_iter()
        .flat_map(|part| part.chunks(2))
        .map(|word| u16::from_le_bytes([word[0], *word.get(1).unwrap_or(&0)]))
        .fold(0, |sum: u32, word| {
            let sum = sum + u32::from(word);
            (sum & 0xffff) + (sum >> 16)
        });
    // As far as it goes: it has 32 bits.
    sum.wrapping_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_carry_and_the_length_counts() {
        let bytes = [0xff, 0xff, 9, 9, 9, 9, 0x02, 0x00, 0x01];
        // 0xffff + 2 carries to 2; the last byte is a word by itself.
        assert_eq!(of(&bytes, 2..6), 3 + 9);
    }

    #[test]
    fn what_the_field_says_does_not_count() {
        let sum = |field: u8| of(&[1, 2, field, field, field, field, 3, 4], 2..6);
        assert_eq!(sum(0), sum(0xaa));
    }
}
