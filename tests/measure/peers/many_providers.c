// SPDX-License-Identifier: MIT OR Apache-2.0
// Many providers of Echo in one driver, the peers of a client whose unload is measured. They
// keep every request until the client detaches; then all but one are completed at once, and
// that one after a given time. Without requests, their dispatch table has no function, so
// that a client attaches and submits nothing.

#include "peer.h"

#define POOL_TAG 'pynM'

typedef struct _CLIENT_BINDING {
    HANDLE NmrBindingHandle;
    PVOID ClientBindingContext;
    const ECHO_CLIENT_DISPATCH *ClientDispatch;
    ULONG InFlight;     // requests that are not completed; protected by Lock
    BOOLEAN Detaching;  // protected by Lock
} CLIENT_BINDING, *PCLIENT_BINDING;

// The provider's own words in a request.
typedef struct _KEPT_REQUEST {
    LIST_ENTRY Link;
    PCLIENT_BINDING Binding;
} KEPT_REQUEST, *PKEPT_REQUEST;
C_ASSERT(sizeof(KEPT_REQUEST) <= sizeof(((ECHO_REQUEST *)0)->ProviderArea));

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD DriverUnload;
static NPI_PROVIDER_ATTACH_CLIENT_FN AttachClient;
static NPI_PROVIDER_DETACH_CLIENT_FN DetachClient;
static NPI_PROVIDER_CLEANUP_BINDING_CONTEXT_FN CleanupBindingContext;
static ECHO_SUBMIT_FN Submit;
static KSTART_ROUTINE CompletionThread;

static const NPI_MODULEID ModuleId = {
    sizeof(NPI_MODULEID), MIT_GUID, {{0x8f0c52d4, 0x6e1b, 0x4a97, {0xb3, 0x5d, 0x21, 0x9e, 0x0a, 0x47, 0xd8, 0x6c}}}};
static const ECHO_CHARACTERISTICS EchoCharacteristics = ECHO_CHARACTERISTICS_INIT(0, 0);
static const ECHO_PROVIDER_DISPATCH ProviderDispatch = ECHO_PROVIDER_DISPATCH_INIT(Submit, NULL, NULL);
static const ECHO_PROVIDER_DISPATCH EmptyDispatch = ECHO_PROVIDER_DISPATCH_INIT(NULL, NULL, NULL);
static const NPI_PROVIDER_CHARACTERISTICS ProviderCharacteristics = {
    0,
    sizeof(NPI_PROVIDER_CHARACTERISTICS),
    AttachClient,
    DetachClient,
    CleanupBindingContext,
    {0, sizeof(NPI_REGISTRATION_INSTANCE), &ECHO_NPI_ID, &ModuleId, 0, &EchoCharacteristics}};

static HANDLE ProviderHandles[MAX_MODULES];
static ULONG Registered;
static LIST_ENTRY Queue;    // of KEPT_REQUEST, the oldest first; protected by Lock

// Takes the oldest request. Returns NULL if there is none.
static ECHO_REQUEST *TakeRequest(VOID)
{
    PLIST_ENTRY Link = NULL;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Lock, &OldIrql);
    if (!IsListEmpty(&Queue)) {
        Link = RemoveHeadList(&Queue);
    }
    KeReleaseSpinLock(&Lock, OldIrql);
    return Link != NULL ? CONTAINING_RECORD(Link, ECHO_REQUEST, ProviderArea) : NULL;
}

// Completes a request. The last one of a binding that detaches completes the detach.
static VOID CompleteRequest(ECHO_REQUEST *Request)
{
    PCLIENT_BINDING Binding = ((PKEPT_REQUEST)Request->ProviderArea)->Binding;
    HANDLE NmrBindingHandle = Binding->NmrBindingHandle;
    BOOLEAN IsLast;
    KIRQL OldIrql;

    RtlCopyMemory(Request->Reply, Request->Payload, Request->Length);
    Request->Status = STATUS_SUCCESS;
    Binding->ClientDispatch->Complete(Binding->ClientBindingContext, Request);

    KeAcquireSpinLock(&Lock, &OldIrql);
    Binding->InFlight -= 1;
    IsLast = Binding->InFlight == 0 && Binding->Detaching;
    KeReleaseSpinLock(&Lock, OldIrql);
    if (IsLast) {
        NmrProviderDetachClientComplete(NmrBindingHandle);
    }
}

_Use_decl_annotations_
static NTSTATUS Submit(PVOID ProviderBindingContext, ECHO_REQUEST *Request)
{
    PCLIENT_BINDING Binding = (PCLIENT_BINDING)ProviderBindingContext;
    PKEPT_REQUEST Kept = (PKEPT_REQUEST)Request->ProviderArea;
    BOOLEAN Accepted;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Lock, &OldIrql);
    Accepted = !Binding->Detaching && Binding->InFlight < MAX_REQUESTS;
    if (Accepted) {
        Kept->Binding = Binding;
        Binding->InFlight += 1;
        InsertTailList(&Queue, &Kept->Link);
    }
    KeReleaseSpinLock(&Lock, OldIrql);
    return Accepted ? STATUS_PENDING : STATUS_DEVICE_NOT_READY;
}

_Use_decl_annotations_
static VOID CompletionThread(PVOID StartContext)
{
    ECHO_REQUEST *Last;
    ECHO_REQUEST *Request;

    UNREFERENCED_PARAMETER(StartContext);
    WaitForDetach();
    Last = TakeRequest();
    while ((Request = TakeRequest()) != NULL) {
        CompleteRequest(Request);
    }
    if (Last != NULL) {
        WaitSlowest();
        CompleteRequest(Last);
    }
    // What was submitted meanwhile, to bindings whose detach had not begun.
    while ((Request = TakeRequest()) != NULL) {
        CompleteRequest(Request);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

_Use_decl_annotations_
static NTSTATUS AttachClient(
    HANDLE NmrBindingHandle,
    PVOID ProviderContext,
    PNPI_REGISTRATION_INSTANCE ClientRegistrationInstance,
    PVOID ClientBindingContext,
    CONST VOID *ClientDispatch,
    PVOID *ProviderBindingContext,
    CONST VOID **Dispatch)
{
    PCLIENT_BINDING Binding;

    UNREFERENCED_PARAMETER(ProviderContext);
    UNREFERENCED_PARAMETER(ClientRegistrationInstance);
    Binding = (PCLIENT_BINDING)ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*Binding), POOL_TAG);
    if (Binding == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Binding->NmrBindingHandle = NmrBindingHandle;
    Binding->ClientBindingContext = ClientBindingContext;
    Binding->ClientDispatch = (const ECHO_CLIENT_DISPATCH *)ClientDispatch;
    *ProviderBindingContext = Binding;
    *Dispatch = Requests != 0 ? &ProviderDispatch : &EmptyDispatch;
    return STATUS_SUCCESS;
}

_Use_decl_annotations_
static NTSTATUS DetachClient(PVOID ProviderBindingContext)
{
    PCLIENT_BINDING Binding = (PCLIENT_BINDING)ProviderBindingContext;
    BOOLEAN IsBusy;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Lock, &OldIrql);
    Binding->Detaching = TRUE;
    IsBusy = Binding->InFlight != 0;
    KeReleaseSpinLock(&Lock, OldIrql);
    KeSetEvent(&DetachEvent, IO_NO_INCREMENT, FALSE);
    return IsBusy ? STATUS_PENDING : STATUS_SUCCESS;
}

_Use_decl_annotations_
static VOID CleanupBindingContext(PVOID ProviderBindingContext)
{
    ExFreePoolWithTag(ProviderBindingContext, POOL_TAG);
}

_Use_decl_annotations_
static VOID DriverUnload(PDRIVER_OBJECT DriverObject)
{
    ULONG Index;

    UNREFERENCED_PARAMETER(DriverObject);
    for (Index = 0; Index < Registered; Index += 1) {
        if (NmrDeregisterProvider(ProviderHandles[Index]) == STATUS_PENDING) {
            NmrWaitForProviderDeregisterComplete(ProviderHandles[Index]);
        }
    }
    StopThread();
}

_Use_decl_annotations_
NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status = QueryParameters(RegistryPath);

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    InitializeListHead(&Queue);
    Status = StartThread(CompletionThread);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    DriverObject->DriverUnload = DriverUnload;
    while (Registered < Modules) {
        Status = NmrRegisterProvider(
            (PNPI_PROVIDER_CHARACTERISTICS)&ProviderCharacteristics, NULL, &ProviderHandles[Registered]);
        if (!NT_SUCCESS(Status)) {
            DriverUnload(DriverObject);
            return Status;
        }
        Registered += 1;
    }
    return STATUS_SUCCESS;
}
