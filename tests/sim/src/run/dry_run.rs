// SPDX-License-Identifier: MIT OR Apache-2.0

//! The description of an image: what its file says, and what the driver does when it is
//! loaded and unloaded alone.

use std::cell::RefCell;
use std::rc::Rc;

use registrar::knobs::{Kernel, KernelChoice};
use scenarios::{Cycle, Description, DryRun, NtStatus, RaceSearch, Role, Unload};
use windows_sys::Wdk::Foundation::DRIVER_OBJECT;

use crate::analysis::unload_leaks::check_unload;
use crate::findings::stop_at;
use crate::io::files;
use crate::kernel::{State, with};
use crate::loader::drivers::LoadState;
use crate::loader::image::Image;
use crate::objects::deferred;
use crate::objects::kernel_objects::ObjectKind;
use crate::run::machine::{self, Machine};
use crate::run::options::{Images, Options, Tracing};
use crate::run::service_control::{
    Loaded, call_entry, call_unload, check_entry_status, check_returned, delete_path,
    discard_initialization, entry_site, finish_dpcs, map_driver,
};
use crate::run::unload;
use crate::scheduling::{MICROSECOND, sleep};

/// The time for what the driver starts in `DriverEntry`: threads and work items that
/// register modules.
const SETTLE: u64 = 100_000 * MICROSECOND;

impl Machine {
    /// Describes an image, whose driver is loaded and unloaded alone for that.
    pub fn describe(&mut self, image: &Rc<Image>) -> Description {
        Description {
            name: image.name().to_owned(),
            image: image.facts(),
            dry_run: self.dry_run(image),
        }
    }

    /// Loads and unloads a driver alone, in the role that it registers first.
    fn dry_run(&mut self, image: &Rc<Image>) -> DryRun {
        let run = self.dry_run_as(Role::Provider, image);
        match run.registered.first() {
            Some(first) if first.role == Role::Client => self.dry_run_as(Role::Client, image),
            _ => run,
        }
    }

    fn dry_run_as(&mut self, role: Role, image: &Rc<Image>) -> DryRun {
        let mut images = Images::default();
        match role {
            Role::Provider => images.providers.push(Rc::clone(image)),
            Role::Client => images.clients.push(Rc::clone(image)),
        }
        let options = Options {
            races: RaceSearch::Off,
            kernel: KernelChoice::One(Kernel::Windows),
            ..Options::default()
        };
        let alone = images.count().expect("it is one");
        let mut cycle = Cycle::in_turn(0, 0, Some(alone));
        cycle.settings.clear();
        let stacks = std::mem::take(&mut self.stacks);
        let mut state = State::new(images, options, stacks, &cycle, 0, 0, Tracing::Off);
        state.nmr.described = Some(Vec::new());
        let seen = Rc::new(RefCell::new(DryRun::default()));
        let told = Rc::clone(&seen);
        let mut state = machine::simulate(state, "dry run", move || {
            perform(role, &told);
        });
        let mut run = seen.take();
        if run.entry.is_none_or(|status| status.0 > 0) {
            look(&state, &mut run);
        }
        run.kmdf = state
            .wdf
            .version
            .map(|(major, minor)| format!("{major}.{minor}"));
        run.registered = state.nmr.described.take().unwrap_or_default();
        (run.verdict, run.notes) = state.findings.into_parts();
        self.stacks = state.scheduling.into_result().stacks;
        run
    }
}

/// Calls `DriverEntry` and, if it succeeds, `DriverUnload`.
fn perform(role: Role, run: &RefCell<DryRun>) {
    let (loaded, entry, path) = with(|state| map_driver(state, role.first()));
    let object = loaded.object as *mut DRIVER_OBJECT;
    // SAFETY: the image is mapped, and the driver object is a fresh one.
    let status = unsafe { call_entry(loaded, entry, path) };
    check_returned(loaded.driver, "DriverEntry");
    with(|state| delete_path(state, path));
    let status = NtStatus(status);
    run.borrow_mut().entry = Some(status);
    check_entry_status(loaded.driver, status.0);
    if !status.is_success() {
        with(|state| look(state, &mut run.borrow_mut()));
        finish_dpcs(loaded.driver);
        let entry = with(|state| entry_site(state, loaded.driver));
        check_unload(loaded.driver, "DriverEntry failed", entry);
        return;
    }
    with(|state| discard_initialization(state, loaded.driver));
    // SAFETY: the driver is here, and its devices are until it deletes them.
    if !unsafe { files::finish_devices(object) } {
        let entry = with(|state| entry_site(state, loaded.driver));
        stop_at("hang", files::ENDLESS_DEVICES.to_owned(), entry);
    }
    sleep(SETTLE);
    with(|state| look(state, &mut run.borrow_mut()));
    if let Some(routine) = unload::routine(loaded.object) {
        unload(loaded, routine, run);
    } else {
        run.borrow_mut().unload = Unload::NoRoutine;
    }
}

/// Calls `DriverUnload`, and checks that nothing is left.
fn unload(loaded: Loaded, routine: usize, run: &RefCell<DryRun>) {
    let driver = loaded.driver;
    run.borrow_mut().unload = Unload::DidNotReturn;
    with(|state| state.loader.drivers[driver].life = LoadState::Unloading);
    let site = with(|state| state.loader.drivers.site(routine));
    // SAFETY: the driver object is still there.
    unsafe { call_unload(loaded, routine) };
    run.borrow_mut().unload = Unload::Unclean;
    check_returned(driver, "DriverUnload");
    deferred::join_work(driver);
    finish_dpcs(driver);
    check_unload(driver, "DriverUnload returned", site);
    if !with(|state| state.findings.any()) {
        run.borrow_mut().unload = Unload::Clean;
    }
}

/// Records the devices and symbolic links that are there.
fn look(state: &State, run: &mut DryRun) {
    run.devices = state.objects.names.devices();
    let all = state.objects.created.count(ObjectKind::Device);
    run.devices
        .resize(all.max(run.devices.len()), String::new());
    run.links = state.objects.names.links();
}
