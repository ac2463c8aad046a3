// SPDX-License-Identifier: MIT OR Apache-2.0

//! The detach, the cleanup, and what the modules call meanwhile.

use std::sync::Arc;
use std::thread;

use nmr::abi::{
    STATUS_INVALID_PARAMETER, STATUS_NOINTERFACE, STATUS_PENDING, STATUS_SUCCESS,
    STATUS_UNSUCCESSFUL,
};
use registrar::Doing;
use registrar::host::{Call, Host, Side};
use registrar::knobs::Knob;

use super::FIRST;
use crate::support::{begun, clean, down, nmr, notes, pair, rules, seeded, up};

super::rules! {
    5 r05_a_callback_that_leaves_the_irql_raised {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.on_detach = Box::new(|peer| {
            peer.nmr.host().raise_irql(2);
            STATUS_SUCCESS
        });
        up([&provider, &client]);
        client.deregister();
        nmr.host().lower_irql(0);
        assert_eq!(rules(&nmr), [5]);
    }

    17 r17_another_status_from_detach {
        for side in [Side::Client, Side::Provider] {
            let nmr = nmr();
            let (mut provider, mut client) = pair(&nmr);
            let module = if side == Side::Client { &mut client } else { &mut provider };
            module.on_detach = Box::new(|_| STATUS_INVALID_PARAMETER);
            up([&provider, &client]);
            down([&client, &provider]);
            assert_eq!(rules(&nmr), [17]);
        }
    }

    20 r20_completing_a_detach_that_succeeded {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.on_detach = Box::new(|_| STATUS_PENDING);
        up([&provider, &client]);
        client.deregister();
        client.peer().complete();
        assert_eq!(rules(&nmr), [20]);
        provider.peer().complete();
        assert_eq!(client.wait(), STATUS_SUCCESS);
        clean(&nmr);
    }

    20 r20_completing_a_detach_that_then_succeeds {
        for (inside, prompt) in [(false, 0), (true, 0), (true, 1)] {
            let nmr = nmr();
            nmr.host().fix(Knob::EarlyComplete, Some(prompt));
            let (mut provider, client) = pair(&nmr);
            provider.on_detach = Box::new(move |peer| {
                if inside {
                    peer.complete();
                }
                STATUS_SUCCESS
            });
            up([&provider, &client]);
            if !inside {
                provider.peer().complete();
            }
            down([&client, &provider]);
            assert_eq!(rules(&nmr), [20]);
            assert_eq!(provider.ends(), (1, 1));
        }
    }

    20 r20_completing_for_a_client_that_has_failed {
        let nmr = nmr();
        let (mut provider, mut client) = pair(&nmr);
        provider.on_detach = Box::new(|_| STATUS_PENDING);
        client.on_offer = Box::new(|offer| {
            offer.accept();
            STATUS_UNSUCCESSFUL
        });
        up([&provider, &client]);
        assert_eq!(rules(&nmr), [11]);
        client.peer().complete();
        assert_eq!(rules(&nmr), [20]);
        assert_eq!(notes(&nmr), []);
        provider.peer().complete();
        down([&client, &provider]);
        clean(&nmr);
    }

    20 r20_a_completion_before_the_accept_is_remembered {
        for side in [Side::Client, Side::Provider] {
            for times in [1, 2] {
                let nmr = nmr();
                nmr.host().fix(Knob::CompleteBeforeDetach, Some(1));
                let (mut provider, mut client) = pair(&nmr);
                for module in [&mut provider, &mut client] {
                    let hurries = module.side == side;
                    module.on_detach = Box::new(move |peer| {
                        if !hurries {
                            peer.complete();
                        }
                        STATUS_PENDING
                    });
                }
                if side == Side::Client {
                    client.on_offer = Box::new(move |offer| {
                        for _ in 0..times {
                            offer.module.nmr.client_detach_provider_complete(offer.handle);
                        }
                        offer.accept()
                    });
                } else {
                    provider.on_asked = Box::new(move |asked| {
                        for _ in 0..times {
                            asked.module.nmr.provider_detach_client_complete(asked.handle);
                        }
                        asked.accept()
                    });
                }
                up([&provider, &client]);
                assert_eq!(rules(&nmr), vec![20; times]);
                down([&client, &provider]);
                assert_eq!((client.ends(), provider.ends()), ((1, 1), (1, 1)));
                clean(&nmr);
            }
        }
    }

    20 r20_a_completion_before_a_refusal_ends_with_the_attach {
        let nmr = nmr();
        nmr.host().fix(Knob::CompleteBeforeDetach, Some(1));
        let (mut provider, mut client) = pair(&nmr);
        provider.on_asked = Box::new(|asked| {
            asked.module.nmr.provider_detach_client_complete(asked.handle);
            STATUS_NOINTERFACE
        });
        client.on_offer = Box::new(|offer| {
            offer.module.nmr.client_detach_provider_complete(offer.handle);
            offer.accept()
        });
        up([&provider, &client]);
        assert_eq!(rules(&nmr), [20, 20]);
        assert_eq!(nmr.holdups(), []);
        down([&client, &provider]);
        assert_eq!((client.ends(), provider.ends()), ((0, 0), (0, 0)));
        clean(&nmr);
    }

    20 r20_a_completion_before_a_refusal_is_none_of_the_next_answer {
        let nmr = nmr();
        nmr.host().fix(Knob::CompleteBeforeDetach, Some(1));
        let (mut provider, mut client) = pair(&nmr);
        provider.on_asked = Box::new(|asked| {
            if asked.module.offers() == 1 {
                asked.module.nmr.provider_detach_client_complete(asked.handle);
                return STATUS_NOINTERFACE;
            }
            asked.accept()
        });
        client.on_offer = Box::new(|offer| {
            assert_eq!(offer.accept(), STATUS_NOINTERFACE);
            offer.accept()
        });
        up([&provider, &client]);
        assert_eq!(rules(&nmr), [20]);
        down([&client, &provider]);
        assert_eq!(provider.ends(), (1, 1));
        clean(&nmr);
    }

    20 r20_completing_twice {
        let nmr = nmr();
        let (mut provider, mut client) = pair(&nmr);
        provider.on_detach = Box::new(|_| STATUS_PENDING);
        client.on_detach = Box::new(|_| STATUS_PENDING);
        up([&provider, &client]);
        client.deregister();
        client.peer().complete();
        client.peer().complete();
        assert_eq!(rules(&nmr), [20]);
        assert_eq!(client.ends(), (1, 0));
        provider.peer().complete();
        assert_eq!(client.ends(), (1, 1));
    }

    20 r20_never_completing {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.on_detach = Box::new(|_| STATUS_PENDING);
        up([&provider, &client]);
        client.deregister();
        let owed = nmr.holdups();
        assert_eq!(owed.len(), 1);
        assert_eq!((owed[0].side, owed[0].doing), (Side::Provider, Doing::Pended));
        assert_eq!(nmr.stalled(), 1);
        let findings = nmr.host().take_findings();
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].rule, findings[0].side), (20, Side::Provider));
        assert_eq!(findings[0].binding, Some(FIRST));
        assert!(findings[0].module.is_some() && findings[0].code != 0);
        let history: Vec<_> = findings[0].history.iter().map(|moment| moment.event).collect();
        assert!(begun(&history).contains(&(Side::Provider, Call::DetachCallback)));
        assert!(findings[0].history.is_sorted_by_key(|moment| moment.time));
    }

    21 r21_a_completion_inside_the_attach_is_remembered {
        for side in [Side::Client, Side::Provider] {
            let nmr = nmr();
            let (mut provider, mut client) = pair(&nmr);
            for module in [&mut provider, &mut client] {
                let hurries = module.side == side;
                module.on_detach = Box::new(move |peer| {
                    if !hurries {
                        peer.complete();
                    }
                    STATUS_PENDING
                });
            }
            client.link_to(&provider);
            client.on_offer = Box::new(move |offer| {
                let status = offer.accept();
                let hasty = if side == Side::Client { offer.module } else { offer.module.linked() };
                hasty.peer().complete();
                status
            });
            up([&provider, &client]);
            assert_eq!(notes(&nmr), [21]);
            down([&client, &provider]);
            assert_eq!((client.ends(), provider.ends()), ((1, 1), (1, 1)));
            clean(&nmr);
        }
    }

    21 r21_a_completion_ahead_counts_once_the_callback_has_returned {
        let nmr = nmr();
        nmr.host().fix(Knob::EarlyComplete, Some(1));
        let (mut provider, mut client) = pair(&nmr);
        client.on_detach = Box::new(|_| STATUS_PENDING);
        client.link_to(&provider);
        provider.link_to(&client);
        provider.on_detach = Box::new(|peer| {
            peer.module().linked().peer().complete();
            assert_eq!(peer.module().ends(), (1, 0), "no cleanup inside this callback");
            STATUS_PENDING
        });
        up([&provider, &client]);
        provider.peer().complete();
        assert_eq!(client.deregister(), STATUS_PENDING);
        assert_eq!(provider.ends(), (1, 1));
        assert_eq!(client.wait(), STATUS_SUCCESS);
        down([&provider]);
        clean(&nmr);
        assert_eq!(notes(&nmr), [21]);
    }

    21 r21_completing_before_the_detach_callback_is_a_breach_to_the_documents {
        let nmr = nmr();
        nmr.host().fix(Knob::CompleteBeforeDetach, Some(1));
        let (mut provider, client) = pair(&nmr);
        provider.on_detach = Box::new(|_| STATUS_PENDING);
        up([&provider, &client]);
        provider.peer().complete();
        assert_eq!(rules(&nmr), [21]);
        down([&provider, &client]);
        clean(&nmr);
    }

    21 r21_completing_before_the_detach_callback_is_only_noted {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.on_detach = Box::new(|_| STATUS_PENDING);
        up([&provider, &client]);
        provider.peer().complete();
        down([&provider, &client]);
        clean(&nmr);
        assert_eq!(notes(&nmr), [21]);
    }

    24 r24_each_detach_callback_once_though_both_deregister {
        let nmr = nmr();
        let (mut provider, mut client) = pair(&nmr);
        provider.on_detach = Box::new(|_| STATUS_PENDING);
        client.on_detach = Box::new(|_| STATUS_PENDING);
        up([&provider, &client]);
        client.deregister();
        provider.deregister();
        assert_eq!((client.ends(), provider.ends()), ((1, 0), (1, 0)));
        client.peer().complete();
        provider.peer().complete();
        assert_eq!((client.ends(), provider.ends()), ((1, 1), (1, 1)));
        assert_eq!((client.wait(), provider.wait()), (STATUS_SUCCESS, STATUS_SUCCESS));
        clean(&nmr);
    }

    25 r25_cleanup_only_after_both_sides {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.on_detach = Box::new(|_| STATUS_PENDING);
        up([&provider, &client]);
        client.deregister();
        assert_eq!((client.ends(), provider.ends()), ((1, 0), (1, 0)));
        provider.peer().complete();
        assert_eq!((client.ends(), provider.ends()), ((1, 1), (1, 1)));
        clean(&nmr);
    }

    26 r26_a_context_freed_before_cleanup {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        let context = Arc::as_ptr(&client.peer()).addr();
        nmr.freeing(&(context..context + 8));
        assert_eq!(rules(&nmr), [26]);
        down([&client]);
        nmr.freeing(&(context..context + 8));
        clean(&nmr);
    }

    34 r34_both_sides_deregister_at_once {
        for seed in 0..32 {
            let nmr = seeded(seed);
            let (provider, client) = pair(&nmr);
            up([&provider, &client]);
            thread::scope(|scope| {
                for module in [&provider, &client] {
                    scope.spawn(|| down([module]));
                }
            });
            assert_eq!((client.ends(), provider.ends()), ((1, 1), (1, 1)));
            clean(&nmr);
        }
    }

    35 r35_every_order_gives_the_same_end {
        for order in 0..8 {
            let nmr = nmr();
            nmr.host().fix(Knob::DetachOrder, Some(order & 1));
            nmr.host().fix(Knob::CleanupOrder, Some(order >> 1 & 1));
            nmr.host().fix(Knob::DetachOverlap, Some(order >> 2));
            let (provider, client) = pair(&nmr);
            up([&provider, &client]);
            nmr.take_events();
            down([&client]);
            let calls = begun(&nmr.take_events());
            let sides = |wanted| calls.iter().filter(move |&&(_, call)| call == wanted).map(|&(side, _)| side);
            let expected = |answer| if answer == 0 { [Side::Client, Side::Provider] } else { [Side::Provider, Side::Client] };
            assert!(sides(Call::DetachCallback).eq(expected(order & 1)));
            assert!(sides(Call::CleanupCallback).eq(expected(order >> 1 & 1)));
            down([&provider]);
            clean(&nmr);
        }
    }

    26 r26_a_context_freed_in_the_peer_s_cleanup {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.link_to(&provider);
        client.on_cleanup = Box::new(|peer| {
            let [own, other] = [peer.module().peer(), peer.module().linked().peer()]
                .map(|context| Arc::as_ptr(&context).addr());
            peer.nmr.freeing(&(own..own + 1));
            clean(&peer.nmr);
            peer.nmr.freeing(&(other..other + 1));
        });
        up([&provider, &client]);
        down([&client]);
        assert_eq!(rules(&nmr), [26]);
        down([&provider]);
        clean(&nmr);
    }
}
