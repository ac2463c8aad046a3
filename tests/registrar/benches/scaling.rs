// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a binding costs, from 1x1 to 400x400: registering both sides, attach,
//! detach, both cleanups, deregistering and waiting, with checks off.
//!
//! Fails if a 1x1 cycle takes 0.38 us or more, or if a binding among 400x400, or
//! a 1x1 beside 200x200 bindings of others, costs more than twice as much.

use std::ffi::c_void;
use std::hint::black_box;
use std::process::ExitCode;
use std::ptr;
use std::time::{Duration, Instant};

use nmr::abi::{
    GUID, HANDLE, NPI_CLIENT_CHARACTERISTICS, NPI_PROVIDER_CHARACTERISTICS,
    NPI_REGISTRATION_INSTANCE, NPIID, NTSTATUS, STATUS_PENDING, STATUS_SUCCESS, struct_size,
};
use nmr::nmr_fn;
use registrar::Registrar;
use registrar::finding::Finding;
use registrar::host::{Event, Host, Lock};
use registrar::knobs::Knob;
use registrar::process::ThreadCompletion;

/// microsoft/usersim's cycle on a machine like the one this was written on.
const LIMIT_NS: f64 = 380.0;
const SIZES: [u32; 4] = [1, 10, 100, 400];
/// Short rounds, of which the best counts: a busy machine then measures the
/// registrar, not its neighbours.
const ROUND: u32 = 10_000;
const TIME: Duration = Duration::from_millis(700);

/// What a kernel has: a spin lock, taken by one atomic operation.
struct SpinLock<T>(spin::Mutex<T>);

impl<T> Lock<T> for SpinLock<T> {
    fn new(value: T) -> Self {
        Self(spin::Mutex::new(value))
    }

    fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        body(&mut self.0.lock())
    }
}

struct Bare;

impl Host for Bare {
    const CHECKED: bool = false;
    type Lock<T> = SpinLock<T>;
    type Completion = ThreadCompletion;

    fn irql(&self) -> u8 {
        0
    }

    fn thread(&self) -> u64 {
        0
    }

    fn draw(&self, _: Knob, _: u32) -> u32 {
        0
    }

    fn observe(&self, _: &Event) {}

    fn report(&self, _: Finding) {}
}

static NPI: NPIID = GUID::from_u128(0x2f5d_11f0_9d43_4f0e_8a27_0c44_9a1b_7e21);
/// The bystanders'.
static OTHER_NPI: NPIID = GUID::from_u128(0x2f5d_11f0_9d43_4f0e_8a27_0c44_9a1b_7e22);

/// The two sides of an NPI, which only NMR reads.
struct Pair {
    provider: NPI_PROVIDER_CHARACTERISTICS,
    client: NPI_CLIENT_CHARACTERISTICS,
}

// SAFETY: nothing changes it.
unsafe impl Sync for Pair {}

static PAIR: Pair = Pair::of(&raw const NPI);
static OTHER_PAIR: Pair = Pair::of(&raw const OTHER_NPI);

impl Pair {
    const fn of(npi: *const NPIID) -> Self {
        Self {
            provider: NPI_PROVIDER_CHARACTERISTICS {
                Version: 0,
                Length: struct_size::<NPI_PROVIDER_CHARACTERISTICS>(),
                ProviderAttachClient: Some(attach_client),
                ProviderDetachClient: Some(detach),
                ProviderCleanupBindingContext: Some(cleanup),
                ProviderRegistrationInstance: instance(npi),
            },
            client: NPI_CLIENT_CHARACTERISTICS {
                Version: 0,
                Length: struct_size::<NPI_CLIENT_CHARACTERISTICS>(),
                ClientAttachProvider: Some(attach_provider),
                ClientDetachProvider: Some(detach),
                ClientCleanupBindingContext: Some(cleanup),
                ClientRegistrationInstance: instance(npi),
            },
        }
    }
}

const fn instance(npi: *const NPIID) -> NPI_REGISTRATION_INSTANCE {
    NPI_REGISTRATION_INSTANCE {
        Version: 0,
        Size: struct_size::<NPI_REGISTRATION_INSTANCE>(),
        NpiId: npi,
        ModuleId: ptr::null(),
        Number: 0,
        NpiSpecificCharacteristics: ptr::null(),
    }
}

nmr_fn! {
    unsafe fn attach_provider[](
        binding: HANDLE,
        context: *mut c_void,
        _instance: *const NPI_REGISTRATION_INSTANCE,
    ) -> NTSTATUS {
        // SAFETY: the context that `come` registered.
        let nmr = unsafe { &*context.cast_const().cast::<Registrar<Bare>>() };
        let (mut peer, mut dispatch) = (ptr::null_mut(), ptr::null());
        // SAFETY: the context is not used, the outs are locals.
        let status = unsafe {
            nmr.client_attach_provider(binding, binding, ptr::null(), &raw mut peer, &raw mut dispatch)
        };
        black_box((peer, dispatch));
        status
    }
}

nmr_fn! {
    unsafe fn attach_client[](
        binding: HANDLE,
        _context: *mut c_void,
        _instance: *const NPI_REGISTRATION_INSTANCE,
        _client_context: *mut c_void,
        _client_dispatch: *const c_void,
        provider_context: *mut *mut c_void,
        provider_dispatch: *mut *const c_void,
    ) -> NTSTATUS {
        // SAFETY: NMR gave room for both.
        unsafe { provider_context.write(binding) };
        // SAFETY: as above.
        unsafe { provider_dispatch.write(ptr::null()) };
        STATUS_SUCCESS
    }
}

nmr_fn! {
    unsafe fn detach[](context: *mut c_void) -> NTSTATUS {
        black_box(context);
        STATUS_SUCCESS
    }
}

nmr_fn! {
    unsafe fn cleanup[](context: *mut c_void) {
        black_box(context);
    }
}

/// As many providers and clients come as there are handles for.
fn come(nmr: &Registrar<Bare>, pair: &'static Pair, handles: &mut [[HANDLE; 2]]) {
    let context = ptr::from_ref(nmr).cast_mut().cast();
    for [_, provider] in &mut *handles {
        // SAFETY: the structure is static.
        let status = unsafe { nmr.register_provider(&raw const pair.provider, context, provider) };
        assert_eq!(status, STATUS_SUCCESS);
    }
    for [client, _] in &mut *handles {
        // SAFETY: the structure is static.
        let status = unsafe { nmr.register_client(&raw const pair.client, context, client) };
        assert_eq!(status, STATUS_SUCCESS);
    }
}

/// They go again.
fn go(nmr: &Registrar<Bare>, handles: &[[HANDLE; 2]], provider_first: bool) {
    let clients = || {
        for &[client, _] in handles {
            assert_eq!(nmr.deregister_client(client), STATUS_PENDING);
            assert_eq!(
                nmr.wait_for_client_deregister_complete(client),
                STATUS_SUCCESS
            );
        }
    };
    let providers = || {
        for &[_, provider] in handles {
            assert_eq!(nmr.deregister_provider(provider), STATUS_PENDING);
            assert_eq!(
                nmr.wait_for_provider_deregister_complete(provider),
                STATUS_SUCCESS
            );
        }
    };
    if provider_first {
        providers();
        clients();
    } else {
        clients();
        providers();
    }
}

/// The best of some rounds, in ns per binding, beside `bystanders` x
/// `bystanders` bindings of others.
fn measure(size: u32, provider_first: bool, bystanders: usize) -> f64 {
    let nmr = Registrar::new(Bare);
    let mut others = vec![[ptr::null_mut(); 2]; bystanders];
    come(&nmr, &OTHER_PAIR, &mut others);
    let mut handles = vec![[ptr::null_mut(); 2]; size as usize];
    let bindings = size * size;
    let cycles = (ROUND / bindings).max(1);
    let mut best = f64::INFINITY;
    let end = Instant::now() + TIME;
    while Instant::now() < end {
        let began = Instant::now();
        for _ in 0..cycles {
            come(&nmr, &PAIR, &mut handles);
            go(&nmr, &handles, provider_first);
        }
        let ns = began.elapsed().as_secs_f64() * 1e9;
        best = best.min(ns / f64::from(cycles) / f64::from(bindings));
    }
    go(&nmr, &others, provider_first);
    best
}

fn print(what: &str, row: [f64; 2]) {
    println!("{what:>22}   {:>17.1}   {:>19.1}", row[0], row[1]);
}

fn main() -> ExitCode {
    let measure_both =
        |size, bystanders| [false, true].map(|order| measure(size, order, bystanders));
    println!("        ns per binding   client goes first   provider goes first");
    let rows = SIZES.map(|size| {
        let row = measure_both(size, 0);
        print(&format!("{size}x{size}"), row);
        row
    });
    let crowded = measure_both(1, 200);
    print("1x1 beside 200x200", crowded);

    let mut verdict = ExitCode::SUCCESS;
    let largest = rows[SIZES.len() - 1];
    for order in 0..2 {
        let small = rows[0][order];
        if small >= LIMIT_NS {
            println!("too slow: {small:.0} ns for a 1x1 cycle, the limit is {LIMIT_NS} ns");
            verdict = ExitCode::FAILURE;
        }
        for (what, large) in [("size", largest[order]), ("company", crowded[order])] {
            if large > 2.0 * small {
                println!("not flat: with {what} it grows from {small:.0} ns to {large:.0} ns");
                verdict = ExitCode::FAILURE;
            }
        }
    }
    verdict
}
