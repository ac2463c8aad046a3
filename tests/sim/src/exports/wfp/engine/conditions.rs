// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reads the weight and the conditions of an `FWPM_FILTER0`.

use windows_sys::Win32::Foundation::{
    STATUS_FWP_INVALID_PARAMETER, STATUS_FWP_INVALID_WEIGHT, STATUS_FWP_NULL_POINTER,
};
use windows_sys::Win32::NetworkManagement::WindowsFilteringPlatform::{
    FWP_BYTE_ARRAY16_TYPE, FWP_CONDITION_VALUE0, FWP_CONDITION_VALUE0_0, FWP_EMPTY,
    FWP_MATCH_TYPE_MAX, FWP_RANGE_TYPE, FWP_UINT8, FWP_UINT16, FWP_UINT32, FWP_UINT64,
    FWP_V4_ADDR_MASK, FWP_V6_ADDR_MASK, FWP_VALUE0, FWPM_FILTER_CONDITION0, FWPM_FILTER0,
};

use crate::exports::wfp::layers;
use crate::exports::wfp::layouts::number;
use crate::objects::wfp::filters::{Condition, Datum};

/// The weight that a filter asks for: a number, or one of 16 ranges in which the engine chooses
/// one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Weight {
    Exact(u64),
    Range(u8),
}

/// The weight of a filter, or the status with which it is refused.
///
/// # Safety
///
/// What the value points to can be read.
pub(super) unsafe fn weight(value: &FWP_VALUE0) -> Result<Weight, i32> {
    /// The highest of the ranges.
    const LAST: u8 = 15;
    // SAFETY: each field is read if the type says that it is set; the caller promises that the
    // address of the number can be read.
    match value.r#type {
        FWP_EMPTY => Ok(Weight::Range(0)),
        // SAFETY: the type says that the field is set.
        FWP_UINT8 => match unsafe { value.Anonymous.uint8 } {
            range @ 0..=LAST => Ok(Weight::Range(range)),
            _ => Err(STATUS_FWP_INVALID_WEIGHT),
        },
        FWP_UINT64 => {
            // SAFETY: the type says that the field is set.
            let at = unsafe { value.Anonymous.uint64 };
            if at.is_null() {
                return Err(STATUS_FWP_NULL_POINTER);
            }
            // SAFETY: the number can be read, by this function's contract.
            Ok(Weight::Exact(unsafe { at.read_unaligned() }))
        }
        _ => Err(STATUS_FWP_INVALID_WEIGHT),
    }
}

/// The conditions of a filter of a layer, or the status with which it is refused.
///
/// # Safety
///
/// The conditions, and what they point to, can be read.
pub(super) unsafe fn conditions(filter: &FWPM_FILTER0, layer: u16) -> Result<Vec<Condition>, i32> {
    let at = filter.filterCondition.cast_const();
    let count = filter.numFilterConditions as usize;
    if count > 0 && at.is_null() {
        return Err(STATUS_FWP_NULL_POINTER);
    }
    (0..count)
        .map(|index| {
            // SAFETY: there are this many conditions, by this function's contract.
            let condition = unsafe { at.add(index).read_unaligned() };
            // SAFETY: this function has the same contract.
            unsafe { read(&condition, layer) }
        })
        .collect()
}

/// # Safety
///
/// What the condition points to can be read.
unsafe fn read(condition: &FWPM_FILTER_CONDITION0, layer: u16) -> Result<Condition, i32> {
    if !(0..FWP_MATCH_TYPE_MAX).contains(&condition.matchType) {
        return Err(STATUS_FWP_INVALID_PARAMETER);
    }
    let FWP_CONDITION_VALUE0 { r#type, Anonymous } = condition.conditionValue;
    let read = Condition {
        field: number(&condition.fieldKey),
        how: condition.matchType,
        // SAFETY: this function has the same contract.
        with: unsafe { datum(r#type, &Anonymous) }?,
    };
    if let Some(value) = layers::example(layer, read.field) {
        read.check(&value)?;
    }
    Ok(read)
}

/// # Safety
///
/// What the value points to can be read.
unsafe fn datum(kind: i32, value: &FWP_CONDITION_VALUE0_0) -> Result<Datum, i32> {
    let is_pointer = matches!(
        kind,
        FWP_UINT64 | FWP_BYTE_ARRAY16_TYPE | FWP_V4_ADDR_MASK | FWP_V6_ADDR_MASK | FWP_RANGE_TYPE
    );
    // SAFETY: these types have an address, of which any is a pointer.
    if is_pointer && unsafe { value.uint64 }.is_null() {
        return Err(STATUS_FWP_NULL_POINTER);
    }
    match kind {
        // SAFETY: the type says that the field is set.
        FWP_UINT8 => Ok(Datum::Unsigned(8, u64::from(unsafe { value.uint8 }))),
        // SAFETY: the type says that the field is set.
        FWP_UINT16 => Ok(Datum::Unsigned(16, u64::from(unsafe { value.uint16 }))),
        // SAFETY: the type says that the field is set.
        FWP_UINT32 => Ok(Datum::Unsigned(32, u64::from(unsafe { value.uint32 }))),
        FWP_UINT64 => {
            // SAFETY: the number can be read, by this function's contract.
            let number = unsafe { value.uint64.read_unaligned() };
            Ok(Datum::Unsigned(64, number))
        }
        FWP_BYTE_ARRAY16_TYPE => {
            // SAFETY: the bytes can be read, by this function's contract.
            let bytes = unsafe { value.byteArray16.read_unaligned() };
            Ok(Datum::Bytes(bytes.byteArray16))
        }
        FWP_V4_ADDR_MASK => {
            // SAFETY: the address can be read, by this function's contract.
            let network = unsafe { value.v4AddrMask.read_unaligned() };
            Ok(Datum::Network(network.addr, network.mask))
        }
        FWP_V6_ADDR_MASK => {
            // SAFETY: the address can be read, by this function's contract.
            let network = unsafe { value.v6AddrMask.read_unaligned() };
            Ok(Datum::Prefix(network.addr, network.prefixLength))
        }
        FWP_RANGE_TYPE => {
            // SAFETY: the range can be read, by this function's contract.
            let range = unsafe { value.rangeValue.read_unaligned() };
            // SAFETY: so can what its ends point to.
            let low = unsafe { end(&range.valueLow) }?;
            // SAFETY: as for the other end.
            let high = unsafe { end(&range.valueHigh) }?;
            Ok(Datum::Range(Box::new((low, high))))
        }
        _ => Ok(Datum::Other),
    }
}

/// An end of a range, which is a value without a mask.
///
/// # Safety
///
/// What the value points to can be read.
unsafe fn end(value: &FWP_VALUE0) -> Result<Datum, i32> {
    let FWP_VALUE0 { r#type, Anonymous } = value;
    let is_simple = ![FWP_V4_ADDR_MASK, FWP_V6_ADDR_MASK, FWP_RANGE_TYPE].contains(r#type);
    // SAFETY: both unions have the same fields for the types that both have.
    let same = unsafe {
        (&raw const *Anonymous)
            .cast::<FWP_CONDITION_VALUE0_0>()
            .read()
    };
    if is_simple {
        // SAFETY: this function has the same contract.
        unsafe { datum(*r#type, &same) }
    } else {
        Ok(Datum::Other)
    }
}
