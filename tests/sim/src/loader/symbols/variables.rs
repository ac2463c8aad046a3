// SPDX-License-Identifier: MIT OR Apache-2.0

//! The variables of an image: debug information gives each a name and a start.

/// What lies further behind the start of a variable is none that is known.
const FAR: u32 = 1 << 16;

/// In ascending order of their starts, relative to the image's base.
#[derive(Debug, Default)]
pub(super) struct Variables(Vec<(u32, String)>);

impl Variables {
    pub(super) fn new(mut all: Vec<(u32, String)>) -> Self {
        all.sort();
        all.dedup_by_key(|(start, _)| *start);
        Self(all)
    }

    /// The variable at `offset`, and how far behind its start that is.
    pub(super) fn at(&self, offset: u32) -> Option<(String, u32)> {
        let next = self.0.partition_point(|(start, _)| *start <= offset);
        let (start, name) = self.0.get(next.checked_sub(1)?)?;
        let distance = offset - start;
        (distance < FAR).then(|| (name.clone(), distance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_reaches_to_the_next_one() {
        let variables = Variables::new(vec![(0x40, "B".to_owned()), (0x10, "A".to_owned())]);
        let at = |offset| variables.at(offset);
        assert_eq!(at(0xF), None);
        assert_eq!(at(0x10), Some(("A".to_owned(), 0)));
        assert_eq!(at(0x3F), Some(("A".to_owned(), 0x2F)));
        assert_eq!(at(0x48), Some(("B".to_owned(), 8)));
        assert_eq!(at(0x40 + FAR), None);
    }
}
