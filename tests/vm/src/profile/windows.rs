// SPDX-License-Identifier: MIT OR Apache-2.0

//! Windows 10, 11 and Server, with the QEMU guest agent of virtio-win or with
//! OpenSSH's server. Never run on Windows yet.
//!
//! - Test signing, `bcdedit /set testsigning on`, needs Secure Boot off:
//!   <https://learn.microsoft.com/windows-hardware/drivers/install/the-testsigning-boot-configuration-option>
//! - Driver Verifier, `verifier /standard /driver`:
//!   <https://learn.microsoft.com/windows-hardware/drivers/devtest/verifier-command-line>
//! - `CrashControl`, `NMICrashDump` and `AlwaysKeepMemoryDump`:
//!   <https://learn.microsoft.com/troubleshoot/windows-server/performance/memory-dump-file-options>

use super::{Hardware, Profile};

pub(super) const PROFILE: Profile = Profile {
    name: "windows",
    tier: "windows",
    shell: &["cmd.exe", "/c"],
    directory: r"C:\nmr\",
    clear: r"(if exist C:\nmr rmdir /s /q C:\nmr) & mkdir C:\nmr",
    // The boot time changes with the clock; this number does not. `?` stands for blanks,
    // which would need quotes.
    boot: r"powershell -NoProfile -Command (Get-ItemProperty HKLM:\SYSTEM\CurrentControlSet\Control\Session?Manager\Memory?Management\PrefetchParameters).BootId",
    flush: "powershell -NoProfile -Command Write-VolumeCache C",
    marker: r"type C:\nmr\marker",
    facts: &[
        ("system", "ver"),
        ("processors", "echo %NUMBER_OF_PROCESSORS%"),
        (
            "memory",
            "powershell -NoProfile -Command \
             (Get-CimInstance Win32_OperatingSystem).TotalVisibleMemorySize",
        ),
        ("verifier", "verifier /querysettings"),
    ],
    prepare: &[
        r"certutil -f -addstore Root C:\nmr\NmrPairTest.cer",
        r"certutil -f -addstore TrustedPublisher C:\nmr\NmrPairTest.cer",
        "bcdedit /set testsigning on",
        // nmr-stress.exe makes the copies with numbered names. Status 2 means that a restart
        // is needed.
        "verifier /standard /driver provider.sys provider2.sys provider3.sys client.sys \
         client2.sys client3.sys netio.sys & if errorlevel 2 exit 0",
        // Dumps of earlier crashes.
        r"del /q C:\Windows\MEMORY.DMP C:\Windows\Minidump\*.dmp 2>nul & exit 0",
        // 2 is a kernel dump.
        r"reg add HKLM\SYSTEM\CurrentControlSet\Control\CrashControl /v CrashDumpEnabled /t REG_DWORD /d 2 /f",
        r"reg add HKLM\SYSTEM\CurrentControlSet\Control\CrashControl /v AlwaysKeepMemoryDump /t REG_DWORD /d 1 /f",
        r"reg add HKLM\SYSTEM\CurrentControlSet\Control\CrashControl /v AutoReboot /t REG_DWORD /d 1 /f",
        r"reg add HKLM\SYSTEM\CurrentControlSet\Control\CrashControl /v NMICrashDump /t REG_DWORD /d 1 /f",
    ],
    restart: "shutdown /r /t 0 /f",
    // The only one of the drivers that is loaded before the run.
    check: &["verifier /query | findstr /i netio.sys"],
    run: r"C:\nmr\nmr-stress.exe --provider=C:\nmr\provider.sys --client=C:\nmr\client.sys {} > C:\nmr\out.jsonl 2> C:\nmr\session.log",
    // QEMU's agent opens a file without sharing it for writing.
    copy_output: Some((r"type C:\nmr\out.jsonl > C:\nmr\out.read", "out.read")),
    gather: &[
        // Windows moves the dump to its place after the restart; the key exists until then.
        r"for /l %i in (1,1,60) do @(reg query HKLM\SYSTEM\CurrentControlSet\Control\CrashControl\MachineCrash >nul 2>&1 && ping -n 3 127.0.0.1 >nul)",
        r"wevtutil epl System C:\nmr\system.evtx /ow:true",
    ],
    evidence: r"for %f in (C:\Windows\MEMORY.DMP C:\Windows\Minidump\*.dmp C:\nmr\session.log C:\nmr\system.evtx) do @if exist %f echo %f",
    power_off: "shutdown /s /t 0 /f",
    hardware: Hardware {
        machine: "q35",
        // With hv_crash, a bug check is an event that contains its code.
        kvm: "host,hv_relaxed,hv_vapic,hv_spinlocks=0x1fff,hv_time,hv_vpindex,hv_crash",
        tcg: "max",
        // Windows has a driver for it without virtio-win.
        disk: "ide",
        // vmcoreinfo is for the dump, with virtio-win's driver fwcfg.
        devices: &["pvpanic", "VGA", "vmcoreinfo"],
        dump: "win-dmp",
    },
};
