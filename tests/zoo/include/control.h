// SPDX-License-Identifier: MIT OR Apache-2.0
// A client of Echo with the control interface of the pair's drivers, which
// shared-npi/wdm/src/control describes. A module defines what it does wrong before it includes
// this, with a macro for each function that it replaces.

#pragma once
#define OWN_CLOSE
#define OWN_CONTROL
#include "device.h"
#include "telemetry_npi.h"

#define QUERY_STATUS 0x226000
#define LIST_BINDINGS 0x226004
#define SWITCH_SUBCOMPONENT 0x22A008
#define HOLD_UNLOAD 0x22A00C
#define RELEASE_UNLOAD 0x22A010
#define STATUS_TIMEOUT ((NTSTATUS)0x102)
#define STATUS_BUFFER_OVERFLOW ((NTSTATUS)0x80000005)
#define STATUS_INFO_LENGTH_MISMATCH ((NTSTATUS)0xC0000004)
#define STATUS_BUFFER_TOO_SMALL ((NTSTATUS)0xC0000023)
#define STATUS_REVISION_MISMATCH ((NTSTATUS)0xC0000059)

IMPORT extern PVOID *IoDeviceObjectType;
IMPORT NTSTATUS ObOpenObjectByPointer(PVOID, ULONG, PVOID, ULONG, PVOID, UCHAR, HANDLE *);
IMPORT NTSTATUS ZwSetSecurityObject(HANDLE, ULONG, PVOID);

typedef struct {
    HEADER Header;
    ULONG Subcomponent, On;
} SWITCH_REQUEST;
typedef struct {
    HEADER Header;
    ULONG Subcomponent, Holds;
    ULONGLONG Requests, Echoed, Unanswered, Samples;
} CONTROL_STATUS;
typedef struct {
    HEADER Header;
    ULONG Total, Returned;
} BINDING_LIST;
typedef struct {
    GUID Npi, Peer;
    ULONG Role;
} BINDING_ENTRY;
typedef struct {
    BINDING Binding;
    GUID PeerId;
    ULONG Outstanding;
} CONTROL_BINDING;
#define CONTROL(binding) ((CONTROL_BINDING *)(binding))
#define HOLDS_OF(irp) (*(ULONG *)SESSION(irp))

// What a module may replace.
BOOLEAN Admits(BINDING *);
BOOLEAN GivesSlotBack(BOOLEAN pended);
BOOLEAN Lists(BINDING *);
BOOLEAN Opens(void);
NTSTATUS BeginSwitching(void);
void ReadParameters(UNICODE_STRING *path);

static KMUTEX Switching;
static HANDLE Source;
static ULONG Holds, Depth = 4;
static CONTROL_STATUS Totals;

// The subcomponent: a client of echo telemetry that accepts no source.
static const TELEMETRY_CHARACTERISTICS Version = TELEMETRY_CHARACTERISTICS_INIT;
static NTSTATUS Refuse(HANDLE handle, PVOID context, const NPI_REGISTRATION_INSTANCE *peer) {
    return STATUS_NOINTERFACE;
}
static const NPI_MODULEID Subcomponent = {
    sizeof(NPI_MODULEID), 1, {{0x2d1f2c91, 0x5b7a, 0x4f0e, {0x91, 0x3c, 6, 2, 8, 3, 1, 3}}}};
static NPI_CLIENT_CHARACTERISTICS SourceCharacteristics = {
    0, sizeof(NPI_CLIENT_CHARACTERISTICS), Refuse, Detach, Cleanup,
    {0, sizeof(NPI_REGISTRATION_INSTANCE), &TELEMETRY_NPI_ID, &Subcomponent, 0, &Version}};

static void SetSource(HANDLE source) {
    KIRQL irql = Acquire();
    Source = source;
    Release(irql);
}

static void Off(void) {
    if (Source && NmrDeregisterClient(Source) == STATUS_PENDING)
        NmrWaitForClientDeregisterComplete(Source);
    SetSource(NULL);
}

static NTSTATUS On(void) {
    HANDLE source;
    NTSTATUS status = NmrRegisterClient(&SourceCharacteristics, NULL, &source);
    if (NT_SUCCESS(status))
        SetSource(source);
    return status;
}

#ifndef OWN_BEGIN_SWITCHING
NTSTATUS BeginSwitching(void) {
    LARGE_INTEGER now = {.QuadPart = 0};
    NTSTATUS status = KeWaitForSingleObject(&Switching, 0, 0, 0, &now);
    return status == STATUS_TIMEOUT ? STATUS_DEVICE_BUSY : status;
}
#endif

static NTSTATUS Switch(SWITCH_REQUEST *request) {
    NTSTATUS status;
    if (request->Subcomponent != 1 || request->On > 1)
        return STATUS_INVALID_PARAMETER;
    status = BeginSwitching();
    if (status != STATUS_SUCCESS)
        return status;
    if (!request->On)
        Off();
    else if (!Source)
        status = On();
    KeReleaseMutex(&Switching, 0);
    return status;
}

#ifndef OWN_OPENS
BOOLEAN Opens(void) { return !Holds; }
#endif

static void Hold(IRP *irp) {
    KIRQL irql = Acquire();
    HOLDS_OF(irp)++;
    Holds++;
    Driver->DriverUnload = NULL;
    Release(irql);
}

static BOOLEAN GiveBack(IRP *irp, BOOLEAN all) {
    KIRQL irql = Acquire();
    ULONG count = all ? HOLDS_OF(irp) : HOLDS_OF(irp) > 0;
    HOLDS_OF(irp) -= count;
    Holds -= count;
    if (count && Opens())
        Driver->DriverUnload = Unload;
    Release(irql);
    return count > 0;
}

NTSTATUS Close(IRP *irp) {
    GiveBack(irp, TRUE);
    Free(SESSION(irp));
    return Finish(irp, STATUS_SUCCESS, 0);
}

static NTSTATUS Query(IRP *irp) {
    CONTROL_STATUS *answer = (PVOID)BUFFER(irp);
    KIRQL irql;
    if (OUTPUT_LENGTH(irp) < sizeof(*answer))
        return Finish(irp, STATUS_BUFFER_TOO_SMALL, 0);
    irql = Acquire();
    *answer = Totals;
    answer->Header = (HEADER){sizeof(*answer), 1, 0};
    answer->Subcomponent = Source != NULL;
    answer->Holds = Holds;
    Release(irql);
    return Finish(irp, STATUS_SUCCESS, sizeof(*answer));
}

#ifndef OWN_LISTS
BOOLEAN Lists(BINDING *binding) { return TRUE; }
#endif

static NTSTATUS List(IRP *irp) {
    BINDING_LIST *list = (PVOID)BUFFER(irp);
    BINDING_ENTRY *entries = (PVOID)(list + 1);
    SIZE_T room = OUTPUT_LENGTH(irp);
    KIRQL irql;
    if (room < sizeof(*list))
        return Finish(irp, STATUS_BUFFER_TOO_SMALL, 0);
    room = (room - sizeof(*list)) / sizeof(*entries);
    *list = (BINDING_LIST){{sizeof(*list), 1, 0}, 0, 0};
    irql = Acquire();
    for (BINDING *binding = Bindings; binding; binding = binding->Next) {
        if (!Lists(binding))
            continue;
        if (list->Total++ < room)
            entries[list->Returned++] = (BINDING_ENTRY){EchoNpi, CONTROL(binding)->PeerId, 1};
    }
    Release(irql);
    return Finish(irp, list->Returned < list->Total ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS,
                  sizeof(*list) + list->Returned * sizeof(*entries));
}

static NTSTATUS CheckInput(IRP *irp, SIZE_T size) {
    HEADER *header = (PVOID)BUFFER(irp);
    ULONG length = INPUT_LENGTH(irp);
    if (length < size || header->Size < size || header->Size > length)
        return STATUS_INFO_LENGTH_MISMATCH;
    return header->Version ? STATUS_SUCCESS : STATUS_REVISION_MISMATCH;
}

NTSTATUS Control(IRP *irp) {
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST;
    switch (FILE_OF(irp) ? CODE(irp) : 0) {
    case QUERY_STATUS:
        return Query(irp);
    case LIST_BINDINGS:
        return List(irp);
    case SWITCH_SUBCOMPONENT:
        status = CheckInput(irp, sizeof(SWITCH_REQUEST));
        if (NT_SUCCESS(status))
            status = Switch((PVOID)BUFFER(irp));
        break;
    case HOLD_UNLOAD:
        status = CheckInput(irp, sizeof(HEADER));
        if (NT_SUCCESS(status))
            Hold(irp);
        break;
    case RELEASE_UNLOAD:
        status = CheckInput(irp, sizeof(HEADER));
        if (NT_SUCCESS(status) && !GiveBack(irp, FALSE))
            status = STATUS_INVALID_DEVICE_REQUEST;
    }
    return Finish(irp, status, 0);
}

// Only for the system and administrators.
#define ACE(...) 0, 0, 8 + sizeof((UCHAR[]){__VA_ARGS__}), 0, 0, 0, 0, 0x10, __VA_ARGS__
static UCHAR Descriptor[] = {
    1, 0, 4, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 2, 0, 8 + 20 + 24, 0, 2, 0, 0, 0,
    ACE(1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0), ACE(1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0),
};

static NTSTATUS Secure(void) {
    HANDLE handle;
    NTSTATUS status =
        ObOpenObjectByPointer(Device, OBJ_KERNEL_HANDLE, NULL, 0x40000, *IoDeviceObjectType, 0, &handle);
    if (!NT_SUCCESS(status))
        return status;
    status = ZwSetSecurityObject(handle, 4, Descriptor);
    ZwClose(handle);
    return status;
}

// The device and its link have the name of the service.
static void NameAfterService(UNICODE_STRING *name, const WCHAR *directory, UNICODE_STRING *path) {
    static WCHAR Room[2][96];
    ULONG units = 0, end = path->Length / sizeof(WCHAR), start = end;
    name->Buffer = Room[name == &LinkName];
    name->MaximumLength = sizeof(Room[0]);
    while (directory[units]) {
        name->Buffer[units] = directory[units];
        units++;
    }
    while (start && path->Buffer[start - 1] != '\\')
        start--;
    while (start < end && units < 96)
        name->Buffer[units++] = path->Buffer[start++];
    name->Length = (USHORT)(units * sizeof(WCHAR));
}

#ifndef OWN_READ_PARAMETERS
void ReadParameters(UNICODE_STRING *path) { (void)path; }
#endif

NTSTATUS DriverEntry(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    KeInitializeSpinLock(&Lock);
    KeInitializeMutex(&Switching, 0);
    NameAfterService(&DeviceName, L"\\Device\\", path);
    NameAfterService(&LinkName, L"\\DosDevices\\", path);
    ReadParameters(path);
    return Start(driver);
}

NTSTATUS Register(void) {
    NTSTATUS status = Secure();
    return NT_SUCCESS(status) ? REGISTER(&Characteristics, NULL, &Registration) : status;
}

void Deregister(void) {
    Off();
    if (DEREGISTER(Registration) == STATUS_PENDING)
        WAIT(Registration);
}

NTSTATUS Attach(HANDLE handle, PVOID context, const NPI_REGISTRATION_INSTANCE *peer) {
    CONTROL_BINDING *binding;
    NTSTATUS status;
    (void)context;
    if (!Fits(peer))
        return STATUS_NOINTERFACE;
    binding = Allocate(sizeof(*binding));
    if (!binding)
        return STATUS_INSUFFICIENT_RESOURCES;
    binding->Binding.Handle = handle;
    if (peer->ModuleId->Type == MIT_GUID)
        binding->PeerId = peer->ModuleId->Guid;
    status = NmrClientAttachProvider(handle, binding, &ClientDispatch, &binding->Binding.Peer,
                                     &binding->Binding.Table);
    if (NT_SUCCESS(status))
        Publish(&binding->Binding);
    else
        Free(binding);
    return status;
}

#ifndef OWN_ADMITS
BOOLEAN Admits(BINDING *binding) { return CONTROL(binding)->Outstanding < Depth; }
#endif

#ifndef OWN_GIVES_SLOT_BACK
BOOLEAN GivesSlotBack(BOOLEAN pended) { return TRUE; }
#endif

// A request to each binding in turn.
void Turn(void) {
    KIRQL irql = Acquire();
    BINDING *binding = Bindings, **end = &Bindings;
    if (binding) {
        Bindings = binding->Next;
        binding->Next = NULL;
        while (*end)
            end = &(*end)->Next;
        *end = binding;
        if (Admits(binding)) {
            CONTROL(binding)->Outstanding++;
            binding->InFlight++;
        } else {
            binding = NULL;
        }
    }
    Release(irql);
    if (binding)
        Call(binding);
}

static void Ended(BINDING *binding, NTSTATUS status, BOOLEAN pended) {
    KIRQL irql = Acquire();
    if (GivesSlotBack(pended))
        CONTROL(binding)->Outstanding--;
    Totals.Echoed += NT_SUCCESS(status);
    Totals.Unanswered += !NT_SUCCESS(status);
    Release(irql);
}

void Call(BINDING *binding) {
    const PROVIDER_DISPATCH *table = binding->Table;
    REQUEST *request = Allocate(sizeof(REQUEST));
    NTSTATUS status;
    KIRQL irql;
    if (!request) {
        irql = Acquire();
        CONTROL(binding)->Outstanding--;
        Release(irql);
        Leave(binding);
        return;
    }
    request->Header = (HEADER){sizeof(REQUEST), ECHO_VERSION, 0};
    request->Id = (ULONGLONG)request >> 12;
    request->Length = 8;
    Again(binding);
    status = table->Submit(binding->Peer, request);
    irql = Acquire();
    Totals.Requests++;
    Release(irql);
    if (status != STATUS_PENDING) {
        Ended(binding, status, FALSE);
        Free(request);
        Leave(binding);
    }
    Leave(binding);
}

void Complete(PVOID binding, REQUEST *request) {
    Ended(binding, request->Status, TRUE);
    Free(request);
    Leave(binding);
}
