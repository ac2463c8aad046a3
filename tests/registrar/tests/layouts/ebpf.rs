// SPDX-License-Identifier: MIT OR Apache-2.0

//! The shape of eBPF extensions: `version` and `size_t size` first, the size without the
//! padding at the end; data beside functions; characteristics of two types.
//!
//! The provider calls first: it runs a program whenever something happens, and the
//! client, which has the program, need not call at all.
//!
//! <https://github.com/microsoft/ebpf-for-windows/blob/main/docs/eBpfExtensions.md>

use core::ffi::c_void;
use core::mem::offset_of;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use nmr::abi::{GUID, NPIID, NTSTATUS, STATUS_NOINTERFACE, STATUS_SUCCESS};
use nmr::dispatch::{Out, Value};
use nmr::irql::PassiveLevel;
use nmr::layout::{Check, Pointer, Required, checked};
use nmr::{
    Accepted, Binding, Bindings, Call, Client, Module, ModuleId, Npi, NtStatus, PeerModule,
    Provider, Result, Table, c_struct, dispatch_fn,
};

use crate::Nmr;
use crate::foreign::Foreign;
use crate::life::{Pause, end_client, end_provider, pended_detaches, register};

static ID: NPIID = GUID::from_u128(0x2a77_0002_0000_4000_8000_0000_0000_0001);

const VERSION: u16 = 1;
const HEADER: Check = Check::version_and_size(VERSION, VERSION);

c_struct! {
    #[derive(Clone, Copy)]
    struct Header {
        version: u16,
        size: usize,
    }
}

c_struct! {
    /// What a client has to say: parameters of its program.
    struct ProgramData: HEADER {
        header: Header,
        parameter: u32,
    }
}

c_struct! {
    /// What a provider has to say: where it runs programs.
    struct HookData: HEADER {
        header: Header,
        attach_type: GUID,
        link_type: u32,
    }
}

c_struct! {
    struct Prototype {
        id: u32,
        arguments: u32,
    }
}

type Invoke = unsafe extern "system" fn(client: *mut c_void, argument: u64, *mut u64) -> NTSTATUS;
type Helper = unsafe extern "system" fn(provider: *mut c_void, value: u64, *mut u64) -> NTSTATUS;

c_struct! {
    struct ClientTable: HEADER {
        header: Header,
        invoke: Option<Invoke>,
        flags: u32,
    }
}

c_struct! {
    /// Data and functions.
    struct ProviderTable: HEADER {
        header: Header,
        helper_count: u32,
        prototypes: Pointer<[Prototype; 2]>,
        helpers: [Option<Helper>; 2],
        context_size: u16,
    }
}

enum Hook {}

// SAFETY: all modules with this identity are here.
unsafe impl Npi for Hook {
    const ID: NPIID = ID;
    type ClientCharacteristics = Required<ProgramData>;
    type ProviderCharacteristics = Required<HookData>;
    type ClientDispatch = Required<ClientTable>;
    type ProviderDispatch = Required<ProviderTable>;
}

/// The size of a structure whose last field ends at `end`.
const fn header(end: usize) -> Header {
    Header {
        version: VERSION,
        size: end,
    }
}

const ATTACH_TYPE: GUID = GUID::from_u128(0xA7);
const PROTOTYPES: &[Prototype; 2] = &[
    Prototype {
        id: 1,
        arguments: 1,
    },
    Prototype {
        id: 2,
        arguments: 1,
    },
];

/// What the provider shares with the test.
struct Extension {
    accepted: Mutex<Vec<Accepted<ExtensionModule>>>,
    programs: Bindings<ExtensionModule>,
}

impl Extension {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            accepted: Mutex::default(),
            programs: Bindings::new(),
        })
    }

    /// Takes out the client of `binding`, to be given up under no lock.
    fn take_client(&self, binding: &Binding<ExtensionModule>) -> Option<Accepted<ExtensionModule>> {
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        let place = accepted.iter().position(|client| client.is_of(binding))?;
        Some(accepted.remove(place))
    }

    fn take_accepted(&self) -> Vec<Accepted<ExtensionModule>> {
        core::mem::take(&mut self.accepted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lists the programs that have been attached, once their clients' registrations, or
    /// the provider's, have returned.
    fn commit(&self) {
        for client in self.take_accepted() {
            // SAFETY: the registration in which the client was attached has returned.
            let hold = unsafe { client.committed() };
            if let Some(call) = hold.binding().enter() {
                call.add_to_list();
            }
        }
    }

    /// Runs all programs on `argument`; their results, the latest first.
    fn run(&self, argument: u64) -> Vec<u64> {
        let mut results = Vec::new();
        self.programs.for_each(|call| {
            results.push(call.make(|program| {
                let mut result = 0;
                let invoke = program.table().invoke.expect("it was accepted");
                // SAFETY: the client is attached; the place is there during the call.
                let status = unsafe { invoke(program.context(), argument, &raw mut result) };
                assert_eq!(status, STATUS_SUCCESS);
                result
            }));
        });
        results
    }
}

struct ExtensionModule(Arc<Extension>);

impl Module for ExtensionModule {
    type Role = Provider;
    type Npi = Hook;
    /// The parameter of the client's program.
    type Binding = u32;
    const MODULE_ID: ModuleId = ModuleId::Guid(GUID::from_u128(1));
    const CHARACTERISTICS: &'static HookData = &HookData {
        header: header(offset_of!(HookData, link_type) + size_of::<u32>()),
        attach_type: ATTACH_TYPE,
        link_type: 3,
    };
    const TABLE: Table<Self> = {
        let table = const {
            &ProviderTable {
                header: header(size_of::<ProviderTable>()),
                helper_count: 2,
                prototypes: Pointer::to(PROTOTYPES),
                helpers: [Some(double), Some(parameter)],
                context_size: 8,
            }
        };
        // SAFETY: the functions are those of this module.
        unsafe { Table::new(table) }
    };

    fn attach(&self, client: &PeerModule<'_, Self>, _: &PassiveLevel<'_>) -> Result<u32> {
        Ok(client.characteristics()?.parameter)
    }

    fn accepts_dispatch(_: &u32, table: &ClientTable) -> bool {
        table.invoke.is_some()
    }

    fn accepted(&self, client: Accepted<Self>) {
        let mut accepted = self
            .0
            .accepted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        accepted.push(client);
    }

    fn detaching(&self, binding: &Binding<Self>) {
        drop(self.0.take_client(binding));
    }

    fn bindings(&self) -> Option<&Bindings<Self>> {
        Some(&self.0.programs)
    }
}

dispatch_fn! {
    fn double(
        _binding: &Binding<ExtensionModule>,
        value: Value<u64>,
        result: Out<'call, u64>,
    ) -> NTSTATUS {
        result.write(value.0 * 2);
        STATUS_SUCCESS
    }
}

dispatch_fn! {
    fn parameter(
        binding: &Binding<ExtensionModule>,
        value: Value<u64>,
        result: Out<'call, u64>,
    ) -> NTSTATUS {
        result.write(value.0 + u64::from(*binding.context()));
        STATUS_SUCCESS
    }
}

/// What the client shares with the test.
#[derive(Default)]
struct Program {
    pause: Pause,
    attached: AtomicUsize,
    rejected: AtomicUsize,
}

struct ProgramModule(Arc<Program>);

impl Module for ProgramModule {
    type Role = Client;
    type Npi = Hook;
    type Binding = ();
    const MODULE_ID: ModuleId = ModuleId::Guid(GUID::from_u128(2));
    const CHARACTERISTICS: &'static ProgramData = &ProgramData {
        header: header(offset_of!(ProgramData, parameter) + size_of::<u32>()),
        parameter: 5,
    };
    const TABLE: Table<Self> = {
        let table = const {
            &ClientTable {
                header: header(offset_of!(ClientTable, flags) + size_of::<u32>()),
                invoke: Some(invoke),
                flags: 0,
            }
        };
        // SAFETY: the function is that of this module.
        unsafe { Table::new(table) }
    };

    fn attach(&self, hook: &PeerModule<'_, Self>, _: &PassiveLevel<'_>) -> Result {
        let hook = hook.characteristics()?;
        if hook.attach_type != ATTACH_TYPE || hook.link_type == 0 {
            return Err(NtStatus::NOINTERFACE);
        }
        Ok(())
    }

    fn accepts_dispatch((): &(), table: &ProviderTable) -> bool {
        // Data that is wrong is refused as a missing function is.
        table.helper_count == 2 && table.helpers.iter().all(Option::is_some)
    }

    fn attached(&self, call: Call<'_, Self>) {
        self.0.attached.fetch_add(1, Ordering::Relaxed);
        let (count, size) = call.make(|hook| {
            // SAFETY: the provider keeps its prototypes while it is attached.
            let prototypes = unsafe { checked(hook.table().prototypes.0) };
            let prototypes: &[Prototype; 2] = prototypes.expect("the table was accepted");
            (prototypes.len(), hook.table().context_size)
        });
        assert_eq!((count, size), (2, 8));
        assert_eq!(PROTOTYPES.map_ids(), [1, 2]);
    }

    fn dispatch_rejected(&self) {
        self.0.rejected.fetch_add(1, Ordering::Relaxed);
    }
}

trait Ids {
    fn map_ids(&self) -> [u32; 2];
}

impl Ids for [Prototype; 2] {
    fn map_ids(&self) -> [u32; 2] {
        self.each_ref()
            .map(|prototype| prototype.id * prototype.arguments)
    }
}

dispatch_fn! {
    /// The program: has the provider double the argument, and add the parameter.
    fn invoke(
        binding: &Binding<ProgramModule>,
        argument: Value<u64>,
        result: Out<'call, u64>,
    ) -> NTSTATUS {
        binding.module().0.pause.pass();
        let mut value = argument.0;
        for number in 0..2 {
            let Some(call) = binding.enter() else {
                // The program runs on without its helpers.
                break;
            };
            call.make(|hook| {
                let helper = hook.table().helpers[number].expect("the table was accepted");
                // SAFETY: the provider is attached; the place is there during the call.
                let status = unsafe { helper(hook.context(), value, &raw mut value) };
                assert_eq!(status, STATUS_SUCCESS);
            });
        }
        result.write(value);
        STATUS_SUCCESS
    }
}

#[test]
fn the_provider_calls_first_whoever_registers_first() {
    let nmr = Nmr::alone(1);
    let extension = Extension::new();
    let early = Arc::new(Program::default());
    let early_client = register(ProgramModule(Arc::clone(&early)));
    let provider = register(ExtensionModule(Arc::clone(&extension)));
    assert_eq!(extension.run(20), [0; 0]);
    extension.commit();
    assert_eq!(extension.run(20), [45]);
    let late_client = register(ProgramModule(Arc::default()));
    extension.commit();
    assert_eq!(extension.run(1), [7, 7]);
    end_client(early_client, || ());
    assert_eq!(extension.run(2), [9]);
    end_provider(provider, || ());
    end_client(late_client, || ());
    assert_eq!(early.attached.load(Ordering::Relaxed), 1);
    nmr.finish();
}

#[test]
fn a_client_that_goes_takes_no_other_with_it() {
    let nmr = Nmr::alone(1);
    let extension = Extension::new();
    let provider = register(ExtensionModule(Arc::clone(&extension)));
    let gone = register(ProgramModule(Arc::default()));
    let stays = register(ProgramModule(Arc::default()));
    end_client(gone, || ());
    extension.commit();
    assert_eq!(extension.run(20), [45]);
    end_client(stays, || ());
    end_provider(provider, || ());
    nmr.finish();
}

#[test]
fn a_client_that_is_gone_before_it_is_committed_is_never_called() {
    let nmr = Nmr::alone(2);
    let extension = Extension::new();
    let provider = register(ExtensionModule(Arc::clone(&extension)));
    let client = register(ProgramModule(Arc::default()));
    end_client(client, || ());
    extension.commit();
    assert_eq!(extension.run(20), [0; 0]);
    // One that is being committed when its client goes keeps it until that has ended.
    let client = register(ProgramModule(Arc::default()));
    let accepted = extension.take_accepted();
    end_client(client, || {
        assert_eq!(pended_detaches(), (0, 1));
        for client in accepted {
            // SAFETY: the client's registration has returned.
            let hold = unsafe { client.committed() };
            assert!(hold.binding().enter().is_none());
        }
    });
    end_provider(provider, || ());
    nmr.finish();
}

fn hook_data(version: u16, size: usize) -> HookData {
    HookData {
        header: Header { version, size },
        attach_type: ATTACH_TYPE,
        link_type: 3,
    }
}

fn provider_table(version: u16, size: usize) -> ProviderTable {
    ProviderTable {
        header: Header { version, size },
        helper_count: 2,
        prototypes: Pointer::to(PROTOTYPES),
        helpers: [Some(double), Some(double)],
        context_size: 8,
    }
}

/// How a client of `nmr` takes a foreign provider: the numbers of its bindings and of its
/// rejected tables.
fn client_meets(provider: Foreign<'_>) -> (usize, usize) {
    let nmr = Nmr::alone(3);
    let program = Arc::new(Program::default());
    provider.provider(|_| end_client(register(ProgramModule(Arc::clone(&program))), || ()));
    nmr.finish();
    (
        program.attached.load(Ordering::Relaxed),
        program.rejected.load(Ordering::Relaxed),
    )
}

/// The sizes of a `T` through its last field, and one byte less.
fn sizes(through_last_field: usize) -> [usize; 2] {
    [through_last_field, through_last_field - 1]
}

#[test]
fn a_client_refuses_another_version_a_short_size_and_wrong_data() {
    let [whole, short] = sizes(offset_of!(HookData, link_type) + size_of::<u32>());
    let [whole_table, short_table] =
        sizes(offset_of!(ProviderTable, context_size) + size_of::<u16>());
    assert!(whole < size_of::<HookData>());
    assert!(whole_table < size_of::<ProviderTable>());

    let (right, table) = (hook_data(1, whole), provider_table(1, whole_table));
    let provider = Foreign::new(&ID).saying(&right).with_table(&table);
    assert_eq!(client_meets(provider), (1, 0));
    let longer = provider_table(1, 4096);
    assert_eq!(client_meets(provider.with_table(&longer)), (1, 0));

    for wrong in [
        hook_data(1, short),
        hook_data(2, whole),
        hook_data(0, whole),
    ] {
        assert_eq!(client_meets(provider.saying(&wrong)), (0, 0));
    }
    let elsewhere = HookData {
        attach_type: GUID::from_u128(0xB7),
        ..hook_data(1, whole)
    };
    assert_eq!(client_meets(provider.saying(&elsewhere)), (0, 0));

    for wrong in [
        provider_table(1, short_table),
        provider_table(2, whole_table),
        ProviderTable {
            helpers: [Some(double), None],
            ..provider_table(1, whole_table)
        },
        ProviderTable {
            helper_count: 3,
            ..provider_table(1, whole_table)
        },
    ] {
        assert_eq!(client_meets(provider.with_table(&wrong)), (0, 1));
    }
    let mut without_context = provider;
    without_context.context = ptr::null_mut();
    assert_eq!(client_meets(without_context), (0, 1));
}

/// What a provider of `nmr` answers to a foreign client.
fn provider_meets(client: Foreign<'_>) -> Option<NTSTATUS> {
    let nmr = Nmr::alone(4);
    let provider = register(ExtensionModule(Extension::new()));
    let mut status = None;
    client.client(|client| {
        let peer = client.peer();
        if peer.status == STATUS_SUCCESS {
            assert!(!peer.context.is_null() && !peer.dispatch.is_null());
        }
        status = Some(peer.status);
    });
    end_provider(provider, || ());
    nmr.finish();
    status
}

#[test]
fn a_provider_refuses_the_same() {
    let [whole, short] = sizes(offset_of!(ProgramData, parameter) + size_of::<u32>());
    let data = |version, size| ProgramData {
        header: Header { version, size },
        parameter: 1,
    };
    let [whole_table, short_table] = sizes(offset_of!(ClientTable, flags) + size_of::<u32>());
    let client_table = |size, invoke| ClientTable {
        header: Header { version: 1, size },
        invoke,
        flags: 0,
    };
    let (right, table) = (
        data(1, whole),
        client_table(whole_table, Some(invoke as Invoke)),
    );
    let client = Foreign::new(&ID).saying(&right).with_table(&table);
    assert_eq!(provider_meets(client), Some(STATUS_SUCCESS));
    for wrong in [data(1, short), data(2, whole)] {
        assert_eq!(
            provider_meets(client.saying(&wrong)),
            Some(STATUS_NOINTERFACE)
        );
    }
    for wrong in [
        client_table(short_table, Some(invoke as Invoke)),
        client_table(whole_table, None),
    ] {
        let refused = provider_meets(client.with_table(&wrong));
        assert_eq!(refused, Some(STATUS_NOINTERFACE));
    }
}

#[test]
fn a_detach_waits_for_a_program_that_runs() {
    for seed in 0..32 {
        let provider_goes = seed % 2 == 0;
        let nmr = Nmr::alone(seed);
        let extension = Extension::new();
        let program = Arc::new(Program::default());
        let client = register(ProgramModule(Arc::clone(&program)));
        let provider = register(ExtensionModule(Arc::clone(&extension)));
        extension.commit();
        program.pause.arm();
        let runner = {
            let extension = Arc::clone(&extension);
            thread::spawn(move || extension.run(20))
        };
        program.pause.reached();
        let meanwhile = || {
            assert_eq!(pended_detaches(), (0, 1));
            program.pause.end();
        };
        if provider_goes {
            end_provider(provider, meanwhile);
            end_client(client, || ());
        } else {
            end_client(client, meanwhile);
            end_provider(provider, || ());
        }
        // The program calls the helpers, unless its own detach callback has been called.
        let results = runner.join().expect("no panic");
        assert!(results == [20] || results == [45], "{results:?}");
        nmr.finish();
    }
}
