// SPDX-License-Identifier: MIT OR Apache-2.0

//! An identity is combined with structures, without an assertion that they belong together.

mod support;

use nmr::Npi;
use nmr::abi::NPIID;
use nmr::layout::Absent;
use support::Sample;

enum Wrong {}

impl Npi for Wrong {
    const ID: NPIID = Sample::ID;
    type ClientCharacteristics = Absent;
    type ProviderCharacteristics = Absent;
    type ClientDispatch = Absent;
    type ProviderDispatch = Absent;
}

fn main() {}
