// SPDX-License-Identifier: MIT OR Apache-2.0

//! Registering, and what was registered.

use std::sync::Arc;
use std::time::Duration;
use std::{ptr, thread};

use nmr::abi::{
    LUID, MIT_GUID, MIT_IF_LUID, NPI_MODULEID, NPI_MODULEID_VALUE, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_PARAMETER, STATUS_NOINTERFACE, STATUS_PENDING, STATUS_SUCCESS, struct_size,
};
use registrar::Registrar;
use registrar::host::{Call, Side};
use registrar::knobs::Knob;
use registrar::process::{Process, at_irql};

use crate::support::slow::Slow;
use crate::support::{Module, NPI, clean, down, nmr, pair, rules, up};

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

    1 r01_a_module_id_that_is_none {
        let id = |length, kind| NPI_MODULEID {
            Length: length,
            Type: kind,
            Value: NPI_MODULEID_VALUE { IfLuid: LUID { LowPart: 1, HighPart: 0 } },
        };
        let size = struct_size::<NPI_MODULEID>();
        for (wrong, what) in [
            (id(0, MIT_GUID), "ModuleId's Length is 0, not 24"),
            (id(size + 1, MIT_IF_LUID), "ModuleId's Length is 25, not 24"),
            (id(size, 0), "ModuleId's Type is 0, neither MIT_GUID (1) nor MIT_IF_LUID (2)"),
            (id(size, 3), "ModuleId's Type is 3, neither"),
        ] {
            let nmr = nmr();
            let (_, mut client) = pair(&nmr);
            client.client.ClientRegistrationInstance.ModuleId = &raw const wrong;
            up([&client]);
            let findings = nmr.host().take_findings();
            assert_eq!(findings.len(), 1);
            assert_eq!(findings[0].rule, 1);
            assert!(findings[0].what.starts_with(what), "{}", findings[0]);
            down([&client]);
            nmr.host().fix(Knob::OddCharacteristics, Some(1));
            assert_eq!(client.register(), STATUS_INVALID_PARAMETER);
            assert_eq!(rules(&nmr), [1]);
        }
    }

    1 r01_an_instance_of_another_version {
        let nmr = nmr();
        let (_, mut client) = pair(&nmr);
        client.client.ClientRegistrationInstance.Version = 1;
        nmr.host().fix(Knob::InstanceVersion, Some(1));
        up([&client]);
        assert_eq!(rules(&nmr), [1]);
        down([&client]);
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

    2 r02_a_structure_that_becomes_junk {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        let client = Box::into_raw(Box::new(client));
        // SAFETY: boxed above, freed below.
        assert_eq!(unsafe { (*client).register() }, STATUS_SUCCESS);
        // SAFETY: as above.
        let structure = unsafe { &raw mut (*client).client };
        // SAFETY: as above; a NULL callback and wild pointers are values of the fields.
        unsafe {
            (*structure).ClientRegistrationInstance.ModuleId = ptr::without_provenance(8);
            (*structure).ClientRegistrationInstance.NpiId = ptr::without_provenance(8);
            (*structure).ClientDetachProvider = None;
        }
        assert_eq!(nmr.live_registrations().len(), 1);
        assert_eq!(provider.register(), STATUS_SUCCESS);
        assert_eq!(rules(&nmr), [2]);
        // SAFETY: boxed above, freed below.
        let client = unsafe { Box::from_raw(client) };
        down([&provider, &client]);
        assert_eq!(client.ends(), (1, 1), "what was registered counts");
        clean(&nmr);
    }

    2 r02_ids_that_change {
        let luid = |low| NPI_MODULEID {
            Length: struct_size::<NPI_MODULEID>(),
            Type: MIT_IF_LUID,
            Value: NPI_MODULEID_VALUE { IfLuid: LUID { LowPart: low, HighPart: 0 } },
        };
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        let id = Box::into_raw(Box::new(luid(1)));
        client.client.ClientRegistrationInstance.ModuleId = id;
        up([&client]);
        // SAFETY: boxed above, freed below.
        unsafe { id.write(luid(2)) };
        up([&provider]);
        let findings = nmr.host().take_findings();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].rule, 2);
        assert!(findings[0].what.contains("ModuleId"), "{}", findings[0]);
        down([&provider, &client]);
        clean(&nmr);
        // SAFETY: boxed above.
        drop(unsafe { Box::from_raw(id) });

        let npi = Box::into_raw(Box::new(NPI));
        let mut client = Module::new(&nmr, Side::Client, &NPI);
        client.client.ClientRegistrationInstance.NpiId = npi;
        up([&client]);
        // SAFETY: boxed above, freed below.
        unsafe { (*npi).Data1 ^= 1 };
        up([&provider]);
        assert_eq!(rules(&nmr), [2]);
        down([&provider, &client]);
        // SAFETY: boxed above.
        drop(unsafe { Box::from_raw(npi) });
    }

    2 r02_what_was_registered_is_freed {
        let nmr = nmr();
        let (_, mut client) = pair(&nmr);
        let data = 0_u32;
        client.client.ClientRegistrationInstance.NpiSpecificCharacteristics = (&raw const data).cast();
        let instance = &client.client.ClientRegistrationInstance;
        let parts = [
            (ptr::from_ref(&client.client).addr(), 72),
            (ptr::from_ref(&instance.Number).addr(), 1),
            (instance.NpiId.addr() + 15, 1),
            (instance.ModuleId.addr() + size_of::<NPI_MODULEID>() - 1, 1),
            (instance.NpiSpecificCharacteristics.addr(), 4),
            (ptr::from_ref(&client).addr(), 1),
        ];
        up([&client]);
        for (start, length) in parts {
            nmr.freeing(&(start..start + length));
            assert_eq!(rules(&nmr), [2]);
        }
        let end = ptr::from_ref(&client.client).addr() + 72;
        assert_eq!(client.deregister(), STATUS_PENDING);
        nmr.freeing(&(end - 1..end));
        assert_eq!(rules(&nmr), [2], "until the wait has returned");
        assert_eq!(client.wait(), STATUS_SUCCESS);
        for (start, length) in parts {
            nmr.freeing(&(start..start + length));
        }
        clean(&nmr);
    }

    2 r02_ends_with_the_first_of_two_waits {
        for _ in 0..20 {
            let nmr = Arc::new(Registrar::new(Slow::new()));
            let provider = Module::new(&nmr, Side::Provider, &NPI);
            let mut client = Module::new(&nmr, Side::Client, &NPI);
            client.on_detach = Box::new(|_| STATUS_PENDING);
            let client = Box::into_raw(Box::new(client)).expose_provenance();
            // SAFETY: boxed above, freed below; nothing else borrows it for longer.
            let module = || unsafe { &*ptr::with_exposed_provenance::<Module<Slow>>(client) };
            assert_eq!(provider.register(), STATUS_SUCCESS);
            assert_eq!(module().register(), STATUS_SUCCESS);
            assert_eq!(module().deregister(), STATUS_PENDING);
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(move || {
                        if module().wait() == STATUS_SUCCESS {
                            let module = ptr::with_exposed_provenance_mut::<Module<Slow>>(client);
                            // SAFETY: boxed above; the memory is the module's again.
                            unsafe { (&raw mut (*module).client.Length).write_volatile(0) };
                        }
                    });
                }
                thread::sleep(Duration::from_millis(5));
                module().peer().complete();
            });
            let findings = nmr.host().0.take_findings();
            assert!(findings.iter().all(|finding| finding.rule == 23), "{findings:?}");
            provider.deregister();
            provider.wait();
            // SAFETY: boxed above.
            drop(unsafe { Box::from_raw(ptr::with_exposed_provenance_mut::<Module<Slow>>(client)) });
        }
    }

    2 r02_is_reported_once_for_two_threads_that_see_it {
        for _ in 0..20 {
            let nmr = Arc::new(Registrar::new(Slow::new()));
            let mut client = Module::new(&nmr, Side::Client, &NPI);
            client.on_offer = Box::new(|_| STATUS_NOINTERFACE);
            let providers = [Module::new(&nmr, Side::Provider, &NPI), Module::new(&nmr, Side::Provider, &NPI)];
            assert_eq!(client.register(), STATUS_SUCCESS);
            // SAFETY: it is borrowed by nobody now; NMR reads it as another's memory.
            unsafe { (&raw mut client.client.Length).write_volatile(0) };
            thread::scope(|scope| {
                for provider in &providers {
                    scope.spawn(|| assert_eq!(provider.register(), STATUS_SUCCESS));
                }
            });
            let findings = nmr.host().0.take_findings();
            assert_eq!(findings.iter().map(|finding| finding.rule).collect::<Vec<_>>(), [2]);
        }
    }

    2 r02_is_looked_for_before_each_callback_and_at_the_end {
        /// Changes what a module has registered.
        fn change(module: &Module<Process>) {
            let structures = [
                (&raw const module.client.Length).cast_mut(),
                (&raw const module.provider.Length).cast_mut(),
            ];
            for length in structures {
                // SAFETY: it stays with the module; NMR reads it as another's memory.
                unsafe { length.write_volatile(1) };
            }
        }
        // Before the provider's attach callback.
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider]);
        change(&provider);
        up([&client]);
        assert_eq!(rules(&nmr), [2]);
        down([&client, &provider]);
        // Before the cleanup callback.
        let (provider, mut client) = pair(&nmr);
        client.on_detach = Box::new(|peer| {
            change(peer.module());
            STATUS_SUCCESS
        });
        up([&provider, &client]);
        client.deregister();
        assert_eq!(rules(&nmr), [2]);
        client.wait();
        down([&provider]);
        // When it ends: by a wait, and without one.
        for finish in [0, 1] {
            nmr.host().fix(Knob::DeregisterWhenIdle, Some(finish));
            let (_, client) = pair(&nmr);
            up([&client]);
            change(&client);
            if client.deregister() == STATUS_PENDING {
                clean(&nmr);
                client.wait();
            }
            assert_eq!(rules(&nmr), [2]);
        }
    }

    2 r02_what_is_freed_is_looked_at_no_more {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        let client = Box::into_raw(Box::new(client));
        // SAFETY: boxed above, freed below.
        up([unsafe { &*client }]);
        // SAFETY: as above.
        let structure = unsafe { &raw mut (*client).client };
        nmr.freeing(&(structure.addr()..structure.addr() + 1));
        assert_eq!(rules(&nmr), [2]);
        // SAFETY: as above; what a pool would leave there.
        unsafe { (*structure).ClientRegistrationInstance.NpiId = ptr::without_provenance(8) };
        up([&provider]);
        // SAFETY: as above.
        let client = unsafe { Box::from_raw(client) };
        down([&provider, &client]);
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
