// SPDX-License-Identifier: MIT OR Apache-2.0

//! The promises of the control interface about a request, for the programs of every tier. The
//! contract is the documentation of the module `control` in the crate `wdm`.

use nmr::abi::struct_size;
use nmr::header::Header;
use shared_npi::control::{Status, TELEMETRY};
use wdm::control::{
    BindingList, HOLD_UNLOAD, LIST_BINDINGS, QUERY_STATUS, RELEASE_UNLOAD, SWITCH_SUBCOMPONENT,
    SwitchRequest, VERSION,
};

use crate::NtStatus;

const SUCCESS: i32 = nmr::NtStatus::SUCCESS.0;
const BUFFER_OVERFLOW: i32 = nmr::NtStatus::BUFFER_OVERFLOW.0;
const INFO_LENGTH_MISMATCH: i32 = nmr::NtStatus::INFO_LENGTH_MISMATCH.0;
const INVALID_PARAMETER: i32 = nmr::NtStatus::INVALID_PARAMETER.0;
const INVALID_DEVICE_REQUEST: i32 = nmr::NtStatus::INVALID_DEVICE_REQUEST.0;
const BUFFER_TOO_SMALL: i32 = nmr::NtStatus::BUFFER_TOO_SMALL.0;
const REVISION_MISMATCH: i32 = nmr::NtStatus::REVISION_MISMATCH.0;
const DEVICE_BUSY: i32 = nmr::NtStatus::DEVICE_BUSY.0;
const DEVICE_NOT_READY: i32 = nmr::NtStatus::DEVICE_NOT_READY.0;

/// The bytes of a header that states this size and version.
#[must_use]
pub fn header(size: u16, version: u16) -> Vec<u8> {
    [&size.to_le_bytes()[..], &version.to_le_bytes(), &[0; 4]].concat()
}

/// The bytes of a request to switch a subcomponent.
#[must_use]
pub fn switch(subcomponent: u32, on: u32) -> Vec<u8> {
    let mut bytes = header(struct_size::<SwitchRequest>(), VERSION);
    bytes.extend(subcomponent.to_le_bytes());
    bytes.extend(on.to_le_bytes());
    bytes
}

/// A number in `bytes`.
fn number(bytes: &[u8], offset: usize) -> Option<u32> {
    let bytes = bytes.get(offset..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

/// The statuses with which an input is refused that should begin with `needed` bytes.
fn refused_input(input: &[u8], needed: usize) -> Vec<i32> {
    let Some(&[low, high, version_low, version_high]) = input.first_chunk() else {
        return vec![INFO_LENGTH_MISMATCH];
    };
    let size = usize::from(u16::from_le_bytes([low, high]));
    let mut refused = Vec::new();
    if input.len() < needed || size < needed || size > input.len() {
        refused.push(INFO_LENGTH_MISMATCH);
    }
    if [version_low, version_high] == [0, 0] {
        refused.push(REVISION_MISMATCH);
    }
    refused
}

/// The statuses that the contract allows for a request through a file that has `holds`
/// holds, if that is known. `None` if it names none: a switch that is understood.
#[must_use]
pub fn promised(
    code: u32,
    input: &[u8],
    output_length: usize,
    holds: Option<u32>,
) -> Option<Vec<NtStatus>> {
    let fits = |size| output_length >= size;
    let or = |refused: Vec<i32>, others: &[i32]| {
        if refused.is_empty() {
            others.to_vec()
        } else {
            refused
        }
    };
    let header = || refused_input(input, size_of::<Header>());
    let statuses = match code {
        QUERY_STATUS if fits(size_of::<Status>()) => vec![SUCCESS],
        LIST_BINDINGS if fits(size_of::<BindingList>()) => vec![SUCCESS, BUFFER_OVERFLOW],
        QUERY_STATUS | LIST_BINDINGS => vec![BUFFER_TOO_SMALL],
        SWITCH_SUBCOMPONENT => {
            let mut refused = refused_input(input, size_of::<SwitchRequest>());
            let known = number(input, 8).is_none_or(|it| it == TELEMETRY);
            if !known || number(input, 12).is_some_and(|on| on > 1) {
                refused.push(INVALID_PARAMETER);
            }
            if refused.is_empty() {
                return None;
            }
            refused
        }
        HOLD_UNLOAD => or(header(), &[SUCCESS, DEVICE_BUSY, DEVICE_NOT_READY]),
        RELEASE_UNLOAD => match holds {
            Some(0) => or(header(), &[INVALID_DEVICE_REQUEST]),
            Some(_) => or(header(), &[SUCCESS]),
            None => or(header(), &[SUCCESS, INVALID_DEVICE_REQUEST]),
        },
        _ => vec![INVALID_DEVICE_REQUEST],
    };
    Some(statuses.into_iter().map(NtStatus).collect())
}

/// A request that a driver must refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRequest {
    /// Its control code.
    pub code: u32,
    /// Its input.
    pub input: Vec<u8>,
    /// The length of its output buffer.
    pub output_length: usize,
    /// The status that the contract names.
    pub status: NtStatus,
}

/// A request for each refusal that the contract names, through a file without holds.
#[must_use]
pub fn refused_requests() -> Vec<RefusedRequest> {
    /// A control code that the interface does not have: `CTL_CODE` of function 0x8FF.
    const UNKNOWN: u32 = 0x0022_63FC;
    let cut = |mut bytes: Vec<u8>| {
        bytes.pop();
        bytes
    };
    let revision = |mut bytes: Vec<u8>| {
        bytes[2..4].fill(0);
        bytes
    };
    let right = || header(struct_size::<Header>(), VERSION);
    let all = [
        (UNKNOWN, Vec::new(), 64),
        (QUERY_STATUS, Vec::new(), size_of::<Status>() - 1),
        (LIST_BINDINGS, Vec::new(), size_of::<BindingList>() - 1),
        (SWITCH_SUBCOMPONENT, Vec::new(), 0),
        (SWITCH_SUBCOMPONENT, cut(switch(TELEMETRY, 1)), 0),
        (SWITCH_SUBCOMPONENT, revision(switch(TELEMETRY, 1)), 0),
        (SWITCH_SUBCOMPONENT, switch(TELEMETRY + 1, 1), 0),
        (SWITCH_SUBCOMPONENT, switch(TELEMETRY, 2), 0),
        (HOLD_UNLOAD, cut(right()), 0),
        (HOLD_UNLOAD, header(struct_size::<Header>() + 1, VERSION), 0),
        (HOLD_UNLOAD, revision(right()), 0),
        (RELEASE_UNLOAD, right(), 0),
    ];
    let request = |(code, input, output_length): (u32, Vec<u8>, usize)| {
        let promised = promised(code, &input, output_length, Some(0))?;
        Some(RefusedRequest {
            code,
            input,
            output_length,
            status: *promised.first()?,
        })
    };
    all.into_iter().filter_map(request).collect()
}

/// The fields of the answer to `QUERY_STATUS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlStatus {
    /// Whether the subcomponent is registered.
    pub subcomponent: u32,
    /// The holds that block the unload.
    pub holds: u32,
    /// Requests of Echo; of these, those that were echoed, and those that were not.
    pub requests: u64,
    /// Those that were echoed.
    pub echoed: u64,
    /// Those that were refused or cancelled.
    pub unanswered: u64,
}

impl ControlStatus {
    /// The answer in `output`, if it has the form that the contract gives it: by this a
    /// driver is known to have the control interface.
    #[must_use]
    pub fn read(output: &[u8]) -> Option<Self> {
        let head = header(struct_size::<Status>(), VERSION);
        if output.get(..4)? != &head[..4] || output.len() != size_of::<Status>() {
            return None;
        }
        let long = |offset| {
            let [low, high] = [number(output, offset)?, number(output, offset + 4)?];
            Some(u64::from(high) << 32 | u64::from(low))
        };
        Some(Self {
            subcomponent: number(output, 8)?,
            holds: number(output, 12)?,
            requests: long(16)?,
            echoed: long(24)?,
            unanswered: long(32)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_must_be_refused_has_one_status() {
        for request in refused_requests() {
            let RefusedRequest { code, input, .. } = &request;
            let promised = promised(*code, input, request.output_length, Some(0));
            assert_eq!(promised, Some(vec![request.status]), "{request:?}");
            assert!(request.status.0 < 0, "{request:?}");
        }
    }

    #[test]
    fn a_request_that_is_understood_is_not_refused() {
        let right = header(struct_size::<Header>(), VERSION);
        let later = [header(12, VERSION + 1), vec![0; 4]].concat();
        for input in [&right, &later] {
            let held = promised(HOLD_UNLOAD, input, 0, Some(0)).expect("statuses");
            assert!(held.contains(&NtStatus(SUCCESS)), "{held:?}");
            let released = promised(RELEASE_UNLOAD, input, 0, Some(1));
            assert_eq!(released, Some(vec![NtStatus(SUCCESS)]));
        }
        assert_eq!(
            promised(SWITCH_SUBCOMPONENT, &switch(TELEMETRY, 0), 0, Some(0)),
            None
        );
    }
}
