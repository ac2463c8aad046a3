// SPDX-License-Identifier: MIT OR Apache-2.0

//! The attach, and its late comers.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;

use nmr::abi::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_NOINTERFACE, STATUS_PENDING,
    STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
};
use registrar::host::{Call, Side};
use registrar::knobs::Knob;
use registrar::process::Process;

use crate::support::{
    Asked, Module, NPI, Offer, Peer, begun, clean, down, nmr, notes, pair, rules, up,
};

super::rules! {
    7 r07_attach_and_detach_inside_register {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.on_offer = Box::new(|offer| {
            let status = offer.accept();
            let provider = offer.module.linked();
            provider.deregister();
            assert_eq!(provider.ends(), (0, 0), "not before the attach callback has returned");
            status
        });
        client.link_to(&provider);
        up([&provider, &client]);
        assert_eq!((client.ends(), provider.ends()), ((1, 1), (1, 1)));
        assert_eq!(provider.wait(), STATUS_SUCCESS);
        down([&client]);
        clean(&nmr);
    }

    8 r08_attaching_after_the_callback {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        let handle = client.peer().handle;
        let late = Offer { module: &client, handle, instance: ptr::null() };
        assert_eq!(late.accept(), STATUS_INVALID_PARAMETER);
        assert_eq!(rules(&nmr), [8]);
    }

    8 r08_attaching_on_another_thread {
        for (answer, status) in [(0, STATUS_INVALID_PARAMETER), (1, STATUS_SUCCESS)] {
            let nmr = nmr();
            nmr.host().fix(Knob::AttachThread, Some(answer));
            let (provider, mut client) = pair(&nmr);
            client.on_offer = Box::new(move |offer| {
                let handle = offer.handle.expose_provenance();
                let module = offer.module;
                let answered = thread::scope(|scope| {
                    let elsewhere = scope.spawn(move || Offer {
                        module,
                        handle: ptr::with_exposed_provenance_mut(handle),
                        instance: ptr::null(),
                    }.accept());
                    elsewhere.join().unwrap()
                });
                assert_eq!(answered, status);
                answered
            });
            up([&provider, &client]);
            assert_eq!(rules(&nmr), [8]);
            down([&client, &provider]);
        }
    }

    8 r08_attaching_still_when_the_callback_has_returned {
        for (client_status, bindings) in [(STATUS_SUCCESS, 1), (STATUS_NOINTERFACE, 0)] {
            let nmr = nmr();
            nmr.host().fix(Knob::AttachThread, Some(1));
            let (mut provider, mut client) = pair(&nmr);
            let (asked, is_asked) = mpsc::channel();
            let (go_on, may_go_on) = mpsc::channel();
            let may_go_on = Mutex::new(may_go_on);
            provider.on_asked = Box::new(move |asking| {
                asked.send(()).unwrap();
                may_go_on.lock().unwrap().recv().unwrap();
                asking.accept()
            });
            let (offer, offered) = mpsc::channel();
            let is_asked = Mutex::new(is_asked);
            client.on_offer = Box::new(move |offered| {
                offer.send(offered.handle.expose_provenance()).unwrap();
                is_asked.lock().unwrap().recv().unwrap();
                client_status
            });
            up([&provider]);
            thread::scope(|scope| {
                let (module, registered) = (&client, &go_on);
                let elsewhere = scope.spawn(move || {
                    let handle = ptr::with_exposed_provenance_mut(offered.recv().unwrap());
                    Offer { module, handle, instance: ptr::null() }.accept()
                });
                up([module]);
                registered.send(()).unwrap();
                assert_eq!(elsewhere.join().unwrap(), STATUS_SUCCESS);
            });
            let late: &[u8] = if bindings == 1 { &[8] } else { &[8, 11] };
            assert_eq!(rules(&nmr), late);
            let ended = 1 - bindings;
            assert_eq!((client.ends(), provider.ends()), ((0, 0), (ended, ended)));
            down([&client, &provider]);
            assert_eq!((client.ends(), provider.ends()), ((bindings, bindings), (1, 1)));
            clean(&nmr);
        }
    }

    8 r08_attaching_with_the_handle_of_another_offer {
        for (answer, status) in [(0, STATUS_INVALID_PARAMETER), (1, STATUS_SUCCESS)] {
            let nmr = nmr();
            nmr.host().fix(Knob::AttachThread, Some(answer));
            let (first, mut client) = pair(&nmr);
            let second = Module::new(&nmr, Side::Provider, &NPI);
            let outer = AtomicPtr::new(ptr::null_mut());
            client.link_to(&second);
            client.on_offer = Box::new(move |offer| {
                let module = offer.module;
                let handle = outer.swap(offer.handle, Ordering::Relaxed);
                if handle.is_null() {
                    assert_eq!(module.linked().register(), STATUS_SUCCESS);
                    return status;
                }
                assert_eq!(Offer { module, handle, instance: ptr::null() }.accept(), status);
                STATUS_NOINTERFACE
            });
            up([&first, &client]);
            assert_eq!(rules(&nmr), [8]);
            down([&client, &first, &second]);
        }
    }

    8 r08_attaching_inside_the_provider {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.on_asked = Box::new(|asked: &Asked<'_, _>| {
            // SAFETY: the client's context is its peer.
            let peer = unsafe { &*asked.client_context.cast::<Peer<Process>>() };
            let again = Offer { module: peer.module(), handle: peer.handle, instance: ptr::null() };
            assert_eq!(again.accept(), STATUS_INVALID_PARAMETER);
            asked.accept()
        });
        up([&provider, &client]);
        assert_eq!(rules(&nmr), [8]);
    }

    9 r09_attaching_again_after_success {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.on_offer = Box::new(|offer| {
            let status = offer.accept();
            assert_eq!(offer.accept(), STATUS_INVALID_PARAMETER);
            status
        });
        up([&provider, &client]);
        assert_eq!(rules(&nmr), [9]);
    }

    10 r10_success_without_asking {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.on_offer = Box::new(|_| STATUS_SUCCESS);
        up([&provider, &client]);
        assert_eq!(rules(&nmr), [10]);
        assert_eq!(provider.offers(), 0);
        down([&client, &provider]);
        clean(&nmr);
    }

    10 r10_goes_by_the_last_answer {
        let nmr = nmr();
        let (mut provider, mut client) = pair(&nmr);
        provider.on_asked = Box::new(|_| STATUS_NOINTERFACE);
        client.on_offer = Box::new(|offer| {
            assert_eq!(offer.accept(), STATUS_NOINTERFACE);
            // SAFETY: NULL is allowed.
            unsafe {
                offer.module.nmr.client_attach_provider(
                    offer.handle,
                    ptr::null_mut(),
                    ptr::null(),
                    ptr::null_mut(),
                    ptr::null_mut(),
                )
            }
        });
        up([&provider, &client]);
        assert_eq!(rules(&nmr), [1], "STATUS_INVALID_PARAMETER came last");
    }

    10 r10_another_status_than_the_provider_s {
        let nmr = nmr();
        let (mut provider, mut client) = pair(&nmr);
        provider.on_asked = Box::new(|_| STATUS_NOINTERFACE);
        client.on_offer = Box::new(|offer| {
            offer.accept();
            STATUS_INSUFFICIENT_RESOURCES
        });
        up([&provider, &client]);
        assert_eq!(rules(&nmr), [10]);
    }

    11 r11_failing_after_the_provider_has_accepted {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.on_offer = Box::new(|offer| {
            offer.accept();
            STATUS_UNSUCCESSFUL
        });
        up([&provider, &client]);
        assert_eq!(rules(&nmr), [11]);
        assert_eq!(provider.ends(), (1, 1));
        assert_eq!(client.ends(), (0, 0));
        down([&client, &provider]);
        clean(&nmr);
    }

    13 r13_an_attach_that_pends {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.on_asked = Box::new(|asked| {
            asked.accept();
            STATUS_PENDING
        });
        up([&provider, &client]);
        assert_eq!(rules(&nmr), [13]);
        down([&client, &provider]);
        clean(&nmr);
    }

    13 r13_a_client_that_pends {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.on_offer = Box::new(|offer| {
            offer.accept();
            STATUS_PENDING
        });
        up([&provider, &client]);
        assert_eq!(rules(&nmr), [13]);
    }

    14 r14_a_provider_that_sets_no_context {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.provider.ProviderCleanupBindingContext = None;
        provider.on_asked = Box::new(|asked| {
            // SAFETY: NMR gave room for it.
            unsafe { asked.dispatch.write(asked.module.dispatch) };
            STATUS_SUCCESS
        });
        up([&provider, &client]);
        assert_eq!(rules(&nmr), [14]);
        assert!(client.peer().context.load(Ordering::Relaxed).is_null());
    }

    14 r14_a_null_dispatch_is_only_noted {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.dispatch = ptr::null();
        up([&provider, &client]);
        clean(&nmr);
        assert_eq!(notes(&nmr), [14]);
    }

    16 r16_no_cleanup_after_a_failed_attach {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.on_asked = Box::new(|_| STATUS_NOINTERFACE);
        up([&provider, &client]);
        down([&client, &provider]);
        let calls = begun(&nmr.take_events());
        assert!(!calls.iter().any(|&(_, call)| matches!(call, Call::DetachCallback | Call::CleanupCallback)));
        clean(&nmr);
    }

    33 r33_a_late_comer_is_detached {
        for side in [Side::Client, Side::Provider] {
            let nmr = nmr();
            let (provider, mut client) = pair(&nmr);
            client.on_offer = Box::new(move |offer| {
                let status = offer.accept();
                let leaver = if side == Side::Client { offer.module } else { offer.module.linked() };
                assert_eq!(leaver.deregister(), STATUS_PENDING);
                status
            });
            client.link_to(&provider);
            up([&provider, &client]);
            assert_eq!((client.ends(), provider.ends()), ((1, 1), (1, 1)));
            let (leaver, stayer) = if side == Side::Client { (&client, &provider) } else { (&provider, &client) };
            assert_eq!(leaver.wait(), STATUS_SUCCESS);
            down([stayer]);
            clean(&nmr);
        }
    }
}
