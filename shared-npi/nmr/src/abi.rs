// SPDX-License-Identifier: MIT OR Apache-2.0

//! Declarations of `netioddk.h` and `netiodef.h` under their own names: what a network
//! module or a registrar needs, without safe wrappers.
//!
//! They are written by hand, because no published crate has bindings of NMR. Field order and
//! prototypes follow the public headers. Each size and offset is asserted below, and a test
//! compares them with the generated crate `windows-sys`.
//!
//! Reference: <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/>
//!
//! # Calling convention
//!
//! A registrar on a Linux host calls unmodified Windows images, and is called by them. So
//! the calling convention is that of Windows on every x86-64 host: `extern "system"` on
//! Windows and `extern "win64"` elsewhere. The two are the same convention, but different
//! types in Rust; [`nmr_fn!`](crate::nmr_fn) declares a function with the right one.

#![expect(
    non_camel_case_types,
    non_snake_case,
    reason = "the names are those of the Windows headers"
)]

use core::ffi::c_void;
use core::fmt;
use core::mem::{align_of, offset_of, size_of};

/// `HANDLE`: an opaque handle of NMR.
pub type HANDLE = *mut c_void;

/// `NTSTATUS`: negative values are errors.
pub type NTSTATUS = i32;

/// `STATUS_SUCCESS`.
pub const STATUS_SUCCESS: NTSTATUS = 0;
/// `STATUS_PENDING`: the operation has begun and completes later.
pub const STATUS_PENDING: NTSTATUS = 0x103;
/// `STATUS_UNSUCCESSFUL`.
pub const STATUS_UNSUCCESSFUL: NTSTATUS = 0xC000_0001_u32.cast_signed();
/// `STATUS_INVALID_PARAMETER`.
pub const STATUS_INVALID_PARAMETER: NTSTATUS = 0xC000_000D_u32.cast_signed();
/// `STATUS_INSUFFICIENT_RESOURCES`.
pub const STATUS_INSUFFICIENT_RESOURCES: NTSTATUS = 0xC000_009A_u32.cast_signed();
/// `STATUS_NOINTERFACE`: how a module refuses an attach.
pub const STATUS_NOINTERFACE: NTSTATUS = 0xC000_02B9_u32.cast_signed();

/// `GUID`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GUID {
    /// The first 32 bits.
    pub Data1: u32,
    /// The next 16 bits.
    pub Data2: u16,
    /// The next 16 bits.
    pub Data3: u16,
    /// The last 64 bits, byte by byte.
    pub Data4: [u8; 8],
}

impl GUID {
    /// The GUID whose text form has these hexadecimal digits, in reading order.
    #[must_use]
    pub const fn from_u128(digits: u128) -> Self {
        let [
            d0,
            d1,
            d2,
            d3,
            w0,
            w1,
            w2,
            w3,
            b0,
            b1,
            b2,
            b3,
            b4,
            b5,
            b6,
            b7,
        ] = digits.to_be_bytes();
        Self {
            Data1: u32::from_be_bytes([d0, d1, d2, d3]),
            Data2: u16::from_be_bytes([w0, w1]),
            Data3: u16::from_be_bytes([w2, w3]),
            Data4: [b0, b1, b2, b3, b4, b5, b6, b7],
        }
    }

    /// The hexadecimal digits of the text form: the inverse of
    /// [`from_u128`](Self::from_u128).
    #[must_use]
    pub const fn to_u128(self) -> u128 {
        (self.Data1 as u128) << 96
            | (self.Data2 as u128) << 80
            | (self.Data3 as u128) << 64
            | u64::from_be_bytes(self.Data4) as u128
    }
}

impl fmt::Display for GUID {
    /// The text form, in braces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [b0, b1, rest @ ..] = self.Data4;
        write!(
            f,
            "{{{:08x}-{:04x}-{:04x}-{b0:02x}{b1:02x}-",
            self.Data1, self.Data2, self.Data3
        )?;
        for byte in rest {
            write!(f, "{byte:02x}")?;
        }
        write!(f, "}}")
    }
}

/// `NPIID`: the identity of a Network Programming Interface, and the only value that NMR
/// compares when it pairs modules.
pub type NPIID = GUID;

/// `LUID`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LUID {
    /// The low half.
    pub LowPart: u32,
    /// The high half.
    pub HighPart: i32,
}

/// `NPI_MODULEID_TYPE`.
pub type NPI_MODULEID_TYPE = i32;
/// The module is identified by a GUID.
pub const MIT_GUID: NPI_MODULEID_TYPE = 1;
/// The module is identified by the locally unique id of an interface.
pub const MIT_IF_LUID: NPI_MODULEID_TYPE = 2;

/// The union inside [`NPI_MODULEID`], whose `Type` selects the member.
#[repr(C)]
#[derive(Clone, Copy)]
pub union NPI_MODULEID_VALUE {
    /// For [`MIT_GUID`].
    pub Guid: GUID,
    /// For [`MIT_IF_LUID`].
    pub IfLuid: LUID,
}

/// `NPI_MODULEID`: the identity of a network module.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NPI_MODULEID {
    /// `size_of::<NPI_MODULEID>()`.
    pub Length: u16,
    /// Selects the member of `Value`.
    pub Type: NPI_MODULEID_TYPE,
    /// The identity itself.
    pub Value: NPI_MODULEID_VALUE,
}

impl NPI_MODULEID {
    /// A module identified by `guid`.
    #[must_use]
    pub const fn from_guid(guid: GUID) -> Self {
        Self {
            Length: struct_size::<Self>(),
            Type: MIT_GUID,
            Value: NPI_MODULEID_VALUE { Guid: guid },
        }
    }
}

/// `NPI_REGISTRATION_INSTANCE`: the description of a module that NMR passes to its peer's
/// attach callback.
#[repr(C)]
pub struct NPI_REGISTRATION_INSTANCE {
    /// 0.
    pub Version: u16,
    /// `size_of::<NPI_REGISTRATION_INSTANCE>()`.
    pub Size: u16,
    /// The NPI, by which NMR pairs modules.
    pub NpiId: *const NPIID,
    /// The identity of the module. NMR does not compare it; attach callbacks should.
    pub ModuleId: *const NPI_MODULEID,
    /// The number of the implementation, 0 if there is only one.
    pub Number: u32,
    /// The characteristics that the NPI defines, or null.
    pub NpiSpecificCharacteristics: *const c_void,
}

/// `NPI_CLIENT_CHARACTERISTICS`.
///
/// NMR keeps a pointer to it: the structure stays at its address, resident and unchanged,
/// until the client's deregistration is complete.
#[repr(C)]
pub struct NPI_CLIENT_CHARACTERISTICS {
    /// 0.
    pub Version: u16,
    /// `size_of::<NPI_CLIENT_CHARACTERISTICS>()`.
    pub Length: u16,
    /// Required.
    pub ClientAttachProvider: Option<NPI_CLIENT_ATTACH_PROVIDER_FN>,
    /// Required.
    pub ClientDetachProvider: Option<NPI_CLIENT_DETACH_PROVIDER_FN>,
    /// May be null.
    pub ClientCleanupBindingContext: Option<NPI_CLIENT_CLEANUP_BINDING_CONTEXT_FN>,
    /// The client's side of every attach.
    pub ClientRegistrationInstance: NPI_REGISTRATION_INSTANCE,
}

/// `NPI_PROVIDER_CHARACTERISTICS`.
///
/// NMR keeps a pointer to it: the structure stays at its address, resident and unchanged,
/// until the provider's deregistration is complete.
#[repr(C)]
pub struct NPI_PROVIDER_CHARACTERISTICS {
    /// 0.
    pub Version: u16,
    /// `size_of::<NPI_PROVIDER_CHARACTERISTICS>()`.
    pub Length: u16,
    /// Required.
    pub ProviderAttachClient: Option<NPI_PROVIDER_ATTACH_CLIENT_FN>,
    /// Required.
    pub ProviderDetachClient: Option<NPI_PROVIDER_DETACH_CLIENT_FN>,
    /// May be null.
    pub ProviderCleanupBindingContext: Option<NPI_PROVIDER_CLEANUP_BINDING_CONTEXT_FN>,
    /// The provider's side of every attach.
    pub ProviderRegistrationInstance: NPI_REGISTRATION_INSTANCE,
}

/// Returns the value of a `Length` or `Size` field for a whole `T`. Does not compile for a
/// `T` of more than 65,535 bytes.
#[must_use]
pub const fn struct_size<T>() -> u16 {
    const { assert!(size_of::<T>() <= u16::MAX as usize) };
    #[expect(clippy::cast_possible_truncation, reason = "asserted above")]
    let size = size_of::<T>() as u16;
    size
}

/// Declares a function with the calling convention of the NMR on this target:
/// `unsafe fn name[generics](arguments) -> result { body }`. The generics are in square
/// brackets, which are empty if there are none.
#[macro_export]
macro_rules! nmr_fn {
    (
        $(#[$meta:meta])*
        $vis:vis unsafe fn $name:ident [$($generics:tt)*] ($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block
    ) => {
        $(#[$meta])*
        #[cfg(not(all(target_arch = "x86_64", not(windows))))]
        $vis unsafe extern "system" fn $name<$($generics)*>($($arg: $ty),*) $(-> $ret)? $body

        $(#[$meta])*
        #[cfg(all(target_arch = "x86_64", not(windows)))]
        $vis unsafe extern "win64" fn $name<$($generics)*>($($arg: $ty),*) $(-> $ret)? $body
    };
}

/// Declares callback types with the calling convention of the NMR.
macro_rules! callback_types {
    ($($(#[$meta:meta])* fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)?;)*) => {$(
        $(#[$meta])*
        #[cfg(not(all(target_arch = "x86_64", not(windows))))]
        pub type $name = unsafe extern "system" fn($($arg: $ty),*) $(-> $ret)?;

        $(#[$meta])*
        #[cfg(all(target_arch = "x86_64", not(windows)))]
        pub type $name = unsafe extern "win64" fn($($arg: $ty),*) $(-> $ret)?;
    )*};
}

callback_types! {
    /// Offers a provider to a client. IRQL = `PASSIVE_LEVEL`.
    ///
    /// The client refuses with `STATUS_NOINTERFACE`, or calls [`NmrClientAttachProvider`] and
    /// returns the status of that call.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nc-netioddk-npi_client_attach_provider_fn>
    fn NPI_CLIENT_ATTACH_PROVIDER_FN(
        NmrBindingHandle: HANDLE,
        ClientContext: *mut c_void,
        ProviderRegistrationInstance: *const NPI_REGISTRATION_INSTANCE,
    ) -> NTSTATUS;

    /// Tells a client to detach from a provider. IRQL <= `DISPATCH_LEVEL`.
    /// Returns `STATUS_SUCCESS` or `STATUS_PENDING`, nothing else.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nc-netioddk-npi_client_detach_provider_fn>
    fn NPI_CLIENT_DETACH_PROVIDER_FN(ClientBindingContext: *mut c_void) -> NTSTATUS;

    /// Gives a client its binding context back, after both sides have
    /// detached. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nc-netioddk-npi_client_cleanup_binding_context_fn>
    fn NPI_CLIENT_CLEANUP_BINDING_CONTEXT_FN(ClientBindingContext: *mut c_void);

    /// Offers a client to a provider. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nc-netioddk-npi_provider_attach_client_fn>
    fn NPI_PROVIDER_ATTACH_CLIENT_FN(
        NmrBindingHandle: HANDLE,
        ProviderContext: *mut c_void,
        ClientRegistrationInstance: *const NPI_REGISTRATION_INSTANCE,
        ClientBindingContext: *mut c_void,
        ClientDispatch: *const c_void,
        ProviderBindingContext: *mut *mut c_void,
        ProviderDispatch: *mut *const c_void,
    ) -> NTSTATUS;

    /// Tells a provider to detach from a client. IRQL <= `DISPATCH_LEVEL`.
    /// Returns `STATUS_SUCCESS` or `STATUS_PENDING`, nothing else.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nc-netioddk-npi_provider_detach_client_fn>
    fn NPI_PROVIDER_DETACH_CLIENT_FN(ProviderBindingContext: *mut c_void) -> NTSTATUS;

    /// Gives a provider its binding context back, after both sides have
    /// detached. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nc-netioddk-npi_provider_cleanup_binding_context_fn>
    fn NPI_PROVIDER_CLEANUP_BINDING_CONTEXT_FN(ProviderBindingContext: *mut c_void);
}

/// Declares the imported functions: from `NETIO.SYS` on Windows (no import
/// library needed), from whatever the process provides elsewhere.
macro_rules! netio_functions {
    ($($items:tt)*) => {
        #[cfg(windows)]
        #[link(name = "NETIO.SYS", kind = "raw-dylib", modifiers = "+verbatim")]
        unsafe extern "system" { $($items)* }

        #[cfg(all(target_arch = "x86_64", not(windows)))]
        unsafe extern "win64" { $($items)* }

        #[cfg(not(any(target_arch = "x86_64", windows)))]
        unsafe extern "system" { $($items)* }
    };
}

netio_functions! {
    /// Registers a provider. IRQL = `PASSIVE_LEVEL`. Attach callbacks may run,
    /// and detach callbacks after them, before it returns.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nf-netioddk-nmrregisterprovider>
    pub fn NmrRegisterProvider(
        ProviderCharacteristics: *const NPI_PROVIDER_CHARACTERISTICS,
        ProviderContext: *mut c_void,
        NmrProviderHandle: *mut HANDLE,
    ) -> NTSTATUS;

    /// Begins to deregister a provider. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nf-netioddk-nmrderegisterprovider>
    pub fn NmrDeregisterProvider(NmrProviderHandle: HANDLE) -> NTSTATUS;

    /// Waits until a provider is deregistered. IRQL < `DISPATCH_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nf-netioddk-nmrwaitforproviderderegistercomplete>
    pub fn NmrWaitForProviderDeregisterComplete(NmrProviderHandle: HANDLE) -> NTSTATUS;

    /// Completes a provider's pending detach. IRQL <= `DISPATCH_LEVEL`. The binding context
    /// may have been freed when it returns.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nf-netioddk-nmrproviderdetachclientcomplete>
    pub fn NmrProviderDetachClientComplete(NmrBindingHandle: HANDLE);

    /// Registers a client. IRQL = `PASSIVE_LEVEL`. Attach callbacks may run,
    /// and detach callbacks after them, before it returns.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nf-netioddk-nmrregisterclient>
    pub fn NmrRegisterClient(
        ClientCharacteristics: *const NPI_CLIENT_CHARACTERISTICS,
        ClientContext: *mut c_void,
        NmrClientHandle: *mut HANDLE,
    ) -> NTSTATUS;

    /// Accepts the provider that `ClientAttachProvider` was offered; legal
    /// only inside that callback. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nf-netioddk-nmrclientattachprovider>
    pub fn NmrClientAttachProvider(
        NmrBindingHandle: HANDLE,
        ClientBindingContext: *mut c_void,
        ClientDispatch: *const c_void,
        ProviderBindingContext: *mut *mut c_void,
        ProviderDispatch: *mut *const c_void,
    ) -> NTSTATUS;

    /// Completes a client's pending detach. IRQL <= `DISPATCH_LEVEL`. The binding context may
    /// have been freed when it returns.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nf-netioddk-nmrclientdetachprovidercomplete>
    pub fn NmrClientDetachProviderComplete(NmrBindingHandle: HANDLE);

    /// Begins to deregister a client. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nf-netioddk-nmrderegisterclient>
    pub fn NmrDeregisterClient(NmrClientHandle: HANDLE) -> NTSTATUS;

    /// Waits until a client is deregistered. IRQL < `DISPATCH_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nf-netioddk-nmrwaitforclientderegistercomplete>
    pub fn NmrWaitForClientDeregisterComplete(NmrClientHandle: HANDLE) -> NTSTATUS;
}

/// `NmrIsEqualNpiModuleId` of `netiodef.h`: returns `true` if both identities have the same
/// known type and the same value. `Length` is not compared.
///
/// # Safety
///
/// The member of `Value` that `Type` names is initialised in both.
#[must_use]
pub unsafe fn NmrIsEqualNpiModuleId(left: &NPI_MODULEID, right: &NPI_MODULEID) -> bool {
    if left.Type != right.Type {
        return false;
    }
    match left.Type {
        MIT_GUID => {
            // SAFETY: by this function's contract.
            let left = unsafe { left.Value.Guid };
            // SAFETY: by this function's contract; the types are equal.
            let right = unsafe { right.Value.Guid };
            left == right
        }
        MIT_IF_LUID => {
            // SAFETY: by this function's contract.
            let left = unsafe { left.Value.IfLuid };
            // SAFETY: by this function's contract; the types are equal.
            let right = unsafe { right.Value.IfLuid };
            left == right
        }
        _ => false,
    }
}

// The layouts of the x64 and ARM64 headers.
#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<GUID>() == 16);
    assert!(align_of::<GUID>() == 4);
    assert!(size_of::<LUID>() == 8);

    assert!(size_of::<NPI_MODULEID>() == 24);
    assert!(offset_of!(NPI_MODULEID, Length) == 0);
    assert!(offset_of!(NPI_MODULEID, Type) == 4);
    assert!(offset_of!(NPI_MODULEID, Value) == 8);

    assert!(size_of::<NPI_REGISTRATION_INSTANCE>() == 40);
    assert!(offset_of!(NPI_REGISTRATION_INSTANCE, Version) == 0);
    assert!(offset_of!(NPI_REGISTRATION_INSTANCE, Size) == 2);
    assert!(offset_of!(NPI_REGISTRATION_INSTANCE, NpiId) == 8);
    assert!(offset_of!(NPI_REGISTRATION_INSTANCE, ModuleId) == 16);
    assert!(offset_of!(NPI_REGISTRATION_INSTANCE, Number) == 24);
    assert!(offset_of!(NPI_REGISTRATION_INSTANCE, NpiSpecificCharacteristics) == 32);

    assert!(size_of::<NPI_CLIENT_CHARACTERISTICS>() == 72);
    assert!(offset_of!(NPI_CLIENT_CHARACTERISTICS, Version) == 0);
    assert!(offset_of!(NPI_CLIENT_CHARACTERISTICS, Length) == 2);
    assert!(offset_of!(NPI_CLIENT_CHARACTERISTICS, ClientAttachProvider) == 8);
    assert!(offset_of!(NPI_CLIENT_CHARACTERISTICS, ClientDetachProvider) == 16);
    assert!(offset_of!(NPI_CLIENT_CHARACTERISTICS, ClientCleanupBindingContext) == 24);
    assert!(offset_of!(NPI_CLIENT_CHARACTERISTICS, ClientRegistrationInstance) == 32);

    assert!(size_of::<NPI_PROVIDER_CHARACTERISTICS>() == 72);
    assert!(offset_of!(NPI_PROVIDER_CHARACTERISTICS, Version) == 0);
    assert!(offset_of!(NPI_PROVIDER_CHARACTERISTICS, Length) == 2);
    assert!(offset_of!(NPI_PROVIDER_CHARACTERISTICS, ProviderAttachClient) == 8);
    assert!(offset_of!(NPI_PROVIDER_CHARACTERISTICS, ProviderDetachClient) == 16);
    assert!(offset_of!(NPI_PROVIDER_CHARACTERISTICS, ProviderCleanupBindingContext) == 24);
    assert!(offset_of!(NPI_PROVIDER_CHARACTERISTICS, ProviderRegistrationInstance) == 32);
};
