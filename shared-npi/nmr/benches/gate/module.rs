// SPDX-License-Identifier: MIT OR Apache-2.0

//! A call of a client by its provider, through the whole layer. This file is NMR, and
//! the client.

use std::cell::Cell;
use std::ffi::c_void;
use std::hint::black_box;
use std::mem::ManuallyDrop;
use std::ptr;

use nmr::abi::{
    GUID, HANDLE, NPI_PROVIDER_CHARACTERISTICS, NPI_REGISTRATION_INSTANCE, NPIID, NTSTATUS,
    STATUS_SUCCESS, struct_size,
};
use nmr::header::Header;
use nmr::irql::PassiveLevel;
use nmr::layout::{Absent, Check, Required};
use nmr::{
    Accepted, Binding, GateWords, Loading, Module, ModuleId, Npi, NtStatus, PeerModule, Provider,
    Result, Table, nmr_fn,
};

use crate::shapes::Run;

thread_local! {
    static REGISTERED: Cell<(*const NPI_PROVIDER_CHARACTERISTICS, *mut c_void)> =
        const { Cell::new((ptr::null(), ptr::null_mut())) };
}

nmr_fn! {
    #[unsafe(no_mangle)]
    unsafe fn NmrRegisterProvider[](
        characteristics: *const NPI_PROVIDER_CHARACTERISTICS,
        context: *mut c_void,
        _handle: *mut HANDLE,
    ) -> NTSTATUS {
        REGISTERED.set((characteristics, context));
        STATUS_SUCCESS
    }
}

macro_rules! unused {
    ($($name:ident)*) => {$(
        nmr_fn! {
            #[unsafe(no_mangle)]
            unsafe fn $name[](_handle: HANDLE) -> NTSTATUS {
                STATUS_SUCCESS
            }
        }
    )*};
}

unused! {
    NmrRegisterClient
    NmrClientAttachProvider
    NmrDeregisterProvider
    NmrDeregisterClient
    NmrWaitForProviderDeregisterComplete
    NmrWaitForClientDeregisterComplete
    NmrProviderDetachClientComplete
    NmrClientDetachProviderComplete
}

nmr::c_struct! {
    struct Functions: Check::SIZE_FIRST {
        header: Header,
        answer: Option<unsafe extern "system" fn(*mut c_void) -> usize>,
    }
}

enum Sample {}

// SAFETY: this file has both ends, and uses these types.
unsafe impl Npi for Sample {
    const ID: NPIID = GUID::from_u128(0x2b1d_6c6e_1f1c_4a3b_9a3c_55d2_66b8_0011);
    type ClientCharacteristics = Absent;
    type ProviderCharacteristics = Absent;
    type ClientDispatch = Required<Functions>;
    type ProviderDispatch = Absent;
}

struct Server<const PER_PROCESSOR: bool>;

impl<const PER_PROCESSOR: bool> Module for Server<PER_PROCESSOR> {
    type Role = Provider;
    type Npi = Sample;
    type Binding = ();
    const MODULE_ID: ModuleId =
        ModuleId::Guid(GUID::from_u128(0x2b1d_6c6e_1f1c_4a3b_9a3c_55d2_66b8_0012));
    const CHARACTERISTICS: () = ();
    const TABLE: Table<Self> = Table::NONE;
    const GATE: GateWords = if PER_PROCESSOR {
        GateWords::PerProcessor
    } else {
        GateWords::One
    };

    fn attach(&self, _: &PeerModule<'_, Self>, _: &PassiveLevel<'_>) -> Result {
        Ok(())
    }

    fn accepts_dispatch((): &(), table: &Functions) -> bool {
        table.answer.is_some()
    }

    fn accepted(&self, client: Accepted<Self>) {
        drop(client);
    }
}

unsafe extern "system" fn answer(context: *mut c_void) -> usize {
    context.addr()
}

static CLIENT: Functions = Functions {
    header: Header::of::<Functions>(1),
    answer: Some(answer),
};

/// A binding that stays attached as long as the program runs.
fn attached<const PER_PROCESSOR: bool>() -> &'static Binding<Server<PER_PROCESSOR>> {
    // SAFETY: there is no IRQL here, and the module stays until the program ends.
    let loading = unsafe { Loading::assume() };
    let registered = loading.register(Server::<PER_PROCESSOR>);
    let _stays = ManuallyDrop::new(registered.expect("there is memory"));
    let (callbacks, context) = REGISTERED.get();
    let instance = NPI_REGISTRATION_INSTANCE {
        Version: 0,
        Size: struct_size::<NPI_REGISTRATION_INSTANCE>(),
        NpiId: ptr::null(),
        ModuleId: ptr::null(),
        Number: 0,
        NpiSpecificCharacteristics: ptr::null(),
    };
    let (mut binding, mut table) = (ptr::null_mut(), ptr::null());
    // SAFETY: the module is registered.
    let attach = unsafe { (*callbacks).ProviderAttachClient }.expect("required");
    // SAFETY: as NMR would call it.
    let status = unsafe {
        attach(
            ptr::null_mut(),
            context,
            &raw const instance,
            ptr::dangling_mut(),
            (&raw const CLIENT).cast(),
            &raw mut binding,
            &raw mut table,
        )
    };
    assert!(NtStatus(status).is_success());
    // SAFETY: the binding of this module, which stays attached.
    unsafe { Binding::from_context(binding) }
}

pub(crate) fn call<const PER_PROCESSOR: bool>() -> Run {
    let binding = attached::<PER_PROCESSOR>();
    Box::new(move |times| {
        for _ in 0..times {
            let Some(call) = black_box(binding).enter() else {
                return;
            };
            call.make(|client| {
                if let Some(answer) = client.table().answer {
                    // SAFETY: the function takes any value.
                    black_box(unsafe { answer(client.context()) });
                }
            });
        }
    })
}
