// SPDX-License-Identifier: MIT OR Apache-2.0

//! The provider's handle of a binding is used to complete the client's detach.

use nmr::handle::BindingHandle;
use nmr::{Client, Provider};

fn client_handle(handle: BindingHandle<Provider>) -> BindingHandle<Client> {
    handle
}

fn main() {}
