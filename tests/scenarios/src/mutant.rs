// SPDX-License-Identifier: MIT OR Apache-2.0

//! Generated defects: copies of a driver's image with one changed instruction.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Place;

/// A copy of an image with one small change, as a mistake in its source would make.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mutant {
    /// The offset of the changed instruction in the image.
    pub offset: u32,
    /// The kind of change.
    pub mutation: Mutation,
    /// What the change is about: the function that is no longer called, say.
    pub subject: String,
    /// The place of the instruction in the driver's source.
    pub place: Place,
    /// Where in the file the change begins.
    pub position: usize,
    /// The bytes there instead of the file's.
    pub bytes: Vec<u8>,
}

impl Mutant {
    /// The name of this mutant of the image `stem`, by which it can be made again.
    #[must_use]
    pub fn name(&self, stem: &str) -> String {
        format!("{stem}+{:#x}:{}", self.offset, self.mutation)
    }

    /// What differs in a sentence's words: "without the call of `KeSetEvent`".
    #[must_use]
    pub fn difference(&self) -> String {
        let subject = &self.subject;
        match self.mutation {
            Mutation::NoCall => format!("without the call of {subject}"),
            Mutation::SwappedArguments => {
                format!("first and second argument of {subject} are exchanged")
            }
            Mutation::OtherBranch => "the condition is the other way round".to_owned(),
            Mutation::NoLock => "the instruction is not atomic".to_owned(),
            Mutation::OtherConstant => format!("{subject} is one more"),
            Mutation::OtherField => format!("reads the next field, behind {subject}"),
            Mutation::NoStore => "does not store".to_owned(),
        }
    }
}

/// A kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mutation {
    /// A call is left out; it returns 0.
    NoCall,
    /// Two arguments are exchanged.
    SwappedArguments,
    /// A condition is negated.
    OtherBranch,
    /// An atomic instruction is none.
    NoLock,
    /// A constant is one more.
    OtherConstant,
    /// A read takes the eight bytes behind those that it should.
    OtherField,
    /// A store is left out.
    NoStore,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::NoCall,
        Self::SwappedArguments,
        Self::OtherBranch,
        Self::NoLock,
        Self::OtherConstant,
        Self::OtherField,
        Self::NoStore,
    ];
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCall => "no-call",
            Self::SwappedArguments => "swapped-arguments",
            Self::OtherBranch => "other-branch",
            Self::NoLock => "no-lock",
            Self::OtherConstant => "other-constant",
            Self::OtherField => "other-field",
            Self::NoStore => "no-store",
        })
    }
}
