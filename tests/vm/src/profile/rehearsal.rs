// SPDX-License-Identifier: MIT OR Apache-2.0

//! Debian with Wine, whose kernel is under test: if it crashes, `wine-guest` writes a dump
//! and crashes the guest.

use super::{Hardware, Profile};

pub(super) const PROFILE: Profile = Profile {
    name: "rehearsal",
    tier: "wine",
    shell: &["/bin/sh", "-c"],
    directory: "/nmr/run/",
    clear: "rm -rf /nmr/run && mkdir -p /nmr/run",
    boot: "cat /proc/sys/kernel/random/boot_id",
    flush: "sync",
    marker: "cat /nmr/run/marker",
    facts: &[
        ("system", ". /etc/os-release && echo $PRETTY_NAME"),
        ("kernel", "uname -rv"),
        ("processors", "nproc"),
        ("memory", "grep MemTotal /proc/meminfo | tr -s ' '"),
        ("wine", "/usr/lib/wine/wine64 --version"),
    ],
    // Like bcdedit and the registry on Windows, this takes effect at the next start: an
    // unknown NMI or an oops crashes the kernel.
    prepare: &[
        "printf '%s\\n' kernel.sysrq=1 kernel.unknown_nmi_panic=1 kernel.panic_on_oops=1 \
         > /etc/sysctl.d/nmr.conf",
        "sync",
    ],
    restart: "systemctl reboot",
    check: &["test $(cat /proc/sys/kernel/unknown_nmi_panic) = 1"],
    run: "cd /nmr/run && chmod +x wine-guest && exec ./wine-guest --payload /nmr/run \
          --template /nmr/template --dump /nmr/run/MEMORY.DMP --crash-by /proc/sysrq-trigger \
          -- {} > /nmr/run/out.jsonl 2> /nmr/run/session.log",
    copy_output: None,
    gather: &["journalctl --no-pager > /nmr/run/journal.txt"],
    evidence: "ls -1d /nmr/run/MEMORY.DMP /nmr/run/session.log /nmr/run/journal.txt 2> /dev/null",
    power_off: "systemctl poweroff",
    hardware: Hardware {
        machine: "pc",
        kvm: "host",
        // Before version 9.1, QEMU lets IRET in user mode, which Wine executes, fail with SMAP.
        tcg: "max,smap=off",
        disk: "virtio",
        devices: &["pvpanic-pci", "virtio-rng-pci"],
        dump: "kdump-zlib",
    },
};
