// SPDX-License-Identifier: MIT OR Apache-2.0

//! Debian with Wine, whose kernel is the one under test: where it dies,
//! `wine-guest` writes a dump and takes Linux down with it.

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
    // What Windows needs bcdedit and the registry for: to take effect at the
    // next start, an NMI that nobody asked for is to be a crash, and so is an
    // oops.
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
        // QEMU before 9.1 lets IRET, which Wine executes in user mode, fail where
        // the kernel must not touch a user's pages.
        tcg: "max,smap=off",
        disk: "virtio",
        devices: &["pvpanic-pci", "virtio-rng-pci"],
        dump: "kdump-zlib",
    },
};
