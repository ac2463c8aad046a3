// SPDX-License-Identifier: MIT OR Apache-2.0

//! Handles, waits and unloads.

use std::ptr;

use nmr::abi::{
    STATUS_INVALID_PARAMETER, STATUS_NOINTERFACE, STATUS_PENDING, STATUS_SUCCESS,
    STATUS_UNSUCCESSFUL,
};
use registrar::host::Side;
use registrar::knobs::Knob;

use crate::support::{Module, NPI, clean, down, nmr, pair, rules, up};

super::rules! {
    22 r22_a_registration_handle_for_a_binding_handle {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        nmr.client_detach_provider_complete(client.handle());
        assert_eq!(rules(&nmr), [22]);
        assert_eq!(nmr.deregister_client(client.peer().handle), STATUS_INVALID_PARAMETER);
        assert_eq!(rules(&nmr), [22]);
        down([&client, &provider]);
        clean(&nmr);
    }

    22 r22_the_peer_s_handle {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        nmr.provider_detach_client_complete(client.peer().handle);
        assert_eq!(nmr.deregister_client(provider.handle()), STATUS_INVALID_PARAMETER);
        assert_eq!(nmr.wait_for_provider_deregister_complete(client.handle()), STATUS_INVALID_PARAMETER);
        assert_eq!(rules(&nmr), [22, 22, 22]);
    }

    22 r22_the_peer_s_handle_though_it_is_no_longer_valid {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        down([&provider]);
        assert_eq!(nmr.deregister_client(provider.handle()), STATUS_INVALID_PARAMETER);
        assert_eq!(rules(&nmr), [22]);
        nmr.provider_detach_client_complete(client.handle());
        let findings = nmr.host().take_findings();
        assert_eq!((findings[0].rule, findings[0].side), (22, Side::Client));
        assert!(findings[0].module.is_some(), "whose handle it is");
        down([&client]);
    }

    22 r22_a_number {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        let use_zero = client.handle().addr() & 0xFFFF_FFFF;
        assert_eq!(nmr.deregister_client(ptr::without_provenance_mut(use_zero)), STATUS_INVALID_PARAMETER);
        let second_slot = provider.handle().addr() & 0xFFFF_FFFF;
        assert_eq!(nmr.deregister_provider(ptr::without_provenance_mut(second_slot | 1 << 5)), STATUS_INVALID_PARAMETER);
        assert_eq!(rules(&nmr), [22, 22]);
        down([&client, &provider]);
    }

    22 r22_a_pointer {
        let nmr = nmr();
        let mut word = 0_u64;
        let pointer = (&raw mut word).cast();
        assert_eq!(nmr.deregister_client(pointer), STATUS_INVALID_PARAMETER);
        nmr.client_detach_provider_complete(pointer);
        assert_eq!(rules(&nmr), [22, 22]);
    }

    23 r23_null {
        let nmr = nmr();
        assert_eq!(nmr.deregister_client(ptr::null_mut()), STATUS_INVALID_PARAMETER);
        assert_eq!(nmr.wait_for_client_deregister_complete(ptr::null_mut()), STATUS_INVALID_PARAMETER);
        nmr.provider_detach_client_complete(ptr::null_mut());
        assert_eq!(rules(&nmr), [23, 23, 23]);
    }

    23 r23_a_handle_after_its_end {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        down([&client]);
        assert_eq!(client.deregister(), STATUS_INVALID_PARAMETER);
        assert_eq!(rules(&nmr), [23]);
        provider.peer().complete();
        assert_eq!(rules(&nmr), [23]);
        let other = Module::new(&nmr, Side::Client, &NPI);
        up([&other]);
        assert_eq!(client.deregister(), STATUS_INVALID_PARAMETER, "though its slot is used again");
        assert_eq!(rules(&nmr), [23]);
    }

    23 r23_deregistering_twice {
        for (answer, status) in [(0, STATUS_INVALID_PARAMETER), (1, STATUS_PENDING)] {
            let nmr = nmr();
            nmr.host().fix(Knob::DeregisterTwice, Some(answer));
            let (_, client) = pair(&nmr);
            up([&client]);
            assert_eq!(client.deregister(), STATUS_PENDING);
            assert_eq!(client.deregister(), status);
            assert_eq!(rules(&nmr), [23]);
            assert_eq!(client.wait(), STATUS_SUCCESS);
        }
    }

    28 r28_a_wait_without_a_deregister {
        let nmr = nmr();
        let (_, client) = pair(&nmr);
        up([&client]);
        assert_eq!(client.wait(), STATUS_INVALID_PARAMETER);
        assert_eq!(rules(&nmr), [28]);
        down([&client]);
        clean(&nmr);
    }

    23 r23_deregistering_what_has_gone {
        let nmr = nmr();
        nmr.host().fix(Knob::DeregisterWhenIdle, Some(1));
        let (_, client) = pair(&nmr);
        up([&client]);
        assert_eq!(client.deregister(), STATUS_SUCCESS);
        assert_eq!(client.deregister(), STATUS_INVALID_PARAMETER);
        assert_eq!(rules(&nmr), [23]);
    }

    30 r30_waiting_though_deregister_succeeded {
        let nmr = nmr();
        nmr.host().fix(Knob::DeregisterWhenIdle, Some(1));
        let (_, client) = pair(&nmr);
        up([&client]);
        assert_eq!(client.deregister(), STATUS_SUCCESS);
        assert_eq!(nmr.live_registrations(), []);
        let other = Module::new(&nmr, Side::Provider, &NPI);
        up([&other]);
        assert_eq!(other.deregister(), STATUS_SUCCESS);
        assert_eq!(client.wait(), STATUS_INVALID_PARAMETER, "others have come and gone since");
        assert_eq!(rules(&nmr), [30]);
    }

    31 r31_waiting_inside_a_callback {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.on_detach = Box::new(|peer| {
            assert_eq!(peer.module().wait(), STATUS_UNSUCCESSFUL, "it would never end");
            STATUS_SUCCESS
        });
        up([&provider, &client]);
        down([&client, &provider]);
        assert_eq!(rules(&nmr), [31]);
    }

    31 r31_waiting_for_the_one_that_registers {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.link_to(&provider);
        client.on_offer = Box::new(|offer| {
            let provider = offer.module.linked();
            assert_eq!(provider.deregister(), STATUS_PENDING);
            assert_eq!(provider.wait(), STATUS_UNSUCCESSFUL, "its binding is being offered");
            STATUS_NOINTERFACE
        });
        up([&client, &provider]);
        assert_eq!(rules(&nmr), [31]);
        assert_eq!(provider.wait(), STATUS_SUCCESS);
        down([&client]);
        clean(&nmr);
    }
}
