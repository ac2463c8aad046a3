// SPDX-License-Identifier: MIT OR Apache-2.0

//! A connection-oriented socket.

use core::ptr;

use nmr::Result;
use nmr::irql::PassiveLevel;

use crate::buffer::Buffer;
use crate::network::Network;
use crate::request::Request;
use crate::wsk::{self, Address, ConnectionDispatch, RawSocket};

/// The port of the echo service.
const ECHO: u16 = 7;

/// A socket of one thread, which [closes](Self::close) it.
#[must_use = "a socket that is not closed keeps WskDeregister from its end"]
pub(crate) struct Socket(*mut RawSocket);

impl Socket {
    pub(crate) fn open(
        network: &Network,
        request: &mut Request,
        passive: &PassiveLevel<'_>,
    ) -> Result<Self> {
        let npi = network.npi();
        // SAFETY: the NPI is captured as long as the network is there.
        let open = unsafe { (*npi.dispatch).socket };
        let made = request.run_to_end(
            // SAFETY: the client is that of the NPI, and there are no callbacks.
            |irp| unsafe {
                open(
                    npi.client,
                    wsk::IPV4,
                    wsk::STREAM,
                    wsk::TCP,
                    wsk::CONNECTION_SOCKET,
                    ptr::null_mut(),
                    ptr::null(),
                    ptr::null_mut(),
                    ptr::null_mut(),
                    ptr::null_mut(),
                    irp,
                )
            },
            passive,
        )?;
        Ok(Self(ptr::with_exposed_provenance_mut(made)))
    }

    fn table(&self) -> &ConnectionDispatch {
        // SAFETY: the socket is open until it is closed, which consumes it.
        let table = unsafe { (*self.0).dispatch };
        // SAFETY: its table is there as long as the socket.
        unsafe { &*table }
    }

    /// Binds the socket to any port, and connects it to the echo service of this machine.
    pub(crate) fn connect(&self, request: &mut Request, passive: &PassiveLevel<'_>) -> Result {
        let any = Address::new([0; 4], 0);
        let server = Address::new([127, 0, 0, 1], ECHO);
        let bind = self.table().bind;
        request.run(
            // SAFETY: the socket is open; the address outlives the request, which is waited for.
            |irp| unsafe { bind(self.0, &raw const any, 0, irp) },
            passive,
        )?;
        let connect = self.table().connect;
        request.run(
            // SAFETY: as above.
            |irp| unsafe { connect(self.0, &raw const server, 0, irp) },
            passive,
        )?;
        Ok(())
    }

    pub(crate) fn send<const LENGTH: usize>(
        &self,
        buffer: &Buffer<LENGTH>,
        request: &mut Request,
        passive: &PassiveLevel<'_>,
    ) -> Result {
        let send = self.table().send;
        let all = buffer.from(0);
        request.run(
            // SAFETY: the socket is open; the buffer outlives the request, which is waited for.
            |irp| unsafe { send(self.0, &raw const all, 0, irp) },
            passive,
        )?;
        Ok(())
    }

    /// Receives into what begins at `offset` of a buffer. Returns how much has come; 0 if the
    /// connection has ended.
    pub(crate) fn receive<const LENGTH: usize>(
        &self,
        buffer: &mut Buffer<LENGTH>,
        offset: usize,
        request: &mut Request,
        passive: &PassiveLevel<'_>,
    ) -> Result<usize> {
        let receive = self.table().receive;
        let rest = buffer.from(offset);
        request.run(
            // SAFETY: the socket is open; the buffer is borrowed until the request is complete.
            |irp| unsafe { receive(self.0, &raw const rest, 0, irp) },
            passive,
        )
    }

    pub(crate) fn disconnect(&self, request: &mut Request, passive: &PassiveLevel<'_>) -> Result {
        let disconnect = self.table().disconnect;
        request.run(
            // SAFETY: the socket is open; there are no data to send before the end.
            |irp| unsafe { disconnect(self.0, ptr::null(), 0, irp) },
            passive,
        )?;
        Ok(())
    }

    pub(crate) fn close(self, request: &mut Request, passive: &PassiveLevel<'_>) {
        let close = self.table().close_socket;
        // A close does not fail.
        // SAFETY: the socket is open, and no other thread uses it.
        let _ = request.run_to_end(|irp| unsafe { close(self.0, irp) }, passive);
    }
}
