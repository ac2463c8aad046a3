// SPDX-License-Identifier: MIT OR Apache-2.0

//! Memory: what the registrar takes, and what it does when there is none.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use nmr::abi::{
    GUID, HANDLE, NPI_REGISTRATION_INSTANCE, NPIID, NTSTATUS, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_PENDING, STATUS_SUCCESS,
};
use nmr::nmr_fn;
use registrar::Registrar;
use registrar::finding::Finding;
use registrar::host::{Event, Host, Side};
use registrar::knobs::Knob;
use registrar::process::{ThreadCompletion, ThreadLock};

use crate::support::allocator;
use crate::support::{Module, NPI};

/// A host that takes no memory.
pub(super) struct Frugal;

impl Host for Frugal {
    const CHECKED: bool = false;
    type Lock<T> = ThreadLock<T>;
    type Completion = ThreadCompletion;

    fn irql(&self) -> u8 {
        0
    }

    fn thread(&self) -> u64 {
        0
    }

    fn draw(&self, _: Knob, _: u32) -> u32 {
        0
    }

    fn observe(&self, _: &Event) {}

    fn report(&self, _: Finding) {}
}

fn crowd(nmr: &Arc<Registrar<Frugal>>, side: Side, count: usize) -> Vec<Module<Frugal>> {
    let mut modules = Vec::with_capacity(count);
    modules.resize_with(count, || Module::new(nmr, side, &NPI));
    modules
}

fn go(module: &Module<Frugal>) {
    assert_eq!(module.deregister(), STATUS_PENDING);
    assert_eq!(module.wait(), STATUS_SUCCESS);
}

nmr_fn! {
    unsafe fn attach_by_nothing[](
        handle: HANDLE,
        context: *mut c_void,
        _instance: *const NPI_REGISTRATION_INSTANCE,
    ) -> NTSTATUS {
        // SAFETY: the context that `Module::register` gave.
        let module = unsafe { &*context.cast::<Module<Frugal>>() };
        let (mut context, mut dispatch) = (ptr::null_mut(), ptr::null());
        // SAFETY: the outs are locals, the rest is null.
        unsafe {
            module.nmr.client_attach_provider(
                handle, ptr::null_mut(), ptr::null(), &raw mut context, &raw mut dispatch,
            )
        }
    }
}

nmr_fn! {
    unsafe fn detach_from_nothing[](_context: *mut c_void) -> NTSTATUS {
        STATUS_SUCCESS
    }
}

super::statements! {
    /// INF: Attaching and detaching take one allocation for each binding at most.
    one_allocation_for_a_binding {
        let nmr = Arc::new(Registrar::new(Frugal));
        let mut providers = crowd(&nmr, Side::Provider, 20);
        let mut clients = crowd(&nmr, Side::Client, 20);
        for provider in &mut providers {
            provider.provider.ProviderDetachClient = Some(detach_from_nothing);
            provider.provider.ProviderCleanupBindingContext = None;
            provider.on_asked = Box::new(|asked| {
                // SAFETY: NMR gave room for both.
                unsafe { asked.context.write(ptr::null_mut()) };
                // SAFETY: as above.
                unsafe { asked.dispatch.write(ptr::null()) };
                STATUS_SUCCESS
            });
        }
        for client in &mut clients {
            client.client.ClientAttachProvider = Some(attach_by_nothing);
            client.client.ClientDetachProvider = Some(detach_from_nothing);
            client.client.ClientCleanupBindingContext = None;
        }
        for provider in &providers {
            assert_eq!(provider.register(), STATUS_SUCCESS);
        }
        let taken = allocator::counting(|| {
            for client in &clients {
                assert_eq!(client.register(), STATUS_SUCCESS);
            }
            clients.iter().for_each(go);
        });
        assert!(providers.iter().all(|provider| provider.offers() == 20));
        assert!(taken <= 400, "{taken} allocations for 400 bindings");
        providers.iter().for_each(go);
    }

    /// D1: Whichever allocation fails, `NmrRegister...` answers `STATUS_INSUFFICIENT_RESOURCES` and leaves nothing behind.
    every_allocation_may_fail {
        let mut failures = 0;
        for nth in 0.. {
            let nmr = Arc::new(Registrar::new(Frugal));
            let client = Module::new(&nmr, Side::Client, &NPI);
            let status = allocator::failing(nth, || client.register());
            if status == STATUS_SUCCESS {
                go(&client);
                break;
            }
            assert_eq!(status, STATUS_INSUFFICIENT_RESOURCES, "allocation {nth}");
            assert_eq!(nmr.live_registrations(), []);
            let provider = Module::new(&nmr, Side::Provider, &NPI);
            assert_eq!(provider.register(), STATUS_SUCCESS);
            assert_eq!(provider.offers(), 0);
            go(&provider);
            failures += 1;
        }
        assert!(failures >= 3, "only {failures} allocations could fail");
    }

    /// D1: A registration that fails for want of bindings offers nobody.
    bindings_may_lack_memory {
        let nmr = Arc::new(Registrar::new(Frugal));
        let mut providers = crowd(&nmr, Side::Provider, 100);
        for provider in &mut providers {
            provider.on_asked = Box::new(|_| nmr::abi::STATUS_NOINTERFACE);
            assert_eq!(provider.register(), STATUS_SUCCESS);
        }
        let client = Module::new(&nmr, Side::Client, &NPI);
        let status = allocator::failing(2, || client.register());
        assert_eq!(status, STATUS_INSUFFICIENT_RESOURCES);
        assert_eq!(client.offers(), 0);
        assert_eq!(client.register(), STATUS_SUCCESS);
        assert_eq!(client.offers(), 100);
        go(&client);
        providers.iter().for_each(go);
    }

    /// INF: Deregistering, detaching, completing and waiting take no memory, so they cannot fail for want of it.
    ending_takes_no_memory {
        let nmr = Arc::new(Registrar::new(Frugal));
        let mut providers = crowd(&nmr, Side::Provider, 10);
        let clients = crowd(&nmr, Side::Client, 10);
        for provider in &mut providers {
            provider.on_detach = Box::new(|peer| {
                peer.complete();
                STATUS_PENDING
            });
        }
        for module in providers.iter().chain(&clients) {
            assert_eq!(module.register(), STATUS_SUCCESS);
        }
        let taken = allocator::counting(|| {
            clients.iter().for_each(go);
            providers.iter().for_each(go);
        });
        assert_eq!(taken, 0);
    }

    /// INF: A module that comes again takes no memory, and one of another NPI that of the last.
    coming_again_takes_no_memory {
        let nmr = Arc::new(Registrar::new(Frugal));
        let npis: Vec<_> = (0..200).map(GUID::from_u128).collect();
        let mut client = Module::new(&nmr, Side::Client, &NPI);
        let mut come_and_go = |npi: &NPIID| {
            client.client.ClientRegistrationInstance.NpiId = npi;
            assert_eq!(client.register(), STATUS_SUCCESS);
            go(&client);
        };
        come_and_go(&NPI);
        assert_eq!(allocator::counting(|| come_and_go(&NPI)), 0);
        npis.iter().for_each(&mut come_and_go);
        assert_eq!(allocator::growth(|| npis.iter().for_each(&mut come_and_go)), 0);
    }
}
