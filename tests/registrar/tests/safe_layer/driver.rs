// SPDX-License-Identifier: MIT OR Apache-2.0

//! The library around a driver's entry and unload: what it waits for, and what it
//! bug-checks at.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nmr::{
    Deregistered, Driver, Loading, Modules, NtStatus, Registered, Registration, Result, Switch,
    Switched, driver,
};
use registrar::host::{Call, Event, Phase};
use registrar::process;

use crate::Nmr;
use crate::registering::{end, finish, finish_dropped, loading, register, wait_allowed};
use crate::small::{RawClient, RawProvider, SmallClient, SmallProvider, counting};

type Module = SmallProvider;
type All = (Registration<Module>, Switched<SmallClient>);

static SWITCH: Switch<SmallClient> = Switch::new();

thread_local! {
    /// A registration that is hidden from the library. What a driver could do with
    /// `mem::forget` a test does so that it can be ended all the same.
    static HIDDEN: RefCell<Option<Registration<Module>>> = const { RefCell::new(None) };
}

/// Ends the hidden registration.
fn end_hidden() {
    let hidden = HIDDEN.take().expect("one is hidden");
    drop(end(hidden));
}

/// A driver with an entry that a test gives.
struct Scripted<U>(PhantomData<U>);

/// The unload of a driver.
trait Unload: 'static {
    fn before() {}
    fn after() {}
}

impl<U: Unload> Driver for Scripted<U> {
    type Entry<'entry> = Box<dyn FnOnce() -> Result<All> + 'entry>;
    type Modules = All;

    fn load(entry: Self::Entry<'_>) -> Result<All> {
        entry()
    }

    fn unload(modules: Registered<'_, All>) -> <All as Modules>::Deregistered {
        U::before();
        let ((provider, client), wait) = modules.deregister();
        let deregistered: (Deregistered<Module>, Deregistered<SmallClient>) =
            (finish(provider, &wait), finish(client, &wait));
        U::after();
        deregistered
    }
}

/// An unload that does what it should.
struct Right;
impl Unload for Right {}

fn load<U: Unload>(script: impl FnOnce(Loading<'_>) -> Result<All> + 'static) -> Result {
    // SAFETY: a test's thread is at `PASSIVE_LEVEL`, and each test that loads a driver
    // unloads it.
    unsafe { driver::load::<Scripted<U>>(|loading| Box::new(move || script(loading))) }
}

fn unload<U: Unload>() {
    // SAFETY: a test's thread is at `PASSIVE_LEVEL`, and the driver is loaded.
    unsafe { driver::unload::<Scripted<U>>() };
}

/// Runs `body`, which must bug-check. Returns the parameters.
fn bug_check(body: impl FnOnce()) -> String {
    let reason = catch_unwind(AssertUnwindSafe(body)).expect_err("it bug-checks");
    let text = reason.downcast_ref::<String>().expect("a text");
    let parameters = text.strip_prefix("bug check 0x125 NMR_INVALID_STATE ");
    parameters.expect("NMR_INVALID_STATE").to_owned()
}

/// The calls of NMR's functions since the events were taken last.
fn calls() -> Vec<Call> {
    let entered = |event: &Event| event.phase == Phase::Enter && !event.call.is_callback();
    let events = process::registrar().take_events();
    events
        .iter()
        .filter(|event| entered(event))
        .map(|event| event.call)
        .filter(|call| matches!(call, Call::Register | Call::Deregister | Call::Wait))
        .collect()
}

/// A module that counts its end.
fn counted(dropped: &Arc<AtomicUsize>) -> Module {
    let mut module = Module::new();
    module.dropped = Box::new(counting(dropped));
    module
}

#[test]
fn a_driver_is_loaded_and_unloaded_more_than_once() {
    let nmr = Nmr::alone(0);
    let dropped = Arc::new(AtomicUsize::new(0));
    for loads in 1..=3 {
        let provider = counted(&dropped);
        let loaded = load::<Right>(|loading| {
            Ok((
                loading.register(provider)?,
                loading.register_switched(&SWITCH, SmallClient::new())?,
            ))
        });
        assert_eq!(loaded, Ok(()));
        assert!(SWITCH.is_on());
        unload::<Right>();
        assert!(!SWITCH.is_on());
        assert_eq!(dropped.load(Ordering::Relaxed), loads);
        assert_eq!(process::registrar().live_registrations().len(), 0);
    }
    nmr.finish();
}

#[test]
fn an_entry_that_fails_leaves_nothing_registered() {
    let nmr = Nmr::alone(1);
    let dropped = Arc::new(AtomicUsize::new(0));
    let provider = counted(&dropped);
    let count = Arc::clone(&dropped);
    calls();
    let loaded = load::<Right>(move |loading| {
        let provider = loading.register(provider)?;
        let client = RawClient::register::<false>(false);
        assert_eq!(client.attached(), NtStatus::SUCCESS);
        client.poke();
        drop(client);
        calls();
        drop(provider);
        assert_eq!(calls(), [Call::Deregister], "a drop does not wait");
        assert_eq!(count.load(Ordering::Relaxed), 0);
        Err(NtStatus::CANCELLED)
    });
    assert_eq!(loaded, Err(NtStatus::CANCELLED));
    assert_eq!(calls(), [Call::Wait]);
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    assert_eq!(process::registrar().live_registrations().len(), 0);
    nmr.finish();
}

#[test]
fn an_entry_that_fails_with_a_success_fails() {
    let nmr = Nmr::alone(1);
    for status in [NtStatus::SUCCESS, NtStatus::PENDING] {
        let loaded = load::<Right>(move |loading| {
            let _provider = loading.register(Module::new())?;
            Err(status)
        });
        assert_eq!(loaded, Err(NtStatus::UNSUCCESSFUL));
    }
    nmr.finish();
}

#[test]
fn an_entry_that_fails_after_switching_on_leaves_nothing_registered() {
    let nmr = Nmr::alone(2);
    let provider = RawProvider::register::<false>(false);
    calls();
    let loaded = load::<Right>(|loading| {
        let _first = loading.register(Module::new())?;
        let _second = loading.register_switched(&SWITCH, SmallClient::new())?;
        assert!(SWITCH.is_on());
        Err(NtStatus::CANCELLED)
    });
    assert_eq!(loaded, Err(NtStatus::CANCELLED));
    assert!(!SWITCH.is_on());
    let begun_first = [
        Call::Register,
        Call::Register,
        Call::Deregister,
        Call::Deregister,
        Call::Wait,
        Call::Wait,
    ];
    assert_eq!(calls(), begun_first);
    let off = SWITCH.off(&wait_allowed());
    assert_eq!(off, Err(NtStatus::DELETE_PENDING));
    drop(provider);
    nmr.finish();
}

#[test]
fn an_entry_may_drop_a_registration_and_succeed() {
    let nmr = Nmr::alone(3);
    let dropped = Arc::new(AtomicUsize::new(0));
    let provider = counted(&dropped);
    let loaded = load::<Right>(|loading| {
        drop(loading.register(provider)?);
        Ok((loading.register(Module::new())?, loading.open(&SWITCH)?))
    });
    assert_eq!(loaded, Ok(()));
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    assert_eq!(process::registrar().live_registrations().len(), 1);
    unload::<Right>();
    nmr.finish();
}

#[test]
fn an_entry_that_fails_and_hides_a_registration_bug_checks() {
    let nmr = Nmr::alone(4);
    let reason = bug_check(|| {
        let _ = load::<Right>(|loading| {
            HIDDEN.set(Some(loading.register(Module::new())?));
            Err(NtStatus::CANCELLED)
        });
    });
    assert_eq!(reason, "(0x4e4d5202, 0x1, 0, 0)");
    end_hidden();
    nmr.finish();
}

#[test]
fn an_unload_that_leaves_a_registration_bug_checks() {
    let nmr = Nmr::alone(5);
    let loaded = load::<Right>(|loading| {
        HIDDEN.set(Some(loading.register(Module::new())?));
        Ok((loading.register(Module::new())?, loading.open(&SWITCH)?))
    });
    assert_eq!(loaded, Ok(()));
    assert_eq!(bug_check(unload::<Right>), "(0x4e4d5202, 0x1, 0, 0)");
    end_hidden();
    nmr.finish();
}

#[test]
fn a_deregistration_that_is_dropped_in_unload_is_waited_for() {
    struct Dropping;
    impl Unload for Dropping {
        fn before() {
            drop(HIDDEN.take());
        }
    }
    let nmr = Nmr::alone(6);
    let dropped = Arc::new(AtomicUsize::new(0));
    let provider = counted(&dropped);
    let loaded = load::<Dropping>(|loading| {
        HIDDEN.set(Some(loading.register(provider)?));
        Ok((loading.register(Module::new())?, loading.open(&SWITCH)?))
    });
    assert_eq!(loaded, Ok(()));
    calls();
    unload::<Dropping>();
    let in_order = [Call::Deregister, Call::Deregister, Call::Wait, Call::Wait];
    assert_eq!(calls(), in_order);
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    nmr.finish();
}

#[test]
fn an_unload_that_switches_on_what_it_has_closed_is_refused() {
    struct Late;
    impl Unload for Late {
        fn after() {
            let on = SWITCH.on(|| Ok(SmallClient::new()), &wait_allowed());
            assert_eq!(on, Err(NtStatus::DELETE_PENDING));
        }
    }
    let nmr = Nmr::alone(7);
    let loaded =
        load::<Late>(|loading| Ok((loading.register(Module::new())?, loading.open(&SWITCH)?)));
    assert_eq!(loaded, Ok(()));
    unload::<Late>();
    nmr.finish();
}

/// A thread that serves the control device has begun to switch on when the entry fails.
#[test]
fn an_entry_that_fails_while_a_module_is_being_made_bug_checks() {
    static OTHER: Switch<SmallClient> = Switch::new();
    let nmr = Nmr::alone(8);
    let switched = loading().open(&OTHER).expect("it is closed");
    let mut reason = None;
    let on = OTHER.on(
        || {
            drop(switched);
            reason = Some(bug_check(finish_dropped));
            Ok(SmallClient::new())
        },
        &wait_allowed(),
    );
    assert_eq!(on, Err(NtStatus::DELETE_PENDING));
    assert_eq!(reason.as_deref(), Some("(0x4e4d5202, 0x1, 0, 0)"));
    finish_dropped();
    nmr.finish();
}

/// What is dropped in a callback is left to the library: nothing waits there, which
/// the registrar would report.
#[test]
fn a_registration_that_is_dropped_in_a_callback_is_not_waited_for_there() {
    type Client = SmallClient;
    let hide_and_drop: [fn(&mut Client); 4] = [
        |client| {
            client.attach = Box::new(|| {
                drop(HIDDEN.take());
                Ok(())
            });
        },
        |client| {
            client.attached = Box::new(|call| {
                drop(call);
                drop(HIDDEN.take());
            });
        },
        |client| client.detaching = Box::new(|_| drop(HIDDEN.take())),
        |client| client.cleanup = Arc::new(|| drop(HIDDEN.take())),
    ];
    for (seed, hook) in (0..).zip(hide_and_drop) {
        let nmr = Nmr::alone(seed);
        let dropped = Arc::new(AtomicUsize::new(0));
        // The hidden module is not a peer of the client: its callback, in which it is
        // dropped, is another's.
        HIDDEN.set(Some(register(counted(&dropped))));
        let provider = RawProvider::register::<false>(false);
        let mut client = Client::new();
        hook(&mut client);
        let client = register(client);
        drop(end(client));
        assert!(HIDDEN.take().is_none());
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        finish_dropped();
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
        drop(provider);
        nmr.finish();
    }
}
