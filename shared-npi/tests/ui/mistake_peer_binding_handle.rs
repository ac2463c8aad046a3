// SPDX-License-Identifier: MIT OR Apache-2.0

//! The provider's handle of a binding is completed as the client's.

use shared_npi::nmr::handle::BindingHandle;
use shared_npi::nmr::{Client, Provider};

fn client_handle(handle: BindingHandle<Provider>) -> BindingHandle<Client> {
    handle
}

fn main() {}
