// SPDX-License-Identifier: MIT OR Apache-2.0

//! The device from which user mode reads events of the registrar.

use channel::events::{BEGIN, DEVICE, Header, READ, Record};
use native::device::{Device, Request, Served};
use windows_sys::Win32::Foundation::{
    STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
};

use crate::host::Kernel;
use crate::registrar;

pub(crate) struct EventDevice;

impl Device for EventDevice {
    const NAME: &'static str = DEVICE.split_at(r"\\.\".len()).1;

    fn serve(request: Request) -> Served {
        match request.code() {
            BEGIN => begin(request),
            READ => read(request),
            _ => request.complete(STATUS_INVALID_DEVICE_REQUEST, 0),
        }
    }
}

fn begin(request: Request) -> Served {
    let Ok(seed) = request.input().try_into() else {
        return request.complete(STATUS_INVALID_PARAMETER, 0);
    };
    let kernel = registrar().host();
    kernel.random.seed(u64::from_ne_bytes(seed));
    kernel.ring.clear();
    kernel.stubs.reset_counts();
    request.complete(STATUS_SUCCESS, 0)
}

fn read(mut request: Request) -> Served {
    let Some((place, records)) = request
        .output()
        .split_first_chunk_mut::<{ size_of::<Header>() }>()
    else {
        return request.complete(STATUS_BUFFER_TOO_SMALL, 0);
    };
    let registrar = registrar();
    let Kernel { ring, stubs, .. } = registrar.host();
    let header = Header {
        lost: ring.take_lost(),
        registered: registrar.live_registrations().len() as u64,
        npis: stubs.counts(),
    };
    *place = header.to_bytes();
    let (records, _) = records.as_chunks_mut::<{ size_of::<Record>() }>();
    let mut length = place.len();
    for (place, record) in records.iter_mut().zip(core::iter::from_fn(|| ring.take())) {
        *place = record.to_bytes();
        length += place.len();
    }
    request.complete(STATUS_SUCCESS, length)
}
