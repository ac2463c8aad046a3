// SPDX-License-Identifier: MIT OR Apache-2.0
// What a driver of the kernel-mode driver framework has around it: the parts of
// wdf.h that are needed here, and what WdfDriverEntry.lib adds to the image.

#pragma once
#include "kernel.h"

typedef struct WDFDRIVER__ *WDFDRIVER;
typedef struct {
    WDFDRIVER Driver;
    ULONG DriverFlags, DriverTag;
    UCHAR DriverName[32];
    BOOLEAN DisplaceDriverUnload;
} WDF_DRIVER_GLOBALS;
typedef struct {
    ULONG Size;
    const USHORT *Component;
    ULONG Major, Minor, Build;
    ULONG FuncCount;
    const PVOID **FuncTable;
    PVOID Module;
} WDF_BIND_INFO;
_Static_assert(sizeof(WDF_BIND_INFO) == 0x30, "x64");
typedef struct {
    ULONG Size;
    PVOID EvtDriverDeviceAdd;
    void (*EvtDriverUnload)(WDFDRIVER);
    ULONG DriverInitFlags, DriverPoolTag;
} WDF_DRIVER_CONFIG;
_Static_assert(sizeof(WDF_DRIVER_CONFIG) == 0x20, "x64");
#define WdfDriverInitNonPnpDriver 1

IMPORT NTSTATUS WdfVersionBind(DRIVER_OBJECT *, UNICODE_STRING *, WDF_BIND_INFO *,
                               WDF_DRIVER_GLOBALS **);
IMPORT NTSTATUS WdfVersionUnbind(UNICODE_STRING *, WDF_BIND_INFO *, WDF_DRIVER_GLOBALS *);

static const PVOID *WdfFunctions;
static WDF_DRIVER_GLOBALS *WdfDriverGlobals;
static WDF_BIND_INFO WdfBindInfo = {sizeof(WdfBindInfo), L"KmdfLibrary", 1, 31, 0, 458,
                                    &WdfFunctions, NULL};
static UNICODE_STRING WdfPath;
static void (*WdfDisplacedUnload)(DRIVER_OBJECT *);

typedef NTSTATUS (*WDF_DRIVER_CREATE)(WDF_DRIVER_GLOBALS *, DRIVER_OBJECT *, UNICODE_STRING *,
                                      PVOID attributes, WDF_DRIVER_CONFIG *, WDFDRIVER *);
#define WdfDriverCreate ((WDF_DRIVER_CREATE)WdfFunctions[116])

static void StubUnload(DRIVER_OBJECT *driver) {
    if (WdfDisplacedUnload)
        WdfDisplacedUnload(driver);
    WdfVersionUnbind(&WdfPath, &WdfBindInfo, WdfDriverGlobals);
}

// Runs a driver's entry with the framework.
static NTSTATUS StubEntry(DRIVER_OBJECT *driver, UNICODE_STRING *path,
                          NTSTATUS (*entry)(DRIVER_OBJECT *, UNICODE_STRING *)) {
    NTSTATUS status = WdfVersionBind(driver, path, &WdfBindInfo, &WdfDriverGlobals);
    if (!NT_SUCCESS(status))
        return status;
    status = entry(driver, path);
    if (!NT_SUCCESS(status)) {
        WdfVersionUnbind(&WdfPath, &WdfBindInfo, WdfDriverGlobals);
        return status;
    }
    if (WdfDriverGlobals->DisplaceDriverUnload) {
        WdfDisplacedUnload = driver->DriverUnload;
        driver->DriverUnload = StubUnload;
    }
    return status;
}
