// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registrar's device, where there is one.

use std::io;

use channel::events::{BEGIN, DEVICE, Header, LARGEST_ANSWER, READ, Record, parse};

use crate::device::Device;

/// What the registrar tells.
#[derive(Debug)]
pub(crate) struct Watch {
    device: Device,
    answer: Vec<u8>,
}

impl Watch {
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self {
            device: Device::open(DEVICE)?,
            answer: vec![0; LARGEST_ANSWER],
        })
    }

    /// Begins a cycle with this seed.
    pub(crate) fn begin(&self, seed: u64) -> io::Result<()> {
        self.device
            .ask(BEGIN, &seed.to_ne_bytes(), &mut [])
            .map(|_| ())
    }

    /// What has happened since.
    pub(crate) fn read(&mut self) -> io::Result<(Header, Vec<Record>)> {
        let length = self.device.ask(READ, &[], &mut self.answer)?;
        let (header, records) = parse(&self.answer[..length])
            .ok_or_else(|| io::Error::other("the registrar's answer is not whole"))?;
        Ok((header, records.collect()))
    }
}
