// SPDX-License-Identifier: MIT OR Apache-2.0

//! A provider and a client of Echo that mirror the drivers, with threads for system
//! threads.

mod client;
mod provider;
mod worker;

pub(crate) use client::{Seen, TestClient};
pub(crate) use provider::TestProvider;
