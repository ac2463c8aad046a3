// SPDX-License-Identifier: MIT OR Apache-2.0

//! Modules of the second NPI, in lists, switches and sets.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use nmr::irql::PassiveLevel;
use nmr::versions::Versions;
use nmr::{
    Bindings, Call, Client, Deregistration, Module, ModuleId, NtStatus, PeerModule, Provider,
    Registration, Result, Switch, Switched, Table,
};
use registrar::host::{self, Phase};
use registrar::process;
use shared_npi::telemetry::monitor::{self, TelemetryMonitor};
use shared_npi::telemetry::source::{self, TelemetrySource};
use shared_npi::telemetry::{
    Characteristics, ClientDispatch, ProviderDispatch, Sample, TELEMETRY_MONITOR_MODULE_ID,
    TELEMETRY_SOURCE_MODULE_ID, Telemetry, VERSION,
};

use crate::Nmr;
use crate::modules::TestProvider;
use crate::registering::{begin, end, finish, finish_dropped, loading, register, wait_allowed};

#[derive(Default)]
struct Source {
    subscribers: Bindings<Source>,
}

impl Module for Source {
    type Role = Provider;
    type Npi = Telemetry;
    type Binding = ();
    const MODULE_ID: ModuleId = TELEMETRY_SOURCE_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics =
        &Characteristics::new(Versions::new(VERSION, VERSION));
    const TABLE: Table<Self> = source::dispatch();

    fn attach(&self, monitor: &PeerModule<'_, Self>, _: &PassiveLevel<'_>) -> Result {
        let theirs = monitor.characteristics()?;
        Self::CHARACTERISTICS
            .versions
            .common(theirs.versions)
            .map(drop)
    }

    fn accepts_dispatch((): &(), table: &ClientDispatch) -> bool {
        source::accepts(table)
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
    const MODULE_ID: ModuleId = TELEMETRY_MONITOR_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics =
        &Characteristics::new(Versions::new(VERSION, VERSION));
    const TABLE: Table<Self> = monitor::dispatch();

    fn attach(&self, source: &PeerModule<'_, Self>, _: &PassiveLevel<'_>) -> Result {
        let theirs = source.characteristics()?;
        Self::CHARACTERISTICS
            .versions
            .common(theirs.versions)
            .map(drop)
    }

    fn accepts_dispatch((): &(), table: &ProviderDispatch) -> bool {
        monitor::accepts(table)
    }

    fn attached(&self, call: Call<'_, Self>) {
        let source = call.binding();
        assert_eq!(source.peer_id(), Some(TELEMETRY_SOURCE_MODULE_ID));
        call.add_to_list();
        call.add_to_list();
        assert_eq!(monitor::subscribe(call), Ok(()));
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
    drop(end(second));
    sources.iter().map(Registration::module).for_each(publish);
    assert_eq!(seen.published.load(Ordering::Relaxed), 10);
    drop((end(first), end(third)));
    sources.iter().map(Registration::module).for_each(publish);
    assert_eq!(seen.published.load(Ordering::Relaxed), 10);
    drop(sources.map(end));
    nmr.finish();
}

#[test]
fn subscribers_come_and_go_while_they_are_told() {
    let nmr = Nmr::alone(2);
    let seen = Arc::new(Seen::default());
    let source = register(Source::default());
    std::thread::scope(|scope| {
        let comers = [(); 2].map(|()| {
            scope.spawn(|| (0..100).for_each(|_| drop(end(register(Monitor::new(&seen))))))
        });
        while comers.iter().any(|thread| !thread.is_finished()) {
            publish(source.module());
        }
    });
    assert_eq!(seen.attached.load(Ordering::Relaxed), 200);
    let before = seen.published.load(Ordering::Relaxed);
    publish(source.module());
    assert_eq!(seen.published.load(Ordering::Relaxed), before);
    drop(end(source));
    nmr.finish();
}

#[test]
fn all_modules_are_deregistered_before_one_is_waited_for() {
    let nmr = Nmr::alone(3);
    let modules = (
        TestProvider::register(),
        (register(Source::default()), register(Source::default())),
    );
    process::registrar().take_events();
    let ((provider, (first, second)), wait) = begin(modules);
    drop(finish(provider, &wait));
    drop((finish(first, &wait), finish(second, &wait)));
    let calls: Vec<_> = process::registrar()
        .take_events()
        .iter()
        .filter(|event| event.phase == Phase::Enter)
        .map(|event| event.call)
        .filter(|call| matches!(call, host::Call::Deregister | host::Call::Wait))
        .collect();
    let first = calls.iter().position(|call| *call == host::Call::Wait);
    assert_eq!(first, Some(3), "{calls:?}");
    nmr.finish();
}

#[test]
fn a_switch_is_changed_by_one_at_a_time_and_closes() {
    static SWITCH: Switch<Monitor> = Switch::new();
    let nmr = Nmr::alone(4);
    let seen = Arc::new(Seen::default());
    let source = register(Source::default());
    let on = || SWITCH.on(|| Ok(Monitor::new(&seen)), &wait_allowed());
    let off = || SWITCH.off(&wait_allowed());
    assert_eq!(on(), Err(NtStatus::DELETE_PENDING));
    let switched = loading().open(&SWITCH).expect("it is closed");
    assert_eq!(
        loading().open(&SWITCH).map(drop),
        Err(NtStatus::DEVICE_BUSY)
    );
    assert_eq!(off(), Ok(false));
    assert_eq!(on(), Ok(true));
    assert_eq!(on(), Ok(false));
    assert!(SWITCH.is_on());

    // A call in flight keeps it from going off; a change meanwhile is refused.
    let door = seen.door.lock().expect("no panic");
    let module = source.module();
    std::thread::scope(|scope| {
        let told = scope.spawn(|| publish(module));
        while seen.published.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        let switched_off = scope.spawn(off);
        while on() != Err(NtStatus::DEVICE_BUSY) {
            std::thread::yield_now();
        }
        assert_eq!(off(), Err(NtStatus::DEVICE_BUSY));
        assert!(!SWITCH.is_on());
        drop(door);
        told.join().expect("no panic");
        assert_eq!(switched_off.join().expect("no panic"), Ok(true));
    });

    // A module that cannot be made leaves the switch as it was.
    let fails = SWITCH.on(|| Err(NtStatus::INSUFFICIENT_RESOURCES), &wait_allowed());
    assert_eq!(fails, Err(NtStatus::INSUFFICIENT_RESOURCES));
    assert_eq!(on(), Ok(true));
    let ((other, monitor), wait) = begin((register(Source::default()), switched));
    drop(finish(other, &wait));
    assert!(finish(monitor, &wait).module().is_some());
    assert_eq!(on(), Err(NtStatus::DELETE_PENDING));
    assert_eq!(off(), Err(NtStatus::DELETE_PENDING));

    // The driver is loaded once more.
    let switched = loading()
        .register_switched(&SWITCH, Monitor::new(&seen))
        .expect("it is closed");
    assert!(SWITCH.is_on());
    assert_eq!(off(), Ok(true));
    assert!(end(switched).module().is_none());
    drop(end(source));
    nmr.finish();
}

#[test]
fn a_switch_that_is_closed_while_it_changes_stays_off() {
    static SWITCH: Switch<Monitor> = Switch::new();
    let nmr = Nmr::alone(5);
    let seen = Arc::new(Seen::default());
    let switched = loading().open(&SWITCH).expect("it is closed");
    let mut closed = None;
    let on = SWITCH.on(
        || {
            closed = Some(begin(switched).0);
            // It is not opened again before the change has ended.
            let opened = loading().open(&SWITCH).map(drop);
            assert_eq!(opened, Err(NtStatus::DEVICE_BUSY));
            Ok(Monitor::new(&seen))
        },
        &wait_allowed(),
    );
    // The unload has come too early, and is told so.
    let Some(Deregistration::Failed(failed)) = closed else {
        panic!("it was changing");
    };
    assert_eq!(failed.status(), NtStatus::DEVICE_BUSY);
    assert_eq!(on, Err(NtStatus::DELETE_PENDING));
    assert!(!SWITCH.is_on());

    // What the change had registered is left to the library.
    finish_dropped();
    let switched: Switched<Monitor> = loading().open(&SWITCH).expect("it is closed");
    assert!(end(switched).module().is_none());
    nmr.finish();
}
