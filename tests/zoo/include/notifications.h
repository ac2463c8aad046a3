// SPDX-License-Identifier: MIT OR Apache-2.0
// Routines that drivers register with the kernel, and must unregister.

#pragma once
#include "kernel.h"

typedef void PROCESS_ROUTINE(HANDLE parent, HANDLE process, UCHAR create);
IMPORT NTSTATUS PsSetCreateProcessNotifyRoutine(PROCESS_ROUTINE *, UCHAR remove);

typedef void PROCESS_ROUTINE_EX(PVOID process, HANDLE id, PVOID info);
IMPORT NTSTATUS PsSetCreateProcessNotifyRoutineEx(PROCESS_ROUTINE_EX *, UCHAR remove);

typedef void THREAD_ROUTINE(HANDLE process, HANDLE thread, UCHAR create);
IMPORT NTSTATUS PsSetCreateThreadNotifyRoutine(THREAD_ROUTINE *);
IMPORT NTSTATUS PsRemoveCreateThreadNotifyRoutine(THREAD_ROUTINE *);

typedef struct {
    ULONG Properties;
    PVOID ImageBase;
    ULONG ImageSelector;
    SIZE_T ImageSize;
    ULONG ImageSectionNumber;
} IMAGE_INFO;
typedef void IMAGE_ROUTINE(UNICODE_STRING *name, HANDLE process, IMAGE_INFO *);
IMPORT NTSTATUS PsSetLoadImageNotifyRoutine(IMAGE_ROUTINE *);
IMPORT NTSTATUS PsRemoveLoadImageNotifyRoutine(IMAGE_ROUTINE *);

typedef NTSTATUS REGISTRY_CALLBACK(PVOID context, PVOID notifyClass, PVOID information);
IMPORT NTSTATUS CmRegisterCallbackEx(REGISTRY_CALLBACK *, const UNICODE_STRING *altitude,
                                     PVOID driver, PVOID context, LONGLONG *cookie, PVOID);
IMPORT NTSTATUS CmUnRegisterCallback(LONGLONG cookie);

typedef struct {
    ULONG Operation;
    ULONG Flags;
    PVOID Object;
    PVOID ObjectType;
    PVOID CallContext;
    ULONG *Parameters;
} BEFORE_HANDLE;
typedef struct {
    ULONG Operation;
    ULONG Flags;
    PVOID Object;
    PVOID ObjectType;
    PVOID CallContext;
    NTSTATUS ReturnStatus;
    PVOID Parameters;
} AFTER_HANDLE;
typedef struct {
    PVOID *ObjectType;
    ULONG Operations;
    int (*PreOperation)(PVOID context, BEFORE_HANDLE *);
    void (*PostOperation)(PVOID context, AFTER_HANDLE *);
} HANDLE_OPERATION;
typedef struct {
    USHORT Version;
    USHORT OperationRegistrationCount;
    UNICODE_STRING Altitude;
    PVOID RegistrationContext;
    HANDLE_OPERATION *OperationRegistration;
} HANDLE_CALLBACKS;
IMPORT extern PVOID *PsProcessType;
IMPORT NTSTATUS ObRegisterCallbacks(HANDLE_CALLBACKS *, PVOID *handle);
IMPORT void ObUnRegisterCallbacks(PVOID handle);

typedef NTSTATUS SETTING_CALLBACK(const GUID *, PVOID value, ULONG length, PVOID context);
IMPORT NTSTATUS PoRegisterPowerSettingCallback(PVOID device, const GUID *, SETTING_CALLBACK *,
                                               PVOID context, PVOID *handle);
IMPORT NTSTATUS PoUnregisterPowerSettingCallback(PVOID handle);

typedef NTSTATUS DEVICE_CALLBACK(PVOID notification, PVOID context);
IMPORT NTSTATUS IoRegisterPlugPlayNotification(int category, ULONG flags, PVOID data,
                                               DRIVER_OBJECT *, DEVICE_CALLBACK *, PVOID context,
                                               PVOID *entry);
IMPORT NTSTATUS IoUnregisterPlugPlayNotificationEx(PVOID entry);

typedef struct {
    LIST_ENTRY Entry;
    PVOID CallbackRoutine, Buffer;
    ULONG Length;
    PVOID Component;
    SIZE_T Checksum;
    UCHAR State;
} BUG_CHECK_RECORD;
IMPORT UCHAR KeRegisterBugCheckCallback(BUG_CHECK_RECORD *, void (*)(PVOID, ULONG), PVOID, ULONG,
                                        const char *);
IMPORT UCHAR KeDeregisterBugCheckCallback(BUG_CHECK_RECORD *);

typedef void REINITIALIZE(DRIVER_OBJECT *, PVOID context, ULONG count);
IMPORT void IoRegisterDriverReinitialization(DRIVER_OBJECT *, REINITIALIZE *, PVOID context);
