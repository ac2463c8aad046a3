// SPDX-License-Identifier: MIT OR Apache-2.0

//! `wsk_client.sys`: until the driver is unloaded, a thread connects to the echo service of
//! this machine, sends data, compares the reply, and closes the connection.

#![no_std]
#![deny(clippy::multiple_unsafe_ops_per_block)]

extern crate alloc;
extern crate wdk_panic;

mod buffer;
mod network;
mod request;
mod socket;
mod wsk;

use alloc::boxed::Box;
use core::ffi::c_void;
use core::pin::Pin;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use nmr::irql::PassiveLevel;
use nmr::memory::try_box;
use nmr::{NtStatus, Result};
use wdk_alloc::WdkAllocator;
use wdk_sys::{DRIVER_OBJECT, NTSTATUS, PCUNICODE_STRING};
use wdm::SpinLock;
use wdm::thread::{self, Thread};

use buffer::Buffer;
use network::Network;
use request::Request;
use socket::Socket;

#[global_allocator]
static ALLOCATOR: WdkAllocator = WdkAllocator;

/// The client, from `DriverEntry` to `DriverUnload`.
static CLIENT: AtomicPtr<Client> = AtomicPtr::new(ptr::null_mut());

/// `DriverEntry`. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the I/O manager, once.
// The linker looks for the entry point under this name, which no other symbol has.
#[unsafe(export_name = "DriverEntry")]
unsafe extern "system" fn driver_entry(
    driver: &mut DRIVER_OBJECT,
    _registry_path: PCUNICODE_STRING,
) -> NTSTATUS {
    // SAFETY: `DriverEntry` is called at `PASSIVE_LEVEL`.
    let passive = unsafe { PassiveLevel::assume() };
    driver.DriverUnload = Some(unload);
    match start(&passive) {
        Ok(client) => {
            CLIENT.store(Box::into_raw(client), Ordering::Release);
            NtStatus::SUCCESS.0
        }
        Err(status) => status.0,
    }
}

unsafe extern "C" fn unload(_driver: *mut DRIVER_OBJECT) {
    // SAFETY: `DriverUnload` is called at `PASSIVE_LEVEL`.
    let passive = unsafe { PassiveLevel::assume() };
    let client = CLIENT.swap(ptr::null_mut(), Ordering::AcqRel);
    // SAFETY: `DriverEntry`, which succeeded, has put the client there, from a box.
    let client = unsafe { Box::from_raw(client) };
    client.stop.store(true, Ordering::Release);
    if let Some(thread) = client.thread.with(Option::take) {
        thread.join(&passive);
    }
}

/// What the thread works on, and the thread.
struct Client {
    stop: AtomicBool,
    thread: SpinLock<Option<Thread>>,
    /// Closed when the client is dropped, which is at `PASSIVE_LEVEL`.
    network: Pin<Box<Network>>,
}

fn start(passive: &PassiveLevel<'_>) -> Result<Box<Client>> {
    let client = try_box(Client {
        stop: AtomicBool::new(false),
        thread: SpinLock::new(None),
        network: Network::open(passive)?,
    })?;
    let context = ptr::from_ref(&*client).cast_mut().cast();
    // SAFETY: the thread is joined in `unload`, before the client goes.
    let thread = unsafe { Thread::start(run, context, passive) }?;
    client.thread.with(|place| *place = Some(thread));
    Ok(client)
}

/// The routine of the thread. `context` is the [`Client`].
unsafe extern "C" fn run(context: *mut c_void) {
    // SAFETY: a system thread begins at `PASSIVE_LEVEL`.
    let passive = unsafe { PassiveLevel::assume() };
    // SAFETY: the client stays until the thread is joined.
    let client = unsafe { &*context.cast::<Client>() };
    while !client.stop.load(Ordering::Acquire) {
        // What fails is tried again.
        let _ = talk(&client.network, &passive);
        request::pause(&passive);
    }
    // SAFETY: nothing is left to be dropped.
    unsafe { thread::exit(&passive) };
}

const LENGTH: usize = 64;

/// One conversation with the server.
fn talk(network: &Network, passive: &PassiveLevel<'_>) -> Result {
    let mut request = Request::new()?;
    let mut bytes = [0; LENGTH];
    for (byte, value) in bytes.iter_mut().zip(1..) {
        *byte = value;
    }
    let sent = Buffer::new(bytes)?;
    let mut received = Buffer::new([0; LENGTH])?;
    let socket = Socket::open(network, &mut request, passive)?;
    let outcome = converse(&socket, &mut request, &sent, &mut received, passive);
    socket.close(&mut request, passive);
    let length = outcome?;
    assert_eq!(received.bytes()[..length], sent.bytes()[..length]);
    Ok(())
}

/// Sends, and receives until all has come back or the connection ends. Returns how much has.
fn converse(
    socket: &Socket,
    request: &mut Request,
    sent: &Buffer<LENGTH>,
    received: &mut Buffer<LENGTH>,
    passive: &PassiveLevel<'_>,
) -> Result<usize> {
    socket.connect(request, passive)?;
    socket.send(sent, request, passive)?;
    let mut length = 0;
    while length < LENGTH {
        match socket.receive(received, length, request, passive) {
            Ok(more) if more > 0 => length += more,
            _ => break,
        }
    }
    socket.disconnect(request, passive)?;
    Ok(length)
}
