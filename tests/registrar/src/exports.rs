// SPDX-License-Identifier: MIT OR Apache-2.0

//! The nine functions under their documented names, for a program or driver with one
//! registrar.

/// Exports NMR's functions; `$registrar` is a function that answers with a
/// `&'static Registrar<_>`. The caller's crate depends on `shared-npi`.
#[macro_export]
macro_rules! export_functions {
    ($registrar:path) => {
        ::nmr::nmr_fn! {
            /// See `Registrar::register_provider`.
            ///
            /// # Safety
            ///
            /// As there.
            // SAFETY: nothing else that is linked has the name.
            #[unsafe(no_mangle)]
            pub unsafe fn NmrRegisterProvider[](
                characteristics: *const ::nmr::abi::NPI_PROVIDER_CHARACTERISTICS,
                context: *mut ::core::ffi::c_void,
                handle: *mut ::nmr::abi::HANDLE,
            ) -> ::nmr::abi::NTSTATUS {
                // SAFETY: the arguments meet the contract of the registrar's
                // function of this name, which is the documented one.
                unsafe { $registrar().register_provider(characteristics, context, handle) }
            }
        }

        ::nmr::nmr_fn! {
            /// See `Registrar::register_client`.
            ///
            /// # Safety
            ///
            /// As there.
            // SAFETY: as for `NmrRegisterProvider`.
            #[unsafe(no_mangle)]
            pub unsafe fn NmrRegisterClient[](
                characteristics: *const ::nmr::abi::NPI_CLIENT_CHARACTERISTICS,
                context: *mut ::core::ffi::c_void,
                handle: *mut ::nmr::abi::HANDLE,
            ) -> ::nmr::abi::NTSTATUS {
                // SAFETY: the arguments meet the contract of the registrar's
                // function of this name, which is the documented one.
                unsafe { $registrar().register_client(characteristics, context, handle) }
            }
        }

        ::nmr::nmr_fn! {
            /// See `Registrar::client_attach_provider`.
            ///
            /// # Safety
            ///
            /// As there.
            // SAFETY: as for `NmrRegisterProvider`.
            #[unsafe(no_mangle)]
            pub unsafe fn NmrClientAttachProvider[](
                binding: ::nmr::abi::HANDLE,
                client_context: *mut ::core::ffi::c_void,
                client_dispatch: *const ::core::ffi::c_void,
                provider_context: *mut *mut ::core::ffi::c_void,
                provider_dispatch: *mut *const ::core::ffi::c_void,
            ) -> ::nmr::abi::NTSTATUS {
                // SAFETY: the arguments meet the contract of the registrar's
                // function of this name, which is the documented one.
                unsafe {
                    $registrar().client_attach_provider(
                        binding,
                        client_context,
                        client_dispatch,
                        provider_context,
                        provider_dispatch,
                    )
                }
            }
        }

        $crate::export_functions! {
            @of_handles $registrar,
            NmrDeregisterProvider => deregister_provider -> ::nmr::abi::NTSTATUS;
            NmrDeregisterClient => deregister_client -> ::nmr::abi::NTSTATUS;
            NmrWaitForProviderDeregisterComplete =>
                wait_for_provider_deregister_complete -> ::nmr::abi::NTSTATUS;
            NmrWaitForClientDeregisterComplete =>
                wait_for_client_deregister_complete -> ::nmr::abi::NTSTATUS;
            NmrProviderDetachClientComplete => provider_detach_client_complete;
            NmrClientDetachProviderComplete => client_detach_provider_complete;
        }
    };

    (@of_handles $registrar:path, $($name:ident => $method:ident $(-> $ret:ty)?;)*) => {$(
        ::nmr::nmr_fn! {
            #[doc = concat!("See `Registrar::", stringify!($method), "`.")]
            ///
            /// # Safety
            ///
            /// None is needed: any value may be passed.
            // SAFETY: as for `NmrRegisterProvider`.
            #[unsafe(no_mangle)]
            pub unsafe fn $name[](handle: ::nmr::abi::HANDLE) $(-> $ret)? {
                $registrar().$method(handle)
            }
        }
    )*};
}
