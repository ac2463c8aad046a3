// SPDX-License-Identifier: MIT OR Apache-2.0

//! The functions that drivers import, in one file for each area of the kernel.
//!
//! Each function does what its documentation says, as far as drivers of this kind use
//! it. Its IRQL limit is in a table, and is checked before the function is called. If
//! the function detects a defect of its caller, the cycle ends with a finding.
//!
//! Reference: <https://learn.microsoft.com/windows-hardware/drivers/ddi/>

mod bugcheck;
mod cng;
pub(crate) mod data;
mod debug;
mod etw;
pub(crate) mod exceptions;
pub(crate) mod execution;
mod files;
mod information;
pub(crate) mod io;
mod memory;
mod ndis;
mod netio;
pub(crate) mod notifications;
mod objects;
mod registry;
mod runtime;
mod security;
mod sync;
pub(crate) mod system;
pub(crate) mod wfp;
pub(crate) mod wsk;

use std::collections::BTreeMap;

use crate::hardware::irql::DISPATCH_LEVEL;
use crate::loader::drivers::Site;
use crate::loader::export::Export;
use etw::Registrations;
use exceptions::Exceptions;
use execution::callbacks::Callbacks;

/// What the exports keep between calls.
#[derive(Debug, Default)]
pub(crate) struct Exports {
    callbacks: Callbacks,
    etw: Registrations,
    pub(crate) exceptions: Exceptions,
    /// The code that initialised each cancel-safe queue, by address.
    queues: BTreeMap<usize, Site>,
    /// The time zone, once a driver has asked for it.
    time_zone: Option<i64>,
}

/// What a driver's dispatch table holds where it has put nothing: nobody can
/// import it.
pub(crate) const INVALID_REQUEST: &Export = &Export::function(
    "ntoskrnl.exe",
    "IopInvalidDeviceRequest",
    DISPATCH_LEVEL,
    size_of::<i32>(),
    io::irps::invalid_request as *const (),
);

/// A table of exports: `"Name" <= IRQL => function: result`, of `ntoskrnl.exe` or
/// of the image that is named first.
macro_rules! exports {
    (of $module:literal: $($name:literal <= $irql:expr => $function:path: $result:ty;)*) => {
        pub(crate) const EXPORTS: &[$crate::loader::export::Export] = &[$(
            $crate::loader::export::Export::function(
                $module,
                $name,
                $irql,
                size_of::<$result>(),
                $function as *const (),
            ),
        )*];
    };
    ($($name:literal <= $irql:expr => $function:path: $result:ty;)*) => {
        $crate::exports::exports! {
            of "ntoskrnl.exe": $($name <= $irql => $function: $result;)*
        }
    };
}
pub(crate) use exports;

const NTOSKRNL: &[&[&[Export]]] = &[
    data::TABLES,
    exceptions::TABLES,
    execution::TABLES,
    files::TABLES,
    io::TABLES,
    memory::TABLES,
    notifications::TABLES,
    registry::TABLES,
    runtime::TABLES,
    security::TABLES,
    sync::TABLES,
    &[
        bugcheck::EXPORTS,
        debug::EXPORTS,
        etw::EXPORTS,
        information::EXPORTS,
        objects::EXPORTS,
        system::EXPORTS,
        system::VARIABLES,
    ],
];

/// The functions and variables of the image `dll`.
pub(crate) fn of(dll: &str) -> impl Iterator<Item = &'static Export> {
    let tables: &[&[&[Export]]] = match dll.to_ascii_lowercase().as_str() {
        "ntoskrnl.exe" | "hal.dll" => NTOSKRNL,
        "cng.sys" => &[&[cng::EXPORTS]],
        "fwpkclnt.sys" => wfp::TABLES,
        "ndis.sys" => &[&[ndis::EXPORTS]],
        "netio.sys" => &[&[netio::EXPORTS, wsk::REGISTRATION]],
        _ => &[],
    };
    tables.iter().copied().flatten().copied().flatten()
}

/// The function `name` of the image `dll`.
pub(crate) fn find(dll: &str, name: &str) -> Option<&'static Export> {
    of(dll).find(|export| export.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_name_is_exported_twice() {
        let names: Vec<_> = of("ntoskrnl.exe").map(|e| e.name).collect();
        let distinct: BTreeSet<_> = names.iter().collect();
        assert_eq!(names.len(), distinct.len());
    }

    #[test]
    fn images_export_their_own() {
        assert!(find("NETIO.SYS", "NmrRegisterClient").is_some());
        assert!(find("netio.sys", "WskRegister").is_some());
        assert!(find("netio.sys", "KeSetEvent").is_none());
        assert!(find("ntoskrnl.exe", "KeSetEvent").is_some());
        assert!(find("ntoskrnl.exe", "NmrRegisterClient").is_none());
        assert!(find("other.sys", "KeSetEvent").is_none());
    }
}
