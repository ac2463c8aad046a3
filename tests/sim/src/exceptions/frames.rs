// SPDX-License-Identifier: MIT OR Apache-2.0

//! The frames of driver code that an exception passes, from where it was raised outwards.

use std::ptr;

use pe_unwind_info::x86_64::{Register, UnwindState, XmmRegister};
use windows_sys::Win32::System::Diagnostics::Debug::DISPATCHER_CONTEXT;

use crate::exceptions::context::Context;
use crate::hardware::stack::Stacks;
use crate::kernel::State;
use crate::loader::handlers::FrameHandler;

/// A frame, with the registers that its function had at its call or at the exception.
#[derive(Clone, Copy)]
pub(super) struct ExceptionFrame {
    pub(super) context: Context,
    /// What its caller has.
    pub(super) caller: Context,
    /// The value by which its handlers know it.
    pub(super) establisher: u64,
    pub(super) handler: Option<FrameHandler>,
    base: usize,
}

impl ExceptionFrame {
    /// The frame of the function that goes on with `context`; `None` if that is not code of a driver.
    pub(super) fn new(state: &State, context: &Context) -> Option<Self> {
        let address = usize::try_from(context.0.Rip).ok()?;
        let site = state.loader.drivers.site(address)?;
        let offset = site.offset?;
        let driver = &state.loader.drivers[site.driver];
        let handler = driver.image.handler(offset);
        let mut unwinding = Unwinding {
            context: *context,
            stacks: state.scheduling.stacks(),
        };
        let home = driver.image.unwind(offset, &mut unwinding)?;
        unwinding.context.0.Rip = home;
        let establisher = match handler.and_then(|it| it.frame) {
            Some((register, above)) => context.register(register).wrapping_sub(above.into()),
            None => context.0.Rsp,
        };
        Some(Self {
            context: *context,
            caller: unwinding.context,
            establisher,
            handler,
            base: driver.base,
        })
    }

    /// What the frame's handler is told about it, and the handler's address.
    pub(super) fn dispatcher(
        &mut self,
        handler: &FrameHandler,
        target: u64,
        scope: u32,
    ) -> (DISPATCHER_CONTEXT, usize) {
        let at = |offset: u32| self.base + offset as usize;
        let dispatcher = DISPATCHER_CONTEXT {
            ControlPc: self.context.0.Rip,
            ImageBase: self.base as u64,
            FunctionEntry: ptr::with_exposed_provenance_mut(at(handler.entry)),
            EstablisherFrame: self.establisher,
            TargetIp: target,
            ContextRecord: &raw mut self.context.0,
            LanguageHandler: None,
            HandlerData: ptr::with_exposed_provenance_mut(at(handler.data)),
            HistoryTable: ptr::null_mut(),
            ScopeIndex: scope,
            Fill0: 0,
        };
        (dispatcher, at(handler.routine))
    }
}

/// A walk from a frame to the next one.
struct Unwinding<'a> {
    context: Context,
    stacks: &'a Stacks,
}

impl UnwindState for Unwinding<'_> {
    fn read_register(&mut self, register: Register) -> u64 {
        self.context.register(register)
    }

    fn read_stack(&mut self, address: u64) -> Option<u64> {
        self.stacks.read(usize::try_from(address).ok()?)
    }

    fn write_register(&mut self, register: Register, value: u64) {
        self.context.set_register(register, value);
    }

    fn write_xmm_register(&mut self, register: XmmRegister, value: u128) {
        self.context.set_vector(register, value);
    }
}
