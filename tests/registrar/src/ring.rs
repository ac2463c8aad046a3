// SPDX-License-Identifier: MIT OR Apache-2.0

//! A list that forgets its oldest elements.

use alloc::vec::Vec;

/// The last `LENGTH` of what was recorded.
#[derive(Debug)]
pub(crate) struct Ring<T, const LENGTH: usize> {
    elements: Vec<T>,
    /// The index of the oldest element, once the list is full.
    oldest: usize,
}

impl<T: Copy, const LENGTH: usize> Ring<T, LENGTH> {
    pub(crate) const fn new() -> Self {
        Self {
            elements: Vec::new(),
            oldest: 0,
        }
    }

    /// Records `element`, unless there is no memory for it: a list that lacks an element
    /// is better than a call that fails for one.
    #[inline]
    pub(crate) fn record(&mut self, element: &T) {
        if self.elements.len() < LENGTH {
            if self.elements.try_reserve(1).is_ok() {
                self.elements.push(*element);
            }
        } else if let Some(oldest) = self.elements.get_mut(self.oldest) {
            *oldest = *element;
            self.oldest = (self.oldest + 1) % LENGTH;
        }
    }

    /// What is recorded, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let (newer, older) = self.elements.split_at(self.oldest);
        older.iter().chain(newer)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::Ring;

    #[test]
    fn it_keeps_the_last_in_order() {
        let mut ring: Ring<u32, 4> = Ring::new();
        for last in 0..10 {
            ring.record(&last);
            let kept: Vec<u32> = ring.iter().copied().collect();
            assert_eq!(kept, Vec::from_iter(last.saturating_sub(3)..=last));
        }
    }
}
