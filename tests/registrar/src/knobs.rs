// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the documents leave open.
//!
//! | knob | answer 0 | answer 1 | why both are possible |
//! |---|---|---|---|
//! | [`DetachOrder`](Knob::DetachOrder) | `ClientDetachProvider` first | `ProviderDetachClient` first | the reference lists the initiator's first, the design guide says only "both" |
//! | [`DetachOverlap`](Knob::DetachOverlap) | the second callback follows the first | it waits for the first side's completion | known implementations do either |
//! | [`EarlyComplete`](Knob::EarlyComplete) | counts when the callback returns | counts at once, cleanup may run in it | drivers complete inside the callback; nothing says when it takes effect |
//! | [`CleanupOrder`](Knob::CleanupOrder) | client's first | provider's first | only "after both have detached" is said |
//! | [`CallbackIrql`](Knob::CallbackIrql) | the caller's | `DISPATCH_LEVEL` | the callbacks' contract is IRQL <= `DISPATCH_LEVEL` |
//! | [`HandleWritten`](Knob::HandleWritten) | before any callback | after all of them | attach runs inside the call; its out parameter is said to be set when it returns |
//! | [`HandleOnFailure`](Knob::HandleOnFailure) | left alone | set to NULL (2: to a value that names nothing) | not documented; drivers set it themselves |
//! | [`AttachOrder`](Knob::AttachOrder) | oldest peer first | newest peer first | no order is given |
//! | [`OddCharacteristics`](Knob::OddCharacteristics) | registered all the same | `STATUS_INVALID_PARAMETER` | the fields have required values, but no status for others |
//! | [`NullModuleId`](Knob::NullModuleId) | registered | `STATUS_INVALID_PARAMETER` | the reference wants an id; shipping modules pass NULL in templates |
//! | [`AttachThread`](Knob::AttachThread) | refused | served | `NmrClientAttachProvider` is for its own `ClientAttachProvider`; what it does elsewhere is not said |
//! | [`OddDetachStatus`](Knob::OddDetachStatus) | as `STATUS_SUCCESS` | as `STATUS_PENDING` | two statuses are documented; shipping modules return others |
//! | [`DeregisterTwice`](Knob::DeregisterTwice) | `STATUS_INVALID_PARAMETER` | `STATUS_PENDING` | not documented |
//! | [`DeregisterWhenIdle`](Knob::DeregisterWhenIdle) | `STATUS_PENDING` | `STATUS_SUCCESS` | only `STATUS_PENDING` is documented and seen on Windows; mocks and older simulations answer otherwise, and a module that is right survives both |
//!
//! Some open points are decided, not drawn, because only one answer leaves a
//! module a way to be right: cleanup callbacks have returned before a wait
//! does; a provider whose client failed after it had accepted is detached and
//! cleaned up; the two ends of a binding have different handles; a completion
//! that comes before the detach callback is remembered; two registrations of
//! one driver are paired like any others; one `NmrRegister...` makes its offers
//! one after another, while those of peers that register on other threads run
//! beside them; a registration that is never waited for stays, and is a finding
//! when its image goes.
//!
//! Each knob is drawn from the run's seed unless [`Knobs`] fixes it.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

/// A question about NMR that no document answers: a host answers it anew each
/// time it comes up, and a module must survive every answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Knob {
    /// Which side's detach callback runs first: 0 client, 1 provider.
    DetachOrder,
    /// Which side's cleanup callback runs first: 0 client, 1 provider.
    CleanupOrder,
    /// When `NmrRegister...` writes the handle: 0 before any callback, 1 last.
    HandleWritten,
    /// The IRQL at which detach and cleanup callbacks run: 0 the caller's,
    /// 1 `DISPATCH_LEVEL`. A host that cannot raise ignores it.
    CallbackIrql,
    /// What `NmrDeregister...` answers when nothing is left to be done by the
    /// time it returns: 0 `STATUS_PENDING`, as Windows does; 1 `STATUS_SUCCESS`,
    /// as older simulations do, which ends the handle.
    DeregisterWhenIdle,
    /// When the second detach callback of a binding is called: 0 as soon as the
    /// first has returned, 1 when the first side has completed its detach.
    DetachOverlap,
    /// When a completion counts that comes before the detach callback has
    /// returned: 0 when it returns, 1 at once.
    EarlyComplete,
    /// Which of several peers is offered first: 0 the one that registered
    /// first, 1 the one that registered last.
    AttachOrder,
    /// Whether a structure with an undocumented `Version`, `Length` or `Size`
    /// is 0 registered or 1 refused with `STATUS_INVALID_PARAMETER`.
    OddCharacteristics,
    /// What becomes of the handle variable when `NmrRegister...` fails: 0 it is
    /// left alone, 1 it is set to NULL, 2 to a value that names nothing.
    HandleOnFailure,
    /// Whether a NULL `ModuleId` is 0 registered or 1 refused with
    /// `STATUS_INVALID_PARAMETER`.
    NullModuleId,
    /// Whether a `NmrClientAttachProvider` outside the `ClientAttachProvider`
    /// that its handle was given to, on another thread or in the offer of
    /// another provider, is 0 refused or 1 served.
    AttachThread,
    /// Whether a detach callback that returns neither `STATUS_SUCCESS` nor
    /// `STATUS_PENDING` counts as 0 the one or 1 the other.
    OddDetachStatus,
    /// What a second `NmrDeregister...` answers: 0 `STATUS_INVALID_PARAMETER`,
    /// 1 `STATUS_PENDING`.
    DeregisterTwice,
}

impl Knob {
    /// All of them. Answer 0 of each contradicts nothing that Windows was seen
    /// to do.
    pub const ALL: [Self; 14] = [
        Self::DetachOrder,
        Self::CleanupOrder,
        Self::HandleWritten,
        Self::CallbackIrql,
        Self::DeregisterWhenIdle,
        Self::DetachOverlap,
        Self::EarlyComplete,
        Self::AttachOrder,
        Self::OddCharacteristics,
        Self::HandleOnFailure,
        Self::NullModuleId,
        Self::AttachThread,
        Self::OddDetachStatus,
        Self::DeregisterTwice,
    ];

    /// How many answers there are.
    #[must_use]
    pub const fn answers(self) -> u32 {
        match self {
            Self::HandleOnFailure => 3,
            _ => 2,
        }
    }
}

impl fmt::Display for Knob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The answers to all knobs: some may be fixed, the rest are drawn.
///
/// As text, the fixed ones: `DetachOrder:1+CleanupOrder:0`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Knobs {
    fixed: [Option<u32>; Knob::ALL.len()],
}

impl Knobs {
    /// Nothing is fixed.
    pub const DRAWN: Self = Self {
        fixed: [None; Knob::ALL.len()],
    };

    /// Answer 0 to everything.
    pub const FIRST: Self = Self {
        fixed: [Some(0); Knob::ALL.len()],
    };

    /// Fixes a knob, or lets it be drawn again.
    ///
    /// # Panics
    ///
    /// If the knob has no such answer.
    pub fn set(&mut self, knob: Knob, answer: Option<u32>) {
        assert!(
            answer.is_none_or(|answer| answer < knob.answers()),
            "{knob} has {} answers",
            knob.answers()
        );
        self.fixed[knob as usize] = answer;
    }

    /// The answer to `knob`: `drawn` is asked for one unless it is fixed.
    pub fn answer(&self, knob: Knob, drawn: impl FnOnce() -> u32) -> u32 {
        self.fixed[knob as usize].unwrap_or_else(drawn)
    }
}

impl fmt::Display for Knobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fixed = Knob::ALL
            .iter()
            .filter_map(|&knob| Some((knob, self.fixed[knob as usize]?)));
        for (index, (knob, answer)) in fixed.enumerate() {
            let joint = if index == 0 { "" } else { "+" };
            write!(f, "{joint}{knob}:{answer}")?;
        }
        Ok(())
    }
}

/// Why a text is not [`Knobs`], and what would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKnob(String);

impl fmt::Display for UnknownKnob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is no KNOB:ANSWER; there are", self.0)?;
        for (index, knob) in Knob::ALL.iter().enumerate() {
            let joint = if index == 0 { " " } else { ", " };
            write!(f, "{joint}{knob}:0-{}", knob.answers() - 1)?;
        }
        Ok(())
    }
}

impl core::error::Error for UnknownKnob {}

impl FromStr for Knobs {
    type Err = UnknownKnob;

    fn from_str(text: &str) -> Result<Self, UnknownKnob> {
        let mut knobs = Self::DRAWN;
        for word in text.split('+').filter(|word| !word.is_empty()) {
            let (knob, answer) = fixed(word).ok_or_else(|| UnknownKnob(word.into()))?;
            knobs.set(knob, Some(answer));
        }
        Ok(knobs)
    }
}

fn fixed(word: &str) -> Option<(Knob, u32)> {
    let (name, answer) = word.split_once(':')?;
    let knob = Knob::ALL
        .into_iter()
        .find(|knob| knob.to_string() == name)?;
    let answer = answer.parse().ok()?;
    (answer < knob.answers()).then_some((knob, answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knobs_are_their_own_text() {
        let mut knobs = Knobs::DRAWN;
        assert_eq!("".parse(), Ok(knobs));
        knobs.set(Knob::HandleOnFailure, Some(2));
        knobs.set(Knob::DetachOrder, Some(1));
        let text = knobs.to_string();
        assert_eq!(text, "DetachOrder:1+HandleOnFailure:2");
        assert_eq!(text.parse(), Ok(knobs));
        assert_eq!(knobs.answer(Knob::DetachOrder, || 0), 1);
        assert_eq!(knobs.answer(Knob::CleanupOrder, || 7), 7);
    }

    #[test]
    fn every_knob_stands_at_its_own_place() {
        for (place, knob) in Knob::ALL.into_iter().enumerate() {
            assert_eq!(place, knob as usize);
        }
    }

    #[test]
    fn a_wrong_word_is_named_with_what_there_is() {
        for wrong in ["Detach:1", "DetachOrder", "DetachOrder:2", "DetachOrder:x"] {
            let error = wrong.parse::<Knobs>().unwrap_err().to_string();
            assert!(
                error.contains(wrong) && error.contains("HandleOnFailure:0-2"),
                "{error}"
            );
        }
    }
}
