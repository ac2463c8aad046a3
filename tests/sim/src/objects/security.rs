// SPDX-License-Identifier: MIT OR Apache-2.0

//! Access checks of devices: security descriptors and the rights that they
//! grant.
//!
//! A device has no access control list of its own until its driver sets one; until
//! then administrators and everyone else may open it for reading and writing, as
//! Microsoft documents for most types of devices.
//!
//! # Limits
//!
//! Of a descriptor only the discretionary list counts, and of that only the
//! entries that allow and deny. Groups are those of two accounts.

use std::ffi::c_void;
use std::slice;

use windows_sys::Win32::Foundation::{
    STATUS_ACCESS_VIOLATION, STATUS_INVALID_ACL, STATUS_INVALID_SECURITY_DESCR, STATUS_INVALID_SID,
    STATUS_UNKNOWN_REVISION,
};

/// The account of a program that opens a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// `LocalSystem`, or an administrator.
    Administrator,
    /// Any other user who has logged on.
    User,
    /// A driver, which may open what it wants.
    Kernel,
}

/// A SID: its authority and the numbers below it.
type Sid = (u64, Vec<u32>);

impl Account {
    /// The groups that it is in.
    fn holds(self, (authority, numbers): &Sid) -> bool {
        const NT: u64 = 5;
        match (authority, numbers.as_slice()) {
            // Everyone, and those who have logged on.
            (1, [0]) | (&NT, [11]) => true,
            // LocalSystem, and the group of administrators.
            (&NT, [18] | [32, 544]) => self == Self::Administrator,
            // The group of users.
            (&NT, [32, 545]) => self == Self::User,
            _ => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct AccessEntry {
    allows: bool,
    mask: u32,
    sid: Sid,
}

/// A discretionary access control list; without one everything is granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dacl(Option<Vec<AccessEntry>>);

/// `FILE_GENERIC_READ`.
pub(crate) const READ: u32 = 0x0012_0089;
/// `FILE_GENERIC_WRITE`.
pub(crate) const WRITE: u32 = 0x0012_0116;
pub(crate) const READ_WRITE: u32 = READ | WRITE;

/// What generic rights to a device are.
fn specific(mask: u32) -> u32 {
    const GENERIC: [(u32, u32); 4] = [
        (0x8000_0000, 0x0012_0089),
        (0x4000_0000, 0x0012_0116),
        (0x2000_0000, 0x0012_00A0),
        (0x1000_0000, 0x001F_01FF),
    ];
    let given = GENERIC.iter().filter(|(generic, _)| mask & generic != 0);
    given.fold(mask & 0x0FFF_FFFF, |all, (_, rights)| all | rights)
}

impl Dacl {
    /// Returns `true` if all of these rights are granted: the first entry that
    /// speaks of a right decides.
    pub(crate) fn grants(&self, account: Account, wanted: u32) -> bool {
        let Some(entries) = &self.0 else {
            return true;
        };
        if account == Account::Kernel {
            return true;
        }
        let mut left = wanted;
        for entry in entries.iter().filter(|entry| account.holds(&entry.sid)) {
            match entry.allows {
                true => left &= !entry.mask,
                false if left & entry.mask != 0 => return false,
                false => {}
            }
        }
        left == 0
    }

    /// The list in a security descriptor, absolute or self-relative; the status
    /// with which the system refuses it.
    ///
    /// # Safety
    ///
    /// `descriptor` is null, or what it leads to is readable.
    pub(crate) unsafe fn read(descriptor: *const c_void) -> Result<Self, i32> {
        const REVISION: u8 = 1;
        const DACL_PRESENT: u16 = 0x0004;
        const SELF_RELATIVE: u16 = 0x8000;
        /// Where the list is named, by an offset and by a pointer.
        const OFFSET: usize = 16;
        const POINTER: usize = 32;

        if descriptor.is_null() {
            return Err(STATUS_ACCESS_VIOLATION);
        }
        let start: *const u8 = descriptor.cast();
        // SAFETY: `descriptor` is null, or what it leads to is readable, by
        // this function's contract; each form begins with these.
        let [revision, _, low, high] = unsafe { start.cast::<[u8; 4]>().read() };
        let control = u16::from_le_bytes([low, high]);
        if revision != REVISION {
            return Err(STATUS_UNKNOWN_REVISION);
        }
        if control & DACL_PRESENT == 0 {
            return Ok(Self(None));
        }
        let list = if control & SELF_RELATIVE == 0 {
            // SAFETY: `descriptor` is null, or what it leads to is readable,
            // by this function's contract; this form has a pointer there.
            unsafe { start.add(POINTER).cast::<*const u8>().read_unaligned() }
        } else {
            // SAFETY: `descriptor` is null, or what it leads to is readable,
            // by this function's contract; this form has an offset there.
            match unsafe { start.add(OFFSET).cast::<u32>().read_unaligned() } {
                0 => std::ptr::null(),
                offset if offset % 4 != 0 || offset < 20 => {
                    return Err(STATUS_INVALID_SECURITY_DESCR);
                }
                offset => start.wrapping_add(offset as usize),
            }
        };
        if list.is_null() {
            return Ok(Self(None));
        }
        // SAFETY: `descriptor` is null, or what it leads to is readable, by
        // this function's contract: a list begins with 8 bytes, the third and
        // fourth of which are its size.
        let size = unsafe { list.add(2).cast::<u16>().read_unaligned() };
        // SAFETY: as above, the whole list is readable.
        let list = unsafe { slice::from_raw_parts(list, usize::from(size)) };
        parse(list).map(|entries| Self(Some(entries)))
    }
}

/// The entries of an access control list.
fn parse(list: &[u8]) -> Result<Vec<AccessEntry>, i32> {
    const HEADER: usize = 8;
    const ALLOWED: u8 = 0;
    const DENIED: u8 = 1;

    let ([2..=4, _, _, _, low, high, _, _], mut left) =
        list.split_first_chunk().ok_or(STATUS_INVALID_ACL)?
    else {
        return Err(STATUS_INVALID_ACL);
    };
    let mut entries = Vec::new();
    for _ in 0..u16::from_le_bytes([*low, *high]) {
        let Some(([kind, _, low, high, m0, m1, m2, m3], _)) = left.split_first_chunk() else {
            return Err(STATUS_INVALID_ACL);
        };
        let size = usize::from(u16::from_le_bytes([*low, *high]));
        let sid = left.get(HEADER..size).ok_or(STATUS_INVALID_ACL)?;
        if let ALLOWED | DENIED = *kind {
            entries.push(AccessEntry {
                allows: *kind == ALLOWED,
                mask: specific(u32::from_le_bytes([*m0, *m1, *m2, *m3])),
                sid: parse_sid(sid).ok_or(STATUS_INVALID_SID)?,
            });
        }
        left = &left[size..];
    }
    Ok(entries)
}

fn parse_sid(bytes: &[u8]) -> Option<Sid> {
    const REVISION: u8 = 1;
    let ([revision, count, a0, a1, a2, a3, a4, a5], numbers) = bytes.split_first_chunk()?;
    let numbers = numbers.get(..usize::from(*count) * 4)?;
    let (numbers, _) = numbers.as_chunks();
    let authority = u64::from_be_bytes([0, 0, *a0, *a1, *a2, *a3, *a4, *a5]);
    let sid = (authority, numbers.iter().copied().map(u32::from_le_bytes));
    (*revision == REVISION && (1..=15).contains(count)).then(|| (sid.0, sid.1.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEM: &[u8] = &[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
    const ADMINISTRATORS: &[u8] = &[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];
    const EVERYONE: &[u8] = &[1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];

    const ALL: u32 = 0x1000_0000;

    fn entry(kind: u8, mask: u32, sid: &[u8]) -> Vec<u8> {
        let size = u8::try_from(8 + sid.len()).expect("it is short");
        let mut bytes = vec![kind, 0, size, 0];
        bytes.extend(mask.to_le_bytes());
        bytes.extend(sid);
        bytes
    }

    fn list(entries: &[Vec<u8>]) -> Vec<u8> {
        let entries_size: usize = entries.iter().map(Vec::len).sum();
        let size = u8::try_from(8 + entries_size).expect("it is short");
        let count = u8::try_from(entries.len()).expect("there are few");
        let mut bytes = vec![2, 0, size, 0, count, 0, 0, 0];
        bytes.extend(entries.iter().flatten());
        bytes
    }

    /// A self-relative descriptor.
    fn descriptor(list: &[u8]) -> Vec<u8> {
        let mut bytes = vec![1, 0, 4, 0x80];
        bytes.extend([0; 12]);
        bytes.extend([20, 0, 0, 0]);
        bytes.extend(list);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Dacl, i32> {
        // SAFETY: the test's descriptors are as long as they say.
        unsafe { Dacl::read(bytes.as_ptr().cast()) }
    }

    fn grants(entries: &[Vec<u8>]) -> [bool; 2] {
        let dacl = read(&descriptor(&list(entries))).expect("a list");
        [Account::Administrator, Account::User].map(|account| dacl.grants(account, READ_WRITE))
    }

    #[test]
    fn who_is_not_named_has_no_access() {
        assert_eq!(grants(&[]), [false, false]);
        let theirs = [entry(0, ALL, SYSTEM), entry(0, ALL, ADMINISTRATORS)];
        assert_eq!(grants(&theirs), [true, false]);
        assert_eq!(grants(&[entry(0, ALL, EVERYONE)]), [true, true]);
        assert!(Dacl::default().grants(Account::User, READ_WRITE));
    }

    #[test]
    fn the_first_entry_decides() {
        let denied = [entry(1, ALL, ADMINISTRATORS), entry(0, ALL, EVERYONE)];
        assert_eq!(grants(&denied), [false, true]);
        let too_late = [entry(0, ALL, EVERYONE), entry(1, ALL, ADMINISTRATORS)];
        assert_eq!(grants(&too_late), [true, true]);
        assert_eq!(grants(&[entry(0, 0x8000_0000, EVERYONE)]), [false, false]);
    }

    #[test]
    fn a_descriptor_without_a_list_grants_everything() {
        let mut absent = descriptor(&[]);
        absent[2] = 0;
        assert_eq!(read(&absent), Ok(Dacl(None)));
        let mut null = descriptor(&[]);
        null[16] = 0;
        assert_eq!(read(&null), Ok(Dacl(None)));
    }

    #[test]
    fn what_is_no_descriptor_is_refused_by_its_status() {
        // SAFETY: null is one of the values that the contract allows.
        let null = unsafe { Dacl::read(std::ptr::null()) };
        assert_eq!(null, Err(STATUS_ACCESS_VIOLATION));
        let one = || descriptor(&list(&[entry(0, ALL, SYSTEM)]));
        let cases = [
            (0, 2, STATUS_UNKNOWN_REVISION),
            (16, 18, STATUS_INVALID_SECURITY_DESCR),
            // The list's revision, and how many entries there are.
            (20, 9, STATUS_INVALID_ACL),
            (24, 2, STATUS_INVALID_ACL),
            // The entry's size.
            (30, 200, STATUS_INVALID_ACL),
            (30, 4, STATUS_INVALID_ACL),
            // The identifier's revision, and how many numbers it has.
            (36, 2, STATUS_INVALID_SID),
            (37, 2, STATUS_INVALID_SID),
        ];
        for (at, byte, status) in cases {
            let mut bytes = one();
            bytes[at] = byte;
            assert_eq!(read(&bytes), Err(status), "byte {at} is {byte}");
        }
    }
}
