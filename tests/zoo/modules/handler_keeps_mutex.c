// SPDX-License-Identifier: MIT OR Apache-2.0
// Reads a program's memory with a fast mutex held, which it does not release in the handler.

#include "module.h"

static FAST_MUTEX Mutex;

static void InitializeMutex(void) {
    Mutex.Count = 1;
    Mutex.Owner = NULL;
    Mutex.Contention = 0;
    KeInitializeEvent(&Mutex.Event, SynchronizationEvent, FALSE);
}

// The buffer is the program's, which may have freed it.
static NTSTATUS ReadLength(volatile ULONG *buffer, ULONG *length) {
    NTSTATUS status = STATUS_SUCCESS;
    ExAcquireFastMutex(&Mutex);
    __try {
        ProbeForWrite(buffer, sizeof(*buffer), sizeof(*buffer));
        *length = *buffer;
        WRONG(ExReleaseFastMutex(&Mutex);)
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    }
    RIGHT(ExReleaseFastMutex(&Mutex);)
    return status;
}

void AtUnload(void) {
    ULONG length = 0;
    InitializeMutex();
    ReadLength((volatile ULONG *)0x10000, &length);
}
