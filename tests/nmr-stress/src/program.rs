// SPDX-License-Identifier: MIT OR Apache-2.0

//! The programs of a cycle: they use the drivers' devices.
//!
//! Windows defers the unload of a driver while a handle to its device is open. Wine does
//! not: it unmaps the image with requests in progress. Therefore under Wine a driver is not
//! used during loads and unloads, and its handles are closed before its unload.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::thread;
use std::time::Duration;

use nmr::abi::struct_size;
use nmr::header::Header;
use scenarios::control::{RefusedRequest, header, refused_requests, switch};
use scenarios::{Counts, Instance, Usage, Use};
use shared_npi::control::TELEMETRY;
use wdm::control::{
    HOLD_UNLOAD, LIST_BINDINGS, QUERY_STATUS, RELEASE_UNLOAD, SWITCH_SUBCOMPONENT, VERSION,
};

use windows_sys::Win32::Foundation::{ERROR_NOT_READY, RtlNtStatusToDosError};

use crate::device::Device;

/// The time for which the unload of a driver is blocked.
const HOLD: Duration = Duration::from_micros(200);

/// The error of a driver without an unload gate.
const NOT_READY: i32 = ERROR_NOT_READY.cast_signed();

/// Buffer size for the status and a list of bindings.
const BUFFER: usize = 1024;

/// The open handles, by driver.
#[derive(Debug, Default)]
pub(crate) struct Programs(BTreeMap<Instance, Vec<Device>>);

impl Programs {
    /// Performs `uses`; failures of drivers that `may_refuse` are ignored.
    pub(crate) fn perform(
        &mut self,
        uses: &[Use],
        may_refuse: impl Fn(Instance) -> bool,
        counts: &mut Counts,
    ) -> Result<(), (Use, io::Error)> {
        for &one in uses {
            match self.perform_one(one, counts) {
                Err(why) if !may_refuse(one.instance) => return Err((one, why)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Performs one use of a device; does nothing if the device does not exist.
    fn perform_one(&mut self, one: Use, counts: &mut Counts) -> io::Result<()> {
        let Use { usage, instance } = one;
        if usage == Usage::Close {
            if let Some(kept) = self.0.get_mut(&instance) {
                drop(kept.pop());
            }
            return Ok(());
        }
        let device = match Device::open(&format!(r"\\.\{instance}")) {
            Ok(device) => device,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut request = |code, input: &[u8], length: usize| {
            counts.requests += 1;
            device.request(code, input, &mut [0; BUFFER][..length])
        };
        match usage {
            Usage::Close | Usage::Ask | Usage::Disable | Usage::Delete | Usage::StartSecond => {}
            Usage::Open => {
                request(QUERY_STATUS, &[], BUFFER)?;
                request(LIST_BINDINGS, &[], BUFFER)?;
                self.0.entry(instance).or_default().push(device);
            }
            Usage::Switch => {
                for refused in refused_requests() {
                    let answer = request(refused.code, &refused.input, refused.output_length);
                    check_refusal(&refused, answer)?;
                }
                request(SWITCH_SUBCOMPONENT, &switch(TELEMETRY, 0), 0)?;
                request(SWITCH_SUBCOMPONENT, &switch(TELEMETRY, 1), 0)?;
                counts.subcomponent_switches += 2;
            }
            Usage::Hold => {
                match request(HOLD_UNLOAD, &bare(), 0) {
                    Err(error) if error.raw_os_error() == Some(NOT_READY) => return Ok(()),
                    answer => answer?,
                };
                thread::sleep(HOLD);
                request(RELEASE_UNLOAD, &bare(), 0)?;
            }
        }
        Ok(())
    }

    /// Returns `true` if a handle of the driver's device is open.
    pub(crate) fn has_handles(&self, instance: Instance) -> bool {
        self.0.get(&instance).is_some_and(|kept| !kept.is_empty())
    }

    /// Closes all handles of a driver's device.
    pub(crate) fn close_all(&mut self, instance: Instance) {
        self.0.remove(&instance);
    }
}

/// Checks that a request was refused with the status that the control interface promises.
fn check_refusal(refused: &RefusedRequest, answer: io::Result<usize>) -> io::Result<()> {
    // SAFETY: it takes any status.
    let promised = unsafe { RtlNtStatusToDosError(refused.status.0) };
    let error = answer.as_ref().err().and_then(io::Error::raw_os_error);
    if error == Some(promised.cast_signed()) {
        return Ok(());
    }
    let came_to = answer.map_or_else(|error| error.to_string(), |_| "success".to_owned());
    let RefusedRequest { code, status, .. } = refused;
    Err(io::Error::other(format!(
        "a control request with code {code:#x} came to {came_to}: the control interface promises \
         {status}"
    )))
}

/// The input of a request that takes no more than a header.
fn bare() -> Vec<u8> {
    header(struct_size::<Header>(), VERSION)
}
