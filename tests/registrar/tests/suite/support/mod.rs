// SPDX-License-Identifier: MIT OR Apache-2.0

//! Modules made to measure: each callback does what its documents say unless a
//! test gives it something else to do.

pub(crate) mod allocator;
pub(crate) mod slow;

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use nmr::abi::{
    GUID, HANDLE, NPI_CLIENT_CHARACTERISTICS, NPI_MODULEID, NPI_PROVIDER_CHARACTERISTICS,
    NPI_REGISTRATION_INSTANCE, NPIID, NTSTATUS, STATUS_PENDING, STATUS_SUCCESS, struct_size,
};
use nmr::nmr_fn;
use registrar::Registrar;
use registrar::finding::Finding;
use registrar::host::{Call, Event, Host, Phase, Side};
use registrar::knobs::{Knob, Knobs};
use registrar::process::Process;

/// An NPI for tests.
pub(crate) static NPI: NPIID = GUID::from_u128(0x6a1e_3b0c_55d4_4a1b_9d4e_7c2f_1f0a_9b01);
/// Another.
pub(crate) static OTHER_NPI: NPIID = GUID::from_u128(0x6a1e_3b0c_55d4_4a1b_9d4e_7c2f_1f0a_9b02);
static MODULE: NPI_MODULEID =
    NPI_MODULEID::from_guid(GUID::from_u128(0x6a1e_3b0c_55d4_4a1b_9d4e_7c2f_1f0a_9b03));

/// What no callback, context or handle variable holds by itself.
pub(crate) fn poison() -> *mut c_void {
    ptr::without_provenance_mut(0xDEAD_0000)
}

/// A client's answer to an offer.
pub(crate) type ClientAttach<H> = dyn Fn(&Offer<'_, H>) -> NTSTATUS + Send + Sync;
/// A provider's answer to a client.
pub(crate) type ProviderAttach<H> = dyn Fn(&Asked<'_, H>) -> NTSTATUS + Send + Sync;
/// What a detach callback does.
pub(crate) type Detach<H> = dyn Fn(&Peer<H>) -> NTSTATUS + Send + Sync;
/// What a cleanup callback does.
pub(crate) type Cleanup<H> = dyn Fn(&Peer<H>) + Send + Sync;

/// A module: one registration's structures and callbacks.
pub(crate) struct Module<H: Host + 'static> {
    pub(crate) nmr: Arc<Registrar<H>>,
    pub(crate) side: Side,
    pub(crate) client: NPI_CLIENT_CHARACTERISTICS,
    pub(crate) provider: NPI_PROVIDER_CHARACTERISTICS,
    pub(crate) handle: AtomicPtr<c_void>,
    pub(crate) dispatch: *const c_void,
    pub(crate) offered: AtomicU32,
    pub(crate) on_offer: Box<ClientAttach<H>>,
    pub(crate) on_asked: Box<ProviderAttach<H>>,
    pub(crate) on_detach: Box<Detach<H>>,
    pub(crate) on_cleanup: Box<Cleanup<H>>,
    peers: Mutex<Vec<Arc<Peer<H>>>>,
    linked: AtomicPtr<Self>,
}

// SAFETY: the raw pointers are to static data and to what NMR only passes on.
unsafe impl<H: Host + 'static> Send for Module<H> where Registrar<H>: Send + Sync {}
// SAFETY: as above; what changes is atomic or behind a mutex.
unsafe impl<H: Host + 'static> Sync for Module<H> where Registrar<H>: Send + Sync {}

/// A module's binding context.
pub(crate) struct Peer<H: Host + 'static> {
    pub(crate) nmr: Arc<Registrar<H>>,
    pub(crate) side: Side,
    pub(crate) handle: HANDLE,
    /// What the peer gave.
    pub(crate) context: AtomicPtr<c_void>,
    /// What the peer gave.
    pub(crate) dispatch: AtomicPtr<c_void>,
    pub(crate) detached: AtomicU32,
    pub(crate) cleaned: AtomicU32,
    module: *const Module<H>,
}

// SAFETY: as for `Module`.
unsafe impl<H: Host + 'static> Send for Peer<H> where Registrar<H>: Send + Sync {}
// SAFETY: as for `Module`.
unsafe impl<H: Host + 'static> Sync for Peer<H> where Registrar<H>: Send + Sync {}

impl<H: Host + 'static> Peer<H> {
    /// The module whose context it is.
    pub(crate) fn module(&self) -> &Module<H> {
        // SAFETY: modules outlive their registrations in these tests.
        unsafe { &*self.module }
    }

    /// Reports that the side's pending detach is over.
    pub(crate) fn complete(&self) {
        match self.side {
            Side::Client => self.nmr.client_detach_provider_complete(self.handle),
            Side::Provider => self.nmr.provider_detach_client_complete(self.handle),
        }
    }
}

/// What `ClientAttachProvider` got.
pub(crate) struct Offer<'a, H: Host + 'static> {
    pub(crate) module: &'a Module<H>,
    pub(crate) handle: HANDLE,
    pub(crate) instance: *const NPI_REGISTRATION_INSTANCE,
}

impl<H: Host + 'static> Offer<'_, H> {
    /// Accepts as the documents say. Returns what NMR answered.
    pub(crate) fn accept(&self) -> NTSTATUS {
        let peer = self.module.add_peer(self.handle);
        let (mut context, mut dispatch) = (ptr::null_mut(), ptr::null());
        // SAFETY: the context lives as long as the module, the outs are locals.
        let status = unsafe {
            self.module.nmr.client_attach_provider(
                self.handle,
                Arc::as_ptr(&peer).cast_mut().cast(),
                self.module.dispatch,
                &raw mut context,
                &raw mut dispatch,
            )
        };
        peer.context.store(context, Ordering::Release);
        peer.dispatch.store(dispatch.cast_mut(), Ordering::Release);
        if status < 0 {
            self.module.drop_peer(&peer);
        }
        status
    }
}

/// What `ProviderAttachClient` got.
pub(crate) struct Asked<'a, H: Host + 'static> {
    pub(crate) module: &'a Module<H>,
    pub(crate) handle: HANDLE,
    pub(crate) instance: *const NPI_REGISTRATION_INSTANCE,
    pub(crate) client_context: *mut c_void,
    pub(crate) client_dispatch: *const c_void,
    pub(crate) context: *mut *mut c_void,
    pub(crate) dispatch: *mut *const c_void,
}

impl<H: Host + 'static> Asked<'_, H> {
    /// Accepts as the documents say.
    pub(crate) fn accept(&self) -> NTSTATUS {
        let peer = self.module.add_peer(self.handle);
        peer.context.store(self.client_context, Ordering::Release);
        peer.dispatch
            .store(self.client_dispatch.cast_mut(), Ordering::Release);
        // SAFETY: NMR gave room for both.
        unsafe { self.context.write(Arc::as_ptr(&peer).cast_mut().cast()) };
        // SAFETY: as above.
        unsafe { self.dispatch.write(self.module.dispatch) };
        STATUS_SUCCESS
    }
}

fn accept_provider<H: Host>(offer: &Offer<'_, H>) -> NTSTATUS {
    offer.accept()
}

fn accept_client<H: Host>(asked: &Asked<'_, H>) -> NTSTATUS {
    asked.accept()
}

static DISPATCH: [u64; 2] = [1, 2];

impl<H: Host + 'static> Module<H> {
    /// A module of `npi` that accepts everybody and detaches at once.
    pub(crate) fn new(nmr: &Arc<Registrar<H>>, side: Side, npi: &'static NPIID) -> Self {
        let instance = || NPI_REGISTRATION_INSTANCE {
            Version: 0,
            Size: struct_size::<NPI_REGISTRATION_INSTANCE>(),
            NpiId: npi,
            ModuleId: &raw const MODULE,
            Number: 0,
            NpiSpecificCharacteristics: ptr::null(),
        };
        Self {
            nmr: Arc::clone(nmr),
            side,
            client: NPI_CLIENT_CHARACTERISTICS {
                Version: 0,
                Length: struct_size::<NPI_CLIENT_CHARACTERISTICS>(),
                ClientAttachProvider: Some(client_attach_provider::<H>),
                ClientDetachProvider: Some(detach::<H>),
                ClientCleanupBindingContext: Some(cleanup::<H>),
                ClientRegistrationInstance: instance(),
            },
            provider: NPI_PROVIDER_CHARACTERISTICS {
                Version: 0,
                Length: struct_size::<NPI_PROVIDER_CHARACTERISTICS>(),
                ProviderAttachClient: Some(provider_attach_client::<H>),
                ProviderDetachClient: Some(detach::<H>),
                ProviderCleanupBindingContext: Some(cleanup::<H>),
                ProviderRegistrationInstance: instance(),
            },
            handle: AtomicPtr::new(poison()),
            dispatch: DISPATCH.as_ptr().cast(),
            offered: AtomicU32::new(0),
            on_offer: Box::new(accept_provider),
            on_asked: Box::new(accept_client),
            on_detach: Box::new(|_| STATUS_SUCCESS),
            on_cleanup: Box::new(|_| ()),
            peers: Mutex::new(Vec::new()),
            linked: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Lets its callbacks get at `linked`, which outlives its registration.
    pub(crate) fn link_to(&self, linked: &Self) {
        self.linked
            .store(ptr::from_ref(linked).cast_mut(), Ordering::Release);
    }

    pub(crate) fn linked(&self) -> &Self {
        let linked = self.linked.load(Ordering::Acquire);
        assert!(!linked.is_null(), "link_to comes first");
        // SAFETY: not null, and alive by the contract of `link_to`.
        unsafe { &*linked }
    }

    fn add_peer(&self, handle: HANDLE) -> Arc<Peer<H>> {
        let peer = Arc::new(Peer {
            nmr: Arc::clone(&self.nmr),
            side: self.side,
            handle,
            context: AtomicPtr::new(ptr::null_mut()),
            dispatch: AtomicPtr::new(ptr::null_mut()),
            detached: AtomicU32::new(0),
            cleaned: AtomicU32::new(0),
            module: self,
        });
        self.peers.lock().unwrap().push(Arc::clone(&peer));
        peer
    }

    fn drop_peer(&self, peer: &Arc<Peer<H>>) {
        self.peers
            .lock()
            .unwrap()
            .retain(|other| !Arc::ptr_eq(other, peer));
    }

    /// Frees the binding contexts of bindings that are gone.
    pub(crate) fn forget_peers(&self) {
        self.peers.lock().unwrap().clear();
    }

    /// Its binding contexts, in the order in which they were made.
    pub(crate) fn peers(&self) -> Vec<Arc<Peer<H>>> {
        self.peers.lock().unwrap().clone()
    }

    /// How often its detach and cleanup callbacks were called.
    pub(crate) fn ends(&self) -> (u32, u32) {
        self.peers()
            .iter()
            .fold((0, 0), |(detached, cleaned), peer| {
                (
                    detached + peer.detached.load(Ordering::Relaxed),
                    cleaned + peer.cleaned.load(Ordering::Relaxed),
                )
            })
    }

    /// How often its attach callback was called.
    pub(crate) fn offers(&self) -> u32 {
        self.offered.load(Ordering::Relaxed)
    }

    /// Its only binding context.
    pub(crate) fn peer(&self) -> Arc<Peer<H>> {
        let peers = self.peers();
        assert_eq!(peers.len(), 1, "one binding expected");
        Arc::clone(&peers[0])
    }

    /// `NmrRegister...`.
    pub(crate) fn register(&self) -> NTSTATUS {
        let context = ptr::from_ref(self).cast_mut().cast();
        let handle = self.handle.as_ptr();
        match self.side {
            // SAFETY: the module outlives its registration in these tests.
            Side::Client => unsafe {
                self.nmr
                    .register_client(&raw const self.client, context, handle)
            },
            // SAFETY: the module outlives its registration in these tests.
            Side::Provider => unsafe {
                self.nmr
                    .register_provider(&raw const self.provider, context, handle)
            },
        }
    }

    pub(crate) fn handle(&self) -> HANDLE {
        self.handle.load(Ordering::Acquire)
    }

    /// `NmrDeregister...`.
    pub(crate) fn deregister(&self) -> NTSTATUS {
        match self.side {
            Side::Client => self.nmr.deregister_client(self.handle()),
            Side::Provider => self.nmr.deregister_provider(self.handle()),
        }
    }

    /// `NmrWaitFor...DeregisterComplete`.
    pub(crate) fn wait(&self) -> NTSTATUS {
        match self.side {
            Side::Client => self.nmr.wait_for_client_deregister_complete(self.handle()),
            Side::Provider => self
                .nmr
                .wait_for_provider_deregister_complete(self.handle()),
        }
    }
}

nmr_fn! {
    unsafe fn client_attach_provider[H: Host + 'static](
        handle: HANDLE,
        context: *mut c_void,
        instance: *const NPI_REGISTRATION_INSTANCE,
    ) -> NTSTATUS {
        // SAFETY: the context that `register` gave.
        let module = unsafe { &*context.cast::<Module<H>>() };
        module.offered.fetch_add(1, Ordering::Relaxed);
        (module.on_offer)(&Offer { module, handle, instance })
    }
}

nmr_fn! {
    unsafe fn provider_attach_client[H: Host + 'static](
        handle: HANDLE,
        context: *mut c_void,
        instance: *const NPI_REGISTRATION_INSTANCE,
        client_context: *mut c_void,
        client_dispatch: *const c_void,
        provider_context: *mut *mut c_void,
        provider_dispatch: *mut *const c_void,
    ) -> NTSTATUS {
        // SAFETY: the context that `register` gave.
        let module = unsafe { &*context.cast::<Module<H>>() };
        module.offered.fetch_add(1, Ordering::Relaxed);
        (module.on_asked)(&Asked {
            module,
            handle,
            instance,
            client_context,
            client_dispatch,
            context: provider_context,
            dispatch: provider_dispatch,
        })
    }
}

nmr_fn! {
    unsafe fn detach[H: Host + 'static](context: *mut c_void) -> NTSTATUS {
        // SAFETY: the context that the attach gave.
        let peer = unsafe { &*context.cast::<Peer<H>>() };
        peer.detached.fetch_add(1, Ordering::Relaxed);
        (peer.module().on_detach)(peer)
    }
}

nmr_fn! {
    unsafe fn cleanup[H: Host + 'static](context: *mut c_void) {
        // SAFETY: the context that the attach gave.
        let peer = unsafe { &*context.cast::<Peer<H>>() };
        peer.cleaned.fetch_add(1, Ordering::Relaxed);
        (peer.module().on_cleanup)(peer);
    }
}

/// A registrar of its own, whose open questions are all answered with 0.
pub(crate) fn nmr() -> Arc<Registrar<Process>> {
    let process = Process::new(0);
    process.set_knobs(Knobs::FIRST);
    Arc::new(Registrar::new(process))
}

/// A registrar of its own, drawing from `seed`.
pub(crate) fn seeded(seed: u64) -> Arc<Registrar<Process>> {
    let process = Process::new(seed);
    process.fix(Knob::DeregisterWhenIdle, Some(0));
    Arc::new(Registrar::new(process))
}

/// The rules that were broken since the last call.
pub(crate) fn rules(nmr: &Registrar<Process>) -> Vec<u8> {
    let findings = nmr.host().take_findings();
    findings.iter().map(|Finding { rule, .. }| *rule).collect()
}

/// What was only noted since the last call.
pub(crate) fn notes(nmr: &Registrar<Process>) -> Vec<u8> {
    let notes = nmr.host().take_notes();
    notes.iter().map(|Finding { rule, .. }| *rule).collect()
}

/// A provider and a client of [`NPI`], not registered.
pub(crate) fn pair(nmr: &Arc<Registrar<Process>>) -> (Module<Process>, Module<Process>) {
    (
        Module::new(nmr, Side::Provider, &NPI),
        Module::new(nmr, Side::Client, &NPI),
    )
}

/// Registers them all, each with success.
pub(crate) fn up<const N: usize>(modules: [&Module<Process>; N]) {
    for module in modules {
        assert_eq!(module.register(), STATUS_SUCCESS);
    }
}

/// Deregisters them all and waits for each.
pub(crate) fn down<const N: usize>(modules: [&Module<Process>; N]) {
    for module in modules {
        assert_eq!(module.deregister(), STATUS_PENDING);
        assert_eq!(module.wait(), STATUS_SUCCESS);
    }
}

/// Nothing was found since the last call.
pub(crate) fn clean(nmr: &Registrar<Process>) {
    assert_eq!(nmr.host().take_findings(), []);
}

/// The calls begun in `events`, in order.
pub(crate) fn begun(events: &[Event]) -> Vec<(Side, Call)> {
    events
        .iter()
        .filter(|event| event.phase == Phase::Enter)
        .map(|event| (event.side, event.call))
        .collect()
}
