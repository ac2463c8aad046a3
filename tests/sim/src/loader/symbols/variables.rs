// SPDX-License-Identifier: MIT OR Apache-2.0

//! The variables of an image, each with a name and an address from debug information.

/// The distance from the start of a variable of unknown size beyond which an address is not
/// attributed to it.
const FAR: u32 = 1 << 16;

/// A variable.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Variable {
    /// The start, relative to the image's base.
    pub(super) start: u32,
    pub(super) name: String,
    /// The size, if debug information has it: compilers split variables, and name only some of
    /// the parts.
    pub(super) size: Option<u32>,
}

/// The variables of an image, in ascending order of their starts.
#[derive(Debug, Default)]
pub(super) struct Variables(Vec<Variable>);

impl Variables {
    pub(super) fn new(mut all: Vec<Variable>) -> Self {
        all.sort();
        all.dedup_by_key(|it| it.start);
        Self(all)
    }

    /// The variable at `offset`, and how far behind its start that is.
    pub(super) fn at(&self, offset: u32) -> Option<(String, u32)> {
        let next = self.0.partition_point(|it| it.start <= offset);
        let Variable { start, name, size } = self.0.get(next.checked_sub(1)?)?;
        let distance = offset - start;
        (distance < size.unwrap_or(FAR)).then(|| (name.clone(), distance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_reaches_to_the_next_one_or_as_far_as_its_size() {
        let variable = |start, name: &str, size| Variable {
            start,
            name: name.to_owned(),
            size,
        };
        let (a, b) = (variable(0x10, "A", None), variable(0x40, "B", None));
        let variables = Variables::new(vec![b, a, variable(0x20, "C", Some(4))]);
        let at = |offset| variables.at(offset);
        assert_eq!(at(0xF), None);
        assert_eq!(at(0x10), Some(("A".to_owned(), 0)));
        assert_eq!(at(0x1F), Some(("A".to_owned(), 0xF)));
        assert_eq!(at(0x23), Some(("C".to_owned(), 3)));
        assert_eq!(at(0x24), None);
        assert_eq!(at(0x48), Some(("B".to_owned(), 8)));
        assert_eq!(at(0x40 + FAR), None);
    }
}
