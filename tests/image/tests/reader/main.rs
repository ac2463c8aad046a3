// SPDX-License-Identifier: MIT OR Apache-2.0

//! The reader against good, bad and hostile files, all made from one specimen.

mod hostile_input;
mod reading;
mod specimen;
