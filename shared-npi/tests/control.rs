// SPDX-License-Identifier: MIT OR Apache-2.0

//! The control interface, as its contract says it, and against requests that no
//! program in its senses sends.

#![cfg(not(loom))]

use std::cell::Cell;
use std::mem::MaybeUninit;

use nmr::abi::GUID;
use nmr::header::Header;
use nmr::irql::PassiveLevel;
use nmr::{NtStatus, Result};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};
use shared_npi::control::{
    self, BindingEntry, BindingList, Buffer, Controlled, HOLD_UNLOAD, LIST_BINDINGS, ListedAs,
    QUERY_STATUS, RELEASE_UNLOAD, SWITCH_SUBCOMPONENT, Session, Status, SwitchRequest, VERSION,
};
use shared_npi::unload_gate::{UnloadGate, UnloadRoutine};

const HEADER: Header = Header {
    size: 8,
    version: VERSION,
    flags: 0,
};

/// A driver with some bindings and one switch.
struct Sample {
    bindings: u32,
    on: Cell<bool>,
}

impl Controlled for Sample {
    fn status(&self) -> Status {
        Status {
            header: Header::of::<Status>(VERSION),
            subcomponent: self.on.get().into(),
            holds: 0,
            requests: 3,
            echoed: 2,
            unanswered: 1,
            samples: 0,
        }
    }

    fn bindings(&self, tell: &mut dyn FnMut(BindingEntry)) {
        for number in 0..self.bindings {
            tell(BindingEntry {
                npi: GUID::from_u128(1),
                peer: GUID::from_u128(number.into()),
                role: ListedAs::CLIENT,
            });
        }
    }

    fn switch(&self, on: bool, _passive: &PassiveLevel<'_>) -> Result<bool> {
        Ok(self.on.replace(on) != on)
    }
}

unsafe extern "C" fn unload(_object: *mut ()) {}

/// A driver that is loaded, and one open handle.
struct Loaded {
    driver: Sample,
    gate: UnloadGate<()>,
    field: Box<Option<UnloadRoutine<()>>>,
    session: Session,
}

impl Loaded {
    fn new(bindings: u32) -> Self {
        let mut loaded = Self {
            driver: Sample {
                bindings,
                on: Cell::new(true),
            },
            gate: UnloadGate::new(),
            field: Box::new(Some(unload)),
            session: Session::new(),
        };
        // SAFETY: the field stays at its address as long as the gate is used.
        unsafe { loaded.gate.guard(&raw mut *loaded.field) };
        loaded
    }

    fn ask(&self, code: u32, bytes: &mut [u8], input: usize, output: usize) -> (NtStatus, usize) {
        // SAFETY: a test's thread has IRQL 0.
        let passive = unsafe { PassiveLevel::assume() };
        let bytes: *mut [u8] = bytes;
        // SAFETY: all the bytes are initialized, and stay so: what is written to
        // them is.
        let bytes = unsafe { &mut *(bytes as *mut [MaybeUninit<u8>]) };
        // SAFETY: as above.
        let buffer = unsafe { Buffer::new(bytes, input, output) };
        // SAFETY: nobody unloads a test.
        unsafe {
            control::handle(
                code,
                buffer,
                &self.driver,
                &self.session,
                &self.gate,
                &passive,
            )
        }
    }

    /// Sends `input`, and expects nothing back.
    fn send<T: Copy>(&self, code: u32, input: T) -> NtStatus {
        let mut bytes = [0; 64];
        // SAFETY: the place is large enough; its alignment does not matter.
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
fn the_status_is_whole_or_not_there() {
    let loaded = Loaded::new(0);
    let mut bytes = [0; 64];
    assert_eq!(
        loaded.ask(QUERY_STATUS, &mut bytes, 0, 47),
        (NtStatus::BUFFER_TOO_SMALL, 0)
    );
    assert_eq!(bytes, [0; 64]);
    assert_eq!(loaded.send(HOLD_UNLOAD, HEADER), NtStatus::SUCCESS);
    assert_eq!(
        loaded.ask(QUERY_STATUS, &mut bytes, 0, 64),
        (NtStatus::SUCCESS, 48)
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
    assert_eq!(switch(SwitchRequest::telemetry(false)), NtStatus::SUCCESS);
    assert!(!loaded.driver.on.get());
    assert_eq!(switch(SwitchRequest::telemetry(true)), NtStatus::SUCCESS);
    assert!(loaded.driver.on.get());
    let wrong = |change: fn(&mut SwitchRequest)| {
        let mut request = SwitchRequest::telemetry(false);
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
    assert!(loaded.driver.on.get());
    assert_eq!(
        loaded.send(QUERY_STATUS ^ 3, HEADER),
        NtStatus::INVALID_DEVICE_REQUEST
    );
}

#[test]
fn holds_belong_to_their_handle_and_end_with_it() {
    let loaded = Loaded::new(0);
    let other = Session::new();
    assert_eq!(loaded.send(HOLD_UNLOAD, HEADER), NtStatus::SUCCESS);
    assert_eq!(loaded.send(HOLD_UNLOAD, HEADER), NtStatus::SUCCESS);
    assert_eq!(loaded.gate.holds(), 2);
    other.end(&loaded.gate);
    assert_eq!(loaded.gate.holds(), 2);
    assert_eq!(loaded.send(RELEASE_UNLOAD, HEADER), NtStatus::SUCCESS);
    loaded.session.end(&loaded.gate);
    assert_eq!(loaded.gate.holds(), 0);
    assert!(loaded.field.is_some());
    assert_eq!(
        loaded.send(RELEASE_UNLOAD, HEADER),
        NtStatus::INVALID_DEVICE_REQUEST
    );
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
    loaded.session.end(&loaded.gate);
    assert_eq!(loaded.gate.holds(), 0);
}
