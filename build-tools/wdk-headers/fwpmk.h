// SPDX-License-Identifier: MIT OR Apache-2.0
// Stands in for the Windows Driver Kit's fwpmk.h where that is not installed: the management
// functions of the Windows Filtering Platform that a callout driver may call.

#pragma once
#include <fwptypes.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RPC_C_AUTHN_WINNT 10
#define RPC_C_AUTHN_DEFAULT 0xFFFFFFFF

typedef struct FWPM_DISPLAY_DATA0_ {
    PWSTR name;
    PWSTR description;
} FWPM_DISPLAY_DATA0;

typedef struct FWPM_SESSION0_ {
    GUID sessionKey;
    FWPM_DISPLAY_DATA0 displayData;
    UINT32 flags;
    UINT32 txnWaitTimeoutInMSec;
    ULONG processId;
    PVOID sid;
    PWSTR username;
    int kernelMode;
} FWPM_SESSION0;
#define FWPM_SESSION_FLAG_DYNAMIC 0x00000001
#define FWPM_TXN_READ_ONLY 0x00000001

typedef struct FWPM_PROVIDER0_ {
    GUID providerKey;
    FWPM_DISPLAY_DATA0 displayData;
    UINT32 flags;
    FWP_BYTE_BLOB providerData;
    PWSTR serviceName;
} FWPM_PROVIDER0;

typedef struct FWPM_SUBLAYER0_ {
    GUID subLayerKey;
    FWPM_DISPLAY_DATA0 displayData;
    UINT32 flags;
    GUID *providerKey;
    FWP_BYTE_BLOB providerData;
    UINT16 weight;
} FWPM_SUBLAYER0;

typedef struct FWPM_CALLOUT0_ {
    GUID calloutKey;
    FWPM_DISPLAY_DATA0 displayData;
    UINT32 flags;
    GUID *providerKey;
    FWP_BYTE_BLOB providerData;
    GUID applicableLayer;
    UINT32 calloutId;
} FWPM_CALLOUT0;
C_ASSERT(sizeof(FWPM_CALLOUT0) == 0x58);

typedef struct FWPM_ACTION0_ {
    FWP_ACTION_TYPE type;
    union {
        GUID filterType;
        GUID calloutKey;
    };
} FWPM_ACTION0;

typedef struct FWPM_FILTER_CONDITION0_ {
    GUID fieldKey;
    FWP_MATCH_TYPE matchType;
    FWP_CONDITION_VALUE0 conditionValue;
} FWPM_FILTER_CONDITION0;
C_ASSERT(sizeof(FWPM_FILTER_CONDITION0) == 0x28);
#define FWPM_FILTER_FLAG_HAS_PROVIDER_CONTEXT 0x00000004
#define FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT 0x00000008
#define FWPM_FILTER_FLAG_PERMIT_IF_CALLOUT_UNREGISTERED 0x00000010
typedef struct FWPM_FILTER0_ {
    GUID filterKey;
    FWPM_DISPLAY_DATA0 displayData;
    UINT32 flags;
    GUID *providerKey;
    FWP_BYTE_BLOB providerData;
    GUID layerKey;
    GUID subLayerKey;
    FWP_VALUE0 weight;
    UINT32 numFilterConditions;
    FWPM_FILTER_CONDITION0 *filterCondition;
    FWPM_ACTION0 action;
    union {
        UINT64 rawContext;
        GUID providerContextKey;
    };
    GUID *reserved;
    UINT64 filterId;
    FWP_VALUE0 effectiveWeight;
} FWPM_FILTER0;
C_ASSERT(sizeof(FWPM_FILTER0) == 0xC8);

typedef enum FWPM_SERVICE_STATE_ {
    FWPM_SERVICE_STOPPED,
    FWPM_SERVICE_START_PENDING,
    FWPM_SERVICE_STOP_PENDING,
    FWPM_SERVICE_RUNNING,
    FWPM_SERVICE_STATE_MAX
} FWPM_SERVICE_STATE;
typedef VOID (*FWPM_SERVICE_STATE_CHANGE_CALLBACK0)(PVOID Context, FWPM_SERVICE_STATE NewState);

// Sessions and transactions.
NTKERNELAPI NTSTATUS FwpmEngineOpen0(
    CONST WCHAR *serverName, UINT32 authnService, PVOID authIdentity, CONST FWPM_SESSION0 *session,
    HANDLE *engineHandle);
NTKERNELAPI NTSTATUS FwpmEngineClose0(HANDLE engineHandle);
NTKERNELAPI NTSTATUS FwpmTransactionBegin0(HANDLE engineHandle, UINT32 flags);
NTKERNELAPI NTSTATUS FwpmTransactionCommit0(HANDLE engineHandle);
NTKERNELAPI NTSTATUS FwpmTransactionAbort0(HANDLE engineHandle);

// Objects.
NTKERNELAPI NTSTATUS FwpmProviderAdd0(HANDLE engineHandle, CONST FWPM_PROVIDER0 *provider, PVOID sd);
NTKERNELAPI NTSTATUS FwpmProviderDeleteByKey0(HANDLE engineHandle, CONST GUID *key);
NTKERNELAPI NTSTATUS FwpmSubLayerAdd0(HANDLE engineHandle, CONST FWPM_SUBLAYER0 *subLayer, PVOID sd);
NTKERNELAPI NTSTATUS FwpmSubLayerDeleteByKey0(HANDLE engineHandle, CONST GUID *key);
NTKERNELAPI NTSTATUS FwpmCalloutAdd0(HANDLE engineHandle, CONST FWPM_CALLOUT0 *callout, PVOID sd, UINT32 *id);
NTKERNELAPI NTSTATUS FwpmCalloutDeleteById0(HANDLE engineHandle, UINT32 id);
NTKERNELAPI NTSTATUS FwpmCalloutDeleteByKey0(HANDLE engineHandle, CONST GUID *key);
NTKERNELAPI NTSTATUS FwpmFilterAdd0(HANDLE engineHandle, CONST FWPM_FILTER0 *filter, PVOID sd, UINT64 *id);
NTKERNELAPI NTSTATUS FwpmFilterDeleteById0(HANDLE engineHandle, UINT64 id);
NTKERNELAPI NTSTATUS FwpmFilterDeleteByKey0(HANDLE engineHandle, CONST GUID *key);

// The state of the engine.
NTKERNELAPI FWPM_SERVICE_STATE FwpmBfeStateGet0(VOID);
NTKERNELAPI NTSTATUS FwpmBfeStateSubscribeChanges0(
    PVOID deviceObject, FWPM_SERVICE_STATE_CHANGE_CALLBACK0 callback, PVOID context, HANDLE *changeHandle);
NTKERNELAPI NTSTATUS FwpmBfeStateUnsubscribeChanges0(HANDLE changeHandle);

#define FwpmEngineOpen FwpmEngineOpen0
#define FwpmEngineClose FwpmEngineClose0
#define FwpmTransactionBegin FwpmTransactionBegin0
#define FwpmTransactionCommit FwpmTransactionCommit0
#define FwpmTransactionAbort FwpmTransactionAbort0
#define FwpmSubLayerAdd FwpmSubLayerAdd0
#define FwpmCalloutAdd FwpmCalloutAdd0
#define FwpmFilterAdd FwpmFilterAdd0

NTKERNELAPI NTSTATUS FwpmFilterGetById0(HANDLE engineHandle, UINT64 id, FWPM_FILTER0 **filter);
NTKERNELAPI NTSTATUS FwpmFilterCreateEnumHandle0(HANDLE engineHandle, CONST VOID *enumTemplate, HANDLE *enumHandle);
NTKERNELAPI NTSTATUS FwpmFilterEnum0(
    HANDLE engineHandle, HANDLE enumHandle, UINT32 numEntriesRequested, FWPM_FILTER0 ***entries,
    UINT32 *numEntriesReturned);
NTKERNELAPI NTSTATUS FwpmFilterDestroyEnumHandle0(HANDLE engineHandle, HANDLE enumHandle);
NTKERNELAPI VOID FwpmFreeMemory0(VOID **p);

#ifdef __cplusplus
}
#endif
