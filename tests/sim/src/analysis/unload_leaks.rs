// SPDX-License-Identifier: MIT OR Apache-2.0

//! Leaks of a driver whose `DriverEntry` has failed or whose `DriverUnload` has
//! returned.

use scenarios::NetworkRule;

use crate::findings;
use crate::findings::bug_check;
use crate::findings::bug_check::Code;
use crate::findings::stop_at;
use crate::kernel::{State, kernel, with};
use crate::loader::drivers::{DriverId, Site};
use crate::memory::pool::tag_text;
use crate::nmr::registrations;
use crate::objects::kernel_objects::ObjectKind;
use crate::scheduling::Waitable;

/// Checks that a driver has left nothing behind.
pub(crate) fn check_unload(driver: DriverId, when: &str, routine: Option<Site>) {
    let registrations = kernel().registrar.live_registrations();
    for registration in registrations {
        let site = with(|state| state.loader.drivers.site(registration.code));
        if site.is_some_and(|site| site.driver == driver) {
            let (rule, how) = if registration.deregistering {
                (28, "has not waited until its deregistration is complete")
            } else {
                (29, "has not deregistered")
            };
            let own = with(|state| registrations::describe(state, registration.id));
            let what = format!("{when}, but it {how}: {own}");
            stop_at(Code::rule(rule), what, routine);
        }
    }
    with(|state| {
        if let Some((code, what, site)) = first_leak(state, driver, when) {
            findings::report(state, code, what, site.or(routine));
        }
        let image = state.loader.drivers[driver].range();
        state.io.remove_locks.forget_within(&image);
    });
}

/// The first object, lock or symbolic link that a driver has left behind.
fn first_object_leak(
    state: &State,
    driver: DriverId,
    when: &str,
) -> Option<(Code, String, Option<Site>)> {
    let image = state.loader.drivers[driver].range();
    let left = |code: Code, name: &str, by| {
        let what = format!("{when}, but {name} is left");
        Some((code, what, by))
    };
    if let Some(registration) = state.network.registrations.left_by(driver) {
        return left(
            NetworkRule::Unload.into(),
            "a registration with Winsock Kernel",
            registration.by,
        );
    }
    let mut resolved = state.network.resolved.values().flatten();
    if let Some(&by) = resolved.find(|by| by.driver == driver) {
        let code = NetworkRule::Objects.into();
        return left(code, "a result of WskGetAddressInfo", Some(by));
    }
    let mut descriptors = state.network.descriptors.values().flatten();
    if let Some(&by) = descriptors.find(|by| by.driver == driver) {
        let code = NetworkRule::Objects.into();
        return left(
            code,
            "a security descriptor that WSK_CACHE_SD cached",
            Some(by),
        );
    }
    if let Some((irp, packet)) = state.io.packets.left_by(driver) {
        return match state.io.packets.holder(irp) {
            Some(holder) => {
                let holder = state.loader.drivers.show(holder);
                let what = format!("an IRP that {holder} has not completed");
                left("0xCE".into(), &what, packet.by)
            }
            None => left(("0xC4", [0x62, 0, 0, 1]).into(), "an IRP", packet.by),
        };
    }
    if let Some((mdl, lock)) = state.io.mdls.locked_by(driver) {
        let pages = match lock.pages() {
            1 => "a page that an MDL has locked".to_owned(),
            pages => format!("the lock of an MDL on {pages} pages"),
        };
        return left(("0xCB", [0, 0, mdl, lock.pages()]).into(), &pages, lock.by);
    }
    if let Some(mapping) = state.io.mdls.mapped_by(driver) {
        return left("leak".into(), "a mapping of locked pages", mapping.by);
    }
    if let Some((code, name, by)) = state.objects.wfp.left_by(driver, &image) {
        return left(code.into(), &name, by);
    }
    let live = state
        .objects
        .created
        .of(driver)
        .or_else(|| state.objects.created.within(image.clone()));
    if let Some((at, live)) = live {
        let code = match live.kind {
            ObjectKind::Etw => (
                "0xC4",
                [0xDD, bug_check::address_of(state, live.by), image.start, at],
            )
                .into(),
            ObjectKind::Mdl => ("0xC4", [0x62, 0, 0, 1]).into(),
            ObjectKind::Pages
            | ObjectKind::Contiguous
            | ObjectKind::ErrorLogEntry
            | ObjectKind::PowerRequest
            | ObjectKind::KeyName => "leak".into(),
            _ => "0xCE".into(),
        };
        return left(code, live.kind.name(), live.by);
    }
    if let Some((name, by)) = state.objects.notifications.left_by(driver, &image) {
        return left("0xCE".into(), &name, by);
    }
    if let Some(held) = state.io.remove_locks.acquired_by(driver) {
        return left("leak".into(), "an acquisition of a remove lock", held.by);
    }
    if let Some(held) = state.verifier.locks.taken_by(driver) {
        return left("0xC4".into(), held.kind.name(), held.by);
    }
    let (name, by) = state.objects.names.left_by(driver)?;
    left(
        "leak".into(),
        &format!("the symbolic link {name}"),
        Some(by),
    )
}

/// What a driver that says it is done has left behind.
fn first_leak(
    state: &mut State,
    driver: DriverId,
    when: &str,
) -> Option<(Code, String, Option<Site>)> {
    let threads = &state.scheduling.threads();
    let alive =
        |thread: &&crate::scheduling::Thread| thread.driver == Some(driver) && !thread.has_ended();
    if let Some(thread) = threads.iter().find(alive) {
        let what = format!("{when}, but its thread {} still runs", thread.name);
        return Some(("0xCE".into(), what, None));
    }
    if let Some(running) = state.objects.apcs.running(driver) {
        let what = format!("{when}, but a routine of an APC still runs");
        return Some(("0xCE".into(), what, running.by));
    }
    let waits = |thread: &&crate::scheduling::Thread| match thread.blocked_on() {
        Some(Waitable::Object(address)) => state.loader.drivers[driver].range().contains(&address),
        _ => false,
    };
    if let Some(thread) = threads.iter().find(waits) {
        let what = format!(
            "{} waits for an object in the image of a driver that goes",
            thread.name
        );
        return Some(("0xCE".into(), what, None));
    }
    if let Some(left) = first_object_leak(state, driver, when) {
        return Some(left);
    }
    if let Some((what, by)) = state.objects.handles.held_by(driver).into_iter().next() {
        let what = format!("{when}, but {what} is left");
        return Some(("leak".into(), what, Some(by)));
    }
    let mut held = state.memory.pool.held_by(driver);
    let block = held.next()?;
    let (blocks, bytes) = held.fold((1, block.size), |(n, size), b| (n + 1, size + b.size));
    let (tag, size) = (tag_text(block.tag), block.size);
    let mut what = match blocks {
        1 => format!("{when}, but a block of pool is left, {size} bytes with tag {tag}"),
        _ => format!(
            "{when}, but {blocks} blocks of pool, {bytes} bytes, are left, the first with tag \
             {tag} and {size} bytes"
        ),
    };
    let mut owner = block.owner;
    let exhaustion = state.memory.pool.exhaustion();
    if let Some(exhaustion) = exhaustion.filter(|it| it.by.driver == driver) {
        what += "; that has used up the pool";
        owner = Some(exhaustion.by);
    }
    *state.counts.leaks.get_or_insert_default() += blocks;
    let count = usize::try_from(blocks).unwrap_or(usize::MAX);
    Some((("0xC4", [0x62, 0, 0, count]).into(), what, owner))
}
