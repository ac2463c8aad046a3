// SPDX-License-Identifier: MIT OR Apache-2.0

//! The `Parameters` key of the driver's service.
//!
//! | value (`REG_DWORD`) | meaning | default | range |
//! |---|---|---|---|
//! | `Threads` | system threads that submit requests | 2 | 1 to 8 |
//! | `Depth` | requests in flight for each provider | 4 | 1 to 64 |
//!
//! A value that is missing or of another type counts as the default, one that
//! is out of range as the nearest in it.

use core::ptr;

use nmr::abi::struct_size;
use nmr::irql::PassiveLevel;
use nmr::{NtStatus, Result};
use shared_npi::echo::MAX_PENDING;
use wdk_sys::_KEY_VALUE_INFORMATION_CLASS::KeyValuePartialInformation;
use wdk_sys::ntddk::{ZwClose, ZwOpenKey, ZwQueryValueKey};
use wdk_sys::{
    HANDLE, KEY_READ, OBJ_CASE_INSENSITIVE, OBJ_KERNEL_HANDLE, OBJECT_ATTRIBUTES, PCUNICODE_STRING,
    REG_DWORD, UNICODE_STRING,
};

use crate::name::Name;

/// The most threads a client starts.
pub(crate) const MAX_THREADS: u32 = 8;

/// What can be set.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    /// How many system threads submit requests.
    pub(crate) threads: u32,
    /// How many requests each provider is sent at a time.
    pub(crate) depth: u32,
}

impl Settings {
    /// The settings of the service whose key is at `service`.
    /// IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Safety
    ///
    /// `service` is the registry path that `DriverEntry` was called with.
    pub(crate) unsafe fn read(service: PCUNICODE_STRING, passive: &PassiveLevel<'_>) -> Self {
        // SAFETY: by this function's contract.
        let service = unsafe { Key::open(ptr::null_mut(), service.cast_mut(), passive) };
        let parameters = service.and_then(|service| service.subkey(b"Parameters", passive));
        let value = |name: &[u8], default: u32, most: u32| {
            let read = parameters
                .as_ref()
                .ok()
                .and_then(|key| key.dword(name, passive));
            read.unwrap_or(default).clamp(1, most)
        };
        Self {
            threads: value(b"Threads", 2, MAX_THREADS),
            depth: value(b"Depth", 4, MAX_PENDING),
        }
    }
}

/// An open registry key.
struct Key(HANDLE);

impl Key {
    /// Opens the key `name` below `parent`. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-zwopenkey>
    ///
    /// # Safety
    ///
    /// `name` is a valid string, `parent` an open key or null.
    unsafe fn open(
        parent: HANDLE,
        name: *mut UNICODE_STRING,
        _passive: &PassiveLevel<'_>,
    ) -> Result<Self> {
        let mut attributes = OBJECT_ATTRIBUTES {
            Length: u32::from(struct_size::<OBJECT_ATTRIBUTES>()),
            RootDirectory: parent,
            ObjectName: name,
            Attributes: OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE,
            ..OBJECT_ATTRIBUTES::default()
        };
        let mut handle = ptr::null_mut();
        // SAFETY: all pointers live for the call, by this function's contract.
        let status = unsafe { ZwOpenKey(&raw mut handle, KEY_READ, &raw mut attributes) };
        NtStatus(status).ok().map(|()| Self(handle))
    }

    /// Opens a key below this one. IRQL = `PASSIVE_LEVEL`.
    fn subkey(&self, name: &[u8], passive: &PassiveLevel<'_>) -> Result<Self> {
        let mut name = Name::new(name)?;
        let mut name = name.unicode();
        // SAFETY: the name lives for the call, and this key is open.
        unsafe { Self::open(self.0, &raw mut name, passive) }
    }

    /// The number in the value `name`. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-zwqueryvaluekey>
    fn dword(&self, name: &[u8], _passive: &PassiveLevel<'_>) -> Option<u32> {
        let mut name = Name::new(name).ok()?;
        let mut name = name.unicode();
        // `KEY_VALUE_PARTIAL_INFORMATION` of a number: title index, type,
        // length of the data, data.
        let mut information = [0_u32; 4];
        let mut length = 0;
        // SAFETY: the key is open, and all pointers live for the call.
        let status = unsafe {
            ZwQueryValueKey(
                self.0,
                &raw mut name,
                KeyValuePartialInformation,
                information.as_mut_ptr().cast(),
                u32::from(struct_size::<[u32; 4]>()),
                &raw mut length,
            )
        };
        let [_, kind, size, value] = information;
        (NtStatus(status).is_success() && kind == REG_DWORD && size == 4).then_some(value)
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and closed once. Closing it succeeds.
        let _ = unsafe { ZwClose(self.0) };
    }
}
