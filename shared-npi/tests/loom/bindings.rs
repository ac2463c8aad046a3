// SPDX-License-Identifier: MIT OR Apache-2.0

//! The list of bindings: a walk, against the detach and the cleanup of what is
//! listed.

use core::ffi::c_void;
use core::ptr;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use nmr::Result;
use nmr::abi::*;
use nmr::header::Header;
use nmr::irql::PassiveLevel;
use nmr::versions::Versions;
use nmr::{Bindings, Module, PeerModule, Provider, Registration};
use shared_npi::telemetry::source::{self, TelemetrySource};
use shared_npi::telemetry::{
    Characteristics, ClientDispatch, ProviderDispatch, Sample, TELEMETRY_MONITOR_MODULE_ID,
    TELEMETRY_SOURCE_MODULE_ID, Telemetry,
};

use crate::fake_nmr::{self, Side};

struct Source {
    subscribers: Arc<Bindings<Source>>,
}

impl Module for Source {
    type Role = Provider;
    type Npi = Telemetry;
    type Binding = ();
    const MODULE_ID: NPI_MODULEID = TELEMETRY_SOURCE_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics = &Characteristics::new(Versions::new(1, 1));
    const DISPATCH: &'static ProviderDispatch = &source::dispatch::<Self>();

    fn attach(&self, _: &PeerModule<'_, Self>, _: &PassiveLevel<'_>) -> Result {
        Ok(())
    }

    fn usable((): &(), table: &ClientDispatch) -> bool {
        source::usable(table)
    }

    fn bindings(&self) -> Option<&Bindings<Self>> {
        Some(&self.subscribers)
    }
}

impl TelemetrySource for Source {
    fn sample(&self) -> Sample {
        Sample::new()
    }
}

/// The monitor's side: how often it was told, and whether it may be.
struct Monitor {
    side: Side,
    told: AtomicUsize,
}

unsafe extern "system" fn publish(binding: *mut c_void, _sample: *const Sample) {
    // SAFETY: the context given at the attach.
    let monitor = unsafe { &*binding.cast::<Monitor>() };
    assert_eq!(monitor.side.completions(), 0, "called after the detach");
    monitor.told.fetch_add(1, Ordering::AcqRel);
}

static CLIENT_DISPATCH: ClientDispatch = ClientDispatch {
    header: Header::of::<ClientDispatch>(1),
    publish: Some(publish),
};

/// A binding, as NMR knows it.
struct Attached(*mut c_void);

// SAFETY: NMR calls from any thread; the model checks what is done with it.
unsafe impl Send for Attached {}

impl Attached {
    fn new(
        callbacks: &NPI_PROVIDER_CHARACTERISTICS,
        context: *mut c_void,
        monitor: &Monitor,
    ) -> Self {
        let instance = NPI_REGISTRATION_INSTANCE {
            Version: 0,
            Size: struct_size::<NPI_REGISTRATION_INSTANCE>(),
            NpiId: ptr::null(),
            ModuleId: &TELEMETRY_MONITOR_MODULE_ID,
            Number: 0,
            NpiSpecificCharacteristics: ptr::from_ref(Source::CHARACTERISTICS).cast(),
        };
        let mut binding = ptr::null_mut();
        let mut dispatch = ptr::null();
        // SAFETY: as NMR would call it.
        let status = unsafe {
            callbacks.ProviderAttachClient.expect("required")(
                monitor.side.handle(),
                context,
                &raw const instance,
                ptr::from_ref(monitor).cast_mut().cast(),
                ptr::from_ref(&CLIENT_DISPATCH).cast(),
                &raw mut binding,
                &raw mut dispatch,
            )
        };
        assert_eq!(status, STATUS_SUCCESS);
        // SAFETY: the table lives as long as the module's type.
        let subscribe = unsafe { (*dispatch.cast::<ProviderDispatch>()).subscribe };
        // SAFETY: the binding is attached.
        let status = unsafe { subscribe.expect("required")(binding) };
        assert_eq!(status, STATUS_SUCCESS);
        Self(binding)
    }

    /// Begins to detach; whether that is complete.
    fn detach(&self, callbacks: &NPI_PROVIDER_CHARACTERISTICS) -> bool {
        // SAFETY: as NMR would call it, once.
        let detached = unsafe { callbacks.ProviderDetachClient.expect("required")(self.0) };
        detached == STATUS_SUCCESS
    }

    fn clean_up(self, callbacks: &NPI_PROVIDER_CHARACTERISTICS) {
        // SAFETY: as NMR would call it, both sides having detached.
        unsafe { callbacks.ProviderCleanupBindingContext.expect("set")(self.0) };
    }
}

#[test]
fn a_walk_meets_no_binding_that_is_gone() {
    loom::model(|| {
        // SAFETY: there is no IRQL here.
        let passive = unsafe { PassiveLevel::assume() };
        let subscribers = Arc::new(Bindings::new());
        let module = Source {
            subscribers: Arc::clone(&subscribers),
        };
        let registration = Registration::register(module, &passive).expect("fake NMR agrees");
        let (callbacks, context) = fake_nmr::provider();
        let monitors = [(); 2].map(|()| {
            Arc::new(Monitor {
                side: Side::new(),
                told: AtomicUsize::new(0),
            })
        });
        let [first, second] = monitors
            .each_ref()
            .map(|monitor| Attached::new(callbacks, context, monitor));

        let walk = thread::spawn(move || source::publish(&subscribers, &Sample::new()));
        // One goes at once, if the walk is not just there: the walk goes on.
        let pended = if first.detach(callbacks) {
            first.clean_up(callbacks);
            None
        } else {
            Some(first)
        };
        walk.join().expect("no panic");
        assert_eq!(
            monitors[0].side.completions(),
            usize::from(pended.is_some())
        );
        assert!(monitors[0].told.load(Ordering::Acquire) <= 1);
        // The other one was there all the time.
        assert_eq!(monitors[1].told.load(Ordering::Acquire), 1);
        assert!(second.detach(callbacks));
        for attached in pended.into_iter().chain([second]) {
            attached.clean_up(callbacks);
        }
        drop(registration);
    });
}
