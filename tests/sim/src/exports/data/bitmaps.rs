// SPDX-License-Identifier: MIT OR Apache-2.0

//! Bitmaps, whose memory belongs to the driver.

use crate::exports::exports;
use crate::exports::memory::access::{get, set};
use crate::hardware::irql::HIGH_LEVEL;

// At most `APC_LEVEL` if the memory is pageable, which a page fault shows.
exports! {
    "RtlInitializeBitMap" <= HIGH_LEVEL => initialize: ();
    "RtlSetBit" <= HIGH_LEVEL => set_bit: ();
    "RtlClearBit" <= HIGH_LEVEL => clear_bit: ();
    "RtlTestBit" <= HIGH_LEVEL => test_bit: u8;
    "RtlSetBits" <= HIGH_LEVEL => set_bits: ();
    "RtlClearBits" <= HIGH_LEVEL => clear_bits: ();
    "RtlSetAllBits" <= HIGH_LEVEL => set_all: ();
    "RtlClearAllBits" <= HIGH_LEVEL => clear_all: ();
    "RtlAreBitsSet" <= HIGH_LEVEL => are_set: u8;
    "RtlAreBitsClear" <= HIGH_LEVEL => are_clear: u8;
    "RtlFindSetBits" <= HIGH_LEVEL => find_set: u32;
    "RtlFindClearBits" <= HIGH_LEVEL => find_clear: u32;
    "RtlFindSetBitsAndClear" <= HIGH_LEVEL => find_set_and_clear: u32;
    "RtlFindClearBitsAndSet" <= HIGH_LEVEL => find_clear_and_set: u32;
    "RtlNumberOfSetBits" <= HIGH_LEVEL => count_set: u32;
    "RtlNumberOfClearBits" <= HIGH_LEVEL => count_clear: u32;
}

/// The result of a search that finds nothing.
const NONE: u32 = u32::MAX;

/// `RTL_BITMAP`.
#[derive(Clone, Copy)]
struct BitMap {
    /// The number of bits.
    size: u32,
    buffer: usize,
}

impl BitMap {
    /// The offset of `Buffer`.
    const BUFFER: usize = 8;

    fn at(header: usize) -> Self {
        Self {
            size: get(header),
            buffer: get(header + Self::BUFFER),
        }
    }

    const fn byte(self, index: u32) -> usize {
        self.buffer + (index / 8) as usize
    }

    fn is_set(self, index: u32) -> bool {
        get::<u8>(self.byte(index)) & (1 << (index % 8)) != 0
    }

    fn put(self, index: u32, value: bool) {
        let at = self.byte(index);
        let (byte, bit) = (get::<u8>(at), 1 << (index % 8));
        set(at, if value { byte | bit } else { byte & !bit });
    }

    fn fill(self, first: u32, count: u32, value: bool) {
        for distance in 0..count {
            self.put(first.wrapping_add(distance), value);
        }
    }

    /// Returns `true` if these bits lie within the bitmap and all have this value.
    fn all_are(self, first: u32, count: u32, value: bool) -> bool {
        let end = first.checked_add(count).filter(|end| *end <= self.size);
        let Some(end) = end.filter(|_| count > 0) else {
            return false;
        };
        (first..end).all(|index| self.is_set(index) == value)
    }

    /// Finds `count` bits of this value, from `hint` on and then from the start. Returns the
    /// first.
    fn find(self, count: u32, hint: u32, value: bool) -> u32 {
        let hint = if hint < self.size { hint } else { 0 };
        self.find_in(hint, self.size, count, value)
            .or_else(|| {
                let end = hint.saturating_add(count).min(self.size);
                self.find_in(0, end, count, value)
            })
            .unwrap_or(NONE)
    }

    fn find_in(self, start: u32, end: u32, count: u32, value: bool) -> Option<u32> {
        let mut run = 0;
        for index in start..end {
            if run >= count {
                break;
            }
            run = if self.is_set(index) == value {
                run + 1
            } else {
                0
            };
            if run == count {
                return Some(index + 1 - count);
            }
        }
        (count == 0 && start < end).then_some(start)
    }

    fn find_and_put(self, count: u32, hint: u32, value: bool) -> u32 {
        let found = self.find(count, hint, value);
        if found != NONE {
            self.fill(found, count, !value);
        }
        found
    }

    fn count(self, value: bool) -> u32 {
        let bits = (0..self.size).filter(|index| self.is_set(*index) == value);
        u32::try_from(bits.count()).expect("the size has 32 bits")
    }
}

unsafe extern "win64" fn initialize(header: usize, buffer: usize, size: u32) {
    set(header, size);
    set(header + BitMap::BUFFER, buffer);
}

unsafe extern "win64" fn set_bit(header: usize, index: u32) {
    BitMap::at(header).put(index, true);
}

unsafe extern "win64" fn clear_bit(header: usize, index: u32) {
    BitMap::at(header).put(index, false);
}

unsafe extern "win64" fn test_bit(header: usize, index: u32) -> u8 {
    u8::from(BitMap::at(header).is_set(index))
}

unsafe extern "win64" fn set_bits(header: usize, first: u32, count: u32) {
    BitMap::at(header).fill(first, count, true);
}

unsafe extern "win64" fn clear_bits(header: usize, first: u32, count: u32) {
    BitMap::at(header).fill(first, count, false);
}

unsafe extern "win64" fn set_all(header: usize) {
    let map = BitMap::at(header);
    map.fill(0, map.size, true);
}

unsafe extern "win64" fn clear_all(header: usize) {
    let map = BitMap::at(header);
    map.fill(0, map.size, false);
}

unsafe extern "win64" fn are_set(header: usize, first: u32, count: u32) -> u8 {
    u8::from(BitMap::at(header).all_are(first, count, true))
}

unsafe extern "win64" fn are_clear(header: usize, first: u32, count: u32) -> u8 {
    u8::from(BitMap::at(header).all_are(first, count, false))
}

unsafe extern "win64" fn find_set(header: usize, count: u32, hint: u32) -> u32 {
    BitMap::at(header).find(count, hint, true)
}

unsafe extern "win64" fn find_clear(header: usize, count: u32, hint: u32) -> u32 {
    BitMap::at(header).find(count, hint, false)
}

unsafe extern "win64" fn find_set_and_clear(header: usize, count: u32, hint: u32) -> u32 {
    BitMap::at(header).find_and_put(count, hint, true)
}

unsafe extern "win64" fn find_clear_and_set(header: usize, count: u32, hint: u32) -> u32 {
    BitMap::at(header).find_and_put(count, hint, false)
}

unsafe extern "win64" fn count_set(header: usize) -> u32 {
    BitMap::at(header).count(true)
}

unsafe extern "win64" fn count_clear(header: usize) -> u32 {
    BitMap::at(header).count(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_found_from_the_hint_on_and_then_from_the_start() {
        let words = [0b0110_0000_u32, 0];
        let map = BitMap {
            size: 40,
            buffer: words.as_ptr().addr(),
        };
        assert_eq!(map.find(5, 0, false), 0);
        assert_eq!(map.find(6, 0, false), 7);
        assert_eq!(map.find(4, 38, false), 0);
        assert_eq!(map.find(5, 38, false), 0);
        assert_eq!(map.find(34, 0, false), NONE);
        assert_eq!(map.find(2, 7, true), 5);
        assert_eq!(map.find(3, 0, true), NONE);
        assert_eq!((map.count(true), map.count(false)), (2, 38));
        assert!(map.all_are(5, 2, true) && !map.all_are(38, 3, false));
        std::hint::black_box(words);
    }
}
