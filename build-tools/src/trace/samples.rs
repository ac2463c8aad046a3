// SPDX-License-Identifier: MIT OR Apache-2.0

//! Events for tests: a client that is unloaded while a call of it is in flight.

use scenarios::{
    CodePlace, Finding, NmrCall, NmrMoment, NpiCall, Place, Role, Stage, TraceEvent, TraceKind,
    TracedCycle,
};

const PENDING: i32 = 0x103;

pub(super) fn cycle() -> TracedCycle {
    TracedCycle {
        cycle: 3,
        seed: 7,
        kernel: "windows".to_owned(),
        script: "+p.+c~9.-c.-p".to_owned(),
    }
}

/// A list of events, each later than the one before.
#[derive(Default)]
pub(super) struct Events(pub(super) Vec<TraceEvent>);

pub(super) fn place(driver: &str, function: &str, line: u32) -> CodePlace {
    CodePlace {
        driver: driver.to_owned(),
        offset: Some(0x1000 + line),
        place: Some(Place {
            function: function.to_owned(),
            file: Some(format!("src/{}", driver.replace(".sys", ".c"))),
            line: Some(line),
        }),
    }
}

impl Events {
    pub(super) fn add(&mut self, thread: u64, kind: TraceKind) -> &mut Self {
        const NAMES: [&str; 5] = [
            "script",
            "load provider",
            "load client",
            "client.sys!3",
            "unload client",
        ];
        let name = NAMES[usize::try_from(thread).expect("one of five")].to_owned();
        let time = self.0.last().map_or(500, |last| last.time + 500);
        self.0.push(TraceEvent::new(time, thread, name, kind));
        self
    }

    /// A call of a kernel function that returns at once.
    pub(super) fn kernel_call(&mut self, thread: u64, callee: &str) -> &mut Self {
        self.begin_call(thread, callee, None).add(
            thread,
            TraceKind::Return {
                callee: callee.to_owned(),
                value: 0,
                npi: None,
                pended: false,
            },
        )
    }

    pub(super) fn begin_call(
        &mut self,
        thread: u64,
        callee: &str,
        npi: Option<NpiCall>,
    ) -> &mut Self {
        let driver = match &npi {
            Some(npi) if npi.owner == Role::Client => "provider.sys",
            _ => "client.sys",
        };
        self.add(
            thread,
            TraceKind::Call {
                callee: callee.to_owned(),
                caller: Some(place(driver, callee, 10)),
                npi,
            },
        )
    }

    pub(super) fn nmr(
        &mut self,
        thread: u64,
        call: NmrCall,
        side: Role,
        status: Option<i32>,
    ) -> &mut Self {
        let driver = format!("{}.sys", side.service());
        self.add(
            thread,
            TraceKind::Nmr(NmrMoment {
                call,
                side,
                registration: Some(1),
                binding: (!matches!(call, NmrCall::Register | NmrCall::Deregister)).then_some(1),
                status,
                place: Some(place(&driver, call.function(side), 20)),
            }),
        )
    }
}

/// A request of the client's.
pub(super) const fn submit(request: u64) -> NpiCall {
    NpiCall {
        owner: Role::Provider,
        binding: Some(1),
        request: Some(request),
        completes: false,
    }
}

/// Its completion.
pub(super) const fn complete(request: u64) -> NpiCall {
    NpiCall {
        owner: Role::Client,
        binding: Some(1),
        request: Some(request),
        completes: true,
    }
}

fn load(events: &mut Events, thread: u64, service: &str) {
    let (service, image) = (service.to_owned(), format!("{service}.sys"));
    events
        .add(
            thread,
            TraceKind::Mapped {
                service: service.clone(),
                image: image.clone(),
                preempted: false,
            },
        )
        .add(
            thread,
            TraceKind::Transition {
                service: service.clone(),
                peer: "client".to_owned(),
                from: Stage::Absent,
                to: Stage::Loading,
            },
        )
        .add(thread, TraceKind::Entry { service, image });
}

fn loaded(events: &mut Events, thread: u64, service: &str) {
    let service = service.to_owned();
    let returned = TraceKind::EntryReturned { service, status: 0 };
    events
        .add(thread, returned)
        .add(thread, TraceKind::ThreadEnd);
}

pub(super) fn returns(callee: &str, value: u64, npi: NpiCall, pended: bool) -> TraceKind {
    TraceKind::Return {
        callee: callee.to_owned(),
        value,
        npi: Some(npi),
        pended,
    }
}

/// The finding of [`failing`].
pub(super) fn finding() -> Finding {
    let what = "DriverUnload returned with <one> request & no wait".to_owned();
    Finding {
        driver: "client.sys".to_owned(),
        offset: Some(0x1020),
        place: place("client.sys", "Unload", 32).place,
        thread: "unload client".to_owned(),
        ..Finding::bare("R28", what, 7, 3)
    }
}

/// A cycle that ends in the middle of calls, with a finding: a first request of the client
/// is completed, the second is not.
pub(super) fn failing() -> Vec<TraceEvent> {
    let mut events = Events::default();
    events.add(
        0,
        TraceKind::Wait {
            on: "thread load provider".to_owned(),
        },
    );
    load(&mut events, 1, "provider");
    events.nmr(1, NmrCall::Register, Role::Provider, None);
    events.nmr(1, NmrCall::Register, Role::Provider, Some(0));
    loaded(&mut events, 1, "provider");
    events.add(0, TraceKind::Wake);
    load(&mut events, 2, "client");
    events
        .kernel_call(2, "PsCreateSystemThread")
        .begin_call(2, "NmrRegisterClient", None)
        .nmr(2, NmrCall::Register, Role::Client, None)
        .nmr(2, NmrCall::AttachCallback, Role::Client, None)
        .nmr(2, NmrCall::AttachCallback, Role::Client, Some(0))
        .nmr(2, NmrCall::Register, Role::Client, Some(0))
        .add(
            2,
            TraceKind::Return {
                callee: "NmrRegisterClient".to_owned(),
                value: 0,
                npi: None,
                pended: false,
            },
        );
    loaded(&mut events, 2, "client");
    let pending = PENDING.unsigned_abs().into();
    for request in [1, 2] {
        let npi = submit(request);
        events
            .begin_call(3, "submit of binding 1", Some(npi.clone()))
            .kernel_call(3, "KeSetEvent")
            .add(3, returns("submit of binding 1", pending, npi, true));
    }
    events
        .begin_call(3, "complete of binding 1", Some(complete(1)))
        .add(3, returns("complete of binding 1", 0, complete(1), false))
        .add(
            4,
            TraceKind::Unload {
                service: "client".to_owned(),
                image: "client.sys".to_owned(),
            },
        )
        .begin_call(4, "NmrDeregisterClient", None)
        .nmr(4, NmrCall::Deregister, Role::Client, None)
        .nmr(4, NmrCall::DetachCallback, Role::Client, None)
        .nmr(4, NmrCall::DetachCallback, Role::Client, Some(PENDING))
        .add(4, TraceKind::Finding(Box::new(finding())));
    events.0
}
