// SPDX-License-Identifier: MIT OR Apache-2.0

//! A program that uses the control devices of a driver: it opens them, sends valid and
//! malformed requests, cancels slow ones, and closes the devices, also while the driver is
//! about to be unloaded. Some programs run under an account without access, or open the
//! device for reading or writing only, or act as another driver, whose requests have no file.
//! Two threads use some files at once.

use rand::RngExt;
use registrar::knobs::Knob;

use crate::exports::execution::threads;
use crate::io::contract;
use crate::io::control;
use crate::io::malformed::{self, code};
use crate::io::requests::{self, ProgramRequest};
use crate::kernel::{State, with};
use crate::loader::drivers::DriverId;
use crate::objects::security::{Account, READ, READ_WRITE, WRITE};
use crate::scheduling::{MICROSECOND, join, sleep};

/// Starts one or two for each named device of a driver, or none: every other
/// driver has to do with its peer alone, which is what most cycles are for.
pub(crate) fn start(driver: DriverId) {
    let devices = with(|state| state.objects.names.of(driver));
    for names in devices {
        for _ in 0..draw(3).saturating_sub(1) {
            let names = names.clone();
            with(|state| {
                let number = state.scheduling.threads().len();
                // A machine without another stack has enough to do.
                let _ = state
                    .scheduling
                    .spawn(format!("application {number}"), None, move || {
                        run(driver, &names);
                    });
            });
        }
    }
}

fn draw(most: u64) -> u64 {
    with(|state: &mut State| state.choices.chance.random_range(0..=most))
}

fn run(driver: DriverId, names: &[String]) {
    // Its requests name the thread.
    with(threads::current);
    for _ in 0..=draw(1) {
        sleep(draw(200) * MICROSECOND);
        let last = names.len() as u64 - 1;
        let name = &names[usize::try_from(draw(last)).expect("they are in memory")];
        let account = match draw(3) {
            0 => Account::User,
            _ => Account::Administrator,
        };
        let wanted = match draw(7) {
            0 => READ,
            1 => WRITE,
            _ => READ_WRITE,
        };
        if let Ok(file) = requests::open(name, account, wanted) {
            contract::check_access(file, account, name);
            with(|state| state.record_work(driver, "a driver that answers requests"));
            use_file(file);
        }
    }
}

/// Uses a file, sometimes in two threads at once: a program may open a device for overlapped
/// requests, and the I/O manager then passes each on when it is made.
fn use_file(file: usize) {
    /// The share of files that two threads use, one in this many.
    const SHARED: u32 = 4;

    let is_shared = with(|state| state.choices.shared_files.random_ratio(1, SHARED));
    let second = is_shared.then(|| {
        contract::share(file);
        with(|state| {
            let name = format!("{}, second thread", state.scheduling.current().name);
            state.scheduling.spawn(name, None, move || {
                with(threads::current);
                send_some(file);
            })
        })
    });
    send_some(file);
    if let Some(second) = second.flatten() {
        join(second);
    }
    contract::close(file);
}

fn send_some(file: usize) {
    for _ in 0..draw(4) {
        let message = message();
        if with(|state| state.choices.rare_knob(Knob::RequestFile, 16)) {
            requests::send_without_file(file, &message);
            continue;
        }
        let expected = contract::expect(file, &message);
        let Ok(irp) = requests::send_to_file(file, &message) else {
            continue;
        };
        if draw(3) > 0 {
            let answer = requests::wait(irp, Some(draw(300) * MICROSECOND));
            if let (Some(expected), Some(answer)) = (expected, answer) {
                contract::check(&expected, &answer);
            } else {
                requests::cancel(irp);
            }
        }
    }
}

/// What means something to the drivers built here, may mean something to others,
/// or means nothing to any.
fn message() -> ProgramRequest {
    match draw(2) {
        0 => with(|state| control::draw(&mut state.choices.chance)),
        1 => {
            let function = u32::try_from(draw(3)).expect("it is small");
            ProgramRequest::control(code(function, 0, 0), vec![0x5A; 16], 32)
        }
        _ => with(|state| malformed::draw(&mut state.choices.chance)),
    }
}
