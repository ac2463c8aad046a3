// SPDX-License-Identifier: MIT OR Apache-2.0

//! The hand-written structures against `windows-sys`, which is generated from
//! Microsoft's own metadata and so knows nothing of this crate's mistakes.

use core::mem::{align_of, offset_of, size_of};

use nmr::abi;
use windows_sys::Win32::Foundation::LUID;
use windows_sys::Win32::Networking::WinSock as oracle;
use windows_sys::core::GUID;

#[test]
fn guid_is_windows_guid() {
    assert_eq!(size_of::<abi::GUID>(), size_of::<GUID>());
    assert_eq!(align_of::<abi::GUID>(), align_of::<GUID>());
    assert_eq!(offset_of!(abi::GUID, Data1), offset_of!(GUID, data1));
    assert_eq!(offset_of!(abi::GUID, Data2), offset_of!(GUID, data2));
    assert_eq!(offset_of!(abi::GUID, Data3), offset_of!(GUID, data3));
    assert_eq!(offset_of!(abi::GUID, Data4), offset_of!(GUID, data4));
}

#[test]
fn a_guid_is_read_in_the_order_it_is_written() {
    const DIGITS: u128 = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff;
    let ours = abi::GUID::from_u128(DIGITS);
    let theirs = GUID::from_u128(DIGITS);
    assert_eq!(ours.Data1, theirs.data1);
    assert_eq!(ours.Data2, theirs.data2);
    assert_eq!(ours.Data3, theirs.data3);
    assert_eq!(ours.Data4, theirs.data4);
    assert_eq!(ours.to_u128(), DIGITS);
}

#[test]
fn module_id_is_windows_module_id() {
    assert_eq!(
        size_of::<abi::NPI_MODULEID>(),
        size_of::<oracle::NPI_MODULEID>()
    );
    assert_eq!(
        align_of::<abi::NPI_MODULEID>(),
        align_of::<oracle::NPI_MODULEID>()
    );
    assert_eq!(
        offset_of!(abi::NPI_MODULEID, Length),
        offset_of!(oracle::NPI_MODULEID, Length)
    );
    assert_eq!(
        offset_of!(abi::NPI_MODULEID, Type),
        offset_of!(oracle::NPI_MODULEID, Type)
    );
    assert_eq!(
        offset_of!(abi::NPI_MODULEID, Value),
        offset_of!(oracle::NPI_MODULEID, Anonymous)
    );
    assert_eq!(size_of::<abi::LUID>(), size_of::<LUID>());
    assert_eq!(abi::MIT_GUID, oracle::MIT_GUID);
    assert_eq!(abi::MIT_IF_LUID, oracle::MIT_IF_LUID);
}

#[test]
fn module_ids_are_equal_by_kind_and_value() {
    let guid = |digits| abi::NPI_MODULEID::from_guid(abi::GUID::from_u128(digits));
    let luid = |low| abi::NPI_MODULEID {
        Length: 0,
        Type: abi::MIT_IF_LUID,
        Value: abi::NPI_MODULEID_VALUE {
            IfLuid: abi::LUID {
                LowPart: low,
                HighPart: 0,
            },
        },
    };
    let unknown = || abi::NPI_MODULEID { Type: 7, ..guid(1) };

    let equal = |left: &abi::NPI_MODULEID, right: &abi::NPI_MODULEID| {
        // SAFETY: each of them has the value that its type names.
        unsafe { abi::NmrIsEqualNpiModuleId(left, right) }
    };
    assert!(equal(&guid(1), &guid(1)));
    assert!(!equal(&guid(1), &guid(2)));
    let longer = abi::NPI_MODULEID {
        Length: 24,
        ..luid(1)
    };
    assert!(equal(&luid(1), &longer));
    assert!(!equal(&luid(1), &luid(2)));
    assert!(!equal(&luid(1), &guid(1)));
    assert!(!equal(&unknown(), &unknown()));
}
