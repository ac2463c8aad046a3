// SPDX-License-Identifier: MIT OR Apache-2.0
// A client of Echo with the identity of the pair's, which does what client.sys is known to do:
// its service's parameters say how many threads submit requests, and how many requests of a
// binding are outstanding.

#pragma once
#define OWN_READ_PARAMETERS
#include "control.h"

#ifndef BURST
#define BURST 1
#endif

// What a module may replace.
ULONG ThreadCount(void);

static ULONG Threads = 2;
static PVOID Workers[8];
static KEVENT Stopping;

static ULONG Clamp(ULONG number, ULONG most) { return number < 1 ? 1 : number > most ? most : number; }

static void ReadNumber(HANDLE key, WCHAR *name, USHORT length, ULONG most, ULONG *number) {
    UNICODE_STRING text = {length, length, name};
    union {
        KEY_VALUE_PARTIAL_INFORMATION Value;
        UCHAR Room[32];
    } answer;
    ULONG used;
    if (NT_SUCCESS(ZwQueryValueKey(key, &text, KeyValuePartialInformation, &answer, sizeof(answer), &used)) &&
        answer.Value.Type == REG_DWORD && answer.Value.DataLength == sizeof(ULONG))
        *number = Clamp(*(ULONG *)answer.Value.Data, most);
}

static HANDLE OpenKey(HANDLE root, UNICODE_STRING *path) {
    OBJECT_ATTRIBUTES attributes;
    HANDLE key;
    InitializeObjectAttributes(&attributes, path, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, root, NULL);
    return NT_SUCCESS(ZwOpenKey(&key, KEY_READ, &attributes)) ? key : NULL;
}

void ReadParameters(UNICODE_STRING *path) {
    static UNICODE_STRING Parameters = NAME(L"Parameters");
    HANDLE service = OpenKey(NULL, path), key;
    if (!service)
        return;
    key = OpenKey(service, &Parameters);
    if (key) {
        ReadNumber(key, L"Threads", sizeof(L"Threads") - sizeof(WCHAR), 8, &Threads);
        ReadNumber(key, L"Depth", sizeof(L"Depth") - sizeof(WCHAR), 64, &Depth);
        ZwClose(key);
    }
    ZwClose(service);
}

#ifndef OWN_THREAD_COUNT
ULONG ThreadCount(void) { return Threads; }
#endif

void Work(PVOID context) {
    LARGE_INTEGER pause = {.QuadPart = -1000};
    (void)context;
    do
        for (ULONG i = 0; i < BURST; i++)
            Turn();
    while (KeWaitForSingleObject(&Stopping, 0, 0, 0, &pause) == STATUS_TIMEOUT);
}

void StopThread(void) {
    KeSetEvent(&Stopping, 0, FALSE);
    for (ULONG i = 0; i < 8 && Workers[i]; i++) {
        KeWaitForSingleObject(Workers[i], 0, 0, 0, NULL);
        ObfDereferenceObject(Workers[i]);
        Workers[i] = NULL;
    }
}

NTSTATUS StartThread(void) {
    NTSTATUS status = STATUS_SUCCESS;
    Characteristics.INSTANCE.ModuleId = &ECHO_CLIENT_MODULE_ID;
    KeInitializeEvent(&Stopping, 0, FALSE);
    for (ULONG i = 0; NT_SUCCESS(status) && i < ThreadCount(); i++) {
        HANDLE handle;
        status = PsCreateSystemThread(&handle, 0x1FFFFF, NULL, NULL, NULL, Work, NULL);
        if (NT_SUCCESS(status)) {
            ObReferenceObjectByHandle(handle, 0x1FFFFF, NULL, 0, &Workers[i], NULL);
            ZwClose(handle);
        }
    }
    if (!NT_SUCCESS(status))
        StopThread();
    return status;
}
