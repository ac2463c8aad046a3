// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registrar under modules made for the purpose.

mod conformance;
mod interleaving;
mod life;
mod model;
mod rules;
mod support;
