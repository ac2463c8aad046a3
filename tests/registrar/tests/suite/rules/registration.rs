// SPDX-License-Identifier: MIT OR Apache-2.0

//! Registering, and what was registered.

use std::ptr;

use registrar::host::{Call, Side};
use registrar::knobs::Knob;
use registrar::process::at_irql;
use shared_npi::nmr::abi::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_PENDING, STATUS_SUCCESS,
};

use crate::kit::{clean, down, nmr, pair, rules, up};

super::rules! {
    1 r01_a_structure_of_the_wrong_length {
        let nmr = nmr();
        let (_, mut client) = pair(&nmr);
        client.client.Length -= 1;
        up([&client]);
        assert_eq!(rules(&nmr), [1]);
        down([&client]);
        nmr.host().fix(Knob::OddCharacteristics, Some(1));
        assert_eq!(client.register(), STATUS_INVALID_PARAMETER);
        assert_eq!(rules(&nmr), [1]);
    }

    1 r01_a_structure_without_callbacks {
        let nmr = nmr();
        let (mut provider, mut client) = pair(&nmr);
        client.client.ClientAttachProvider = None;
        provider.provider.ProviderDetachClient = None;
        for module in [&client, &provider] {
            assert_eq!(module.register(), STATUS_INVALID_PARAMETER);
            assert_eq!(rules(&nmr), [1]);
        }
    }

    2 r02_a_structure_that_changes {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        let client = Box::into_raw(Box::new(client));
        // SAFETY: boxed above, freed below.
        assert_eq!(unsafe { (*client).register() }, STATUS_SUCCESS);
        // SAFETY: as above.
        unsafe { (*client).client.ClientRegistrationInstance.Number = 7 };
        assert_eq!(provider.register(), STATUS_SUCCESS);
        assert_eq!(rules(&nmr), [2]);
        // SAFETY: as above.
        let client = unsafe { Box::from_raw(client) };
        down([&provider, &client]);
        clean(&nmr);
    }

    2 r02_a_structure_that_is_freed {
        let nmr = nmr();
        let (_, client) = pair(&nmr);
        up([&client]);
        let structure = ptr::from_ref(&client.client).addr();
        nmr.freeing(&(structure..structure + 72));
        assert_eq!(rules(&nmr), [2]);
        down([&client]);
        nmr.freeing(&(structure..structure + 72));
        clean(&nmr);
    }

    4 r04_functions_above_their_irql {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        at_irql(2, || up([&client]));
        assert_eq!(rules(&nmr), [4]);
        at_irql(1, || up([&provider]));
        assert_eq!(rules(&nmr), [4, 4], "NmrRegisterProvider, NmrClientAttachProvider");
        at_irql(2, || assert_eq!(client.deregister(), STATUS_PENDING));
        clean(&nmr);
        at_irql(2, || client.wait());
        assert_eq!(rules(&nmr), [4]);
        at_irql(3, || provider.deregister());
        assert_eq!(rules(&nmr), [4]);
        at_irql(1, || provider.wait());
        clean(&nmr);
    }

    6 r06_a_handle_used_before_register_has_returned {
        let nmr = nmr();
        nmr.host().fix(Knob::HandleWritten, Some(1));
        let (provider, mut client) = pair(&nmr);
        client.on_offer = Box::new(|offer| {
            offer.module.deregister();
            offer.accept()
        });
        up([&provider, &client]);
        assert_eq!(rules(&nmr), [22], "what stood in the variable is no handle");
    }

    36 r36_using_what_a_failed_register_left {
        let nmr = nmr();
        nmr.host().fix(Knob::HandleOnFailure, Some(2));
        nmr.host().fail_next(Call::Register, Side::Client, STATUS_INSUFFICIENT_RESOURCES);
        let (_, client) = pair(&nmr);
        assert_eq!(client.register(), STATUS_INSUFFICIENT_RESOURCES);
        assert_eq!(nmr.live_registrations(), []);
        clean(&nmr);
        assert_eq!(client.deregister(), STATUS_INVALID_PARAMETER);
        assert_eq!(rules(&nmr), [36]);
        up([&client]);
        down([&client]);
        clean(&nmr);
    }
}
