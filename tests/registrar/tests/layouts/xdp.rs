// SPDX-License-Identifier: MIT OR Apache-2.0

//! The shape of XDP: a network interface driver is the client, XDP the provider of one
//! interface. `Number` and `ModuleId` say which belong together, the registration
//! instances have a version, characteristics are bytes with a list at their end, the
//! provider has no table, and the provider calls first.
//!
//! <https://github.com/microsoft/xdp-for-windows/blob/main/docs/nmr.md>

use core::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use nmr::abi::{GUID, NPIID, NTSTATUS, STATUS_NOINTERFACE, STATUS_SUCCESS};
use nmr::irql::PassiveLevel;
use nmr::layout::{Absent, Check, Field, Optional, Pointer, Required};
use nmr::{
    Accepted, Binding, Call, Client, Hold, Module, ModuleId, Npi, NtStatus, PeerModule, Peers,
    Provider, Result, Table, c_struct,
};

use crate::Nmr;
use crate::foreign::Foreign;
use crate::life::{Pause, end_client, end_provider, pended_detaches, register};

static ID: NPIID = GUID::from_u128(0x2a77_0003_0000_4000_8000_0000_0000_0001);

/// `XDP_OBJECT_HEADER`: a revision and a size.
const OBJECT: Check = Check::NONE
    .version(Field::u32(0), 1, u32::MAX as u64)
    .size(Field::u32(4));

type GetDispatch =
    unsafe extern "system" fn(interface: *const c_void, version: u32, *mut u64) -> NTSTATUS;

c_struct! {
    struct ClientTable: OBJECT {
        revision: u32,
        size: u32,
        /// The first argument of the function, instead of the binding context.
        interface: Pointer<Interface>,
        get_dispatch: Option<GetDispatch>,
    }
}

c_struct! {
    struct ProviderTable: OBJECT {
        revision: u32,
        size: u32,
    }
}

/// What is in the characteristics before the list of versions.
const FIXED: usize = 12;
/// `Revision`, `Size`, how many versions follow, the versions.
type Capabilities = [u8; FIXED];

enum Xdp {}

// SAFETY: all modules with this identity are here.
unsafe impl Npi for Xdp {
    const ID: NPIID = ID;
    type ClientCharacteristics = Required<Capabilities>;
    type ProviderCharacteristics = Absent;
    type ClientDispatch = Required<ClientTable>;
    type ProviderDispatch = Optional<ProviderTable>;
    const INSTANCE_VERSION: u16 = 1;
    const CONTEXT_MAY_BE_NULL: bool = true;
}

const INSTANCE: GUID = GUID::from_u128(0x1A57);
const NUMBER: u32 = 12;

fn word(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.first_chunk().copied()?))
}

/// The versions that a client lists at the end of its characteristics.
fn versions(client: &PeerModule<'_, XdpModule>) -> Result<Vec<u32>> {
    let fixed: &Capabilities = client.characteristics()?;
    let [revision, size, count] = [0, 4, 8].map(|at| word(&fixed[at..]).unwrap_or(0));
    let (size, count) = (size as usize, count as usize);
    if revision == 0 || size < FIXED + 4 * count {
        return Err(NtStatus::NOINTERFACE);
    }
    let list = client
        .characteristics_pointer()
        .wrapping_byte_add(FIXED)
        .cast::<[u8; 4]>();
    // SAFETY: the characteristics have the size that they announce, which covers the list.
    let list = unsafe { core::slice::from_raw_parts(list, count) };
    Ok(list.iter().copied().map(u32::from_le_bytes).collect())
}

/// What the provider shares with the test.
#[derive(Default)]
struct Opened {
    accepted: Mutex<Option<Accepted<XdpModule>>>,
    interface: Mutex<Option<Hold<XdpModule>>>,
}

impl Opened {
    /// `XdpOpenProvider`, once its registration has returned: the interface, if it is
    /// attached.
    fn open(&self) -> bool {
        let accepted = self
            .accepted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(accepted) = accepted else {
            return false;
        };
        // SAFETY: the provider's registration has returned, and the client was there.
        let hold = unsafe { accepted.committed() };
        *self
            .interface
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(hold);
        true
    }

    fn interface(&self) -> Option<Hold<XdpModule>> {
        let interface = self
            .interface
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        interface.as_ref().map(Hold::add_ref)
    }

    /// `XdpCloseProvider`.
    fn close(&self) {
        let interface = self
            .interface
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(interface);
    }

    /// Calls the interface.
    fn get_dispatch(&self, version: u32) -> core::result::Result<u64, NTSTATUS> {
        let Some(hold) = self.interface() else {
            return Err(STATUS_NOINTERFACE);
        };
        let Some(call) = hold.binding().enter() else {
            return Err(NtStatus::DEVICE_NOT_READY.0);
        };
        call.make(|client| {
            let table: &ClientTable = client.table();
            let get = table.get_dispatch.expect("the table was accepted");
            let mut dispatch = 0;
            // SAFETY: the client is attached; its table says what it wants as a context.
            let status = unsafe { get(table.interface.0.cast(), version, &raw mut dispatch) };
            if status == STATUS_SUCCESS {
                Ok(dispatch)
            } else {
                Err(status)
            }
        })
    }
}

struct XdpModule {
    opened: Arc<Opened>,
    number: u32,
    instance: GUID,
}

impl XdpModule {
    fn new(opened: &Arc<Opened>) -> Self {
        Self {
            opened: Arc::clone(opened),
            number: NUMBER,
            instance: INSTANCE,
        }
    }
}

impl Module for XdpModule {
    type Role = Provider;
    type Npi = Xdp;
    /// The versions of the interface.
    type Binding = Vec<u32>;
    const MODULE_ID: ModuleId = ModuleId::Guid(GUID::from_u128(0));
    const CHARACTERISTICS: () = ();
    const TABLE: Table<Self> = Table::NONE;
    const PEERS: Peers = Peers::One;

    fn number(&self) -> u32 {
        self.number
    }

    fn module_id(&self) -> ModuleId {
        ModuleId::Guid(self.instance)
    }

    fn attach(&self, client: &PeerModule<'_, Self>, _: &PassiveLevel<'_>) -> Result<Vec<u32>> {
        if client.version() != Xdp::INSTANCE_VERSION {
            return Err(NtStatus::NOINTERFACE);
        }
        if client.number() != self.number || client.module_id() != Some(self.module_id()) {
            return Err(NtStatus::NOINTERFACE);
        }
        versions(client)
    }

    fn accepts_dispatch(versions: &Vec<u32>, table: &ClientTable) -> bool {
        !versions.is_empty() && table.get_dispatch.is_some()
    }

    fn accepted(&self, client: Accepted<Self>) {
        *self
            .opened
            .accepted
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(client);
    }

    /// The user of the interface closes it when it has been told: here the test.
    fn detaching(&self, _binding: &Binding<Self>) {
        let accepted = self
            .opened
            .accepted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(accepted);
    }
}

/// The driver of a network interface: there is one in the image.
struct Interface {
    pause: Pause,
    attached: AtomicUsize,
}

static INTERFACE: std::sync::LazyLock<Interface> = std::sync::LazyLock::new(|| Interface {
    pause: Pause::default(),
    attached: AtomicUsize::new(0),
});

struct InterfaceModule {
    number: u32,
    instance: GUID,
}

const OURS: InterfaceModule = InterfaceModule {
    number: NUMBER,
    instance: INSTANCE,
};

/// Revision 1, 20 bytes, two versions.
const CAPABILITIES: [u8; 20] = [1, 0, 0, 0, 20, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 0, 2, 0, 0, 0];

impl Module for InterfaceModule {
    type Role = Client;
    type Npi = Xdp;
    type Binding = ();
    const MODULE_ID: ModuleId = ModuleId::Guid(INSTANCE);
    const CHARACTERISTICS: &'static Capabilities = {
        let bytes: &'static [u8; 20] = &CAPABILITIES;
        // SAFETY: the first bytes of longer ones; the pointer keeps what is beyond.
        unsafe { &*ptr::from_ref(bytes).cast() }
    };
    const TABLE: Table<Self> = {
        let table = const {
            &ClientTable {
                revision: 1,
                size: 24,
                interface: Pointer::NULL,
                get_dispatch: Some(get_dispatch),
            }
        };
        // SAFETY: the function is that of this module, and needs no context.
        unsafe { Table::new(table) }
    };
    const PEERS: Peers = Peers::One;

    fn number(&self) -> u32 {
        self.number
    }

    fn module_id(&self) -> ModuleId {
        ModuleId::Guid(self.instance)
    }

    fn attach(&self, xdp: &PeerModule<'_, Self>, _: &PassiveLevel<'_>) -> Result {
        if xdp.version() != Xdp::INSTANCE_VERSION {
            return Err(NtStatus::NOINTERFACE);
        }
        Ok(())
    }

    fn accepts_dispatch((): &(), _table: Option<&ProviderTable>) -> bool {
        true
    }

    fn attached(&self, call: Call<'_, Self>) {
        drop(call);
        INTERFACE.attached.fetch_add(1, Ordering::Relaxed);
    }
}

/// The client's function. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by a provider that is attached.
unsafe extern "system" fn get_dispatch(
    _interface: *const c_void,
    version: u32,
    dispatch: *mut u64,
) -> NTSTATUS {
    INTERFACE.pause.pass();
    if version != 2 {
        return STATUS_NOINTERFACE;
    }
    // SAFETY: by the contract of the NPI a place is there during the call.
    unsafe { dispatch.write(0xD15) };
    STATUS_SUCCESS
}

#[test]
fn the_provider_of_an_interface_finds_it() {
    let nmr = Nmr::alone(1);
    let interface = register(OURS);
    let opened = Arc::new(Opened::default());
    let provider = register(XdpModule::new(&opened));
    assert!(opened.open());
    assert_eq!(opened.get_dispatch(2), Ok(0xD15));
    assert_eq!(opened.get_dispatch(3), Err(STATUS_NOINTERFACE));
    let hold = opened.interface().expect("it is open");
    assert_eq!(hold.binding().context(), &[0x0001_0001, 2]);
    assert_eq!(hold.binding().peer_id(), Some(ModuleId::Guid(INSTANCE)));
    drop(hold);
    opened.close();
    end_provider(provider, || ());
    end_client(interface, || ());
    nmr.finish();
}

#[test]
fn another_interface_or_instance_is_another_providers() {
    for (number, instance) in [(NUMBER + 1, INSTANCE), (NUMBER, GUID::from_u128(7))] {
        let nmr = Nmr::alone(2);
        let interface = register(InterfaceModule { number, instance });
        let opened = Arc::new(Opened::default());
        let provider = register(XdpModule::new(&opened));
        assert!(!opened.open());
        // Its own comes beside it.
        let own = register(OURS);
        assert!(opened.open());
        opened.close();
        end_client(own, || ());
        end_client(interface, || ());
        end_provider(provider, || ());
        nmr.finish();
    }
}

/// What a provider of `nmr` answers to a foreign client.
fn provider_meets(client: Foreign<'_>) -> NTSTATUS {
    let nmr = Nmr::alone(3);
    let provider = register(XdpModule::new(&Arc::default()));
    let mut status = None;
    client.client(|client| {
        let peer = client.peer();
        if peer.status == STATUS_SUCCESS {
            assert!(peer.dispatch.is_null());
        }
        status = Some(peer.status);
    });
    end_provider(provider, || ());
    nmr.finish();
    status.expect("the client was registered")
}

#[test]
fn a_provider_takes_a_null_context_and_refuses_the_rest() {
    let table = |revision, size, get_dispatch| ClientTable {
        revision,
        size,
        interface: Pointer::NULL,
        get_dispatch,
    };
    let right = table(1, 24, Some(get_dispatch as GetDispatch));
    let mut client = Foreign::new(&ID).saying(&CAPABILITIES).with_table(&right);
    client.module_id = INSTANCE;
    client.number = NUMBER;
    client.version = Xdp::INSTANCE_VERSION;
    client.context = ptr::null_mut();
    assert_eq!(provider_meets(client), STATUS_SUCCESS);

    let mut of_version_0 = client;
    of_version_0.version = 0;
    let mut elsewhere = client;
    elsewhere.number = 0;
    let mut stranger = client;
    stranger.module_id = ID;
    let mut silent = client;
    silent.characteristics = ptr::null();
    let mut tableless = client;
    tableless.dispatch = ptr::null();
    for wrong in [of_version_0, elsewhere, stranger, silent, tableless] {
        assert_eq!(provider_meets(wrong), STATUS_NOINTERFACE);
    }
    // A list that is longer than the characteristics, and an empty one.
    for (at, byte) in [(4, 19), (8, 0)] {
        let mut capabilities = CAPABILITIES;
        capabilities[at] = byte;
        let wrong = client.saying(&capabilities);
        assert_eq!(provider_meets(wrong), STATUS_NOINTERFACE);
    }
    for wrong in [
        table(0, 24, Some(get_dispatch as GetDispatch)),
        table(1, 23, Some(get_dispatch as GetDispatch)),
        table(1, 24, None),
    ] {
        assert_eq!(
            provider_meets(client.with_table(&wrong)),
            STATUS_NOINTERFACE
        );
    }
}

#[test]
fn a_client_takes_a_null_table_and_a_null_context() {
    let nmr = Nmr::alone(4);
    let mut provider = Foreign::new(&ID);
    provider.version = Xdp::INSTANCE_VERSION;
    provider.context = ptr::null_mut();
    let before = INTERFACE.attached.load(Ordering::Relaxed);
    provider.provider(|_| end_client(register(OURS), || ()));
    assert_eq!(INTERFACE.attached.load(Ordering::Relaxed), before + 1);
    // A table of revision 0 is none that it knows: nothing will be called.
    let table = ProviderTable {
        revision: 0,
        size: 8,
    };
    provider
        .with_table(&table)
        .provider(|_| end_client(register(OURS), || ()));
    assert_eq!(INTERFACE.attached.load(Ordering::Relaxed), before + 1);
    provider.version = 0;
    provider.provider(|provider| {
        end_client(register(OURS), || ());
        assert_eq!(provider.peers().len(), 0);
    });
    nmr.finish();
}

#[test]
fn a_detach_waits_until_the_interface_is_closed() {
    for seed in 0..32 {
        let provider_goes = seed % 2 == 0;
        let nmr = Nmr::alone(seed);
        let interface = register(OURS);
        let opened = Arc::new(Opened::default());
        let provider = register(XdpModule::new(&opened));
        assert!(opened.open());
        INTERFACE.pause.arm();
        let caller = {
            let opened = Arc::clone(&opened);
            thread::spawn(move || opened.get_dispatch(2))
        };
        INTERFACE.pause.reached();
        let meanwhile = || {
            assert_eq!(pended_detaches(), (0, 1));
            // The interface is still open, but is not called any more.
            assert_eq!(opened.get_dispatch(2), Err(NtStatus::DEVICE_NOT_READY.0));
            opened.close();
            INTERFACE.pause.end();
        };
        if provider_goes {
            end_provider(provider, meanwhile);
            end_client(interface, || ());
        } else {
            end_client(interface, meanwhile);
            end_provider(provider, || ());
        }
        assert_eq!(caller.join().expect("no panic"), Ok(0xD15));
        nmr.finish();
    }
}
