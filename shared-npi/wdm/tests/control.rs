// SPDX-License-Identifier: MIT OR Apache-2.0

//! The control interface, as its contract states it, and against malformed
//! requests.

use std::cell::Cell;
use std::mem::MaybeUninit;

use nmr::abi::GUID;
use nmr::header::{Header, Plain};
use nmr::irql::WaitAllowed;
use nmr::layout::Check;
use nmr::{NtStatus, Result};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};
use wdm::control::{
    self, BindingEntry, BindingList, Buffer, Controlled, HOLD_UNLOAD, LIST_BINDINGS, ListedAs,
    QUERY_STATUS, RELEASE_UNLOAD, SWITCH_SUBCOMPONENT, Session, SwitchRequest, VERSION,
};
use wdm::unload_gate::{UnloadGate, UnloadRoutine};

const HEADER: Header = Header {
    size: 8,
    version: VERSION,
    flags: 0,
};

/// The subcomponent that the sample driver has.
const SUBCOMPONENT: u32 = 1;

thread_local! {
    /// The number of bindings of the driver of the test that runs on this thread.
    static BINDINGS: Cell<u32> = const { Cell::new(0) };
    /// The state of its subcomponent.
    static ON: Cell<bool> = const { Cell::new(true) };
}

/// A driver with some bindings and one subcomponent.
struct Sample;

nmr::c_struct! {
    #[derive(Clone, Copy)]
    struct Status: Check::SIZE_FIRST {
        header: Header,
        subcomponent: u32,
        holds: u32,
        requests: u64,
    }
}

// SAFETY: `repr(C)`; 8 + 2 * 4 + 8 bytes, each field at a multiple of its size.
unsafe impl Plain for Status {}

const STATUS: usize = size_of::<Status>();

impl Controlled for Sample {
    type Status = Status;

    fn status(holds: u32) -> Status {
        Status {
            header: Header::of::<Status>(VERSION),
            subcomponent: ON.get().into(),
            holds,
            requests: 3,
        }
    }

    fn bindings(report: &mut dyn FnMut(BindingEntry)) {
        for number in 0..BINDINGS.get() {
            report(BindingEntry {
                npi: GUID::from_u128(1),
                peer: GUID::from_u128(number.into()),
                role: ListedAs::CLIENT,
            });
        }
    }

    fn switch(subcomponent: u32, on: bool, _wait: &WaitAllowed<'_>) -> Result {
        if subcomponent != SUBCOMPONENT {
            return Err(NtStatus::INVALID_PARAMETER);
        }
        ON.set(on);
        Ok(())
    }
}

unsafe extern "C" fn unload(_object: *mut ()) {}

type Gate = UnloadGate<()>;

/// A gate that guards a driver, and stays as long as the test program, as in an
/// image; and the field that it guards.
fn gate() -> (&'static Gate, &'static Cell<Option<UnloadRoutine<()>>>) {
    let gate = Box::leak(Box::new(UnloadGate::new()));
    let field = &*Box::leak(Box::new(Cell::new(Some(unload as UnloadRoutine<()>))));
    // SAFETY: the field stays at its address, and only the gate writes to it.
    unsafe { gate.guard(field.as_ptr()) };
    (gate, field)
}

/// A driver that is loaded, and one open handle.
struct Loaded {
    gate: &'static Gate,
    field: &'static Cell<Option<UnloadRoutine<()>>>,
    session: Session<'static, ()>,
}

impl Loaded {
    fn new(bindings: u32) -> Self {
        BINDINGS.set(bindings);
        ON.set(true);
        let (gate, field) = gate();
        let session = Session::new(gate);
        Self {
            gate,
            field,
            session,
        }
    }

    fn ask(&self, code: u32, bytes: &mut [u8], input: usize, output: usize) -> (NtStatus, usize) {
        // SAFETY: the thread of a test is in no callback, and has IRQL 0.
        let wait = unsafe { WaitAllowed::assume() };
        let bytes: *mut [u8] = bytes;
        // SAFETY: all the bytes are initialized, and only initialized ones are
        // written to them.
        let bytes = unsafe { &mut *(bytes as *mut [MaybeUninit<u8>]) };
        // SAFETY: the bytes come from a slice of `u8`.
        let buffer = unsafe { Buffer::new(bytes, input, output) };
        // SAFETY: no I/O manager calls the unload routine of a test.
        unsafe { control::handle::<Sample, _>(code, buffer, &self.session, &wait) }
    }

    /// Sends `input`, and expects no output.
    fn send<T: Copy>(&self, code: u32, input: T) -> NtStatus {
        let mut bytes = [0; 64];
        // SAFETY: the array is larger than the input, and needs no alignment.
        unsafe { bytes.as_mut_ptr().cast::<T>().write_unaligned(input) };
        let (status, length) = self.ask(code, &mut bytes, size_of::<T>(), 0);
        assert_eq!(length, 0);
        status
    }
}

fn word(bytes: &[u8], offset: usize) -> u32 {
    u32::from_ne_bytes(bytes[offset..offset + 4].try_into().expect("four bytes"))
}

#[test]
fn the_status_is_returned_whole_or_not_at_all() {
    let loaded = Loaded::new(0);
    let mut bytes = [0; 64];
    assert_eq!(
        loaded.ask(QUERY_STATUS, &mut bytes, 0, STATUS - 1),
        (NtStatus::BUFFER_TOO_SMALL, 0)
    );
    assert_eq!(bytes, [0; 64]);
    assert_eq!(loaded.send(HOLD_UNLOAD, HEADER), NtStatus::SUCCESS);
    assert_eq!(
        loaded.ask(QUERY_STATUS, &mut bytes, 0, 64),
        (NtStatus::SUCCESS, STATUS)
    );
    assert_eq!(word(&bytes, 8), 1, "the subcomponent is on");
    assert_eq!(word(&bytes, 12), 1, "there is a hold");
    assert_eq!(word(&bytes, 16), 3, "requests");
}

#[test]
fn as_many_bindings_are_listed_as_there_is_room_for() {
    const HEAD: usize = size_of::<BindingList>();
    const ENTRY: usize = size_of::<BindingEntry>();
    let loaded = Loaded::new(3);
    for (output, status, returned) in [
        (HEAD - 1, NtStatus::BUFFER_TOO_SMALL, None),
        (HEAD, NtStatus::BUFFER_OVERFLOW, Some(0)),
        (HEAD + 2 * ENTRY + 1, NtStatus::BUFFER_OVERFLOW, Some(2)),
        (HEAD + 3 * ENTRY, NtStatus::SUCCESS, Some(3)),
        (512, NtStatus::SUCCESS, Some(3)),
    ] {
        let mut bytes = [0; 512];
        let (answer, length) = loaded.ask(LIST_BINDINGS, &mut bytes, 0, output);
        assert_eq!(answer, status);
        let Some(returned) = returned else { continue };
        assert_eq!(length, HEAD + returned * ENTRY);
        assert_eq!(word(&bytes, 8), 3);
        assert_eq!(word(&bytes, 12) as usize, returned);
    }
}

#[test]
fn what_is_sent_is_checked() {
    let loaded = Loaded::new(0);
    let switch = |request| loaded.send(SWITCH_SUBCOMPONENT, request);
    assert_eq!(
        switch(SwitchRequest::new(SUBCOMPONENT, false)),
        NtStatus::SUCCESS
    );
    assert!(!ON.get());
    assert_eq!(
        switch(SwitchRequest::new(SUBCOMPONENT, true)),
        NtStatus::SUCCESS
    );
    assert!(ON.get());
    let wrong = |change: fn(&mut SwitchRequest)| {
        let mut request = SwitchRequest::new(SUBCOMPONENT, false);
        change(&mut request);
        switch(request)
    };
    assert_eq!(wrong(|it| it.on = 2), NtStatus::INVALID_PARAMETER);
    assert_eq!(wrong(|it| it.subcomponent = 0), NtStatus::INVALID_PARAMETER);
    assert_eq!(
        wrong(|it| it.header.size = 15),
        NtStatus::INFO_LENGTH_MISMATCH
    );
    assert_eq!(
        wrong(|it| it.header.size = 17),
        NtStatus::INFO_LENGTH_MISMATCH
    );
    assert_eq!(
        wrong(|it| it.header.version = 0),
        NtStatus::REVISION_MISMATCH
    );
    assert_eq!(
        loaded.send(SWITCH_SUBCOMPONENT, HEADER),
        NtStatus::INFO_LENGTH_MISMATCH
    );
    assert!(ON.get());
    assert_eq!(
        loaded.send(QUERY_STATUS ^ 3, HEADER),
        NtStatus::INVALID_DEVICE_REQUEST
    );
}

#[test]
fn holds_belong_to_their_session_and_end_with_it() {
    let loaded = Loaded::new(0);
    let other = Session::new(loaded.gate);
    assert_eq!(loaded.send(HOLD_UNLOAD, HEADER), NtStatus::SUCCESS);
    assert_eq!(loaded.send(HOLD_UNLOAD, HEADER), NtStatus::SUCCESS);
    assert_eq!(loaded.gate.holds(), 2);
    assert!(loaded.field.get().is_none());
    drop(other);
    assert_eq!(loaded.gate.holds(), 2);
    assert_eq!(loaded.send(RELEASE_UNLOAD, HEADER), NtStatus::SUCCESS);
    let Loaded {
        gate,
        field,
        session,
    } = loaded;
    drop(session);
    assert_eq!(gate.holds(), 0);
    assert!(field.get().is_some());
}

#[test]
fn a_session_without_holds_gives_back_none_of_another() {
    let holder = Loaded::new(0);
    let other = Loaded {
        gate: holder.gate,
        field: holder.field,
        session: Session::new(holder.gate),
    };
    assert_eq!(holder.send(HOLD_UNLOAD, HEADER), NtStatus::SUCCESS);
    assert_eq!(
        other.send(RELEASE_UNLOAD, HEADER),
        NtStatus::INVALID_DEVICE_REQUEST
    );
    assert_eq!(holder.gate.holds(), 1);
}

#[test]
fn a_gate_without_a_driver_refuses_holds() {
    let gate = UnloadGate::<()>::new();
    let gate = &*Box::leak(Box::new(gate));
    let loaded = Loaded {
        gate,
        session: Session::new(gate),
        ..Loaded::new(0)
    };
    assert_eq!(loaded.send(HOLD_UNLOAD, HEADER), NtStatus::DEVICE_NOT_READY);
}

#[test]
fn a_million_malformed_requests_do_nothing_they_must_not() {
    const KNOWN: [u32; 5] = [
        QUERY_STATUS,
        LIST_BINDINGS,
        SWITCH_SUBCOMPONENT,
        HOLD_UNLOAD,
        RELEASE_UNLOAD,
    ];
    /// What lies behind the room for the answer.
    const FENCE: u8 = 0xA5;

    let mut random = ChaCha8Rng::seed_from_u64(1);
    let loaded = Loaded::new(3);
    let mut answered = 0;
    for _ in 0..1_000_000 {
        let code = if random.random_ratio(1, 8) {
            random.random()
        } else {
            KNOWN[random.random_range(0..KNOWN.len())]
        };
        let mut bytes = [FENCE; 160];
        let input = random.random_range(0..=32);
        let output = random.random_range(0..=128);
        random.fill_bytes(&mut bytes[..input]);
        if random.random() {
            // Often a header that fits, so that more than the header is looked at.
            let size = u16::try_from(input).expect("it is small");
            bytes[..2].copy_from_slice(&size.to_ne_bytes());
            bytes[2..4].copy_from_slice(&VERSION.to_ne_bytes());
        }
        let sent = bytes;
        let (status, length) = loaded.ask(code, &mut bytes, input, output);
        assert!(length <= output);
        assert_eq!(bytes[output..], sent[output..]);
        assert!(KNOWN.contains(&code) || status == NtStatus::INVALID_DEVICE_REQUEST);
        let filled = status.is_success() || status == NtStatus::BUFFER_OVERFLOW;
        assert!(filled || length == 0, "{status}");
        answered += u32::from(length > 0);
    }
    assert!(answered > 1000, "{answered}");
    drop(loaded.session);
    assert_eq!(loaded.gate.holds(), 0);
}
