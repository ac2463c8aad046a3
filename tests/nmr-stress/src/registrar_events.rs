// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registrar's event device, on kernels that have one.

use std::io;

use channel::events::{BEGIN, DEVICE, Header, LARGEST_ANSWER, READ, Record, parse};

use crate::device::Device;

/// The open device.
#[derive(Debug)]
pub(crate) struct RegistrarEvents {
    device: Device,
    answer: Vec<u8>,
}

impl RegistrarEvents {
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self {
            device: Device::open(DEVICE)?,
            answer: vec![0; LARGEST_ANSWER],
        })
    }

    /// Begins a cycle with this seed.
    pub(crate) fn begin(&self, seed: u64) -> io::Result<()> {
        self.device
            .request(BEGIN, &seed.to_ne_bytes(), &mut [])
            .map(|_| ())
    }

    /// Reads the events since then.
    pub(crate) fn read(&mut self) -> io::Result<(Header, Vec<Record>)> {
        let length = self.device.request(READ, &[], &mut self.answer)?;
        let (header, records) = parse(&self.answer[..length])
            .ok_or_else(|| io::Error::other("the registrar's answer is incomplete"))?;
        Ok((header, records.collect()))
    }
}
