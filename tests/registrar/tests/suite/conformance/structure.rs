// SPDX-License-Identifier: MIT OR Apache-2.0

//! The structures that a module registers.

use std::{mem, ptr};

use nmr::abi::{
    NPI_CLIENT_CHARACTERISTICS, NPI_MODULEID, NPI_PROVIDER_CHARACTERISTICS,
    NPI_REGISTRATION_INSTANCE, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};
use registrar::knobs::Knob;

use crate::support::{clean, down, nmr, notes, pair, rules, up};

super::statements! {
    /// D3: Version is 0 and Length the size of `NPI_CLIENT_CHARACTERISTICS`.
    client_version_and_length {
        let nmr = nmr();
        let (_, mut client) = pair(&nmr);
        assert_eq!(usize::from(client.client.Length), mem::size_of::<NPI_CLIENT_CHARACTERISTICS>());
        up([&client]);
        clean(&nmr);
        down([&client]);
        client.client.Version = 1;
        up([&client]);
        assert_eq!(rules(&nmr), [1]);
        down([&client]);
    }

    /// D3: Version is 0 and Length the size of `NPI_PROVIDER_CHARACTERISTICS`.
    provider_version_and_length {
        let nmr = nmr();
        let (mut provider, _) = pair(&nmr);
        assert_eq!(usize::from(provider.provider.Length), mem::size_of::<NPI_PROVIDER_CHARACTERISTICS>());
        up([&provider]);
        clean(&nmr);
        down([&provider]);
        provider.provider.Length = 0;
        up([&provider]);
        assert_eq!(rules(&nmr), [1]);
        down([&provider]);
    }

    /// D3: Size is the size of `NPI_REGISTRATION_INSTANCE`.
    instance_size {
        let nmr = nmr();
        let (_, mut client) = pair(&nmr);
        assert_eq!(
            usize::from(client.client.ClientRegistrationInstance.Size),
            mem::size_of::<NPI_REGISTRATION_INSTANCE>()
        );
        client.client.ClientRegistrationInstance.Size += 8;
        up([&client]);
        assert_eq!(rules(&nmr), [1]);
        down([&client]);
    }

    /// CODE: A registration instance's Version other than 0 is accepted.
    instance_version_is_the_npi_s {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.provider.ProviderRegistrationInstance.Version = 1;
        up([&provider, &client]);
        assert_eq!(client.peers().len(), 1);
        clean(&nmr);
        assert_eq!(notes(&nmr), [1]);
        down([&provider, &client]);
    }

    /// D3: `ClientAttachProvider` is required.
    client_attach_is_required {
        let nmr = nmr();
        let (_, mut client) = pair(&nmr);
        client.client.ClientAttachProvider = None;
        assert_eq!(client.register(), STATUS_INVALID_PARAMETER);
    }

    /// D3: `ClientDetachProvider` is required.
    client_detach_is_required {
        let nmr = nmr();
        let (_, mut client) = pair(&nmr);
        client.client.ClientDetachProvider = None;
        assert_eq!(client.register(), STATUS_INVALID_PARAMETER);
    }

    /// D3: `ProviderAttachClient` is required.
    provider_attach_is_required {
        let nmr = nmr();
        let (mut provider, _) = pair(&nmr);
        provider.provider.ProviderAttachClient = None;
        assert_eq!(provider.register(), STATUS_INVALID_PARAMETER);
    }

    /// D3: `ProviderDetachClient` is required.
    provider_detach_is_required {
        let nmr = nmr();
        let (mut provider, _) = pair(&nmr);
        provider.provider.ProviderDetachClient = None;
        assert_eq!(provider.register(), STATUS_INVALID_PARAMETER);
    }

    /// D3: `NpiId` points to the NPI's identifier.
    npi_id_is_required {
        let nmr = nmr();
        let (_, mut client) = pair(&nmr);
        client.client.ClientRegistrationInstance.NpiId = ptr::null();
        assert_eq!(client.register(), STATUS_INVALID_PARAMETER);
        assert_eq!(rules(&nmr), [1]);
    }

    /// INF: `ModuleId` points to the module's identifier; what NMR does without one is open.
    module_id_may_be_missed {
        for (answer, status) in [(0, STATUS_SUCCESS), (1, STATUS_INVALID_PARAMETER)] {
            let nmr = nmr();
            nmr.host().fix(Knob::NullModuleId, Some(answer));
            let (_, mut client) = pair(&nmr);
            client.client.ClientRegistrationInstance.ModuleId = ptr::null();
            assert_eq!(client.register(), status);
            assert_eq!(notes(&nmr), [1]);
        }
    }

    /// D3: `NPI_MODULEID` has a Length, a Type and a value; the whole is 24 bytes.
    module_id_layout {
        assert_eq!(mem::size_of::<NPI_MODULEID>(), 24);
        assert_eq!(mem::offset_of!(NPI_MODULEID, Type), 4);
        assert_eq!(mem::offset_of!(NPI_MODULEID, Value), 8);
    }

    /// D3: `NpiSpecificCharacteristics` is the NPI's affair: NMR does not look behind it.
    specific_characteristics_are_opaque {
        let nmr = nmr();
        let (mut provider, mut client) = pair(&nmr);
        let nowhere = || ptr::without_provenance(0x10);
        provider.provider.ProviderRegistrationInstance.NpiSpecificCharacteristics = nowhere();
        client.on_offer = Box::new(move |offer| {
            // SAFETY: the provider's structure, readable while it is registered.
            assert_eq!(unsafe { (*offer.instance).NpiSpecificCharacteristics }, nowhere());
            offer.accept()
        });
        up([&provider, &client]);
        assert_eq!(client.peers().len(), 1);
        down([&provider, &client]);
    }

    /// D2: `ClientAttachProvider` receives the provider's registration instance by pointer.
    client_sees_the_provider_s_instance {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.link_to(&provider);
        client.on_offer = Box::new(|offer| {
            assert!(ptr::eq(offer.instance, &raw const offer.module.linked().provider.ProviderRegistrationInstance));
            offer.accept()
        });
        up([&provider, &client]);
        assert_eq!(client.offers(), 1);
        down([&provider, &client]);
    }

    /// D2: `ProviderAttachClient` receives the client's registration instance by pointer.
    provider_sees_the_client_s_instance {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.on_asked = Box::new(|asked| {
            assert!(ptr::eq(asked.instance, &raw const asked.module.linked().client.ClientRegistrationInstance));
            asked.accept()
        });
        provider.link_to(&client);
        up([&provider, &client]);
        assert_eq!(provider.offers(), 1);
        down([&provider, &client]);
    }

    /// ISSUE: NMR keeps the pointer to the characteristics; it makes no copy.
    characteristics_are_not_copied {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        let client = Box::into_raw(Box::new(client));
        // SAFETY: boxed above, freed below.
        up([unsafe { &*client }]);
        // SAFETY: as above.
        unsafe { (*client).client.ClientRegistrationInstance.Number = 7 };
        provider.on_asked = Box::new(|asked| {
            // SAFETY: the client's structure, readable while it is registered.
            assert_eq!(unsafe { (*asked.instance).Number }, 7);
            asked.accept()
        });
        up([&provider]);
        assert_eq!(rules(&nmr), [2]);
        // SAFETY: the client's structure, readable while it is registered.
        let client = unsafe { Box::from_raw(client) };
        down([&provider, &client]);
    }
}
