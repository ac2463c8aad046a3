// SPDX-License-Identifier: MIT OR Apache-2.0

//! Windows 10, 11 and Server, with the QEMU guest agent of virtio-win or with
//! OpenSSH's server. Nothing here has met a Windows yet.
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
    boot: "powershell -NoProfile -Command \
           (Get-CimInstance Win32_OperatingSystem).LastBootUpTime.Ticks",
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
        // The numbered names are those of copies, which nmr-stress.exe makes.
        "verifier /standard /driver provider.sys provider2.sys provider3.sys client.sys \
         client2.sys client3.sys netio.sys",
        // 2 is a kernel dump.
        r"reg add HKLM\SYSTEM\CurrentControlSet\Control\CrashControl /v CrashDumpEnabled /t REG_DWORD /d 2 /f",
        r"reg add HKLM\SYSTEM\CurrentControlSet\Control\CrashControl /v AlwaysKeepMemoryDump /t REG_DWORD /d 1 /f",
        r"reg add HKLM\SYSTEM\CurrentControlSet\Control\CrashControl /v AutoReboot /t REG_DWORD /d 1 /f",
        r"reg add HKLM\SYSTEM\CurrentControlSet\Control\CrashControl /v NMICrashDump /t REG_DWORD /d 1 /f",
    ],
    restart: "shutdown /r /t 0 /f",
    check: &[
        // With a language other than English the word is another one; the number
        // of the verified drivers is not.
        "verifier /querysettings | findstr /i provider.sys",
        "verifier /querysettings | findstr /i client.sys",
    ],
    run: r"C:\nmr\nmr-stress.exe --provider=C:\nmr\provider.sys --client=C:\nmr\client.sys {} > C:\nmr\out.jsonl 2> C:\nmr\session.log",
    gather: &[r"wevtutil epl System C:\nmr\system.evtx /ow:true"],
    evidence: r"dir /b /s C:\Windows\MEMORY.DMP C:\Windows\Minidump\*.dmp C:\nmr\session.log C:\nmr\system.evtx 2>nul",
    power_off: "shutdown /s /t 0 /f",
    hardware: Hardware {
        machine: "q35",
        // hv_crash makes a bug check an event with its code.
        kvm: "host,hv_relaxed,hv_vapic,hv_spinlocks=0x1fff,hv_time,hv_vpindex,hv_crash",
        tcg: "max",
        // Installed without drivers of others, Windows has one for this.
        disk: "ide",
        devices: &["pvpanic", "VGA"],
        dump: "win-dmp",
    },
};
