// SPDX-License-Identifier: MIT OR Apache-2.0

//! Every interleaving of what may race in a binding, by the model checker:
//! `RUSTFLAGS="--cfg loom" cargo test --release -p nmr --test loom`.

#![cfg(loom)]

mod bindings;
mod client;
mod detach;
mod fake_nmr;
mod gate;
mod inbox;
mod npi;
mod provider;
