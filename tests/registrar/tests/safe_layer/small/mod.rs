// SPDX-License-Identifier: MIT OR Apache-2.0

//! A small NPI, a module of each role whose callbacks a test gives, and peers in the
//! manner of C, which the library does not count.

mod raw;

pub(crate) use raw::{RawClient, RawProvider, counting};

use core::ffi::c_void;
use std::sync::{Arc, Mutex};

use nmr::abi::*;
use nmr::header::Header;
use nmr::irql::PassiveLevel;
use nmr::layout::{Absent, Check, Required};
use nmr::{
    Accepted, Binding, Bindings, Call, Client, Hold, Module, ModuleId, Npi, NtStatus, PeerDispatch,
    PeerModule, Peers, Provider, Result, Table,
};

nmr::c_struct! {
    /// The functions of either side.
    pub(crate) struct Functions: Check::SIZE_FIRST {
        pub(crate) header: Header,
        pub(crate) poke: Option<unsafe extern "system" fn(binding: *mut c_void) -> NTSTATUS>,
    }
}

/// The NPI; with `NULL`, a binding context may be null.
pub(crate) enum Small<const NULL: bool> {}

// SAFETY: the modules here are the only ones, and use these types.
unsafe impl<const NULL: bool> Npi for Small<NULL> {
    const ID: NPIID = GUID::from_u128(0x55d5_9c0f_27f6_4b84_bd50_0f6f_7d1c_1000 + NULL as u128);
    type ClientCharacteristics = Absent;
    type ProviderCharacteristics = Absent;
    type ClientDispatch = Required<Functions>;
    type ProviderDispatch = Required<Functions>;
    const CONTEXT_MAY_BE_NULL: bool = NULL;
}

const MODULE_ID: ModuleId =
    ModuleId::Guid(GUID::from_u128(0x55d5_9c0f_27f6_4b84_bd50_0f6f_7d1c_2000));

type Hook<T> = Box<dyn Fn(T) + Send + Sync>;

/// What a binding context owns: a hold, if a test has put one there, and what is
/// called when it is dropped.
pub(crate) struct Context<M: Module> {
    pub(crate) kept: Mutex<Option<Hold<M>>>,
    cleanup: Arc<dyn Fn() + Send + Sync>,
}

impl<M: Module> Drop for Context<M> {
    fn drop(&mut self) {
        (self.cleanup)();
    }
}

nmr::dispatch_fn! {
    fn poke[M: Module](binding: &Binding<M>) -> NTSTATUS {
        let _ = binding.module();
        NtStatus::SUCCESS.0
    }
}

macro_rules! module {
    ($(#[$meta:meta])* $name:ident, $role:ty) => {
        $(#[$meta])*
        pub(crate) struct $name<const NULL: bool, const ONE: bool> {
            /// What `attach` returns.
            pub(crate) attach: Box<dyn Fn() -> Result + Send + Sync>,
            pub(crate) attached: Box<dyn Fn(Call<'_, Self>) + Send + Sync>,
            pub(crate) accepted: Hook<Accepted<Self>>,
            pub(crate) detaching: Box<dyn Fn(&Binding<Self>) + Send + Sync>,
            pub(crate) cleanup: Arc<dyn Fn() + Send + Sync>,
            pub(crate) rejected: Hook<()>,
            pub(crate) dropped: Hook<()>,
            pub(crate) bindings: Arc<Bindings<Self>>,
        }

        impl<const NULL: bool, const ONE: bool> $name<NULL, ONE> {
            /// One that accepts every peer.
            pub(crate) fn new() -> Self {
                Self {
                    attach: Box::new(|| Ok(())),
                    attached: Box::new(|call| call.add_to_list()),
                    accepted: Box::new(drop),
                    detaching: Box::new(|_| ()),
                    cleanup: Arc::new(|| ()),
                    rejected: Box::new(|()| ()),
                    dropped: Box::new(|()| ()),
                    bindings: Arc::default(),
                }
            }
        }

        impl<const NULL: bool, const ONE: bool> Module for $name<NULL, ONE> {
            type Role = $role;
            type Npi = Small<NULL>;
            type Binding = Context<Self>;
            const MODULE_ID: ModuleId = MODULE_ID;
            const CHARACTERISTICS: () = ();
            // SAFETY: the function is one of this module.
            const TABLE: Table<Self> = unsafe {
                Table::new(
                    &const {
                        Functions {
                            header: Header::of::<Functions>(1),
                            poke: Some(poke::<Self>),
                        }
                    },
                )
            };
            const PEERS: Peers = if ONE { Peers::One } else { Peers::Many };

            fn attach(
                &self,
                _peer: &PeerModule<'_, Self>,
                _passive: &PassiveLevel<'_>,
            ) -> Result<Context<Self>> {
                (self.attach)()?;
                Ok(Context {
                    kept: Mutex::new(None),
                    cleanup: Arc::clone(&self.cleanup),
                })
            }

            fn accepts_dispatch(
                _context: &Context<Self>,
                table: PeerDispatch<'_, Self>,
            ) -> bool {
                table.poke.is_some()
            }

            fn attached(&self, call: Call<'_, Self>) {
                (self.attached)(call);
            }

            fn accepted(&self, client: Accepted<Self>) {
                (self.accepted)(client);
            }

            fn detaching(&self, binding: &Binding<Self>) {
                (self.detaching)(binding);
            }

            fn bindings(&self) -> Option<&Bindings<Self>> {
                Some(&self.bindings)
            }

            fn dispatch_rejected(&self) {
                (self.rejected)(());
            }
        }

        impl<const NULL: bool, const ONE: bool> Drop for $name<NULL, ONE> {
            fn drop(&mut self) {
                (self.dropped)(());
            }
        }
    };
}

module! {
    /// A provider of `Small<NULL>`; with `ONE`, it takes one peer.
    ProviderOf, Provider
}

module! {
    /// A client of `Small<NULL>`; with `ONE`, it takes one peer.
    ClientOf, Client
}

impl<const NULL: bool, const ONE: bool> ClientOf<NULL, ONE> {
    /// Calls every peer. Returns the number of calls.
    pub(crate) fn poke_all(bindings: &Bindings<Self>) -> usize {
        let mut calls = 0;
        bindings.for_each(|call| {
            calls += 1;
            let status = call.make(|peer| {
                let poke = peer.table().poke.expect("it was checked");
                // SAFETY: the peer is attached.
                NtStatus(unsafe { poke(peer.context()) })
            });
            assert_eq!(status, NtStatus::SUCCESS);
        });
        calls
    }
}

pub(crate) type SmallProvider = ProviderOf<false, false>;
pub(crate) type SmallClient = ClientOf<false, false>;
