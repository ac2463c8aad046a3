// SPDX-License-Identifier: MIT OR Apache-2.0

//! A whole driver: a provider of an NPI that has no functions, which logs each
//! client that attaches, from a system thread, and has a control device.
#![cfg(windows)]
#![no_std]

extern crate wdk_panic;

use core::sync::atomic::{AtomicU32, Ordering};

use nmr::abi::{GUID, NPIID};
use nmr::header::{Header, Plain};
use nmr::irql::{PassiveLevel, WaitAllowed};
use nmr::layout::{Absent, Check};
use nmr::{
    Deregistration, Driver, Module, ModuleId, Modules, Npi, NtStatus, PeerModule, Provider,
    Registered, Registration, Result, Table,
};
use wdk_alloc::WdkAllocator;
use wdk_sys::{DRIVER_OBJECT, NTSTATUS, PCUNICODE_STRING};
use wdm::control::{BindingEntry, Controlled, VERSION};
use wdm::worker::{Work, Worker};

#[global_allocator]
static ALLOCATOR: WdkAllocator = WdkAllocator;

/// `DriverEntry`.
///
/// # Safety
///
/// Called by the I/O manager, once.
#[unsafe(export_name = "DriverEntry")]
unsafe extern "system" fn driver_entry(
    driver: &mut DRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
) -> NTSTATUS {
    // SAFETY: this is `DriverEntry`, called once, with its arguments.
    unsafe { wdm::driver_entry::<PresenceDriver>(driver, registry_path) }
}

enum PresenceDriver {}

impl Driver for PresenceDriver {
    type Entry<'entry> = wdm::Entry<'entry>;
    type Modules = Registration<PresenceModule>;

    fn load(entry: wdm::Entry<'_>) -> Result<Self::Modules> {
        entry.create_control_device::<Self>()?;
        let logger = Worker::start(Logger, entry.passive())?;
        entry.register(PresenceModule { logger })
    }

    fn unload(modules: Registered<'_, Self::Modules>) -> <Self::Modules as Modules>::Deregistered {
        let (module, wait) = modules.deregister();
        let mut module = match module {
            Deregistration::Complete(module) => module,
            Deregistration::Pending(pending) => pending
                .wait_for_provider_deregister_complete(&wait)
                .unwrap_or_else(|failed| failed.bug_check()),
            Deregistration::Failed(failed) => failed.bug_check(),
        };
        if let Some(module) = module.module() {
            module.logger.join(wait.passive());
        }
        module
    }
}

/// The NPI.
enum Presence {}

// SAFETY: it has no structures and no functions.
unsafe impl Npi for Presence {
    const ID: NPIID = GUID::from_u128(0x4d0f_5c31_8a6e_4a55_9f0b_3f1d_52c7_7e10);
    type ClientCharacteristics = Absent;
    type ProviderCharacteristics = Absent;
    type ClientDispatch = Absent;
    type ProviderDispatch = Absent;
    const CONTEXT_MAY_BE_NULL: bool = true;
}

/// The module.
struct PresenceModule {
    logger: Worker<Logger>,
}

impl Module for PresenceModule {
    type Role = Provider;
    type Npi = Presence;
    type Binding = ();

    const MODULE_ID: ModuleId =
        ModuleId::Guid(GUID::from_u128(0x9a2b_61c4_0d3e_4c1f_8b57_6e20_f4a1_93d8));
    const CHARACTERISTICS: () = ();
    const TABLE: Table<Self> = Table::NONE;

    fn attach(&self, _client: &PeerModule<'_, Self>, _passive: &PassiveLevel<'_>) -> Result {
        ATTACHED.fetch_add(1, Ordering::Relaxed);
        self.logger.wake();
        Ok(())
    }

    fn accepts_dispatch((): &(), (): ()) -> bool {
        true
    }
}

static ATTACHED: AtomicU32 = AtomicU32::new(0);

/// The work of the driver's thread.
struct Logger;

impl Work for Logger {
    fn run(&self, _passive: &PassiveLevel<'_>) {
        wdk::println!("clients so far: {}", ATTACHED.load(Ordering::Relaxed));
    }
}

nmr::c_struct! {
    /// The answer to `QUERY_STATUS`.
    #[derive(Clone, Copy)]
    pub struct Status: Check::SIZE_FIRST {
        /// Size and version of this structure.
        pub header: Header,
        /// The number of clients that have attached.
        pub attached: u32,
        /// The number of holds that block the unload.
        pub holds: u32,
    }
}

// SAFETY: `repr(C)`; 8 + 4 + 4 bytes, each field at a multiple of its size.
unsafe impl Plain for Status {}

impl Controlled for PresenceDriver {
    type Status = Status;

    fn status(holds: u32) -> Status {
        Status {
            header: Header::of::<Status>(VERSION),
            attached: ATTACHED.load(Ordering::Relaxed),
            holds,
        }
    }

    fn bindings(_report: &mut dyn FnMut(BindingEntry)) {}

    fn switch(_subcomponent: u32, _on: bool, _wait: &WaitAllowed<'_>) -> Result {
        Err(NtStatus::INVALID_PARAMETER)
    }
}
