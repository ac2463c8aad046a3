// SPDX-License-Identifier: MIT OR Apache-2.0
// A client that sends requests of its own to the provider's device: it asks for the status.

#pragma once
#include "module.h"
#include <ntddk.h>

#define QUERY_STATUS CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_READ_DATA)
#define NAME_OF(text) {sizeof(text) - 2, sizeof(text), (WCHAR *)text}
static UNICODE_STRING PeerName = NAME_OF(L"\\Device\\provider");

// What a module defines: asks the device for the status, `file` is open on it.
void Ask(PDEVICE_OBJECT device, PFILE_OBJECT file);

// A request for the status, whose output goes to `buffer`.
INLINE void Prepare(PIRP irp, PFILE_OBJECT file, UCHAR *buffer, ULONG length) {
    PIO_STACK_LOCATION next = IoGetNextIrpStackLocation(irp);
    next->MajorFunction = IRP_MJ_DEVICE_CONTROL;
    next->FileObject = file;
    next->Parameters.DeviceIoControl.IoControlCode = QUERY_STATUS;
    next->Parameters.DeviceIoControl.OutputBufferLength = length;
    irp->AssociatedIrp.SystemBuffer = buffer;
}

static NTSTATUS OnDone(PDEVICE_OBJECT device, PIRP irp, PVOID event);

INLINE void SendAndWait(PDEVICE_OBJECT device, PIRP irp, KEVENT *event) {
    KeInitializeEvent(event, NotificationEvent, FALSE);
    IoSetCompletionRoutine(irp, OnDone, event, TRUE, TRUE, TRUE);
    IoCallDriver(device, irp);
    KeWaitForSingleObject(event, Executive, KernelMode, FALSE, NULL);
}

#ifndef OWN_ON_DONE
static NTSTATUS OnDone(PDEVICE_OBJECT device, PIRP irp, PVOID event) {
    (void)device, (void)irp;
    KeSetEvent(event, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}
#endif

#ifndef OWN_TURN
void Turn(void) {
    PDEVICE_OBJECT device;
    PFILE_OBJECT file;
    if (!NT_SUCCESS(IoGetDeviceObjectPointer(&PeerName, FILE_READ_DATA, &file, &device)))
        return;
    Ask(device, file);
    ObfDereferenceObject(file);
}
#endif
