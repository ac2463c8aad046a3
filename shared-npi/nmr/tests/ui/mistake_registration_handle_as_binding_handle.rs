// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registration's handle is passed in place of the binding's.

use nmr::Client;
use nmr::handle::{BindingHandle, RegistrationHandle};

fn binding_handle(handle: RegistrationHandle<Client>) -> BindingHandle<Client> {
    handle
}

fn main() {}
