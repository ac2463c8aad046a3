// SPDX-License-Identifier: MIT OR Apache-2.0

//! The service control manager: drivers come and go.
//!
//! A driver's image is mapped, `DriverEntry` runs on a system thread; later
//! `DriverUnload` runs, what the driver has left behind is a finding, and the
//! image becomes inaccessible.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::mem;
use std::rc::Rc;

use rand::RngExt;
use scenarios::{Action, Change, Instance, Mechanism, Role, Stage, Step};
use windows_sys::Wdk::Foundation::{DRIVER_DISPATCH, DRIVER_EXTENSION, DRIVER_OBJECT};
use windows_sys::Win32::Foundation::UNICODE_STRING;

use crate::application;
use crate::arena::{self, Access};
use crate::bug_check::Code;
use crate::deferred::{self, Before, check_return};
use crate::driver::{Driver, DriverId, Life, Site};
use crate::exports::INVALID_REQUEST;
use crate::findings::stop_at;
use crate::kernel::{State, kernel, with};
use crate::live::Kind;
use crate::pool::{FreeError, tag_text};
use crate::scheduler::{MICROSECOND, ThreadId, Waitable, block, point, sleep};
use crate::{image, programs, registry, requests, unload};

type DriverEntry =
    unsafe extern "win64" fn(object: *mut DRIVER_OBJECT, path: *const UNICODE_STRING) -> i32;

const TAG: u32 = u32::from_le_bytes(*b"Driv");

/// What the manager knows of a driver that is loaded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service {
    driver: DriverId,
    object: usize,
    /// Whether it had an unload routine when `DriverEntry` returned.
    unloadable: bool,
}

/// Takes the steps of a cycle, on the cycle's first thread.
pub(crate) fn perform(steps: &[Step]) {
    let mut pending = BTreeMap::new();
    for step in steps {
        for action in &step.actions {
            settle(action.instance, &mut pending);
        }
        let prompt = step.actions.iter().filter(|action| action.at.is_none());
        let prompt = Rc::new(Cell::new(prompt.count()));
        let start = |&action| start(action, Rc::clone(&prompt));
        let threads: Vec<_> = step.actions.iter().map(start).collect();
        let programs: Vec<_> = step.uses.iter().copied().map(programs::start).collect();
        programs.into_iter().for_each(join);
        for (action, thread) in step.actions.iter().zip(threads) {
            if !join_unless_kept(action.instance, thread) {
                pending.insert(action.instance, thread);
            }
        }
        if step.rest > 0 {
            sleep(step.rest * MICROSECOND);
        }
    }
    let mut instances: Vec<_> = pending.keys().copied().collect();
    while let Some(instance) = instances.pop() {
        settle(instance, &mut pending);
    }
    let left = kernel().registrar.live_registrations();
    if let Some(registration) = left.first() {
        let site = with(|state| state.drivers.site(registration.code));
        stop_at(
            "R29",
            "a registration is left after all drivers have gone".to_owned(),
            site,
        );
    }
}

fn join(thread: ThreadId) {
    if with(|state| !state.scheduler.thread(thread).has_ended()) {
        block(Waitable::Thread(thread), None);
    }
}

/// Waits for the end of an action; false if that is an unload that is put off by a
/// handle which the script closes later.
fn join_unless_kept(instance: Instance, thread: ThreadId) -> bool {
    /// How often that is looked at.
    const PERIOD: u64 = 20 * MICROSECOND;
    while with(|state| state.held.any(instance) && !state.scheduler.thread(thread).has_ended()) {
        if with(|state| state.is_put_off(instance)) {
            return false;
        }
        let later = with(|state| state.scheduler.time) + PERIOD;
        block(Waitable::Thread(thread), Some(later));
    }
    join(thread);
    true
}

/// Waits for an unload that was put off, if there is one, without the handles that
/// keep it from going on.
fn settle(instance: Instance, pending: &mut BTreeMap<Instance, ThreadId>) {
    if let Some(thread) = pending.remove(&instance) {
        programs::close_all(instance);
        join(thread);
    }
}

/// Begins an action; `prompt` is how many of the step wait for no stage and
/// have not ended.
fn start(action: Action, prompt: Rc<Cell<usize>>) -> ThreadId {
    let Action {
        change,
        instance,
        at,
        fails,
    } = action;
    let name = match change {
        Change::Load => format!("load {instance}"),
        Change::Unload => format!("unload {instance}"),
    };
    let body = move || {
        if let Some(stage) = at {
            // A stage that does not come keeps nobody for ever.
            while prompt.get() > 0 && !with(|state| state.walk.is_at(instance, stage)) {
                block(Waitable::Stage, None);
            }
        }
        match change {
            Change::Load => load(instance, fails),
            Change::Unload => unload(instance),
        }
        if at.is_none() {
            prompt.set(prompt.get() - 1);
            with(|state| state.scheduler.wake_all(Waitable::Stage));
        }
    };
    with(|state| state.spawn_own(name, body))
}

fn load(instance: Instance, fails: Option<u8>) {
    point();
    with(State::draw_mechanism);
    let (mut service, entry, path) = with(|state| {
        state.goes(instance, &Stage::ALL, Stage::Loading);
        let created = state.create(instance);
        state.faults.plan_entry(created.0.driver, fails);
        created
    });
    // SAFETY: the image is mapped, its entry point is code, and the driver
    // object is a fresh one.
    let status = unsafe { entry(service.object as *mut DRIVER_OBJECT, path) };
    check_returned(service.driver, "DriverEntry");
    with(|state| {
        state.trace(|_| format!("DriverEntry of {instance} = {status:#010x}"));
        state.faults.plan_entry(service.driver, None);
        state.delete_path(path);
    });
    if status < 0 && with(|state| state.has_met_fault(service.driver)) {
        let entry = with(|state| state.entry_site(service.driver));
        check_nothing_left(service.driver, "DriverEntry failed", entry);
        with(|state| {
            state.counts.failed_entries += 1;
            state.goes(instance, &Stage::ALL, Stage::Absent);
            state.remove(service);
        });
        return;
    }
    if status < 0 {
        let what = format!("DriverEntry failed with status {status:#010x}");
        stop_at("load", what, with(|state| state.entry_site(service.driver)));
    }
    with(|state| {
        state.counts.loads += 1;
        state.discard_initialization(service.driver);
        state.goes(instance, &[Stage::Loading], Stage::Idle);
        service.unloadable = unload::routine(service.object).is_some();
        state.services.insert(instance, service);
    });
    // SAFETY: the driver is here, and its devices are until it deletes them.
    let finished = unsafe { requests::finish_devices(service.object as *mut DRIVER_OBJECT) };
    if !finished {
        let entry = with(|state| state.entry_site(service.driver));
        stop_at("hang", requests::ENDLESS_DEVICES.to_owned(), entry);
    }
    application::start(service.driver);
    point();
}

fn unload(instance: Instance) {
    point();
    let Some(service) = with(|state| state.services.get(&instance).copied()) else {
        // A fault kept it from loading.
        return;
    };
    with(State::draw_mechanism);
    let driver = service.driver;
    let routine = unload::request(driver, service.object, service.unloadable);
    with(|state| {
        state.services.remove(&instance);
        state.drivers[driver].life = Life::Unloading;
        state.goes(instance, &Stage::ALL, Stage::Unloading);
    });
    // SAFETY: the driver set it for this, and its object is still there.
    unsafe { routine(service.object as *mut DRIVER_OBJECT) };
    check_returned(driver, "DriverUnload");
    deferred::join_work(driver);
    let routine = with(|state| state.drivers.site(routine as usize));
    check_nothing_left(driver, "DriverUnload returned", routine);
    with(|state| {
        state.counts.unloads += 1;
        state.counts.unloads_provider += u64::from(instance.role == Role::Provider);
        state.goes(instance, &Stage::ALL, Stage::Absent);
        state.remove(service);
    });
    point();
}

fn check_returned(driver: DriverId, routine: &str) {
    let site = with(|state| state.entry_site(driver));
    check_return(routine, Before::default(), site);
}

/// What a driver must not leave behind.
fn check_nothing_left(driver: DriverId, when: &str, routine: Option<Site>) {
    let registrations = kernel().registrar.live_registrations();
    for registration in registrations {
        let site = with(|state| state.drivers.site(registration.code));
        if site.is_some_and(|site| site.driver == driver) {
            let (rule, how) = if registration.deregistering {
                (28, "has not waited until its deregistration is complete")
            } else {
                (29, "has not deregistered")
            };
            let what = format!("{when}, but the {:?} {how}", registration.side);
            stop_at(Code::rule(rule), what, routine);
        }
    }
    with(|state| {
        if let Some((code, what, site)) = state.leftover(driver, when) {
            state.report(code, what, site.or(routine));
        }
    });
}

impl State {
    /// Whether a driver is to go, and stays for the time being.
    fn is_put_off(&self, instance: Instance) -> bool {
        let service = self.services.get(&instance);
        service.is_some_and(|service| self.requests.is_put_off(service.driver))
    }

    /// Draws who loads or unloads a driver.
    fn draw_mechanism(&mut self) {
        let all = Mechanism::ALL;
        let drawn = all[self.managers.random_range(0..all.len())].to_string();
        self.trace(|_| format!("by {drawn}"));
        *self.counts.mechanisms.entry(drawn).or_default() += 1;
    }

    /// Maps a driver and makes its object and its registry path.
    fn create(&mut self, instance: Instance) -> (Service, DriverEntry, *const UNICODE_STRING) {
        let image = Rc::clone(self.images.of(instance.role));
        let base = image::place(self.image_end, &image).expect("a cycle loads a few images");
        self.image_end = base + image.size();
        let driver = Driver::new(Rc::clone(&image), instance, base);
        self.add_sections(&driver);
        let driver = self.drivers.add(driver);
        let cookie = self.chance.random::<u64>() >> 16;
        let preempt = self.options.preempt;
        image.map(base, cookie, preempt, |export| self.bind(driver, export));
        let object = self.new_driver_object(driver, &image, base);
        let entry = base + image.entry_point();
        // SAFETY: the image's entry point is a function of this type.
        let entry = unsafe { mem::transmute::<usize, DriverEntry>(entry) };
        let service = Service {
            driver,
            object,
            unloadable: false,
        };
        let path = self.new_path(&registry::service(instance));
        (service, entry, path)
    }

    fn new_driver_object(&mut self, driver: DriverId, image: &image::Image, base: usize) -> usize {
        /// `IO_TYPE_DRIVER`.
        const KIND: i16 = 4;
        let size = size_of::<DRIVER_OBJECT>();
        let address = self.pool.reserve(size + size_of::<DRIVER_EXTENSION>(), TAG);
        let object = address as *mut DRIVER_OBJECT;
        let invalid = self.bind(driver, INVALID_REQUEST);
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
    fn new_path(&mut self, path: &str) -> *const UNICODE_STRING {
        let units: Vec<u16> = path.encode_utf16().collect();
        let bytes = units.len() * 2;
        let header = size_of::<UNICODE_STRING>();
        let address = self.pool.reserve(header + bytes, TAG);
        let buffer = (address + header) as *mut u16;
        let string = UNICODE_STRING {
            Length: u16::try_from(bytes).expect("paths are short"),
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

    fn delete_path(&mut self, path: *const UNICODE_STRING) {
        let freed = self.pool.free(path.addr(), 0, None);
        if let Err(FreeError::Overrun(at)) = freed {
            let what = "the registry path was written beyond its end".to_owned();
            self.report(("0xC1", [path.addr(), at, 0, 0x24]), what, None);
        }
    }

    /// Where a driver begins: what is said of it as a whole is said of there.
    pub(crate) fn entry_site(&self, driver: DriverId) -> Option<Site> {
        let driver = &self.drivers[driver];
        self.drivers.site(driver.base + driver.image.entry_point())
    }

    /// What the kernel still knows of a driver that says it is done.
    fn left_in_kernel(&self, driver: DriverId, when: &str) -> Option<(Code, String, Option<Site>)> {
        let image = self.drivers[driver].range();
        let left = |code: Code, name: &str, by| {
            let what = format!("{when}, but {name} is left");
            Some((code, what, by))
        };
        let live = self
            .objects
            .of(driver)
            .or_else(|| self.objects.within(image.clone()));
        if let Some((at, live)) = live {
            let code = match live.kind {
                Kind::Etw => ("0xC4", [0xDD, self.address(live.by), image.start, at]).into(),
                _ => "0xCE".into(),
            };
            return left(code, live.kind.name(), live.by);
        }
        if let Some(held) = self.locks.taken_by(driver) {
            return left("0xC4".into(), held.kind.name(), held.by);
        }
        let (name, by) = self.names.left_by(driver)?;
        left(
            "leak".into(),
            &format!("the symbolic link {name}"),
            Some(by),
        )
    }

    /// What a driver that says it is done has left behind.
    fn leftover(&mut self, driver: DriverId, when: &str) -> Option<(Code, String, Option<Site>)> {
        let threads = &self.scheduler.threads;
        let alive = |thread: &&crate::scheduler::Thread| {
            thread.driver == Some(driver) && !thread.has_ended()
        };
        if let Some(thread) = threads.iter().find(alive) {
            let what = format!("{when}, but its thread {} still runs", thread.name);
            return Some(("0xCE".into(), what, None));
        }
        let waits = |thread: &&crate::scheduler::Thread| match thread.blocked_on() {
            Some(Waitable::Object(address)) => self.drivers[driver].range().contains(&address),
            _ => false,
        };
        if let Some(thread) = threads.iter().find(waits) {
            let what = format!(
                "{} waits for an object in the image of a driver that goes",
                thread.name
            );
            return Some(("0xCE".into(), what, None));
        }
        if let Some(left) = self.left_in_kernel(driver, when) {
            return Some(left);
        }
        if let Some((what, by)) = self.handles.held_by(driver).into_iter().next() {
            let what = format!("{when}, but {what} is left");
            return Some(("leak".into(), what, Some(by)));
        }
        let mut held = self.pool.held_by(driver);
        let block = held.next()?;
        let (blocks, bytes) = held.fold((1, block.size), |(n, size), b| (n + 1, size + b.size));
        let what = format!(
            "{when}, but {blocks} blocks of pool, {bytes} bytes, are left, the first with tag {} \
             and {} bytes",
            tag_text(block.tag),
            block.size
        );
        let owner = block.owner;
        *self.counts.leaks.get_or_insert_default() += blocks;
        let count = usize::try_from(blocks).unwrap_or(usize::MAX);
        Some((("0xC4", [0x62, 0, 0, count]).into(), what, owner))
    }

    /// Takes away what a driver needs for `DriverEntry` only.
    fn discard_initialization(&mut self, driver: DriverId) {
        let driver = &self.drivers[driver];
        for pages in driver.image.discardable(driver.base) {
            self.pageable.remove(pages.clone());
            arena::protect(pages, Access::None).expect("an image is a few mappings");
        }
    }

    /// Takes a driver's memory away.
    fn remove(&mut self, service: Service) {
        let driver = &mut self.drivers[service.driver];
        driver.life = Life::Gone;
        self.pageable.remove(driver.range());
        arena::protect(driver.range(), Access::None).expect("unmapping merges mappings");
        let freed = self.pool.free(service.object, 0, None);
        if let Err(FreeError::Overrun(at)) = freed {
            let what = "the driver object was written beyond its end".to_owned();
            self.report(("0xC1", [service.object, at, 0, 0x24]), what, None);
        }
    }
}
