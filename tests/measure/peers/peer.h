// SPDX-License-Identifier: MIT OR Apache-2.0
// What both peers share: their parameters, their lock and their thread.

#pragma once

#include <wdm.h>
#include <netioddk.h>
#include "echo_npi.h"

#define MAX_MODULES 1000
#define MAX_REQUESTS 64     // of a binding, as the contract of Echo says

static KSPIN_LOCK Lock;
static PVOID Thread;
static KEVENT DetachEvent;  // the driver that is measured detaches, or this one is unloaded

// The parameters of this driver's service.
static ULONG Modules;       // modules that are registered: each is a binding
static ULONG Requests;      // requests of each binding that are in flight
static ULONG Slowest;       // milliseconds from the first detach until the last request is done

static ULONG QueryParameter(HANDLE Key, PWSTR Name, USHORT Length, ULONG Maximum)
{
    struct {
        KEY_VALUE_PARTIAL_INFORMATION Information;
        ULONG More;
    } Value;
    UNICODE_STRING String = {Length, Length, Name};
    ULONG Size;
    ULONG Data;

    if (!NT_SUCCESS(ZwQueryValueKey(Key, &String, KeyValuePartialInformation, &Value, sizeof(Value), &Size)) ||
        Value.Information.Type != REG_DWORD) {
        return 0;
    }
    RtlCopyMemory(&Data, Value.Information.Data, sizeof(Data));
    return Data < Maximum ? Data : Maximum;
}

#define QUERY_PARAMETER(Key, Name, Maximum) \
    QueryParameter((Key), (PWSTR)L##Name, sizeof(L##Name) - sizeof(WCHAR), (Maximum))

static NTSTATUS QueryParameters(PUNICODE_STRING RegistryPath)
{
    static const WCHAR Parameters[] = L"Parameters";
    UNICODE_STRING Name = {sizeof(Parameters) - sizeof(WCHAR), sizeof(Parameters), (PWSTR)Parameters};
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Service;
    HANDLE Key;
    NTSTATUS Status;

    InitializeObjectAttributes(&Attributes, RegistryPath, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = ZwOpenKey(&Service, KEY_READ, &Attributes);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, Service, NULL);
    Status = ZwOpenKey(&Key, KEY_READ, &Attributes);
    if (NT_SUCCESS(Status)) {
        Modules = QUERY_PARAMETER(Key, "Modules", MAX_MODULES);
        Requests = QUERY_PARAMETER(Key, "Requests", MAX_REQUESTS);
        Slowest = QUERY_PARAMETER(Key, "Slowest", 60000);
        ZwClose(Key);
    }
    ZwClose(Service);
    return Status;
}

static VOID WaitFor(PKEVENT Event)
{
    KeWaitForSingleObject(Event, Executive, KernelMode, FALSE, NULL);
}

// Waits until the measured driver detaches. The callback of this side may come only when the
// other side's detach is complete, and that waits for requests: they are kept for two seconds.
static VOID WaitForDetach(VOID)
{
    LARGE_INTEGER Patience;

    Patience.QuadPart = -10000LL * 2000;
    KeWaitForSingleObject(&DetachEvent, Executive, KernelMode, FALSE, &Patience);
}

// Waits as long as the slowest request is to take.
static VOID WaitSlowest(VOID)
{
    LARGE_INTEGER Interval;

    Interval.QuadPart = -10000LL * Slowest;
    if (Slowest != 0) {
        KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    }
}

static NTSTATUS StartThread(PKSTART_ROUTINE Routine)
{
    HANDLE ThreadHandle;
    NTSTATUS Status;

    KeInitializeSpinLock(&Lock);
    KeInitializeEvent(&DetachEvent, NotificationEvent, FALSE);
    Status = PsCreateSystemThread(&ThreadHandle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Routine, NULL);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    // The handle is a kernel handle of this process and grants all access: this succeeds.
    ObReferenceObjectByHandle(ThreadHandle, THREAD_ALL_ACCESS, *PsThreadType, KernelMode, &Thread, NULL);
    ZwClose(ThreadHandle);
    return STATUS_SUCCESS;
}

static VOID StopThread(VOID)
{
    KeSetEvent(&DetachEvent, IO_NO_INCREMENT, FALSE);
    WaitFor(Thread);
    ObDereferenceObject(Thread);
}
