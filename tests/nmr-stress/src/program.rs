// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the programs of a cycle do with the drivers' devices.
//!
//! Windows puts off the unload of a driver while a handle to its device is open,
//! Wine does not: it unmaps the image under the requests. So under Wine a driver is
//! used while nobody comes or goes, and its handles are closed before it goes.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::thread;
use std::time::Duration;

use nmr::header::Header;
use scenarios::{Counts, Instance, Usage, Use};
use shared_npi::control::TELEMETRY;
use wdm::control::{
    HOLD_UNLOAD, LIST_BINDINGS, QUERY_STATUS, RELEASE_UNLOAD, SWITCH_SUBCOMPONENT, SwitchRequest,
    VERSION,
};

use windows_sys::Win32::Foundation::ERROR_NOT_READY;

use crate::device::Device;

/// How long a driver's unloading is forbidden.
const HELD: Duration = Duration::from_micros(200);

/// The error with which a driver refuses that has no gate.
const NOT_READY: i32 = ERROR_NOT_READY.cast_signed();

/// Room for the status, and for a list of some bindings.
const ROOM: usize = 1024;

/// The handles that are kept.
#[derive(Debug, Default)]
pub(crate) struct Programs(BTreeMap<Instance, Vec<Device>>);

impl Programs {
    /// Does each of these; a driver that `may_refuse` is about to come or go.
    pub(crate) fn perform(
        &mut self,
        uses: &[Use],
        may_refuse: impl Fn(Instance) -> bool,
        counts: &mut Counts,
    ) -> Result<(), (Use, io::Error)> {
        for &one in uses {
            match self.one(one, counts) {
                Err(why) if !may_refuse(one.instance) => return Err((one, why)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Does it, if it is done by the driver's device and there is one.
    fn one(&mut self, one: Use, counts: &mut Counts) -> io::Result<()> {
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
        let mut ask = |code, input: &[u8], room: usize| {
            counts.requests += 1;
            device.ask(code, input, &mut [0; ROOM][..room])
        };
        match usage {
            Usage::Close | Usage::Ask => {}
            Usage::Open => {
                ask(QUERY_STATUS, &[], ROOM)?;
                ask(LIST_BINDINGS, &[], ROOM)?;
                self.0.entry(instance).or_default().push(device);
            }
            Usage::Switch => {
                ask(SWITCH_SUBCOMPONENT, &switch(false), 0)?;
                ask(SWITCH_SUBCOMPONENT, &switch(true), 0)?;
                counts.subcomponent_switches += 2;
            }
            Usage::Hold => {
                match ask(HOLD_UNLOAD, &header::<Header>(), 0) {
                    Err(error) if error.raw_os_error() == Some(NOT_READY) => return Ok(()),
                    answer => answer?,
                };
                thread::sleep(HELD);
                ask(RELEASE_UNLOAD, &header::<Header>(), 0)?;
            }
        }
        Ok(())
    }

    /// Whether somebody keeps a driver.
    pub(crate) fn keep(&self, instance: Instance) -> bool {
        self.0.get(&instance).is_some_and(|kept| !kept.is_empty())
    }

    /// Closes what is kept of a driver that is to go.
    pub(crate) fn close_all(&mut self, instance: Instance) {
        self.0.remove(&instance);
    }
}

/// The bytes of the header of a `T`.
fn header<T>() -> [u8; size_of::<Header>()] {
    let size = u16::try_from(size_of::<T>()).expect("structures are small");
    let mut bytes = [0; size_of::<Header>()];
    bytes[..2].copy_from_slice(&size.to_ne_bytes());
    bytes[2..4].copy_from_slice(&VERSION.to_ne_bytes());
    bytes
}

/// The bytes of a [`SwitchRequest`].
fn switch(on: bool) -> Vec<u8> {
    let mut bytes = header::<SwitchRequest>().to_vec();
    bytes.extend(TELEMETRY.to_ne_bytes());
    bytes.extend(u32::from(on).to_ne_bytes());
    bytes
}
