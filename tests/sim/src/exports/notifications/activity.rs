// SPDX-License-Identifier: MIT OR Apache-2.0

//! What happens in the machine of which drivers want to be told: processes begin and end, keys
//! are read, handles opened, settings changed.
//!
//! It begins with the first registration, and once more with the unload of a driver that is to
//! be told, when it matters most. A driver that is loaded is an image that is loaded.

use rand::RngExt;

use super::{Kind, devices, handles, keys, power, processes};
use crate::kernel::{State, with};
use crate::loader::drivers::DriverId;
use crate::scheduling::{MICROSECOND, sleep};

/// The longest time between two happenings, in microseconds.
const LONGEST: u64 = 150;
/// The most happenings at a time.
const MOST: u64 = 4;

/// Something is registered: if it is the first, things begin to happen.
pub(super) fn start(state: &mut State) {
    if state.objects.notifications.all.len() == 1 {
        spawn(state);
    }
}

/// A driver is about to be unloaded: something may happen just now.
pub(crate) fn driver_unloads(state: &mut State, driver: DriverId) {
    let all = &state.objects.notifications.all;
    if all
        .iter()
        .any(|it| it.by.is_some_and(|by| by.driver == driver))
    {
        spawn(state);
    }
}

/// A machine without another stack has enough to do.
fn spawn(state: &mut State) {
    let name = format!("activity {}", state.scheduling.threads().len());
    let _ = state.scheduling.spawn(name, None, || {
        for _ in 0..=draw(MOST) {
            sleep(draw(LONGEST) * MICROSECOND);
            happen();
        }
    });
}

fn draw(most: u64) -> u64 {
    with(|state| state.choices.activity.random_range(0..=most))
}

/// Lets one thing happen of which somebody is told.
fn happen() {
    let kinds: Vec<_> = with(|state| {
        let all = state.objects.notifications.all.iter();
        all.map(|it| it.kind).collect()
    });
    let Some(last) = kinds.len().checked_sub(1) else {
        return;
    };
    let drawn = usize::try_from(draw(last as u64)).expect("it is small");
    match kinds[drawn] {
        Kind::Process | Kind::ProcessEx | Kind::Thread | Kind::Image => {
            processes::run_a_program(|| sleep(draw(LONGEST) * MICROSECOND));
        }
        Kind::Key => keys::read_a_value(),
        Kind::Handle => handles::open_a_handle(draw(1) == 0),
        Kind::Power => power::change(draw(1) == 0),
        Kind::Device => devices::arrive_or_go(draw(1) == 0),
    }
}

/// A driver's image is loaded, and has not run yet.
pub(crate) fn image_loaded(driver: DriverId) {
    let image = with(|state| {
        let is_told = state
            .objects
            .notifications
            .all
            .iter()
            .any(|it| it.kind == Kind::Image);
        let image = &state.loader.drivers[driver];
        is_told.then(|| (image.name().to_owned(), image.range()))
    });
    if let Some((name, range)) = image {
        let path = format!(r"\SystemRoot\System32\drivers\{name}");
        processes::image_loaded(&path, 0, range.start, range.len());
    }
}
