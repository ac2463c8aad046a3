// SPDX-License-Identifier: MIT OR Apache-2.0

//! Declarations of `wsk.h` that the client needs and `wdk-sys` does not have.
//!
//! Reference: <https://learn.microsoft.com/windows-hardware/drivers/ddi/wsk/>

use core::ffi::c_void;

use wdk_sys::{NTSTATUS, PIRP, PMDL};

/// `MAKE_WSK_VERSION(1, 0)`.
pub(crate) const VERSION: u16 = 0x0100;
/// `WSK_INFINITE_WAIT`.
pub(crate) const INFINITE_WAIT: u32 = u32::MAX;
/// `AF_INET`.
pub(crate) const IPV4: u16 = 2;
/// `SOCK_STREAM`.
pub(crate) const STREAM: u16 = 1;
/// `IPPROTO_TCP`.
pub(crate) const TCP: u32 = 6;
/// `WSK_FLAG_CONNECTION_SOCKET`.
pub(crate) const CONNECTION_SOCKET: u32 = 2;

/// `WSK_CLIENT_DISPATCH`.
#[repr(C)]
pub(crate) struct ClientDispatch {
    pub(crate) version: u16,
    pub(crate) reserved: u16,
    /// `WskClientEvent`: there are no such events.
    pub(crate) event: usize,
}

/// `WSK_CLIENT_NPI`.
#[repr(C)]
pub(crate) struct ClientNpi {
    pub(crate) context: *mut c_void,
    pub(crate) dispatch: *const ClientDispatch,
}

/// `WSK_REGISTRATION`.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Registration {
    state: u64,
    context: usize,
    lock: usize,
}

/// `WSK_PROVIDER_NPI`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct ProviderNpi {
    pub(crate) client: *mut c_void,
    pub(crate) dispatch: *const ProviderDispatch,
}

/// `WSK_PROVIDER_DISPATCH`: its first function only.
#[repr(C)]
pub(crate) struct ProviderDispatch {
    version: u16,
    reserved: u16,
    pub(crate) socket: unsafe extern "system" fn(
        client: *mut c_void,
        family: u16,
        kind: u16,
        protocol: u32,
        flags: u32,
        context: *mut c_void,
        dispatch: *const c_void,
        process: *mut c_void,
        thread: *mut c_void,
        security: *mut c_void,
        irp: PIRP,
    ) -> NTSTATUS,
}

/// `WSK_SOCKET` of a connection-oriented socket.
#[repr(C)]
pub(crate) struct RawSocket {
    pub(crate) dispatch: *const ConnectionDispatch,
}

type OfSocket = unsafe extern "system" fn(socket: *mut RawSocket, irp: PIRP) -> NTSTATUS;
type WithAddress = unsafe extern "system" fn(
    socket: *mut RawSocket,
    address: *const Address,
    flags: u32,
    irp: PIRP,
) -> NTSTATUS;
type WithBuffer = unsafe extern "system" fn(
    socket: *mut RawSocket,
    buffer: *const Buf,
    flags: u32,
    irp: PIRP,
) -> NTSTATUS;

/// `WSK_PROVIDER_CONNECTION_DISPATCH`, up to the last function that the client calls.
#[repr(C)]
pub(crate) struct ConnectionDispatch {
    control_socket: usize,
    pub(crate) close_socket: OfSocket,
    pub(crate) bind: WithAddress,
    pub(crate) connect: WithAddress,
    local_address: usize,
    remote_address: usize,
    pub(crate) send: WithBuffer,
    pub(crate) receive: WithBuffer,
    pub(crate) disconnect: WithBuffer,
}

/// `WSK_BUF`.
#[repr(C)]
pub(crate) struct Buf {
    pub(crate) mdl: PMDL,
    pub(crate) offset: u32,
    pub(crate) length: usize,
}

/// `SOCKADDR_IN`.
#[repr(C)]
pub(crate) struct Address {
    family: u16,
    /// In the order of the network.
    port: [u8; 2],
    host: [u8; 4],
    zero: [u8; 8],
}

impl Address {
    pub(crate) const fn new(host: [u8; 4], port: u16) -> Self {
        Self {
            family: IPV4,
            port: port.to_be_bytes(),
            host,
            zero: [0; 8],
        }
    }
}

#[link(name = "NETIO.SYS", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "system" {
    #[link_name = "WskRegister"]
    pub(crate) fn register(npi: *const ClientNpi, registration: *mut Registration) -> NTSTATUS;
    #[link_name = "WskCaptureProviderNPI"]
    pub(crate) fn capture_provider_npi(
        registration: *mut Registration,
        timeout: u32,
        npi: *mut ProviderNpi,
    ) -> NTSTATUS;
    #[link_name = "WskReleaseProviderNPI"]
    pub(crate) fn release_provider_npi(registration: *mut Registration);
    #[link_name = "WskDeregister"]
    pub(crate) fn deregister(registration: *mut Registration);
}
