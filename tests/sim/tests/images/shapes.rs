// SPDX-License-Identifier: MIT OR Apache-2.0

//! The shapes that network drivers have: what the drivers of each import is there.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use scenarios::Description;

use crate::fixture::{Workshop, run};
use crate::program::describe;

/// A shape, and what its drivers import, by image.
const SHAPES: [(&str, &[(&str, &str)]); 8] = [
    (
        "module of NMR",
        &[
            (
                "netio.sys",
                "NmrRegisterProvider NmrDeregisterProvider NmrWaitForProviderDeregisterComplete \
                 NmrProviderDetachClientComplete NmrRegisterClient NmrDeregisterClient \
                 NmrWaitForClientDeregisterComplete NmrClientAttachProvider \
                 NmrClientDetachProviderComplete",
            ),
            (
                "ntoskrnl.exe",
                "ExAllocatePool2 ExFreePoolWithTag ExAcquireRundownProtection \
                 ExReleaseRundownProtection ExWaitForRundownProtectionRelease KeInitializeEvent \
                 KeSetEvent KeWaitForSingleObject KeAcquireSpinLockRaiseToDpc KeReleaseSpinLock",
            ),
        ],
    ),
    (
        "application of Winsock Kernel",
        &[
            (
                "netio.sys",
                "WskRegister WskDeregister WskCaptureProviderNPI WskReleaseProviderNPI \
                 WskQueryProviderCharacteristics",
            ),
            (
                "ntoskrnl.exe",
                "IoAllocateIrp IoFreeIrp IoReuseIrp IoAllocateMdl IoFreeMdl IoBuildPartialMdl \
                 MmBuildMdlForNonPagedPool MmMapLockedPagesSpecifyCache MmProbeAndLockPages \
                 MmUnlockPages",
            ),
        ],
    ),
    (
        "sender of requests",
        &[(
            "ntoskrnl.exe",
            "IofCallDriver IofCompleteRequest IoBuildDeviceIoControlRequest \
             IoGetDeviceObjectPointer IoAttachDeviceToDeviceStackSafe IoDetachDevice \
             IoInitializeRemoveLockEx IoAcquireRemoveLockEx IoReleaseRemoveLockEx \
             IoReleaseRemoveLockAndWaitEx IoCancelIrp IoAcquireCancelSpinLock \
             IoReleaseCancelSpinLock IoCreateSystemThread IoRegisterShutdownNotification \
             IoRegisterDriverReinitialization",
        )],
    ),
    (
        "driver of the framework",
        &[
            ("wdfldr.sys", "WdfVersionBind WdfVersionUnbind"),
            (
                "ntoskrnl.exe",
                "RtlInitUnicodeString RtlCopyUnicodeString DbgPrintEx",
            ),
        ],
    ),
    (
        "callout driver",
        &[
            (
                "fwpkclnt.sys",
                "FwpsCalloutRegister0 FwpsCalloutRegister1 FwpsCalloutRegister2 \
                 FwpsCalloutRegister3 FwpsCalloutUnregisterById0 FwpsCalloutUnregisterByKey0 \
                 FwpsInjectionHandleCreate0 FwpsInjectionHandleDestroy0 \
                 FwpsFlowAssociateContext0 FwpsFlowRemoveContext0 FwpsFlowAbort0 \
                 FwpsPendClassify0 FwpsCompleteClassify0 FwpsPendOperation0 \
                 FwpsCompleteOperation0 FwpsAcquireClassifyHandle0 FwpsReleaseClassifyHandle0 \
                 FwpsAcquireWritableLayerDataPointer0 FwpsApplyModifiedLayerData0 \
                 FwpsRedirectHandleCreate0 FwpsRedirectHandleDestroy0 \
                 FwpsQueryConnectionRedirectState0 FwpsInjectForwardAsync0 \
                 FwpmProviderContextAdd0 FwpmProviderContextDeleteById0 FwpmFilterGetById0 \
                 FwpmFilterCreateEnumHandle0 FwpmFilterEnum0 FwpmFilterDestroyEnumHandle0 \
                 FwpmFreeMemory0 FwpmEngineOpen0 FwpmEngineClose0 FwpmTransactionBegin0 FwpmTransactionCommit0 \
                 FwpmTransactionAbort0 FwpmFilterAdd0 FwpmFilterDeleteById0 FwpmCalloutAdd0 \
                 FwpmCalloutDeleteByKey0 FwpmSubLayerAdd0 FwpmSubLayerDeleteByKey0",
            ),
            (
                "ndis.sys",
                "NdisAllocateNetBufferListPool NdisFreeNetBufferListPool NdisGetDataBuffer \
                 NdisAdvanceNetBufferDataStart NdisRetreatNetBufferDataStart",
            ),
        ],
    ),
    (
        "driver for programs",
        &[(
            "ntoskrnl.exe",
            "__C_specific_handler ProbeForRead ProbeForWrite ExRaiseStatus \
             ExRaiseAccessViolation ExRaiseDatatypeMisalignment IoCreateDevice \
             IoCreateSymbolicLink IoDeleteSymbolicLink IoDeleteDevice SeAccessCheck RtlLengthSid \
             RtlCopySid RtlEqualSid RtlCreateAcl RtlAddAccessAllowedAce \
             RtlCreateSecurityDescriptor RtlSetDaclSecurityDescriptor",
        )],
    ),
    (
        "monitor",
        &[(
            "ntoskrnl.exe",
            "PsSetCreateProcessNotifyRoutine PsSetCreateProcessNotifyRoutineEx \
             PsSetCreateThreadNotifyRoutine PsRemoveCreateThreadNotifyRoutine \
             PsSetLoadImageNotifyRoutine PsRemoveLoadImageNotifyRoutine CmRegisterCallbackEx \
             CmUnRegisterCallback ObRegisterCallbacks ObUnRegisterCallbacks \
             PsLookupProcessByProcessId PsLookupThreadByThreadId ZwQuerySystemInformation \
             ZwCreateKey ZwSetValueKey ZwNotifyChangeKey KeRegisterBugCheckReasonCallback \
             CmSetCallbackObjectContext CmCallbackGetKeyObjectIDEx \
             CmCallbackReleaseKeyObjectIDEx SeLocateProcessImageName PoCreatePowerRequest \
             PoSetPowerRequest PoClearPowerRequest PoDeletePowerRequest",
        )],
    ),
    (
        "driver with texts, tables and processors",
        &[(
            "ntoskrnl.exe",
            "RtlAnsiStringToUnicodeString RtlFreeUnicodeString _vsnprintf _vsnwprintf strlen \
             strcmp strchr strstr wcslen wcscmp vDbgPrintEx ExUuidCreate \
             RtlInitializeGenericTableAvl RtlInsertElementGenericTableAvl \
             RtlLookupElementGenericTableAvl RtlDeleteElementGenericTableAvl \
             RtlEnumerateGenericTableAvl RtlEnumerateGenericTableWithoutSplayingAvl \
             RtlGetElementGenericTableAvl RtlNumberGenericTableElementsAvl \
             RtlIsGenericTableEmptyAvl KeGetProcessorNumberFromIndex \
             KeSetSystemGroupAffinityThread KeRevertToUserGroupAffinityThread \
             KeExpandKernelStackAndCalloutEx KeSetPriorityThread RtlRunOnceInitialize \
             RtlRunOnceExecuteOnce RtlRunOnceBeginInitialize RtlRunOnceComplete \
             RtlInitializeBitMap RtlSetBits RtlClearBits RtlFindClearBitsAndSet RtlFindClearBits \
             RtlNumberOfSetBits RtlTestBit RtlEqualString RtlCompareString RtlUnicodeToUTF8N \
             RtlUTF8ToUnicodeN RtlTimeToSecondsSince1970 RtlCaptureStackBackTrace \
             RtlIpv4AddressToStringW IoGetRemainingStackSize IoGetStackLimits IoTryQueueWorkItem \
             KeShouldYieldProcessor KeIpiGenericCall KeSaveExtendedProcessorState \
             KeRestoreExtendedProcessorState KeGetRecommendedSharedDataAlignment \
             KeQueryNodeActiveAffinity KeQueryDpcWatchdogInformation MmAllocatePagesForMdl \
             MmAllocatePagesForMdlEx MmFreePagesFromMdl MmAllocateContiguousMemory \
             MmFreeContiguousMemory IoAllocateDriverObjectExtension IoGetDriverObjectExtension \
             IoGetRelatedDeviceObject IoGetRequestorProcess IoGetRequestorProcessId \
             IoAllocateErrorLogEntry IoWriteErrorLogEntry IoFreeErrorLogEntry",
        )],
    ),
];

/// The image of a driver with these imports, of which it uses none.
fn image(workshop: &Workshop, number: usize, imports: &[(&str, &str)]) -> std::path::PathBuf {
    let mut source = String::new();
    let mut all = String::new();
    for (dll, names) in imports {
        let mut definition = format!("LIBRARY {dll}\nEXPORTS\n");
        for name in names.split_whitespace() {
            writeln!(definition, "    {name}").expect("a line");
            writeln!(source, "__declspec(dllimport) extern char {name}[];").expect("a line");
            write!(all, "{name}, ").expect("a line");
        }
        let (library, _) = dll.split_once('.').expect("an extension");
        let path = workshop.path(&format!("{library}.def"));
        fs::write(&path, definition).expect("the list of imports");
        run(Command::new("llvm-dlltool")
            .args(["-m", "i386:x86-64", "-d"])
            .arg(path)
            .arg("-l")
            .arg(workshop.path(&format!("{library}.lib"))));
    }
    let path = workshop.path(&format!("shape{number}.c"));
    write!(
        source,
        "typedef struct {{ char Before[0x68]; void (*Unload)(void *); }} DRIVER;\n\
         static void Unload(void *driver) {{ (void)driver; }}\n\
         char *volatile Used;\n\
         int DriverEntry(DRIVER *driver, void *path) {{\n\
             char *const all[] = {{{all}}};\n\
             for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++)\n\
                 Used = all[i];\n\
             driver->Unload = Unload;\n\
             (void)path;\n\
             return 0;\n\
         }}\n"
    )
    .expect("a function");
    fs::write(&path, source).expect("the source");
    let source = path.to_string_lossy().into_owned();
    workshop.compile(&format!("shape{number}.sys"), &source, &[])
}

#[test]
fn no_import_of_the_eight_shapes_is_missing() {
    for (number, (shape, imports)) in SHAPES.iter().enumerate() {
        let workshop = Workshop::new();
        let ran = describe(&image(&workshop, number, imports));
        let described: Description = serde_json::from_str(&ran.out).expect("a description");
        let image = described.image;
        assert!(
            image.missing_imports.is_empty(),
            "{shape}: {:?}",
            image.missing_imports
        );
        for (dll, names) in *imports {
            for name in names.split_whitespace() {
                let imported = image
                    .imports
                    .get(*dll)
                    .is_some_and(|it| it.iter().any(|it| it == name));
                assert!(imported, "{shape}: {name} of {dll} is not imported");
            }
        }
        assert_eq!(ran.status, Some(0), "{shape}: {}", ran.err);
    }
}
