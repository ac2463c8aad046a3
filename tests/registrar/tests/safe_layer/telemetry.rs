// SPDX-License-Identifier: MIT OR Apache-2.0

//! Modules of the second NPI, in lists, switches and sets.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use nmr::abi::NPI_MODULEID;
use nmr::irql::PassiveLevel;
use nmr::versions::Versions;
use nmr::{
    Bindings, Client, Deregistrations, InFlight, Kept, Module, PeerModule, Provider, Registration,
    Set, Switch,
};
use nmr::{NtStatus, Result};
use registrar::host::{Call, Phase};
use registrar::process;
use shared_npi::telemetry::monitor::{self, TelemetryMonitor};
use shared_npi::telemetry::source::{self, TelemetrySource};
use shared_npi::telemetry::{
    Characteristics, ClientDispatch, ProviderDispatch, Sample, TELEMETRY_MONITOR_MODULE_ID,
    TELEMETRY_SOURCE_MODULE_ID, Telemetry, VERSION,
};

use crate::Nmr;
use crate::modules::{TestProvider, passive};

#[derive(Default)]
struct Source {
    subscribers: Bindings<Source>,
}

impl Module for Source {
    type Role = Provider;
    type Npi = Telemetry;
    type Binding = ();
    const MODULE_ID: NPI_MODULEID = TELEMETRY_SOURCE_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics =
        &Characteristics::new(Versions::new(VERSION, VERSION));
    const DISPATCH: &'static ProviderDispatch = &source::dispatch::<Self>();

    fn attach(&self, monitor: &PeerModule<'_, Telemetry>, _: &PassiveLevel<'_>) -> Result {
        let theirs = monitor.characteristics()?;
        Self::CHARACTERISTICS
            .versions
            .common(theirs.versions)
            .map(drop)
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
        Sample {
            echoed: 7,
            ..Sample::new()
        }
    }
}

fn publish(source: &Source) {
    source::publish(&source.subscribers, &Sample::new());
}

/// What a monitor has seen, and a door that keeps it in its function.
#[derive(Default)]
struct Seen {
    attached: AtomicUsize,
    published: AtomicUsize,
    door: Mutex<()>,
}

struct Monitor {
    seen: Arc<Seen>,
    sources: Bindings<Monitor>,
}

impl Monitor {
    fn new(seen: &Arc<Seen>) -> Self {
        Self {
            seen: Arc::clone(seen),
            sources: Bindings::new(),
        }
    }
}

impl Module for Monitor {
    type Role = Client;
    type Npi = Telemetry;
    type Binding = ();
    const MODULE_ID: NPI_MODULEID = TELEMETRY_MONITOR_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics =
        &Characteristics::new(Versions::new(VERSION, VERSION));
    const DISPATCH: &'static ClientDispatch = &monitor::dispatch::<Self>();

    fn attach(&self, source: &PeerModule<'_, Telemetry>, _: &PassiveLevel<'_>) -> Result {
        let theirs = source.characteristics()?;
        Self::CHARACTERISTICS
            .versions
            .common(theirs.versions)
            .map(drop)
    }

    fn usable((): &(), table: &ProviderDispatch) -> bool {
        monitor::usable(table)
    }

    fn attached(&self, source: InFlight<Self>) {
        assert_eq!(
            source.binding().peer_id(),
            TELEMETRY_SOURCE_MODULE_ID.guid()
        );
        assert_eq!(monitor::subscribe(&source), Ok(()));
        source.list();
        source.list();
        self.seen.attached.fetch_add(1, Ordering::Relaxed);
    }

    fn bindings(&self) -> Option<&Bindings<Self>> {
        Some(&self.sources)
    }
}

impl TelemetryMonitor for Monitor {
    fn published(&self, _sample: &Sample) {
        self.seen.published.fetch_add(1, Ordering::SeqCst);
        drop(self.seen.door.lock());
    }
}

fn register<M: Module>(module: M) -> Registration<M> {
    Registration::register(module, &passive()).expect("NMR has memory")
}

#[test]
fn every_subscriber_is_told_and_every_source_asked_once() {
    let nmr = Nmr::alone(1);
    let seen = Arc::new(Seen::default());
    let sources = [register(Source::default()), register(Source::default())];
    let monitors = [(); 3].map(|()| register(Monitor::new(&seen)));
    assert_eq!(seen.attached.load(Ordering::Relaxed), 6);

    sources.iter().map(Registration::module).for_each(publish);
    assert_eq!(seen.published.load(Ordering::Relaxed), 6);
    let mut echoed = 0;
    monitors[0].module().sources.for_each(|source| {
        echoed += monitor::sample(source)
            .expect("the source is attached")
            .echoed;
    });
    assert_eq!(echoed, 14);

    // The one in the middle of the list goes.
    let [first, second, third] = monitors;
    drop(second);
    sources.iter().map(Registration::module).for_each(publish);
    assert_eq!(seen.published.load(Ordering::Relaxed), 10);
    drop((first, third));
    sources.iter().map(Registration::module).for_each(publish);
    assert_eq!(seen.published.load(Ordering::Relaxed), 10);
    drop(sources);
    nmr.finish();
}

#[test]
fn subscribers_come_and_go_while_they_are_told() {
    let nmr = Nmr::alone(2);
    let seen = Arc::new(Seen::default());
    let source = register(Source::default());
    std::thread::scope(|scope| {
        let comers = [(); 2]
            .map(|()| scope.spawn(|| (0..100).for_each(|_| drop(register(Monitor::new(&seen))))));
        while comers.iter().any(|thread| !thread.is_finished()) {
            publish(source.module());
        }
    });
    assert_eq!(seen.attached.load(Ordering::Relaxed), 200);
    let before = seen.published.load(Ordering::Relaxed);
    publish(source.module());
    assert_eq!(seen.published.load(Ordering::Relaxed), before);
    drop(source);
    nmr.finish();
}

#[test]
fn a_set_deregisters_all_before_it_waits_for_any() {
    let nmr = Nmr::alone(3);
    let set = (
        TestProvider::register(),
        Kept("beside them"),
        (register(Source::default()), register(Source::default())),
    );
    process::registrar().host().take_events();
    let ended = set.deregister().wait(&passive());
    let (provider, kept, sources) = ended.expect("NMR lets them go");
    assert_eq!(kept, "beside them");
    drop((provider, sources));
    let calls: Vec<_> = process::registrar()
        .host()
        .take_events()
        .iter()
        .filter(|event| event.phase == Phase::Enter)
        .map(|event| event.call)
        .filter(|call| matches!(call, Call::Deregister | Call::Wait))
        .collect();
    let first = calls.iter().position(|call| *call == Call::Wait);
    assert_eq!(first, Some(3), "{calls:?}");
    nmr.finish();
}

#[test]
fn a_switch_is_changed_by_one_at_a_time_and_closes() {
    static SWITCH: Switch<Monitor> = Switch::new();
    let nmr = Nmr::alone(4);
    let seen = Arc::new(Seen::default());
    let source = register(Source::default());
    let on = || SWITCH.on(|| Ok(Monitor::new(&seen)), &passive());
    assert_eq!(SWITCH.off(&passive()), Ok(false));
    assert_eq!(on(), Ok(true));
    assert_eq!(on(), Ok(false));
    assert!(SWITCH.is_on());

    // A call in flight keeps it from going off; who comes meanwhile is refused.
    let door = seen.door.lock().expect("no panic");
    let module = source.module();
    std::thread::scope(|scope| {
        let told = scope.spawn(|| publish(module));
        while seen.published.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        let off = scope.spawn(|| SWITCH.off(&passive()));
        while on() != Err(NtStatus::DEVICE_BUSY) {
            std::thread::yield_now();
        }
        assert_eq!(SWITCH.off(&passive()), Err(NtStatus::DEVICE_BUSY));
        assert!(!SWITCH.is_on());
        drop(door);
        told.join().expect("no panic");
        assert_eq!(off.join().expect("no panic"), Ok(true));
    });

    // A module that cannot be made leaves the switch as it was.
    let fails = SWITCH.on(|| Err(NtStatus::INSUFFICIENT_RESOURCES), &passive());
    assert_eq!(fails, Err(NtStatus::INSUFFICIENT_RESOURCES));
    assert_eq!(on(), Ok(true));
    let set = (register(Source::default()), &SWITCH);
    let ended = set.deregister().wait(&passive());
    assert!(ended.is_ok_and(|(_, monitor)| monitor.module().is_some()));
    assert_eq!(on(), Err(NtStatus::DELETE_PENDING));
    assert_eq!(SWITCH.off(&passive()), Err(NtStatus::DELETE_PENDING));
    drop(source);
    nmr.finish();
}

#[test]
fn a_switch_that_is_closed_while_it_changes_stays_off() {
    static SWITCH: Switch<Monitor> = Switch::new();
    let nmr = Nmr::alone(5);
    let seen = Arc::new(Seen::default());
    let mut closed = None;
    let on = SWITCH.on(
        || {
            closed = Some((&SWITCH).deregister().wait(&passive()).map(drop));
            Ok(Monitor::new(&seen))
        },
        &passive(),
    );
    // Whoever unloads is told that it has come too early.
    let failed = closed.expect("it was made").expect_err("it was changing");
    assert_eq!(failed.status(), NtStatus::DEVICE_BUSY);
    assert_eq!(on, Err(NtStatus::DELETE_PENDING));
    assert!(!SWITCH.is_on());
    nmr.finish();
}
