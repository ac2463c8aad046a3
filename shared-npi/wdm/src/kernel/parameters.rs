// SPDX-License-Identifier: MIT OR Apache-2.0

//! The `Parameters` key of the driver's service.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/install/hklm-system-currentcontrolset-services-registry-tree>

use core::marker::PhantomData;
use core::ops::RangeInclusive;
use core::ptr;

use nmr::abi::struct_size;
use nmr::irql::PassiveLevel;
use nmr::{NtStatus, Result};
use wdk_sys::_KEY_VALUE_INFORMATION_CLASS::KeyValuePartialInformation;
use wdk_sys::ntddk::{ZwClose, ZwOpenKey, ZwQueryValueKey};
use wdk_sys::{
    HANDLE, KEY_READ, OBJ_CASE_INSENSITIVE, OBJ_KERNEL_HANDLE, OBJECT_ATTRIBUTES, REG_DWORD,
    UNICODE_STRING,
};

use super::registry_path::RegistryPath;
use crate::name::Name;

/// The `Parameters` key, open during `'call`, at `PASSIVE_LEVEL`. If the service has no such
/// key, every value is missing.
#[derive(Debug)]
pub struct Parameters<'call> {
    key: Option<Key>,
    /// The key is used and closed where its [`PassiveLevel`] is valid.
    passive: PhantomData<(&'call (), *mut ())>,
}

impl<'call> Parameters<'call> {
    /// Opens the `Parameters` key of the service at `service`. IRQL = `PASSIVE_LEVEL`.
    #[must_use]
    pub fn open(service: RegistryPath<'_>, _passive: &'call PassiveLevel<'_>) -> Self {
        let parameters = || {
            let mut path = service.unicode();
            // SAFETY: the registry path is a valid string.
            let service = unsafe { Key::open(ptr::null_mut(), &raw mut path) }?;
            let name = Name::new("Parameters")?;
            let mut name = name.unicode();
            // SAFETY: the string points into a name that outlives the call, and the
            // service's key is open.
            unsafe { Key::open(service.0, &raw mut name) }
        };
        Self {
            key: parameters().ok(),
            passive: PhantomData,
        }
    }

    /// Returns the `REG_DWORD` value `name`, or `default` if it is missing or of another type,
    /// clamped to `range`. IRQL = `PASSIVE_LEVEL`.
    #[must_use]
    pub fn dword(&self, name: &str, default: u32, range: RangeInclusive<u32>) -> u32 {
        let value = self.key.as_ref().and_then(|key| key.dword(name));
        // Unlike `clamp`, which panics if the range is empty.
        value
            .unwrap_or(default)
            .min(*range.end())
            .max(*range.start())
    }
}

/// An open registry key.
#[derive(Debug)]
struct Key(HANDLE);

impl Key {
    /// Opens the key `name` below `parent`, or from the root of the registry if `parent` is
    /// null. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-zwopenkey>
    ///
    /// # Safety
    ///
    /// `name` is a valid string, `parent` an open key or null.
    unsafe fn open(parent: HANDLE, name: *mut UNICODE_STRING) -> Result<Self> {
        let mut attributes = OBJECT_ATTRIBUTES {
            Length: u32::from(struct_size::<OBJECT_ATTRIBUTES>()),
            RootDirectory: parent,
            ObjectName: name,
            Attributes: OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE,
            ..OBJECT_ATTRIBUTES::default()
        };
        let mut handle = ptr::null_mut();
        // SAFETY: handle and attributes outlive the call; parent and name are valid by
        // this function's contract.
        let status = unsafe { ZwOpenKey(&raw mut handle, KEY_READ, &raw mut attributes) };
        NtStatus(status).ok().map(|()| Self(handle))
    }

    /// Reads the `REG_DWORD` value `name`. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-zwqueryvaluekey>
    fn dword(&self, name: &str) -> Option<u32> {
        let name = Name::new(name).ok()?;
        let mut name = name.unicode();
        // `KEY_VALUE_PARTIAL_INFORMATION` of a `REG_DWORD`: title index, type, length
        // of the data, data.
        let mut information = [0_u32; 4];
        let mut length = 0;
        // SAFETY: the key is open; name, information and length outlive the call.
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
        let [_, value_type, size, value] = information;
        (NtStatus(status).is_success() && value_type == REG_DWORD && size == 4).then_some(value)
    }
}

impl Drop for Key {
    /// IRQL = `PASSIVE_LEVEL`.
    fn drop(&mut self) {
        // SAFETY: the handle is open, and closed once; closing an open handle
        // succeeds.
        let _ = unsafe { ZwClose(self.0) };
    }
}
