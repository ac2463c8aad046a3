// SPDX-License-Identifier: MIT OR Apache-2.0

//! A program that uses the control devices of a driver: it opens them, sends
//! control codes, cancels those that take long, and closes them, again and again
//! and without caring whether the driver is to go.

use rand::RngExt;

use crate::driver::DriverId;
use crate::kernel::{State, with};
use crate::live::Kind;
use crate::requests;
use crate::scheduler::{MICROSECOND, sleep};

/// Starts one for each named device of a driver.
pub(crate) fn start(driver: DriverId) {
    let names: Vec<_> = with(|state| {
        let all = state.names.iter();
        let mine =
            all.filter(|(_, (at, by))| by.driver == driver && state.objects.is(*at, Kind::Device));
        mine.map(|(name, _)| name.clone()).collect()
    });
    for name in names {
        with(|state| {
            let number = state.scheduler.threads.len();
            // A machine without another stack has enough to do.
            let _ = state.spawn(format!("application {number}"), None, move || run(&name));
        });
    }
}

fn draw(most: u64) -> u64 {
    with(|state: &mut State| state.chance.random_range(0..=most))
}

/// The control code with this function, for any access and buffered.
const fn code(function: u32) -> u32 {
    /// `FILE_DEVICE_UNKNOWN`.
    const UNKNOWN: u32 = 0x22;
    /// The first function that is not Microsoft's.
    const FIRST: u32 = 0x800;
    UNKNOWN << 16 | (FIRST + function) << 2
}

fn run(name: &str) {
    for _ in 0..=draw(2) {
        sleep(draw(200) * MICROSECOND);
        let Ok(file) = requests::open(name) else {
            continue;
        };
        for _ in 0..draw(4) {
            let function = u32::try_from(draw(3)).expect("it is small");
            let irp = requests::control(file, code(function), &[0x5A; 16], 32);
            if draw(3) > 0 {
                requests::wait(irp, Some(draw(300) * MICROSECOND));
                requests::cancel(irp);
            }
        }
        requests::close(file);
    }
}
