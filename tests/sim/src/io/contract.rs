// SPDX-License-Identifier: MIT OR Apache-2.0

//! The contract of the control interface, as far as programs can check it: a standard user is
//! refused, requests have the promised results, a hold blocks the unload, and counters match
//! what the driver has done.
//!
//! It is not known in advance which drivers besides the pair's have that interface. A violation
//! becomes a finding if the device answers `QUERY_STATUS` or `LIST_BINDINGS` as the contract
//! says, so that no additional requests are needed to find out.

use std::collections::{BTreeMap, BTreeSet};

use nmr::abi::struct_size;
use npi_description::{NpiId, Outcome, find};
use scenarios::NtStatus;
use scenarios::control::{ControlStatus, header, promised};
use shared_npi::echo::ECHO_NPI_ID;
use wdm::control::{
    BindingList, HOLD_UNLOAD, LIST_BINDINGS, QUERY_STATUS, RELEASE_UNLOAD, SWITCH_SUBCOMPONENT,
    VERSION,
};
use windows_sys::Wdk::System::SystemServices::IRP_MJ_DEVICE_CONTROL;
use windows_sys::Win32::Foundation::{
    STATUS_DELETE_PENDING, STATUS_DEVICE_BUSY, STATUS_DEVICE_NOT_READY,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS,
};

use crate::findings::stop_at;
use crate::io::control;
use crate::io::listed;
use crate::io::requests::{self, Answer, ProgramRequest, Requests};
use crate::io::switched::{self, Quiet};
use crate::kernel::{State, with};
use crate::loader::drivers::{DriverId, LoadState, Site};
use crate::objects::security::Account;
use crate::scheduling::MICROSECOND;
use crate::verifier::binding_calls::Listed;
use crate::verifier::faults;
use crate::verifier::promises::{self, Tallied};

/// The holds of programs, by file.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    files: BTreeMap<usize, Held>,
    /// The drivers that are known to have the control interface.
    known: BTreeSet<DriverId>,
}

/// The holds of a file, as far as its program has seen what its requests have come to.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    least: u32,
    most: u32,
    /// Several threads send requests through the file. Which of their requests the driver gets
    /// first cannot be seen, so that it may have no hold at any time.
    is_shared: bool,
}

impl Held {
    /// Raises what is known to be held.
    const fn raise(&mut self) {
        if !self.is_shared {
            self.least += 1;
        }
    }
}

/// Closes a program's file, which ends its holds.
pub(crate) fn close(file: usize) {
    with(|state| {
        state.io.holds.files.remove(&file);
        switched::close(state, file);
    });
    requests::close(file);
}

/// From now on several threads send requests through a file, which has none yet.
pub(crate) fn share(file: usize) {
    with(|state| {
        let held = state.io.holds.files.entry(file).or_default();
        held.is_shared = true;
    });
}

/// A request of a program that has been sent, with what it may come to.
#[derive(Debug)]
pub(crate) struct Expected {
    file: usize,
    code: u32,
    statuses: Option<Vec<NtStatus>>,
    /// It gives a hold back that the file has.
    gives_back: bool,
    /// What the driver's counters can say when it is sent.
    before: Option<[Tallied; 3]>,
    /// The driver's bindings when it is sent, if it asks for their list.
    bindings: Option<Vec<Listed>>,
    /// From when on no other switch is under way.
    quiet: Option<Quiet>,
    /// The state that it switches to.
    switches_to: Option<bool>,
    to: Option<Site>,
}

/// What a request through a file may come to, which is about to be sent.
pub(crate) fn expect(file: usize, message: &ProgramRequest) -> Option<Expected> {
    if message.major != IRP_MJ_DEVICE_CONTROL {
        return None;
    }
    with(|state| {
        let held = state.io.holds.files.entry(file).or_default();
        let holds = (held.least == held.most && !held.is_shared).then_some(held.least);
        let gives_back = message.code == RELEASE_UNLOAD && held.least > 0;
        match message.code {
            HOLD_UNLOAD => held.most += 1,
            // From now on it may be given back.
            RELEASE_UNLOAD => held.least = held.least.saturating_sub(1),
            _ => {}
        }
        let to = Requests::control_routine(state, state.io.files.device(file));
        let code = message.code;
        let quiet = match code {
            SWITCH_SUBCOMPONENT => switched::begin(state, file),
            _ => Quiet::now(state, file),
        };
        let switches_to = switched::wanted(&message.input).filter(|_| code == SWITCH_SUBCOMPONENT);
        let before = counters(state, file).filter(|_| code == QUERY_STATUS);
        Some(Expected {
            file,
            code,
            statuses: promised(code, &message.input, message.output_length, holds),
            gives_back,
            before,
            quiet,
            switches_to,
            bindings: listed::bindings(state, file).filter(|_| code == LIST_BINDINGS),
            to,
        })
    })
}

/// What the counters of the driver of a file can say now.
fn counters(state: &State, file: usize) -> Option<[Tallied; 3]> {
    let driver = driver_of(state, file)?;
    find(NpiId(ECHO_NPI_ID.to_u128()))?;
    let of = |outcomes: &[Outcome]| {
        promises::tallied(state, driver, ECHO_NPI_ID.to_u128(), "submit", outcomes)
    };
    Some([
        of(&[])?,
        of(&[Outcome::Answered, Outcome::Completed])?,
        of(&[Outcome::Refused, Outcome::Cancelled, Outcome::Failed])?,
    ])
}

pub(crate) fn driver_of(state: &State, file: usize) -> Option<DriverId> {
    let maker = state.objects.names.maker(state.io.files.device(file))?;
    Some(maker.driver)
}

/// Checks what a request has come to.
pub(crate) fn check(expected: &Expected, answer: &Answer) {
    let Expected { file, code, .. } = *expected;
    let status = NtStatus(answer.status);
    with(|state| {
        let held = state.io.holds.files.entry(file).or_default();
        match code {
            HOLD_UNLOAD if status.is_success() => held.raise(),
            HOLD_UNLOAD => held.most = held.most.saturating_sub(1),
            RELEASE_UNLOAD if status.is_success() => held.most = held.most.saturating_sub(1),
            RELEASE_UNLOAD if expected.gives_back => held.raise(),
            _ => {}
        }
    });
    let statuses = expected.statuses.as_ref();
    let unexpected = statuses.filter(|it| !it.contains(&status));
    if let Some(statuses) = unexpected
        && status.0 != STATUS_INSUFFICIENT_RESOURCES
        && has_interface(file)
    {
        let statuses: Vec<_> = statuses.iter().map(ToString::to_string).collect();
        let what = format!(
            "a control request with code {code:#x} was completed with {status}: the control \
             interface promises {}",
            statuses.join(" or ")
        );
        stop_at("control", what, expected.to);
    }
    if code == HOLD_UNLOAD {
        check_hold(expected, status);
    }
    match (expected.switches_to, status.0) {
        (Some(is_on), STATUS_SUCCESS) => check_switch(expected, is_on),
        (Some(_), STATUS_DEVICE_BUSY) => check_busy(expected),
        (Some(_), STATUS_DELETE_PENDING) => check_unloads(expected),
        (Some(_), 1..) if has_interface(file) => {
            let what = format!(
                "a switch was completed with {status}, neither STATUS_SUCCESS nor an error"
            );
            stop_at("control", what, expected.to);
        }
        _ => {}
    }
    if status.is_success() && (code == QUERY_STATUS || code == LIST_BINDINGS) {
        check_form(expected, answer);
    }
    if code == QUERY_STATUS
        && let Some(said) = ControlStatus::read(&answer.output)
    {
        check_status(expected, said);
    }
    if let Some(before) = &expected.bindings
        && let Some(what) = listed::wrong(file, before, answer)
        && has_interface(file)
    {
        stop_at("listed", what, expected.to);
    }
}

/// Checks that a hold is not refused: only a KMDF driver refuses holds, and programs here never
/// reach the limit on their number.
fn check_hold(expected: &Expected, status: NtStatus) {
    /// What every KMDF driver imports.
    const FRAMEWORK: &str = "WdfVersionBind";
    let is_refused = match status.0 {
        STATUS_DEVICE_BUSY => true,
        STATUS_DEVICE_NOT_READY => with(|state| {
            let driver = driver_of(state, expected.file);
            driver.is_some_and(|it| !state.loader.drivers[it].image.imports(FRAMEWORK))
        }),
        _ => false,
    };
    if is_refused && has_interface(expected.file) {
        let what = format!("a hold was refused with {status}, for which there is no reason");
        stop_at("control", what, expected.to);
    }
}

/// Checks that a driver of the pair answers in the form that the contract says.
fn check_form(expected: &Expected, answer: &Answer) {
    let has_interface = with(|state| {
        let driver = driver_of(state, expected.file);
        driver.is_some_and(|it| promises::has_control_interface(state, it))
    });
    if has_interface && !is_contract(&answer.output) {
        let what = format!(
            "a control request with code {:#x} was answered with {} bytes in another form than the \
             control interface promises",
            expected.code,
            answer.output.len()
        );
        stop_at("control", what, expected.to);
    }
}

/// Checks what an administrator's attempt to open a device has come to.
pub(crate) fn check_open(device: usize, status: i32) {
    let (maker, lacked_memory) = with(|state| {
        let maker = state.objects.names.maker(device);
        let maker = maker.filter(|it| promises::has_control_interface(state, it.driver));
        let lacked_memory = maker.is_some_and(|it| faults::has_met_fault(state, it.driver));
        (maker, lacked_memory)
    });
    let has_reason = match status {
        STATUS_INVALID_DEVICE_REQUEST => false,
        STATUS_INSUFFICIENT_RESOURCES => lacked_memory,
        _ => true,
    };
    if maker.is_some() && !has_reason {
        let status = NtStatus(status);
        let what = format!(
            "the control device cannot be opened: IRP_MJ_CREATE was completed with {status}"
        );
        stop_at("control", what, maker);
    }
}

/// Checks that a switch is refused as busy only while another one is under way.
fn check_busy(expected: &Expected) {
    let lasts = |quiet| with(|state| switched::lasts(state, quiet));
    if expected.quiet.is_some_and(lasts) && has_interface(expected.file) {
        let what = "a switch was refused with STATUS_DEVICE_BUSY while no other one was under way";
        stop_at("control", what.to_owned(), expected.to);
    }
}

/// Checks that a switch is refused for an unload only once the driver unloads, or the machine
/// shuts down. No device can be opened before `DriverEntry` has returned.
fn check_unloads(expected: &Expected) {
    let stays = with(|state| {
        let driver = driver_of(state, expected.file);
        state.io.shutdown.thread().is_none()
            && driver.is_some_and(|it| state.loader.drivers[it].life == LoadState::Here)
    });
    if stays && has_interface(expected.file) {
        let what =
            "a switch was refused with STATUS_DELETE_PENDING, and the driver does not unload";
        stop_at("control", what.to_owned(), expected.to);
    }
}

/// Checks that a driver has its second module registered if it says that this is on.
fn check_switch(expected: &Expected, is_on: bool) {
    let Some(quiet) = expected.quiet else { return };
    let wrong = with(|state| switched::wrong(state, quiet, is_on));
    if let Some(what) = wrong
        && has_interface(expected.file)
    {
        stop_at("control", what, expected.to);
    }
}

/// Checks what a driver says of itself.
fn check_status(expected: &Expected, said: ControlStatus) {
    let (holds, now) = with(|state| {
        let file = expected.file;
        let held = state.io.holds.files.get(&file);
        let holds = held.map_or(0, |held| held.least);
        (holds, counters(state, file))
    });
    if said.holds < holds || said.subcomponent > 1 {
        let what = format!(
            "the driver says that it has {} holds and that its subcomponent is {}: this program \
             alone has {holds} holds, and a subcomponent is 0 or 1",
            said.holds, said.subcomponent
        );
        stop_at("statistics", what, expected.to);
    }
    check_switch(expected, said.subcomponent == 1);
    let names = ["requests", "echoed", "unanswered"];
    let said = [said.requests, said.echoed, said.unanswered];
    let (Some(before), Some(now)) = (expected.before, now) else {
        return;
    };
    for (name, (said, (before, now))) in names
        .into_iter()
        .zip(said.into_iter().zip(before.into_iter().zip(now)))
    {
        if said < before.least || said > now.most {
            let what = format!(
                "`{name}` of the driver's status is {said}, but it has been seen to have {} to {}",
                before.least, now.most
            );
            stop_at("statistics", what, expected.to);
        }
    }
}

/// Checks that a file is not a plain user's that has a control interface.
pub(crate) fn check_access(file: usize, account: Account, name: &str) {
    if account == Account::User && has_interface(file) {
        let what = format!(
            "a plain user has opened {name}, whose control interface is for the system and \
             administrators only"
        );
        let maker = with(|state| state.objects.names.maker(state.io.files.device(file)));
        stop_at("access", what, maker);
    }
}

/// Checks that no program holds a driver whose unload is granted.
pub(crate) fn check_gate(driver: DriverId) {
    let held = with(|state| {
        let mut held = state
            .io
            .holds
            .files
            .iter()
            .filter(|(_, held)| held.least > 0);
        let found = held.find(|(file, _)| driver_of(state, **file) == Some(driver));
        found.map(|(&file, held)| (file, held.least))
    });
    // The file may be closed at any time: no request is sent through it.
    let known = with(|state| state.io.holds.known.contains(&driver));
    let Some((file, holds)) = held.filter(|_| known) else {
        return;
    };
    let what = format!(
        "the unload of the driver is granted while a program has {holds} of its holds: its \
         DriverUnload is not null"
    );
    let to = with(|state| Requests::control_routine(state, state.io.files.device(file)));
    stop_at("hold", what, to);
}

/// Returns `true` if a file's device answers `QUERY_STATUS` or `LIST_BINDINGS` as the contract
/// says, or is that of a driver of the pair.
pub(crate) fn has_interface(file: usize) -> bool {
    /// What a driver that keeps requests for later has, in microseconds.
    const PATIENCE: u64 = 1_000;

    let answers = [control::query(), control::list()].iter().any(|message| {
        let Ok(irp) = requests::send_to_file(file, message) else {
            return false;
        };
        let answer = requests::wait(irp, Some(PATIENCE * MICROSECOND));
        if answer.is_none() {
            requests::cancel(irp);
        }
        answer.is_some_and(|it| it.status >= 0 && is_contract(&it.output))
    });
    with(|state| {
        let driver = driver_of(state, file);
        let is_pairs = driver.is_some_and(|it| promises::has_control_interface(state, it));
        let has_interface = answers || is_pairs;
        state
            .io
            .holds
            .known
            .extend(driver.filter(|_| has_interface));
        has_interface
    })
}

/// Returns `true` for an answer that begins as one of the contract does.
fn is_contract(output: &[u8]) -> bool {
    let head = header(struct_size::<BindingList>(), VERSION);
    ControlStatus::read(output).is_some() || output.starts_with(&head)
}
