// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is documented about NMR, statement by statement: each test shows one,
//! is named after it and has it, with its source, for its comment.
//!
//! Sources:
//!
//! - D1 the reference of the nine functions, D2 of the six callbacks, D3 of the
//!   structures;
//! - N1..N10 the network design guide: N1 attaching a client module to a
//!   provider module, N2 the reverse, N3 and N4 detaching, N5 registering, N6
//!   unloading, N7 attachment and detachment, N8 programming considerations, N9
//!   the NPI, N10 several attached modules;
//! - W1 attaching a WSK client, W2 unregistering one;
//! - HDR `netioddk.h` and `netiodef.h`; CODE and ISSUE: what Microsoft's drivers
//!   rely on and what its engineers said of NMR; INF: what follows from those,
//!   though no page says it.
//!
//! `cargo test -p registrar --test suite -- --exact conformance::list --nocapture`
//! prints a line `statement<TAB>test<TAB>source<TAB>text` for each.

macro_rules! statements {
    ($(#[doc = $text:literal] $name:ident $body:block)*) => {
        pub(super) const HERE: &[(&str, &str)] =
            &[$((concat!(module_path!(), "::", stringify!($name)), $text)),*];

        $(#[doc = $text] #[test] fn $name() $body)*
    };
}

use statements;

mod attach;
mod cleanup;
mod deregister;
mod detach;
mod matching;
mod race;
mod register;
mod resources;
mod structure;
mod wait;

/// All of them: the test's path, and the statement after its source.
fn all() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    [
        register::HERE,
        structure::HERE,
        matching::HERE,
        attach::HERE,
        deregister::HERE,
        detach::HERE,
        cleanup::HERE,
        wait::HERE,
        race::HERE,
        resources::HERE,
    ]
    .into_iter()
    .flatten()
}

#[test]
fn list() {
    let mut count = 0;
    for (path, statement) in all() {
        let test = path.split_once("::").map_or(*path, |(_, test)| test);
        let (source, says) = statement
            .trim()
            .split_once(": ")
            .expect("a statement is `source: text`");
        let says = says.replace('`', "");
        println!("statement\t{test}\t{source}\t{says}");
        count += 1;
    }
    assert!(count >= 90, "{count} statements");
}
