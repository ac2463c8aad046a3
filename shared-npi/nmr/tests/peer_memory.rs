// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is read of a peer's structures: no more than they announce. Each is in memory
//! of exactly that size, so that the address sanitizer sees a byte too many.
//!
//! The tests are NMR themselves: they call the module's callbacks.

// On Windows the layer binds to the system's own NETIO.SYS.
#![cfg(not(windows))]

use core::ffi::c_void;
use core::mem::offset_of;
use core::ptr;
use std::alloc::{Layout as Memory, alloc, dealloc};
use std::cell::{Cell, RefCell};

use nmr::abi::*;
use nmr::dispatch::{Lent, Out};
use nmr::header::Header;
use nmr::irql::PassiveLevel;
use nmr::layout::{Check, Required};
use nmr::{
    Binding, Loading, Module, ModuleId, Npi, NtStatus, PeerModule, Provider, Registered, Result,
    Table, nmr_fn,
};

thread_local! {
    static REGISTERED: Cell<(*const NPI_PROVIDER_CHARACTERISTICS, *mut c_void)> =
        const { Cell::new((ptr::null(), ptr::null_mut())) };
    /// What the module has seen of the peers that were offered.
    static SEEN: RefCell<Vec<Seen>> = const { RefCell::new(Vec::new()) };
}

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    module_id: Option<ModuleId>,
    number: u32,
    value: Option<u64>,
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
    #[derive(Clone, Copy)]
    struct Characteristics: Check::SIZE_FIRST {
        header: Header,
        value: u64,
    }
}

nmr::c_struct! {
    /// With padding at its end.
    struct Answer: Check::SIZE_FIRST {
        header: Header,
        value: u64,
        small: u32,
    }
}

nmr::c_struct! {
    /// An answer of a later version, which has a field in the padding.
    struct LaterAnswer: Check::SIZE_FIRST {
        header: Header,
        value: u64,
        small: u32,
        later: u32,
    }
}

nmr::c_struct! {
    struct Functions: Check::SIZE_FIRST {
        header: Header,
        tell: Option<
            unsafe extern "system" fn(
                binding: *mut c_void,
                what: *const Characteristics,
                answer: *mut Answer,
            ) -> NTSTATUS,
        >,
    }
}

enum Sample {}

// SAFETY: this file has both ends, and uses these types.
unsafe impl Npi for Sample {
    const ID: NPIID = GUID::from_u128(0x2b1d_6c6e_1f1c_4a3b_9a3c_55d2_66b8_0001);
    type ClientCharacteristics = Required<Characteristics>;
    type ProviderCharacteristics = Required<Characteristics>;
    type ClientDispatch = Required<Functions>;
    type ProviderDispatch = Required<Functions>;
}

const GUID_ID: GUID = GUID::from_u128(0x2b1d_6c6e_1f1c_4a3b_9a3c_55d2_66b8_0002);
const LUID_ID: LUID = LUID {
    LowPart: 7,
    HighPart: -7,
};

struct Server;

impl Module for Server {
    type Role = Provider;
    type Npi = Sample;
    type Binding = ();
    const MODULE_ID: ModuleId = ModuleId::Guid(GUID_ID);
    const CHARACTERISTICS: &'static Characteristics = &Characteristics {
        header: Header::of::<Characteristics>(1),
        value: 0,
    };
    // SAFETY: the function is one of a `Server`.
    const TABLE: Table<Self> = unsafe {
        Table::new(
            &const {
                Functions {
                    header: Header::of::<Functions>(1),
                    tell: Some(tell::<Server>),
                }
            },
        )
    };

    fn attach(&self, peer: &PeerModule<'_, Self>, _: &PassiveLevel<'_>) -> Result {
        let characteristics = peer.characteristics();
        SEEN.with_borrow_mut(|seen| {
            seen.push(Seen {
                module_id: peer.module_id(),
                number: peer.number(),
                value: characteristics.ok().map(|seen| seen.value),
            });
        });
        characteristics.map(drop)
    }

    fn accepts_dispatch((): &(), table: &Functions) -> bool {
        table.tell.is_some()
    }
}

nmr::dispatch_fn! {
    fn tell[M: Module](
        binding: &Binding<M>,
        what: Lent<'call, Characteristics>,
        answer: Out<'call, Answer>,
    ) -> NTSTATUS {
        let _ = binding.module();
        answer.write(Answer {
            value: what.value + 1,
            ..EMPTY
        });
        NtStatus::SUCCESS.0
    }
}

/// The first bytes of a `T`, in memory of exactly that many.
struct Prefix {
    place: *mut u8,
    memory: Memory,
}

impl Prefix {
    fn of<T>(value: &T, bytes: usize) -> Self {
        assert!(0 < bytes && bytes <= size_of::<T>());
        let memory = Memory::from_size_align(bytes, align_of::<T>()).expect("small");
        // SAFETY: the size is not zero.
        let place = unsafe { alloc(memory) };
        // SAFETY: that number of bytes is valid at both places.
        unsafe { place.copy_from_nonoverlapping(ptr::from_ref(value).cast(), bytes) };
        Self { place, memory }
    }

    fn get<T>(&self) -> *const T {
        self.place.cast_const().cast()
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout.
        unsafe { dealloc(self.place, self.memory) };
    }
}

static TABLE: Functions = Functions {
    header: Header::of::<Functions>(1),
    tell: Some(told),
};

unsafe extern "system" fn told(
    _binding: *mut c_void,
    _what: *const Characteristics,
    _answer: *mut Answer,
) -> NTSTATUS {
    STATUS_SUCCESS
}

fn instance(
    id: *const NPI_MODULEID,
    characteristics: *const Characteristics,
) -> NPI_REGISTRATION_INSTANCE {
    NPI_REGISTRATION_INSTANCE {
        Version: 0,
        Size: struct_size::<NPI_REGISTRATION_INSTANCE>(),
        NpiId: ptr::null(),
        ModuleId: id,
        Number: 42,
        NpiSpecificCharacteristics: characteristics.cast(),
    }
}

static WHOLE: Characteristics = Characteristics {
    header: Header::of::<Characteristics>(1),
    value: 9,
};

const EMPTY: Answer = Answer {
    header: Header::of::<Answer>(1),
    value: 0,
    small: 0,
};

/// Offers a client. Returns what the module has seen of it, if it was asked, and the
/// status. What is accepted is called by `body`, detached and cleaned up.
fn offer(
    instance: *const NPI_REGISTRATION_INSTANCE,
    table: *const Functions,
    body: impl FnOnce(*mut c_void, &Functions),
) -> (Option<Seen>, NtStatus) {
    // SAFETY: there is no IRQL here, and it is ended below.
    let registered = unsafe { Loading::assume() }.register(Server);
    let registered = registered.expect("there is memory");
    let (callbacks, context) = REGISTERED.get();
    // SAFETY: the module is registered.
    let callbacks = unsafe { &*callbacks };
    let mut binding = ptr::null_mut();
    let mut own = ptr::null();
    let client: *mut c_void = ptr::dangling_mut();
    // SAFETY: as NMR would call it.
    let status = NtStatus(unsafe {
        callbacks.ProviderAttachClient.expect("required")(
            ptr::null_mut(),
            context,
            instance,
            client,
            table.cast(),
            &raw mut binding,
            &raw mut own,
        )
    });
    if status.is_success() {
        // SAFETY: the table is one of the module's constants.
        body(binding, unsafe { &*own.cast() });
        // SAFETY: as NMR would call it, once.
        let detached = unsafe { callbacks.ProviderDetachClient.expect("required")(binding) };
        assert_eq!(detached, STATUS_SUCCESS);
        // SAFETY: as NMR would call it, both sides having detached.
        unsafe { callbacks.ProviderCleanupBindingContext.expect("set")(binding) };
    }
    // SAFETY: there is nothing to wait for.
    drop(unsafe { Registered::new(registered) }.deregister());
    (SEEN.with_borrow_mut(Vec::pop), status)
}

fn offer_only(instance: *const NPI_REGISTRATION_INSTANCE) -> (Option<Seen>, NtStatus) {
    offer(instance, &raw const TABLE, |_, _| ())
}

#[test]
fn an_instance_that_is_too_short_is_refused_before_the_module_sees_it() {
    let id = ModuleId::Guid(GUID_ID).to_abi();
    let whole = size_of::<NPI_REGISTRATION_INSTANCE>();
    for bytes in (4..whole).step_by(4) {
        let mut short = instance(&raw const id, &raw const WHOLE);
        short.Size = u16::try_from(bytes).expect("small");
        let short = Prefix::of(&short, bytes);
        assert_eq!(offer_only(short.get()), (None, NtStatus::NOINTERFACE));
    }
    assert_eq!(offer_only(ptr::null()), (None, NtStatus::INVALID_PARAMETER));
}

#[test]
fn a_module_id_is_read_as_far_as_it_reaches() {
    let cases = [
        (ModuleId::Guid(GUID_ID), 2, None),
        (ModuleId::Guid(GUID_ID), 8, None),
        (ModuleId::Guid(GUID_ID), 23, None),
        (ModuleId::Guid(GUID_ID), 24, Some(ModuleId::Guid(GUID_ID))),
        (
            ModuleId::IfLuid(LUID_ID),
            24,
            Some(ModuleId::IfLuid(LUID_ID)),
        ),
    ];
    for (id, bytes, seen) in cases {
        let mut id = id.to_abi();
        id.Length = u16::try_from(bytes).expect("small");
        let id = Prefix::of(&id, bytes);
        let instance = instance(id.get(), &raw const WHOLE);
        let (found, status) = offer_only(&raw const instance);
        let expected = Seen {
            module_id: seen,
            number: 42,
            value: Some(9),
        };
        assert_eq!((found, status), (Some(expected), NtStatus::SUCCESS));
    }
}

#[test]
fn a_module_id_of_an_unknown_kind_is_none() {
    let id = NPI_MODULEID {
        Type: 3,
        ..ModuleId::Guid(GUID_ID).to_abi()
    };
    for id in [&raw const id, ptr::null()] {
        let instance = instance(id, &raw const WHOLE);
        let (seen, status) = offer_only(&raw const instance);
        assert_eq!(seen.and_then(|seen| seen.module_id), None);
        assert_eq!(status, NtStatus::SUCCESS);
    }
}

#[test]
fn characteristics_are_read_as_far_as_they_reach() {
    for bytes in [4, 8, 12, 15] {
        let mut short = WHOLE;
        short.header.size = u16::try_from(bytes).expect("small");
        let short = Prefix::of(&short, bytes);
        let instance = instance(ptr::null(), short.get());
        let (seen, status) = offer_only(&raw const instance);
        assert_eq!(seen.and_then(|seen| seen.value), None);
        assert_eq!(status, NtStatus::NOINTERFACE);
    }
}

#[test]
fn a_table_is_read_as_far_as_it_reaches() {
    let instance = instance(ptr::null(), &raw const WHOLE);
    for bytes in [4, 8, 12, 15] {
        let short = Functions {
            header: Header {
                size: u16::try_from(bytes).expect("small"),
                version: 1,
                flags: 0,
            },
            tell: Some(told),
        };
        let short = Prefix::of(&short, bytes);
        let (_, status) = offer(&raw const instance, short.get(), |_, _| ());
        assert_eq!(status, NtStatus::NOINTERFACE);
    }
}

#[test]
fn arguments_are_checked_before_the_function_sees_them() {
    const INVALID: NTSTATUS = STATUS_INVALID_PARAMETER;
    let instance = instance(ptr::null(), &raw const WHOLE);
    let (_, status) = offer(&raw const instance, &raw const TABLE, |binding, table| {
        let tell = |what, answer| {
            // SAFETY: the binding is attached, and the structures are lent for the call.
            unsafe { table.tell.expect("set")(binding, what, answer) }
        };
        let mut answer = EMPTY;
        assert_eq!(tell(&raw const WHOLE, &raw mut answer), STATUS_SUCCESS);
        assert_eq!(answer.value, 10);
        assert_eq!(tell(ptr::null(), &raw mut answer), INVALID);
        assert_eq!(tell(&raw const WHOLE, ptr::null_mut()), INVALID);
        for bytes in [4, 8, 15] {
            let mut short = WHOLE;
            short.header.size = u16::try_from(bytes).expect("small");
            let short = Prefix::of(&short, bytes);
            assert_eq!(tell(short.get(), &raw mut answer), INVALID);
        }
        for bytes in [4, 8, 16, 19] {
            let mut short = EMPTY;
            short.header.size = u16::try_from(bytes).expect("small");
            let short = Prefix::of(&short, bytes);
            let answer = short.get::<Answer>().cast_mut();
            assert_eq!(tell(&raw const WHOLE, answer), INVALID);
        }
        let misaligned = (&raw const WHOLE).wrapping_byte_add(offset_of!(Header, version));
        assert_eq!(tell(misaligned, &raw mut answer), INVALID);
        assert_eq!(answer.value, 10);
    });
    assert_eq!(status, NtStatus::SUCCESS);
}

/// Calls the function with a place for the answer.
fn told_to(answer: *mut Answer) {
    let instance = instance(ptr::null(), &raw const WHOLE);
    let (_, status) = offer(&raw const instance, &raw const TABLE, |binding, table| {
        // SAFETY: the binding is attached, and the structures are lent for the call.
        let status = unsafe { table.tell.expect("set")(binding, &raw const WHOLE, answer) };
        assert_eq!(status, STATUS_SUCCESS);
    });
    assert_eq!(status, NtStatus::SUCCESS);
}

#[test]
fn what_is_filled_in_ends_with_the_last_field() {
    // A peer that counts no padding at the end, and has none.
    let mut without = EMPTY;
    without.header.size = 20;
    let without = Prefix::of(&without, 20);
    told_to(without.get::<Answer>().cast_mut());
    let value = without.get::<u8>().wrapping_add(offset_of!(Answer, value));
    // SAFETY: the field is inside the 20 bytes.
    assert_eq!(unsafe { value.cast::<u64>().read_unaligned() }, 10);

    // A peer of a later version, with a field there.
    let mut later = LaterAnswer {
        header: Header::of::<LaterAnswer>(2),
        value: 0,
        small: 7,
        later: 0x5EED_5EED,
    };
    told_to((&raw mut later).cast());
    assert_eq!(
        (later.value, later.small, later.later),
        (10, 0, 0x5EED_5EED)
    );
}
