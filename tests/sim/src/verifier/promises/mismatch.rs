// SPDX-License-Identifier: MIT OR Apache-2.0

//! Peers that a module must refuse by their characteristics: those with which it has no
//! version in common, that require what it does not offer, or do not offer what it requires.
//! A module that every peer must refuse is told when it registers, and one that refuses a
//! peer that fits if its description says that it accepts all.

use std::collections::{BTreeMap, BTreeSet};

use npi_description::{Meaning, NpiId};
use registrar::host::{BindingId, Call, Event, Phase, RegistrationId, Side};
use scenarios::NtStatus;
use windows_sys::Win32::Foundation::STATUS_SUCCESS;

use super::modules::Module;
use crate::findings::bug_check::Code;
use crate::kernel::State;
use crate::scheduling::ThreadId;
use crate::verifier::faults;

/// The code of the finding, of which neither NMR nor Windows has one.
const MISMATCH: &str = "mismatch";

/// What a module's characteristics say of its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Terms {
    /// Nothing: its NPI does not describe that.
    None,
    /// There are none, or not all of them.
    Missing,
    Stated {
        lowest: u64,
        highest: u64,
        offered: u64,
        required: u64,
    },
}

/// What a module says when it registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said {
    npi: Option<NpiId>,
    side: Side,
    terms: Terms,
    /// Its description says that it accepts each peer that fits.
    accepts_all: bool,
}

/// A module that is being registered.
#[derive(Debug)]
struct Registering {
    thread: ThreadId,
    callback: usize,
    said: Said,
}

/// What the modules of a cycle say.
#[derive(Debug, Default)]
pub(super) struct Agreements {
    registering: Vec<Registering>,
    modules: BTreeMap<RegistrationId, Said>,
    bindings: BTreeMap<(BindingId, Side), Said>,
    /// The bindings that a provider, or NMR, has refused to the client.
    refused: BTreeSet<BindingId>,
}

impl Terms {
    /// Those of a module that is about to be registered.
    fn of(state: &State, module: &Module) -> Self {
        let says = |what| module.field(what).is_some();
        let judged = [
            Meaning::LowestVersion,
            Meaning::HighestVersion,
            Meaning::Required,
        ];
        let Some(structure) = module.structure() else {
            return Self::None;
        };
        if !judged.into_iter().any(says) {
            return Self::None;
        }
        let used = structure.fields.iter().map(|it| it.offset + it.size).max();
        let size = module.number(state, Meaning::Size);
        if says(Meaning::Size) && size < used.map(|it| it as u64) {
            return Self::Missing;
        }
        if let Some((field, _)) = module.field(Meaning::Version) {
            let least = u64::try_from(*field.value.0.start()).unwrap_or_default();
            if module.number(state, Meaning::Version) < Some(least) {
                return Self::Missing;
            }
        }
        let number = |what, absent| {
            if says(what) {
                module.number(state, what)
            } else {
                Some(absent)
            }
        };
        let stated = || {
            Some(Self::Stated {
                lowest: number(Meaning::LowestVersion, 0)?,
                highest: number(Meaning::HighestVersion, u64::MAX)?,
                offered: number(Meaning::Offered, u64::MAX)?,
                required: number(Meaning::Required, 0)?,
            })
        };
        stated().unwrap_or(Self::Missing)
    }

    /// Why every peer must refuse a module that says this.
    fn exclude_all(self) -> Option<String> {
        match self {
            Self::Missing => Some(
                "are NULL, or shorter or of a lower version than its description says".to_owned(),
            ),
            Self::Stated {
                lowest, highest, ..
            } if lowest > highest => Some(format!(
                "say versions from {lowest} to {highest}, which are none"
            )),
            Self::None | Self::Stated { .. } => None,
        }
    }

    /// Why a module that says this must refuse a peer that says `theirs`.
    fn exclude(self, theirs: Self) -> Option<String> {
        let Self::Stated {
            lowest,
            highest,
            offered,
            required,
        } = self
        else {
            return None;
        };
        match theirs {
            Self::Missing => Some(
                "has no characteristics of the size and version that the NPI describes".to_owned(),
            ),
            Self::Stated {
                lowest: low,
                highest: high,
                ..
            } if lowest.max(low) > highest.min(high) => Some(format!(
                "speaks the versions {low} to {high}, and the module {lowest} to {highest}"
            )),
            Self::Stated {
                required: wanted, ..
            } if wanted & !offered != 0 => Some(format!(
                "requires {wanted:#x}, and the module offers {offered:#x}"
            )),
            Self::Stated { offered, .. } if required & !offered != 0 => Some(format!(
                "offers {offered:#x}, and the module requires {required:#x}"
            )),
            Self::None | Self::Stated { .. } => None,
        }
    }
}

/// A module is about to be registered, of a described NPI or not. The finding if every peer
/// must refuse it.
pub(super) fn register(
    state: &mut State,
    side: Side,
    module: Option<&Module>,
) -> Option<(Code, String)> {
    let terms = module.map_or(Terms::None, |it| Terms::of(state, it));
    let registering = Registering {
        thread: state.scheduling.current_id(),
        callback: module.map_or(0, |it| it.callback),
        said: Said {
            npi: module.map(|it| it.npi.id),
            side,
            terms,
            accepts_all: module.is_some_and(Module::accepts_all),
        },
    };
    let all = &mut state.verifier.promises.mismatch.registering;
    all.push(registering);

    let module = module?;
    let driver = state.loader.drivers.site(module.callback)?.driver;
    let why = terms
        .exclude_all()
        .filter(|_| super::is_judged(state, driver))?;
    let what = format!(
        "a {:?} of {} registers with characteristics that {why}: each peer must refuse it",
        module.side, module.npi.name
    );
    Some((MISMATCH.into(), what))
}

impl Agreements {
    /// What the module says whose attach callback is called: that of a registration, which may
    /// not have returned yet. `None` if it may be one of several.
    fn of(&self, event: &Event) -> Option<Said> {
        if let Some(said) = self.modules.get(&event.registration?) {
            return Some(*said);
        }
        let alike = |it: &&Registering| it.callback == event.code;
        let mut alike = self.registering.iter().filter(alike).map(|it| it.said);
        let first = alike.next()?;
        alike.all(|it| it == first).then_some(first)
    }

    /// A registration returns.
    fn registered(&mut self, thread: ThreadId, registration: Option<RegistrationId>) {
        let mut all = self.registering.iter();
        let Some(place) = all.rposition(|it| it.thread == thread) else {
            return;
        };
        let module = self.registering.remove(place);
        if let Some(id) = registration {
            self.modules.insert(id, module.said);
        }
    }

    /// Returns `true` if a module and every one that has been on the other side of the NPI fit.
    /// Of a module that is not known, the dispatch table may be a reason to refuse it.
    fn fits_all(&self, own: Said) -> bool {
        let registering = self.registering.iter().map(|it| it.said);
        let mut peers = registering
            .chain(self.modules.values().copied())
            .filter(|it| it.npi == own.npi && it.side == own.side.peer());
        peers.all(|it| {
            it.accepts_all
                && own.terms.exclude(it.terms).is_none()
                && it.terms.exclude(own.terms).is_none()
        })
    }
}

/// Follows registrations and attaches. The finding for a peer that is accepted and must not
/// be, or refused without a reason.
pub(super) fn observe(state: &mut State, event: &Event) -> Option<(Code, String)> {
    let thread = state.scheduling.current_id();
    let agreements = &mut state.verifier.promises.mismatch;
    match (event.call, event.phase, event.binding) {
        (Call::Register, Phase::Leave(status), _) => {
            let registration = event.registration.filter(|_| status == STATUS_SUCCESS);
            agreements.registered(thread, registration);
            None
        }
        (Call::AttachCallback, Phase::Enter, Some(binding)) => {
            let said = agreements.of(event)?;
            agreements.bindings.insert((binding, event.side), said);
            None
        }
        (Call::AttachProvider, Phase::Leave(..0), Some(binding)) => {
            agreements.refused.insert(binding);
            None
        }
        (Call::AttachCallback, Phase::Leave(status @ ..0), Some(binding)) => {
            refused(state, event, binding, status)
        }
        // Before, nobody has said what the provider says. A client may leave it to that to
        // refuse.
        (Call::AttachProvider, Phase::Leave(STATUS_SUCCESS), Some(binding)) => {
            accepted(state, event, binding)
        }
        (Call::AttachCallback, Phase::Leave(STATUS_SUCCESS), Some(binding))
            if event.side == Side::Provider =>
        {
            accepted(state, event, binding)
        }
        _ => None,
    }
}

/// A module has accepted its peer.
fn accepted(state: &State, event: &Event, binding: BindingId) -> Option<(Code, String)> {
    let driver = state.loader.drivers.site(event.code)?.driver;
    if !super::is_judged(state, driver) {
        return None;
    }
    let bindings = &state.verifier.promises.mismatch.bindings;
    let terms = |side| bindings.get(&(binding, side)).map(|it| it.terms);
    let why = terms(event.side)?.exclude(terms(event.side.peer())?)?;
    let what = format!(
        "the {:?} accepted a peer in binding {} that {why}",
        event.side, binding.0
    );
    Some((MISMATCH.into(), what))
}

/// A module has refused its peer. Which one that is, a client's attach callback does not show:
/// all that there were must fit.
fn refused(
    state: &State,
    event: &Event,
    binding: BindingId,
    status: i32,
) -> Option<(Code, String)> {
    let driver = state.loader.drivers.site(event.code)?.driver;
    let agreements = &state.verifier.promises.mismatch;
    let own = *agreements.bindings.get(&(binding, event.side))?;
    let has_reason = agreements.refused.contains(&binding)
        || faults::has_met_fault(state, driver)
        || state.loader.drivers.any(|it| it.image.is_hostile())
        || !super::is_judged(state, driver)
        || !agreements.fits_all(own);
    if !own.accepts_all || has_reason {
        return None;
    }
    let what = format!(
        "the {:?} refused a peer in binding {} with {}, although its characteristics fit",
        event.side,
        binding.0,
        NtStatus(status)
    );
    Some((MISMATCH.into(), what))
}

#[cfg(test)]
mod tests {
    use super::Terms;

    fn stated([lowest, highest]: [u64; 2], offered: u64, required: u64) -> Terms {
        Terms::Stated {
            lowest,
            highest,
            offered,
            required,
        }
    }

    #[test]
    fn a_version_in_common_and_what_is_required_are_wanted() {
        let own = stated([2, 4], 3, 1);
        for theirs in [
            stated([1, 2], 1, 0),
            stated([4, 9], 7, 3),
            stated([3, 3], 1, 2),
            Terms::None,
        ] {
            assert_eq!(own.exclude(theirs), None, "{theirs:?}");
        }
        for theirs in [
            stated([0, 1], 1, 0),
            stated([5, 9], 1, 0),
            stated([4, 1], 1, 0),
            stated([2, 4], 2, 0),
            stated([2, 4], 1, 4),
            Terms::Missing,
        ] {
            assert!(own.exclude(theirs).is_some(), "{theirs:?}");
        }
        assert_eq!(Terms::Missing.exclude(own), None);
    }

    #[test]
    fn no_peer_accepts_a_module_without_characteristics_or_versions() {
        for terms in [Terms::Missing, stated([2, 1], 0, 0)] {
            assert!(terms.exclude_all().is_some(), "{terms:?}");
        }
        for terms in [Terms::None, stated([2, 2], 0, 0)] {
            assert_eq!(terms.exclude_all(), None, "{terms:?}");
        }
    }
}
