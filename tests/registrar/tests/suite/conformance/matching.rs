// SPDX-License-Identifier: MIT OR Apache-2.0

//! Who is offered to whom.

use nmr::abi::{GUID, NPI_MODULEID, NPIID, STATUS_NOINTERFACE};
use registrar::host::Side;
use registrar::knobs::Knob;

use crate::support::{Module, NPI, OTHER_NPI, clean, down, nmr, pair, up};

static SAME_NPI: NPIID = NPI;
static OTHER_MODULE: NPI_MODULEID =
    NPI_MODULEID::from_guid(GUID::from_u128(0x00c0_ffee_0000_4000_8000_0000_0000_0001));

super::statements! {
    /// N9: Modules of different NPIs are not attached to each other.
    other_npi_is_no_match {
        let nmr = nmr();
        let (provider, _) = pair(&nmr);
        let client = Module::new(&nmr, Side::Client, &OTHER_NPI);
        up([&provider, &client]);
        assert_eq!((client.offers(), provider.offers()), (0, 0));
        down([&provider, &client]);
    }

    /// N9: The NPI's identifier is compared by value.
    npi_ids_match_by_value {
        let nmr = nmr();
        let (provider, _) = pair(&nmr);
        let client = Module::new(&nmr, Side::Client, &SAME_NPI);
        assert!(!std::ptr::eq(&raw const SAME_NPI, &raw const NPI));
        up([&provider, &client]);
        assert_eq!(client.offers(), 1);
        down([&provider, &client]);
    }

    /// N9: The module's identifier is no part of the match.
    module_id_is_no_part_of_the_match {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.provider.ProviderRegistrationInstance.ModuleId = &raw const OTHER_MODULE;
        up([&provider, &client]);
        assert_eq!(client.offers(), 1);
        down([&provider, &client]);
    }

    /// CODE: Number is no part of the match: clients compare it themselves.
    number_is_no_part_of_the_match {
        let nmr = nmr();
        let (mut provider, mut client) = pair(&nmr);
        provider.provider.ProviderRegistrationInstance.Number = 7;
        client.on_offer = Box::new(|offer| {
            // SAFETY: the provider's structure, readable while it is registered.
            assert_eq!(unsafe { (*offer.instance).Number }, 7);
            STATUS_NOINTERFACE
        });
        up([&provider, &client]);
        assert_eq!(client.offers(), 1);
        down([&provider, &client]);
        clean(&nmr);
    }

    /// N10: A client is attached to every provider of its NPI.
    client_meets_every_provider {
        let nmr = nmr();
        let providers = [(); 3].map(|()| Module::new(&nmr, Side::Provider, &NPI));
        let client = Module::new(&nmr, Side::Client, &NPI);
        up(providers.each_ref());
        up([&client]);
        assert_eq!(client.peers().len(), 3);
        assert!(providers.iter().all(|provider| provider.peers().len() == 1));
        down([&client]);
        down(providers.each_ref());
        clean(&nmr);
    }

    /// N10: A provider is attached to every client of its NPI.
    provider_meets_every_client {
        let nmr = nmr();
        let clients = [(); 3].map(|()| Module::new(&nmr, Side::Client, &NPI));
        let provider = Module::new(&nmr, Side::Provider, &NPI);
        up(clients.each_ref());
        up([&provider]);
        assert_eq!(provider.peers().len(), 3);
        down([&provider]);
        down(clients.each_ref());
        clean(&nmr);
    }

    /// N10: Pairing is many to many.
    many_to_many {
        let nmr = nmr();
        let providers = [(); 3].map(|()| Module::new(&nmr, Side::Provider, &NPI));
        let clients = [(); 4].map(|()| Module::new(&nmr, Side::Client, &NPI));
        up([&providers[0], &clients[0], &providers[1], &clients[1], &clients[2], &providers[2], &clients[3]]);
        assert!(providers.iter().all(|provider| provider.peers().len() == 4));
        assert!(clients.iter().all(|client| client.peers().len() == 3));
        down(providers.each_ref());
        assert!(clients.iter().all(|client| client.ends() == (3, 3)));
        down(clients.each_ref());
        clean(&nmr);
    }

    /// D2: `ClientAttachProvider` is called once for each matching provider.
    each_pair_is_offered_once {
        let nmr = nmr();
        let providers = [(); 3].map(|()| Module::new(&nmr, Side::Provider, &NPI));
        let client = Module::new(&nmr, Side::Client, &NPI);
        up(providers.each_ref());
        up([&client]);
        assert_eq!(client.offers(), 3);
        assert!(providers.iter().all(|provider| provider.offers() == 1));
        down([&client]);
        down(providers.each_ref());
    }

    /// D2: `ClientAttachProvider` is called again whenever a new matching provider registers.
    a_new_provider_is_offered {
        let nmr = nmr();
        let (first, client) = pair(&nmr);
        up([&first, &client]);
        let second = Module::new(&nmr, Side::Provider, &NPI);
        up([&second]);
        assert_eq!((client.offers(), first.offers(), second.offers()), (2, 1, 1));
        down([&client, &first, &second]);
    }

    /// D2: A provider that has gone and comes again is offered again.
    a_provider_comes_again {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        down([&provider]);
        up([&provider]);
        assert_eq!(client.offers(), 2);
        assert_eq!((client.ends(), provider.ends()), ((1, 1), (1, 1)));
        down([&client, &provider]);
        clean(&nmr);
    }

    /// D2: A client that has gone and comes again is offered its providers again.
    a_client_comes_again {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        down([&client]);
        up([&client]);
        assert_eq!(provider.offers(), 2);
        down([&client, &provider]);
        clean(&nmr);
    }

    /// INF: A client that refused a provider is not offered it again.
    a_refused_provider_is_not_offered_again {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.on_offer = Box::new(|_| STATUS_NOINTERFACE);
        let other = Module::new(&nmr, Side::Provider, &NPI);
        up([&provider, &client, &other]);
        assert_eq!(client.offers(), 2, "once each");
        down([&client, &provider, &other]);
        clean(&nmr);
    }

    /// INF: A module that is deregistering is not offered to new peers.
    a_leaving_module_is_not_offered {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.on_detach = Box::new(|_| nmr::abi::STATUS_PENDING);
        up([&provider, &client]);
        client.deregister();
        let other = Module::new(&nmr, Side::Provider, &NPI);
        up([&other]);
        assert_eq!(other.offers(), 0);
        provider.peer().complete();
        assert_eq!(client.wait(), 0);
        down([&other, &provider]);
        clean(&nmr);
    }

    /// N10: In which order several peers are offered is not said.
    peers_in_any_order {
        for newest_first in [false, true] {
            let nmr = nmr();
            nmr.host().fix(Knob::AttachOrder, Some(newest_first.into()));
            let mut providers = [(); 3].map(|()| Module::new(&nmr, Side::Provider, &NPI));
            for (number, provider) in providers.iter_mut().enumerate() {
                provider.provider.ProviderRegistrationInstance.Number = number.try_into().unwrap();
            }
            let mut client = Module::new(&nmr, Side::Client, &NPI);
            client.on_offer = Box::new(move |offer| {
                let turn = offer.module.offers() - 1;
                let expected = if newest_first { 2 - turn } else { turn };
                // SAFETY: the provider's structure, readable while it is registered.
                assert_eq!(unsafe { (*offer.instance).Number }, expected);
                offer.accept()
            });
            up(providers.each_ref());
            up([&client]);
            assert_eq!(client.offers(), 3);
            down([&client]);
            down(providers.each_ref());
        }
    }
}
