// SPDX-License-Identifier: MIT OR Apache-2.0

//! The service control manager: loads and unloads drivers.
//!
//! A driver's image is mapped, and `DriverEntry` runs on a system thread. Later
//! `DriverUnload` runs, everything that the driver has leaked is a finding, and the image
//! becomes inaccessible.
//!
//! In between the manager refuses requests as documented. No document says what state it
//! assumes for a driver that was loaded or unloaded without it, for example by
//! `NtLoadDriver`: it gets no requests for such a driver.

pub(crate) mod changes;

use std::mem;
use std::rc::Rc;

use rand::RngExt;
use registrar::knobs::Knob;
use scenarios::{Instance, Mechanism, NtStatus, Refusal, Role, Service, Stage, TraceKind};
use windows_sys::Wdk::Foundation::{DRIVER_DISPATCH, DRIVER_EXTENSION, DRIVER_OBJECT};
use windows_sys::Win32::Foundation::UNICODE_STRING;

use crate::analysis::unload_leaks::check_unload;
use crate::calls::bind;
use crate::costs::{self, Kind};
use crate::exports::INVALID_REQUEST;
use crate::exports::exceptions;
use crate::exports::{notifications, wfp};
use crate::findings;
use crate::findings::stop_at;
use crate::hardware::arena::{self, Access};
use crate::hardware::trap;
use crate::io::files;
use crate::kernel::{State, with};
use crate::loader::drivers::{Driver, DriverId, LoadState, Site};
use crate::loader::image::{self, Hooks};
use crate::memory::pageable;
use crate::memory::placement::PATTERN;
use crate::memory::pool::FreeError;
use crate::network;
use crate::nmr::transitions;
use crate::objects::deferred;
use crate::objects::names::Collision;
use crate::objects::registry;
use crate::run::application;
use crate::run::unload;
use crate::run::unload_cost;
use crate::scheduling::preemption;
use crate::scheduling::{MICROSECOND, point, terminate};
use crate::verifier::driver_call;
use crate::verifier::faults;
use crate::verifier::promises::{self, Started};
use crate::verifier::races::recorder;
use crate::verifier::routine::{EntryState, check_return};
use changes::StartType;

const TAG: u32 = u32::from_le_bytes(*b"Driv");

/// A driver that is loaded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loaded {
    pub(crate) driver: DriverId,
    pub(crate) object: usize,
    /// `true` if it had an unload routine when `DriverEntry` returned.
    pub(crate) unloadable: bool,
}

/// What the manager knows of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    service: Service,
    start: StartType,
    /// `true` if its driver came, and goes, by the manager.
    managed: bool,
}

/// A service that was never started.
impl Default for Record {
    fn default() -> Self {
        Self {
            service: Service::default(),
            start: StartType::default(),
            managed: true,
        }
    }
}

/// Loads a driver; of the calls that its `DriverEntry` makes, one may be to fail.
pub(crate) fn load(instance: Instance, fails: Option<u8>) {
    point();
    let by = with(draw_mechanism);
    if with(|state| refuses_at_shutdown(state, by, "StartService", instance)) {
        return;
    }
    let (mut loaded, entry, path) = with(|state| {
        changes::restore(state, instance);
        record(state, instance).managed = by == Mechanism::ServiceControlManager;
        set_service_state(state, instance, Service::StartPending);
        transitions::enter_stage(state, instance, &Stage::ALL, Stage::Loading);
        let created = map_driver(state, instance);
        state.verifier.faults.plan_entry(created.0.driver, fails);
        record_of(state, created.0.driver, |service, image| TraceKind::Entry {
            service,
            image,
        });
        created
    });
    notifications::image_loaded(loaded.driver);
    // SAFETY: the image is mapped, and the driver object is a fresh one.
    let status = unsafe { call_entry(loaded, entry, path) };
    check_returned(loaded.driver, "DriverEntry");
    with(|state| {
        state.trace(|_| TraceKind::EntryReturned {
            service: instance.to_string(),
            status,
        });
        state.verifier.faults.plan_entry(loaded.driver, None);
        delete_path(state, path);
    });
    if status < 0 && with(|state| counts_refusal(state, loaded.driver, status)) {
        deferred::join_work(loaded.driver);
        finish_dpcs(loaded.driver);
        let entry = with(|state| entry_site(state, loaded.driver));
        check_unload(loaded.driver, "DriverEntry failed", entry);
        with(|state| {
            set_service_state(state, instance, Service::Stopped);
            transitions::enter_stage(state, instance, &Stage::ALL, Stage::Absent);
            unmap_driver(state, loaded);
        });
        return;
    }
    check_entry_status(loaded.driver, status);
    if status < 0 {
        refused(loaded.driver, NtStatus(status));
    }
    with(|state| {
        state.counts.loads += 1;
        discard_initialization(state, loaded.driver);
        transitions::enter_stage(state, instance, &[Stage::Loading], Stage::Idle);
        loaded.unloadable = unload::routine(loaded.object).is_some();
        state.run.loaded.insert(instance, loaded);
        set_service_state(state, instance, Service::Running);
    });
    // SAFETY: the driver is here, and its devices are until it deletes them.
    let finished = unsafe { files::finish_devices(loaded.object as *mut DRIVER_OBJECT) };
    if !finished {
        let entry = with(|state| entry_site(state, loaded.driver));
        stop_at("hang", files::ENDLESS_DEVICES.to_owned(), entry);
    }
    notifications::reinitialize(loaded.object);
    with(|state| wfp::driver_loaded(state, loaded.driver));
    application::start(loaded.driver);
    point();
}

/// Adds an event to the trace, with the service and the image of a driver.
fn record_of(state: &State, driver: DriverId, event: impl FnOnce(String, String) -> TraceKind) {
    state.record(|state| {
        let driver = &state.loader.drivers[driver];
        event(driver.instance.to_string(), driver.name().to_owned())
    });
}

/// Calls a driver's entry point. Returns its status.
///
/// # Safety
///
/// The entry point is that of the driver, which was just mapped.
pub(crate) unsafe fn call_entry(loaded: Loaded, entry: usize, path: *const UNICODE_STRING) -> i32 {
    let by = with(|state| entry_site(state, loaded.driver));
    let arguments = [loaded.object, path.addr()];
    // SAFETY: an entry point takes these, by this function's contract.
    let result = unsafe { driver_call::call("DriverEntry", entry, by, &arguments) };
    let status = driver_call::status(result);
    let found = with(|state| {
        let started = started(state, loaded.driver, status);
        promises::entered(state, loaded.driver, &started)
    });
    if let Some((code, what)) = found {
        stop_at(code, what, by);
    }
    status
}

/// What is found of a driver whose entry point has returned `status`.
fn started(state: &State, driver: DriverId, status: i32) -> Started {
    let objects = &state.objects;
    let service = state.loader.drivers[driver].instance;
    let parameter = |name| objects.registry.parameter(service, name);
    let names = ["Device", "DosDevices"].map(|directory| format!(r"\{directory}\{service}"));
    let is_missing = |name: &String| {
        let maker = objects.names.device(name);
        let maker = maker.and_then(|it| objects.names.maker(it));
        maker.map(|it| it.driver) != Some(driver)
    };
    Started {
        status,
        missing_device: names.into_iter().find(is_missing),
        threads: parameter(promises::THREADS),
        depth: parameter(promises::DEPTH),
    }
}

/// Calls a driver's unload routine.
///
/// # Safety
///
/// The driver object is still there.
pub(crate) unsafe fn call_unload(loaded: Loaded, routine: usize) {
    let by = with(|state| entry_site(state, loaded.driver));
    with(|state| promises::unloading(state, loaded.driver));
    let what = "DriverUnload of the driver object";
    // SAFETY: an unload routine takes the driver object, which is there, by this
    // function's contract.
    unsafe { driver_call::call(what, routine, by, &[loaded.object]) };
}

/// `DriverEntry` returns `STATUS_SUCCESS` or an error.
pub(crate) fn check_entry_status(driver: DriverId, status: i32) {
    if status > 0 {
        let what = format!(
            "DriverEntry returned {status:#010x}: it must return STATUS_SUCCESS or an error"
        );
        stop_at("load", what, with(|state| entry_site(state, driver)));
    }
}

/// Reports a driver that refuses to be loaded, although nothing allows that: for what it
/// has left behind, else for the pool that it or another one has used up, else as such.
fn refused(driver: DriverId, status: NtStatus) -> ! {
    deferred::join_work(driver);
    finish_dpcs(driver);
    let entry = with(|state| entry_site(state, driver));
    check_unload(driver, "DriverEntry failed", entry);
    if with(|state| state.findings.any()) {
        terminate();
    }
    let failed = format!("DriverEntry failed with status {status}");
    if let Some(exhaustion) = with(|state| state.memory.pool.exhaustion()) {
        let name = with(|state| state.loader.drivers[driver].image.name().to_owned());
        let what = format!("{failed} in {name} after the pool was used up: {exhaustion}");
        stop_at("load", what, Some(exhaustion.by));
    }
    if with(|state| state.scheduling.lacked_stacks()) {
        let what =
            format!("{failed} after it ran more threads at a time than a cycle has stacks for");
        with(|state| findings::report_unsupported(state, None, what, entry));
        terminate();
    }
    let fresh = if status.0.to_le_bytes() == [PATTERN; 4] {
        ": that is what memory contains here that was never written"
    } else {
        ""
    };
    let cause = with(|state| cause(state, driver, status.0));
    let what = format!(
        "{failed}{fresh}{cause}, although no call of it was made to fail: allow it with \
         --may-refuse if the driver does not start without its peer"
    );
    stop_at("load", what, entry)
}

/// Describes the driver's failed call whose status its entry point has returned.
fn cause(state: &State, driver: DriverId, status: i32) -> String {
    let failed = state.loader.drivers[driver].failed;
    let Some(failed) = failed.filter(|it| it.status == status) else {
        return String::new();
    };
    let to = failed.by.map_or_else(String::new, |by| {
        format!(" to {}", state.loader.drivers.show(by))
    });
    format!(", which {} returned{to}", failed.function)
}

/// Counts a failed `DriverEntry` that may fail. Returns `false` if nothing allows it.
fn counts_refusal(state: &mut State, driver: DriverId, status: i32) -> bool {
    if faults::has_met_fault(state, driver) {
        state.counts.failed_entries += 1;
        return true;
    }
    let image = &state.loader.drivers[driver].image;
    let name = image.name();
    let collision = state.objects.names.collision(driver);
    let refusal = match collision {
        Some(Collision { name: taken, owner })
            if Rc::ptr_eq(&state.loader.drivers[*owner].image, image) =>
        {
            format!("{name} can be loaded once: {taken} is taken")
        }
        _ if state.run.options.may_refuse => format!("{name} refuses with {}", NtStatus(status)),
        _ => return false,
    };
    *state.counts.refused_loads.entry(refusal).or_default() += 1;
    true
}

/// Unloads a driver, if it is there.
pub(crate) fn unload(instance: Instance) {
    point();
    let Some(loaded) = with(|state| state.run.loaded.get(&instance).copied()) else {
        // A fault kept it from loading.
        return;
    };
    let by = with(draw_mechanism);
    if with(|state| refuses_at_shutdown(state, by, "ControlService", instance)) {
        return;
    }
    let driver = loaded.driver;
    with(|state| record(state, instance).managed &= by == Mechanism::ServiceControlManager);
    let found = unload::granted(instance, loaded);
    with(|state| set_service_state(state, instance, Service::StopPending));
    let routine = unload::due(loaded, found);
    with(|state| {
        state.run.loaded.remove(&instance);
        state.loader.drivers[driver].life = LoadState::Unloading;
        transitions::enter_stage(state, instance, &Stage::ALL, Stage::Unloading);
        record_of(state, driver, |service, image| TraceKind::Unload {
            service,
            image,
        });
    });
    let began = with(|state| {
        notifications::driver_unloads(state, driver);
        wfp::driver_unloads(state, driver);
        network::remote::driver_unloads(state, driver);
        state.scheduling.now()
    });
    let measured = with(|state| unload_cost::begin(state, driver));
    // SAFETY: the driver's object is still there.
    unsafe { call_unload(loaded, routine) };
    with(|state| unload_cost::end(state, measured));
    check_returned(driver, "DriverUnload");
    with(|state| {
        state.record(|_| TraceKind::UnloadReturned {
            service: instance.to_string(),
        });
        record_duration(state, driver, began);
    });
    deferred::join_work(driver);
    finish_dpcs(driver);
    files::finish_notifications(driver);
    let routine = with(|state| state.loader.drivers.site(routine));
    check_unload(driver, "DriverUnload returned", routine);
    with(|state| {
        wfp::note_objects(state, driver);
        state.counts.unloads += 1;
        state.counts.unloads_provider += u64::from(instance.role == Role::Provider);
        transitions::enter_stage(state, instance, &Stage::ALL, Stage::Absent);
        unmap_driver(state, loaded);
        set_service_state(state, instance, Service::Stopped);
    });
    point();
}

/// Lets the DPCs of a driver finish whose image is about to be unmapped, if the
/// kernel does so.
pub(crate) fn finish_dpcs(driver: DriverId) {
    if with(|state| deferred::has_dpcs(state, driver) && state.knob(Knob::DpcsAtUnload) == 1) {
        deferred::flush_dpcs();
    }
}

/// Records that an unload took longer than the service control manager waits.
fn record_duration(state: &mut State, driver: DriverId, began: u64) {
    /// In seconds.
    const MOST: u64 = 30;

    let seconds = (state.scheduling.now() - began) / (1_000_000 * MICROSECOND);
    if seconds > MOST {
        let name = state.loader.drivers[driver].image.name().to_owned();
        let longest = state.counts.slow_unloads.entry(name).or_default();
        *longest = seconds.max(*longest);
    }
}

pub(crate) fn check_returned(driver: DriverId, routine: &str) {
    let site = with(|state| entry_site(state, driver));
    check_return(routine, EntryState::default(), site);
}

/// Draws the mechanism by which a driver is loaded or unloaded.
fn draw_mechanism(state: &mut State) -> Mechanism {
    let all = Mechanism::ALL;
    let drawn = all[state.choices.managers.random_range(0..all.len())];
    state.trace(|_| format!("by {drawn}"));
    *state
        .counts
        .mechanisms
        .entry(drawn.to_string())
        .or_default() += 1;
    drawn
}

fn record(state: &mut State, instance: Instance) -> &mut Record {
    state.run.records.entry(instance).or_default()
}

/// Changes the state of a service.
fn set_service_state(state: &mut State, instance: Instance, next: Service) {
    let service = &mut record(state, instance).service;
    let granted = match next {
        Service::StartPending => service.start(),
        Service::StopPending => service.stop(),
        Service::Running | Service::Stopped => Ok(()),
    };
    assert_eq!(granted, Ok(()), "scripts ask for what is granted");
    *service = next;
}

/// Asks the manager to start or stop a driver in a state in which it refuses.
pub(crate) fn ask_manager(state: &mut State, instance: Instance) {
    let Record {
        service,
        start,
        managed,
    } = *record(state, instance);
    let starts = state.choices.managers.random();
    // No document says which error comes first.
    if starts && start != StartType::Demand {
        return;
    }
    let (what, answer) = if starts {
        ("StartService", service.start())
    } else {
        ("ControlService", service.stop())
    };
    if let Err(refusal) = answer
        && managed
    {
        count_refusal(state, what, instance, refusal);
    }
}

/// The manager says that a driver may not go now, if it was asked.
pub(crate) fn refuse_stop(state: &mut State, instance: Instance) {
    let refusal = Refusal::HELD[state.knob(Knob::RefusedStop) as usize];
    if record(state, instance).managed {
        count_refusal(state, "ControlService", instance, refusal);
    }
}

/// The manager says that the machine shuts down, if it does and the manager is asked.
fn refuses_at_shutdown(state: &mut State, by: Mechanism, what: &str, instance: Instance) -> bool {
    let refuses = by == Mechanism::ServiceControlManager && state.io.shutdown.thread().is_some();
    if refuses {
        count_refusal(state, what, instance, Refusal::ShutdownInProgress);
    }
    refuses
}

fn count_refusal(state: &mut State, what: &str, instance: Instance, refusal: Refusal) {
    state.trace(|_| format!("{what} of {instance} fails with error {refusal}"));
    state.counts.refuse(refusal);
}

/// Maps a driver and makes its object and its registry path.
pub(crate) fn map_driver(
    state: &mut State,
    instance: Instance,
) -> (Loaded, usize, *const UNICODE_STRING) {
    let (image, copy) = state.run.images.image(instance);
    let image = Rc::clone(image);
    let base = image::place(state.loader.image_end, &image).expect("a cycle loads a few images");
    state.loader.image_end = base + image.size();
    let driver = Driver::new(Rc::clone(&image), instance, copy, base);
    pageable::add_sections(state, &driver);
    state.trace(|state| TraceKind::Mapped {
        service: instance.to_string(),
        image: driver.name().to_owned(),
        preempted: state.run.preempts,
    });
    let driver = state.loader.drivers.add(driver);
    let cookie = state.choices.chance.random::<u64>() >> 16;
    let missing = state.loader.missing.add(&image);
    let hooks = Hooks {
        preempted: preemption::stub(),
        everywhere: state.run.preempts,
        spun: preemption::spin_stub(),
        recorded: state.verifier.races.is_enabled().then(recorder::stub),
    };
    let accesses = costs::measure(Kind::Loading, || {
        image.map(base, cookie, &hooks, missing, |export| {
            if export.name == exceptions::HANDLER {
                trap::expect_handlers();
            }
            bind(state, driver, export)
        })
    });
    state.verifier.races.add(accesses);
    let object = new_driver_object(state, driver, &image, base);
    let entry = base + image.entry_point();
    let loaded = Loaded {
        driver,
        object,
        unloadable: false,
    };
    let path = new_path(state, &registry::service(instance));
    (loaded, entry, path)
}

fn new_driver_object(
    state: &mut State,
    driver: DriverId,
    image: &image::Image,
    base: usize,
) -> usize {
    /// `IO_TYPE_DRIVER`.
    const KIND: i16 = 4;
    let size = size_of::<DRIVER_OBJECT>();
    let address = state
        .memory
        .pool
        .reserve(size + size_of::<DRIVER_EXTENSION>(), TAG);
    state.loader.objects.insert(address, driver);
    let object = address as *mut DRIVER_OBJECT;
    let invalid = bind(state, driver, INVALID_REQUEST);
    // SAFETY: a thunk is code that passes on the call of a dispatch routine.
    let invalid = unsafe { mem::transmute::<usize, DRIVER_DISPATCH>(invalid) };
    let extension = (address + size) as *mut DRIVER_EXTENSION;
    // SAFETY: both lie in fresh, zeroed memory, and all-zero is valid.
    unsafe {
        (*object).Type = KIND;
        (*object).Size = i16::try_from(size).expect("0x150");
        (*object).DriverStart = base as *mut _;
        (*object).DriverSize = u32::try_from(image.size()).expect("images are small");
        (*object).DriverExtension = extension;
        (*object).MajorFunction.fill(invalid);
        (*extension).DriverObject = object;
    }
    address
}

/// The registry path is there for `DriverEntry` only.
fn new_path(state: &mut State, path: &str) -> *const UNICODE_STRING {
    let mut units: Vec<u16> = path.encode_utf16().collect();
    let length = units.len() * 2;
    if state.knob(Knob::RegistryPathEnd) == 1 {
        units.push(0);
    }
    let bytes = units.len() * 2;
    let header = size_of::<UNICODE_STRING>();
    let address = state.memory.pool.reserve(header + bytes, TAG);
    let buffer = (address + header) as *mut u16;
    let string = UNICODE_STRING {
        Length: u16::try_from(length).expect("paths are short"),
        MaximumLength: u16::try_from(bytes).expect("paths are short"),
        Buffer: buffer,
    };
    // SAFETY: the memory is fresh and large enough for both.
    unsafe {
        buffer.copy_from(units.as_ptr(), units.len());
        (address as *mut UNICODE_STRING).write(string);
    }
    address as *const UNICODE_STRING
}

pub(crate) fn delete_path(state: &mut State, path: *const UNICODE_STRING) {
    let freed = state.memory.pool.free(path.addr(), 0, None);
    if let Some((at, place)) = freed.err().and_then(FreeError::written) {
        let what = format!("the registry path was written {place}");
        findings::report(state, ("0xC1", [path.addr(), at, 0, 0x24]), what, None);
    }
}

/// The entry point of a driver, for findings about the driver as a whole.
pub(crate) fn entry_site(state: &State, driver: DriverId) -> Option<Site> {
    state.loader.drivers.entry(driver)
}

/// Takes away what a driver needs for `DriverEntry` only.
pub(crate) fn discard_initialization(state: &mut State, driver: DriverId) {
    let driver = &state.loader.drivers[driver];
    for pages in driver.image.discardable(driver.base) {
        state.memory.pageable.remove(pages.clone());
        arena::protect(pages, Access::None).expect("an image is a few mappings");
    }
}

/// Takes a driver's memory away.
fn unmap_driver(state: &mut State, loaded: Loaded) {
    record_of(state, loaded.driver, |service, image| TraceKind::Unmapped {
        service,
        image,
    });
    let driver = &mut state.loader.drivers[loaded.driver];
    driver.life = LoadState::Gone;
    state.memory.pageable.remove(driver.range());
    arena::protect(driver.range(), Access::None).expect("unmapping merges mappings");
    let own = (loaded.object, 0)..=(loaded.object, usize::MAX);
    for (_, extension) in state.objects.extensions.extract_if(own, |_, _| true) {
        let _ = state.memory.pool.free(extension, 0, None);
    }
    state.loader.objects.remove(&loaded.object);
    let freed = state.memory.pool.free(loaded.object, 0, None);
    if let Some((at, place)) = freed.err().and_then(FreeError::written) {
        let what = format!("the driver object was written {place}");
        findings::report(state, ("0xC1", [loaded.object, at, 0, 0x24]), what, None);
    }
}
