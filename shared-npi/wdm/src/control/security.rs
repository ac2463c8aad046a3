// SPDX-License-Identifier: MIT OR Apache-2.0

//! The security descriptor of a control device: `D:P(A;;FA;;;SY)(A;;FA;;;BA)`.
//!
//! It is in self-relative form, because the kernel cannot parse SDDL: `wdmsec.lib` can, but
//! only the WDK has it.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/kernel/securing-device-objects>

/// A self-relative security descriptor that grants all access to the system and to
/// administrators, and none to others.
#[repr(C)]
#[derive(Debug)]
pub struct SecurityDescriptor {
    revision: u8,
    reserved: u8,
    control: u16,
    owner: u32,
    group: u32,
    sacl: u32,
    dacl: u32,
    list: Acl,
}

/// `ACL`, with its two entries.
#[repr(C)]
#[derive(Debug)]
struct Acl {
    revision: u8,
    reserved: u8,
    size: u16,
    count: u16,
    reserved_2: u16,
    system: Ace<1>,
    administrators: Ace<2>,
}

/// `ACCESS_ALLOWED_ACE`, with a SID of `N` subauthorities.
#[repr(C)]
#[derive(Debug)]
struct Ace<const N: usize> {
    kind: u8,
    flags: u8,
    size: u16,
    mask: u32,
    sid_revision: u8,
    sid_subauthorities: u8,
    sid_authority: [u8; 6],
    sid: [u32; N],
}

const _: () = {
    assert!(size_of::<SecurityDescriptor>() == 72);
    assert!(core::mem::offset_of!(SecurityDescriptor, list) == 20);
    assert!(size_of::<Acl>() == 52);
    assert!(size_of::<Ace<1>>() == 20);
    assert!(size_of::<Ace<2>>() == 24);
};

impl<const N: usize> Ace<N> {
    /// Creates an entry that grants all access to a SID of the NT authority.
    const fn all(size: u16, subauthorities: u8, sid: [u32; N]) -> Self {
        const FILE_ALL_ACCESS: u32 = 0x001F_01FF;
        Self {
            kind: 0,
            flags: 0,
            size,
            mask: FILE_ALL_ACCESS,
            sid_revision: 1,
            sid_subauthorities: subauthorities,
            sid_authority: [0, 0, 0, 0, 0, 5],
            sid,
        }
    }
}

impl SecurityDescriptor {
    /// The descriptor that grants all access to the system and to administrators only.
    pub const ADMINISTRATORS: Self = {
        const SE_DACL_PRESENT: u16 = 0x0004;
        const SE_DACL_PROTECTED: u16 = 0x1000;
        const SE_SELF_RELATIVE: u16 = 0x8000;
        Self {
            revision: 1,
            reserved: 0,
            control: SE_DACL_PRESENT | SE_DACL_PROTECTED | SE_SELF_RELATIVE,
            owner: 0,
            group: 0,
            sacl: 0,
            dacl: 20,
            list: Acl {
                revision: 2,
                reserved: 0,
                size: 52,
                count: 2,
                reserved_2: 0,
                // S-1-5-18: the local system.
                system: Ace::all(20, 1, [18]),
                // S-1-5-32-544: the administrators.
                administrators: Ace::all(24, 2, [32, 544]),
            },
        }
    };
}
