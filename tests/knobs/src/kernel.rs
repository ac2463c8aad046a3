// SPDX-License-Identifier: MIT OR Apache-2.0

//! The two kernels to choose from.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use crate::fixed::Knobs;
use crate::knob::Knob;

/// Who answers the questions that the documents leave open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kernel {
    /// Whatever the documents allow is drawn.
    Documents,
    /// What Windows is known to answer is answered; the rest is drawn.
    Windows,
}

impl Kernel {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Documents, Self::Windows];

    /// The answer to `knob`; `None` if it is drawn.
    #[must_use]
    pub const fn answer(self, knob: Knob) -> Option<u32> {
        match self {
            Self::Documents => knob.about().documents,
            Self::Windows => knob.about().windows,
        }
    }

    /// The answers that it fixes.
    #[must_use]
    pub fn knobs(self) -> Knobs {
        let mut knobs = Knobs::DRAWN;
        for knob in Knob::ALL {
            knobs.set(knob, self.answer(knob));
        }
        knobs
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Documents => "documents",
            Self::Windows => "windows",
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The kernel of a run's cycles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KernelChoice {
    /// Each cycle draws one of the two.
    #[default]
    Both,
    /// The same for all cycles.
    One(Kernel),
}

impl fmt::Display for KernelChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Both => f.write_str("both"),
            Self::One(kernel) => kernel.fmt(f),
        }
    }
}

/// Why a text is not a [`KernelChoice`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKernel(String);

impl fmt::Display for UnknownKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "'{}' is no kernel: choose documents, windows or both",
            self.0
        )
    }
}

impl core::error::Error for UnknownKernel {}

impl FromStr for KernelChoice {
    type Err = UnknownKernel;

    fn from_str(text: &str) -> Result<Self, UnknownKernel> {
        if text == "both" {
            return Ok(Self::Both);
        }
        let kernel = Kernel::ALL.into_iter().find(|it| it.name() == text);
        kernel
            .map(Self::One)
            .ok_or_else(|| UnknownKernel(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn kernels_are_their_own_text() {
        for choice in [
            KernelChoice::Both,
            KernelChoice::One(Kernel::Documents),
            KernelChoice::One(Kernel::Windows),
        ] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        let error = "linux".parse::<KernelChoice>().unwrap_err().to_string();
        assert!(error.contains("'linux'") && error.contains("both"));
    }

    #[test]
    fn windows_answers_what_is_known_and_draws_the_rest() {
        let knobs = Kernel::Windows.knobs();
        assert_eq!(knobs.answer(Knob::DeregisterWhenIdle, || 1), 0);
        assert_eq!(knobs.answer(Knob::DetachOrder, || 1), 1);
        let knobs = Kernel::Documents.knobs();
        assert_eq!(knobs.answer(Knob::DeregisterWhenIdle, || 1), 1);
        assert_eq!(knobs.answer(Knob::InstanceVersion, || 0), 1);
    }
}
