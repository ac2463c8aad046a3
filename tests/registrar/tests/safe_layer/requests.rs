// SPDX-License-Identifier: MIT OR Apache-2.0

//! Statuses that end no request, and slots and a limit that two bindings share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use nmr::abi::{GUID, NPIID, NTSTATUS};
use nmr::header::Header;
use nmr::inbox::Inbox;
use nmr::irql::PassiveLevel;
use nmr::layout::{Absent, Check, Required};
use nmr::request::{
    Answer, Complete, Completed, Pended, ProviderArea, RequestClient, RequestLimit,
    RequestProvider, Requests, Slots, Submission, Submit, Submitted, dispatch_complete,
    dispatch_submit, submit,
};
use nmr::{
    Bindings, Call, Client, Module, ModuleId, Npi, NtStatus, PeerModule, Provider, Result, Table,
};

use crate::Nmr;
use crate::registering::{end, register};

nmr::c_struct! {
    #[derive(Clone, Copy)]
    struct Body {
        wanted: u32,
        status: NTSTATUS,
    }
}

/// What is wanted of the provider.
const REFUSE_AS_PENDING: u32 = 0;
const REFUSE_AS_SUCCESS: u32 = 1;
const ANSWER_PENDING: u32 = 2;
const COMPLETE_PENDING: u32 = 3;
const KEEP: u32 = 4;

nmr::c_struct! {
    struct Request: Check::SIZE_FIRST {
        header: Header,
        body: Body,
        area: ProviderArea,
    }
}

nmr::c_struct! {
    struct ProviderTable: Check::SIZE_FIRST {
        header: Header,
        submit: Option<Submit<Request>>,
    }
}

nmr::c_struct! {
    struct ClientTable: Check::SIZE_FIRST {
        header: Header,
        complete: Option<Complete<Request>>,
    }
}

enum Wants {}

// SAFETY: the modules here are the only ones, and use these types.
unsafe impl Npi for Wants {
    const ID: NPIID = GUID::from_u128(0x9d0d_20b1_6c4e_4d0f_a1ce_5a3f_07b8_1000);
    type ClientCharacteristics = Absent;
    type ProviderCharacteristics = Absent;
    type ClientDispatch = Required<ClientTable>;
    type ProviderDispatch = Required<ProviderTable>;
}

// SAFETY: the offsets are those of the fields; both functions are the library's.
unsafe impl Requests for Wants {
    type Request = Request;
    type Body = Body;
    const BODY: usize = core::mem::offset_of!(Request, body);
    const AREA: usize = core::mem::offset_of!(Request, area);

    fn request(body: Body) -> Request {
        Request {
            header: Header::of::<Request>(1),
            body,
            area: ProviderArea::new(),
        }
    }

    fn status(body: &Body) -> NtStatus {
        NtStatus(body.status)
    }

    fn set_status(body: &mut Body, status: NtStatus) {
        body.status = status.0;
    }

    fn check(body: &Body) -> Result {
        match body.wanted {
            REFUSE_AS_PENDING => Err(NtStatus::PENDING),
            REFUSE_AS_SUCCESS => Err(NtStatus::SUCCESS),
            _ => Ok(()),
        }
    }

    fn submit_of(provider: &ProviderTable) -> Option<Submit<Request>> {
        provider.submit
    }

    fn complete_of(client: &ClientTable) -> Option<Complete<Request>> {
        client.complete
    }
}

const MODULE_ID: ModuleId =
    ModuleId::Guid(GUID::from_u128(0x9d0d_20b1_6c4e_4d0f_a1ce_5a3f_07b8_2000));

/// A provider whose registrations share a limit.
struct Wanted {
    number: u32,
    kept: Arc<Inbox<Pended<Wanted>>>,
    limit: Arc<RequestLimit>,
}

impl Module for Wanted {
    type Role = Provider;
    type Npi = Wants;
    type Binding = Arc<RequestLimit>;
    const MODULE_ID: ModuleId = MODULE_ID;
    const CHARACTERISTICS: () = ();
    // SAFETY: the function is one of this module.
    const TABLE: Table<Self> = unsafe {
        Table::new(&ProviderTable {
            header: Header::of::<ProviderTable>(1),
            submit: Some(dispatch_submit::<Self>),
        })
    };

    fn number(&self) -> u32 {
        self.number
    }

    fn attach(
        &self,
        _client: &PeerModule<'_, Self>,
        _passive: &PassiveLevel<'_>,
    ) -> Result<Arc<RequestLimit>> {
        Ok(Arc::clone(&self.limit))
    }

    fn accepts_dispatch(_limit: &Arc<RequestLimit>, table: &ClientTable) -> bool {
        table.complete.is_some()
    }
}

impl RequestProvider for Wanted {
    fn limit(limit: &Arc<RequestLimit>) -> &RequestLimit {
        limit
    }

    fn submit<'call>(&self, request: Submitted<'call, Self>) -> Answer<'call> {
        match request.wanted {
            ANSWER_PENDING => request.answer(NtStatus::PENDING),
            COMPLETE_PENDING => {
                let (pended, answer) = request.pend();
                pended.complete(NtStatus::PENDING);
                answer
            }
            _ => {
                let (pended, answer) = request.pend();
                self.kept.add(pended);
                answer
            }
        }
    }
}

/// A client whose bindings share two slots.
struct Wanting {
    providers: Arc<Bindings<Wanting>>,
    completed: Arc<Mutex<Vec<NtStatus>>>,
    unexpected: Arc<AtomicUsize>,
}

impl Module for Wanting {
    type Role = Client;
    type Npi = Wants;
    type Binding = ();
    const MODULE_ID: ModuleId = MODULE_ID;
    const CHARACTERISTICS: () = ();
    // SAFETY: the function is one of this module.
    const TABLE: Table<Self> = unsafe {
        Table::new(&ClientTable {
            header: Header::of::<ClientTable>(1),
            complete: Some(dispatch_complete::<Self>),
        })
    };

    fn attach(&self, _provider: &PeerModule<'_, Self>, _passive: &PassiveLevel<'_>) -> Result {
        Ok(())
    }

    fn accepts_dispatch((): &(), table: &ProviderTable) -> bool {
        table.submit.is_some()
    }

    fn attached(&self, call: Call<'_, Self>) {
        call.add_to_list();
    }

    fn bindings(&self) -> Option<&Bindings<Self>> {
        Some(&self.providers)
    }
}

impl RequestClient for Wanting {
    fn slots((): &()) -> &Slots<Wants> {
        static SLOTS: OnceLock<Slots<Wants>> = OnceLock::new();
        SLOTS.get_or_init(|| Slots::new(2).expect("there is memory"))
    }

    fn completed(&self, request: Completed<'_, Self>) {
        let mut completed = self.completed.lock().expect("no panic");
        completed.push(request.status());
    }

    fn unexpected(&self) {
        self.unexpected.fetch_add(1, Ordering::Relaxed);
    }
}

/// A client and two registrations of a provider.
struct Pair {
    kept: Arc<Inbox<Pended<Wanted>>>,
    providers: Arc<Bindings<Wanting>>,
    completed: Arc<Mutex<Vec<NtStatus>>>,
    unexpected: Arc<AtomicUsize>,
}

impl Pair {
    /// Runs `body` with the modules registered, and at most `most` requests pending.
    fn with(most: u32, body: impl FnOnce(&Self)) {
        let nmr = Nmr::alone(0);
        let pair = Self {
            kept: Arc::default(),
            providers: Arc::default(),
            completed: Arc::default(),
            unexpected: Arc::default(),
        };
        let limit = Arc::new(RequestLimit::new(most));
        let provider = |number| {
            register(Wanted {
                number,
                kept: Arc::clone(&pair.kept),
                limit: Arc::clone(&limit),
            })
        };
        let providers = [provider(0), provider(1)];
        let client = register(Wanting {
            providers: Arc::clone(&pair.providers),
            completed: Arc::clone(&pair.completed),
            unexpected: Arc::clone(&pair.unexpected),
        });
        body(&pair);
        drop(end(client));
        for provider in providers {
            drop(end(provider));
        }
        assert_eq!(pair.unexpected.load(Ordering::Relaxed), 0);
        nmr.finish();
    }

    /// Submits a request to each provider. Returns the answers: `STATUS_PENDING` for
    /// one that is kept, `None` where no slot is idle.
    fn submit(&self, wanted: u32) -> Vec<Option<NtStatus>> {
        let mut answers = Vec::new();
        self.providers.for_each(|call| {
            let body = Body { wanted, status: 0 };
            answers.push(match submit(call, body) {
                Submission::NoSlot(_) => None,
                Submission::Answered(answer) => Some(answer.status()),
                Submission::Pending(_) => Some(NtStatus::PENDING),
            });
        });
        answers
    }

    fn take_completed(&self) -> Vec<NtStatus> {
        core::mem::take(&mut self.completed.lock().expect("no panic"))
    }
}

const UNSUCCESSFUL: Option<NtStatus> = Some(NtStatus::UNSUCCESSFUL);
const PENDING: Option<NtStatus> = Some(NtStatus::PENDING);

#[test]
fn a_status_that_ends_nothing_ends_a_request_as_unsuccessful() {
    Pair::with(8, |pair| {
        for wanted in [REFUSE_AS_PENDING, REFUSE_AS_SUCCESS, ANSWER_PENDING] {
            assert_eq!(pair.submit(wanted), [UNSUCCESSFUL; 2], "{wanted}");
            assert_eq!(pair.take_completed(), [], "{wanted}");
        }
        assert_eq!(pair.submit(COMPLETE_PENDING), [PENDING; 2]);
        assert_eq!(pair.take_completed(), [NtStatus::UNSUCCESSFUL; 2]);
    });
}

#[test]
fn bindings_share_slots() {
    Pair::with(8, |pair| {
        for _ in 0..3 {
            assert_eq!(pair.submit(KEEP), [PENDING; 2]);
            assert_eq!(pair.submit(KEEP), [None; 2]);
            // Latest first, so that neither finds its slot by its place.
            let kept: Vec<_> = pair.kept.take_all().collect();
            for pended in kept.into_iter().rev() {
                pended.complete(NtStatus::SUCCESS);
            }
            assert_eq!(pair.take_completed(), [NtStatus::SUCCESS; 2]);
        }
    });
}

#[test]
fn bindings_share_a_limit() {
    Pair::with(1, |pair| {
        for _ in 0..3 {
            assert_eq!(pair.submit(KEEP), [PENDING, Some(NtStatus::DEVICE_BUSY)]);
            // What is dropped is completed as cancelled.
            drop(pair.kept.take_all());
            assert_eq!(pair.take_completed(), [NtStatus::CANCELLED]);
        }
    });
}
