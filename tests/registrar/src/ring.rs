// SPDX-License-Identifier: MIT OR Apache-2.0

//! A list that forgets its oldest elements.

use alloc::vec::Vec;

/// The last of what was recorded.
#[derive(Debug)]
pub(crate) struct Ring<T> {
    elements: Vec<T>,
    /// The most elements that are kept.
    length: usize,
    /// The place of the next element: that of the oldest one, once the list is full.
    next: usize,
    /// The number of elements that have been recorded.
    count: u64,
    /// The number of them when they were last taken.
    taken: u64,
}

impl<T: Copy> Ring<T> {
    /// One that keeps `length` elements.
    pub(crate) const fn new(length: usize) -> Self {
        Self {
            elements: Vec::new(),
            length,
            next: 0,
            count: 0,
            taken: 0,
        }
    }

    /// The number of elements that have been recorded.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// Records an element, unless there is no memory for it: a list that lacks an element
    /// is better than a call that fails for one.
    #[inline]
    pub(crate) fn record(&mut self, element: impl FnOnce() -> T) {
        if let Some(oldest) = self.elements.get_mut(self.next) {
            *oldest = element();
        } else if self.elements.len() < self.length {
            if self.elements.try_reserve(1).is_err() {
                return;
            }
            self.elements.push(element());
        }
        self.next += 1;
        if self.next >= self.length {
            self.next = 0;
        }
        self.count += 1;
    }

    /// What is recorded, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let (newer, older) = self.elements.split_at(self.next);
        older.iter().chain(newer)
    }

    /// What has been recorded since the last call and is still kept, oldest first.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = &T> {
        let since = core::mem::replace(&mut self.taken, self.count);
        let new = usize::try_from(self.count - since).unwrap_or(usize::MAX);
        self.iter().skip(self.elements.len().saturating_sub(new))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::Ring;

    #[test]
    fn it_keeps_the_last_in_order() {
        let mut ring: Ring<u32> = Ring::new(4);
        for last in 0..10 {
            ring.record(|| last);
            let kept: Vec<u32> = ring.iter().copied().collect();
            let last_four: Vec<u32> = (last.saturating_sub(3)..=last).collect();
            assert_eq!(kept, last_four);
        }
    }

    #[test]
    fn one_of_no_length_only_counts() {
        let mut ring: Ring<u32> = Ring::new(0);
        (0..3).for_each(|number| ring.record(|| number));
        assert_eq!((ring.count(), ring.iter().count()), (3, 0));
    }

    #[test]
    fn what_is_taken_is_taken_once_and_kept() {
        let mut ring: Ring<u32> = Ring::new(4);
        let mut taken = |numbers: core::ops::Range<u32>| {
            numbers.for_each(|number| ring.record(|| number));
            ring.take().copied().collect::<Vec<u32>>()
        };
        assert_eq!(taken(0..3), [0, 1, 2]);
        assert_eq!(taken(3..3), []);
        assert_eq!(taken(3..5), [3, 4]);
        assert_eq!(taken(5..12), [8, 9, 10, 11]);
        assert_eq!(ring.iter().count(), 4);
    }
}
