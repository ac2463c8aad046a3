// SPDX-License-Identifier: MIT OR Apache-2.0
// Stands in for the Windows Driver Kit's netioddk.h where that is not installed: the
// Network Module Registrar.

#pragma once

#ifdef __cplusplus
extern "C" {
#endif

typedef GUID NPIID;
typedef CONST NPIID *PNPIID;
typedef enum _NPI_MODULEID_TYPE { MIT_GUID = 1, MIT_IF_LUID } NPI_MODULEID_TYPE;
typedef struct _NPI_MODULEID {
    USHORT Length;
    NPI_MODULEID_TYPE Type;
    union {
        GUID Guid;
        LUID IfLuid;
    };
} NPI_MODULEID;
typedef CONST NPI_MODULEID *PNPI_MODULEID;

typedef struct _NPI_REGISTRATION_INSTANCE {
    USHORT Version;
    USHORT Size;
    PNPIID NpiId;
    PNPI_MODULEID ModuleId;
    ULONG Number;
    CONST VOID *NpiSpecificCharacteristics;
} NPI_REGISTRATION_INSTANCE;
typedef CONST NPI_REGISTRATION_INSTANCE *PNPI_REGISTRATION_INSTANCE;

typedef NTSTATUS NPI_CLIENT_ATTACH_PROVIDER_FN(
    HANDLE NmrBindingHandle, PVOID ClientContext, PNPI_REGISTRATION_INSTANCE ProviderRegistrationInstance);
typedef NTSTATUS NPI_CLIENT_DETACH_PROVIDER_FN(PVOID ClientBindingContext);
typedef VOID NPI_CLIENT_CLEANUP_BINDING_CONTEXT_FN(PVOID ClientBindingContext);
typedef struct _NPI_CLIENT_CHARACTERISTICS {
    USHORT Version;
    USHORT Length;
    NPI_CLIENT_ATTACH_PROVIDER_FN *ClientAttachProvider;
    NPI_CLIENT_DETACH_PROVIDER_FN *ClientDetachProvider;
    NPI_CLIENT_CLEANUP_BINDING_CONTEXT_FN *ClientCleanupBindingContext;
    NPI_REGISTRATION_INSTANCE ClientRegistrationInstance;
} NPI_CLIENT_CHARACTERISTICS;
typedef CONST NPI_CLIENT_CHARACTERISTICS *PNPI_CLIENT_CHARACTERISTICS;

typedef NTSTATUS NPI_PROVIDER_ATTACH_CLIENT_FN(
    HANDLE NmrBindingHandle, PVOID ProviderContext, PNPI_REGISTRATION_INSTANCE ClientRegistrationInstance,
    PVOID ClientBindingContext, CONST VOID *ClientDispatch, PVOID *ProviderBindingContext,
    CONST VOID **ProviderDispatch);
typedef NTSTATUS NPI_PROVIDER_DETACH_CLIENT_FN(PVOID ProviderBindingContext);
typedef VOID NPI_PROVIDER_CLEANUP_BINDING_CONTEXT_FN(PVOID ProviderBindingContext);
typedef struct _NPI_PROVIDER_CHARACTERISTICS {
    USHORT Version;
    USHORT Length;
    NPI_PROVIDER_ATTACH_CLIENT_FN *ProviderAttachClient;
    NPI_PROVIDER_DETACH_CLIENT_FN *ProviderDetachClient;
    NPI_PROVIDER_CLEANUP_BINDING_CONTEXT_FN *ProviderCleanupBindingContext;
    NPI_REGISTRATION_INSTANCE ProviderRegistrationInstance;
} NPI_PROVIDER_CHARACTERISTICS;
typedef CONST NPI_PROVIDER_CHARACTERISTICS *PNPI_PROVIDER_CHARACTERISTICS;

NTKERNELAPI NTSTATUS NmrRegisterClient(
    PNPI_CLIENT_CHARACTERISTICS ClientCharacteristics, PVOID ClientContext, PHANDLE NmrClientHandle);
NTKERNELAPI NTSTATUS NmrDeregisterClient(HANDLE NmrClientHandle);
NTKERNELAPI NTSTATUS NmrWaitForClientDeregisterComplete(HANDLE NmrClientHandle);
NTKERNELAPI NTSTATUS NmrClientAttachProvider(
    HANDLE NmrBindingHandle, PVOID ClientBindingContext, CONST VOID *ClientDispatch, PVOID *ProviderBindingContext,
    CONST VOID **ProviderDispatch);
NTKERNELAPI VOID NmrClientDetachProviderComplete(HANDLE NmrBindingHandle);
NTKERNELAPI NTSTATUS NmrRegisterProvider(
    PNPI_PROVIDER_CHARACTERISTICS ProviderCharacteristics, PVOID ProviderContext, PHANDLE NmrProviderHandle);
NTKERNELAPI NTSTATUS NmrDeregisterProvider(HANDLE NmrProviderHandle);
NTKERNELAPI NTSTATUS NmrWaitForProviderDeregisterComplete(HANDLE NmrProviderHandle);
NTKERNELAPI VOID NmrProviderDetachClientComplete(HANDLE NmrBindingHandle);

#ifdef __cplusplus
}
#endif
