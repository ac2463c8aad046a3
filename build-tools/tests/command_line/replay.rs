// SPDX-License-Identifier: MIT OR Apache-2.0

//! Replay lines that are wrong: one line names the offending part, the status is 2, and
//! nothing is built.

use crate::xtask::{output, refusal};

/// Wrong lines, and what is said of each.
const WRONG: [(&str, &str); 100] = [
    // Missing and empty parts.
    ("", "the line is empty"),
    ("seed=1", "the line has no cycle"),
    ("cycle=1", "the line has no seed"),
    ("seed=1,cycle=2,", "ends with a comma"),
    (",seed=1,cycle=2", "begins with a comma"),
    ("seed=1,,cycle=2", "part 2 of the line is empty"),
    ("seed=,cycle=2", "`seed=` has no value: write seed=N"),
    ("seed,cycle=2", "`seed` has no value"),
    ("seed=1,cycle=2,script=", "`script=` has no value"),
    ("seed=1,cycle=2,schedule", "write schedule=N:T.N:T"),
    ("seed=1,cycle=2,provider=", "`provider=` has no value"),
    // Keys.
    ("sed=1,cycle=2", "`sed` is no key: is it seed?"),
    ("seed=1,cycle=2,scedule=none", "is it schedule?"),
    (
        "seed=1,cycle=2,zzz=1",
        "`zzz` is no key: the keys are seed, cycle",
    ),
    ("seed=1,cycle=2,trace", "`trace` is no key"),
    ("seed=1,cycle=2,--preempt", "`--preempt` is no key"),
    ("seed=1,cycle=2,=3", "`` is no key"),
    ("seed=1 cycle=2", "seed=1 cycle=2"),
    ("Seed=1,cycle=2", "`Seed` is no key: is it seed?"),
    (
        "seed=1,cycle=2,seed=3",
        "`seed` is given twice, in `seed=1` and `seed=3`",
    ),
    ("seed=1,cycle=2,cycle=2", "`cycle` is given twice"),
    (
        "seed=1,cycle=2,registry=client:Threads=4,registry=client:threads=5",
        "one registry value is given twice, in `registry=client:Threads=4`",
    ),
    ("seed=1,cycle=2,preempt,preempt", "`preempt` is given twice"),
    (
        "seed=1,cycle=2,kernel=both,kernel=windows",
        "`kernel` is given twice",
    ),
    (
        "seed=1,cycle=2,preempt=yes",
        "`preempt=yes`: preempt takes no value",
    ),
    ("seed=1,cycle=2,may-refuse=1", "may-refuse takes no value"),
    (
        "seed=1,cycle=2,only=races,without=gate",
        "`only` does not go with `without`",
    ),
    (
        "seed=1,cycle=2,driver=a.sys,client=b.sys",
        "`driver` does not go with `client`",
    ),
    // Numbers.
    ("seed=one,cycle=2", "`seed=one`: it is not a number"),
    ("seed=-1,cycle=2", "`seed=-1`"),
    ("seed=+1,cycle=2", "`seed=+1`"),
    ("seed=1.5,cycle=2", "`seed=1.5`"),
    ("seed=0x10,cycle=2", "`seed=0x10`"),
    ("seed=18446744073709551616,cycle=2", "below 2^64"),
    ("seed=1,cycle=18446744073709551615", "it is the last number"),
    // Scripts.
    ("seed=1,cycle=2,script=+p", "`script=+p`: `+p` is no script"),
    ("seed=1,cycle=2,script=+p.-p.", "`+p.-p.` is no script"),
    ("seed=1,cycle=2,script=+x.-x", "`+x` is no script"),
    ("seed=1,cycle=2,script=+p.-p@gone", "`-p@gone` is no script"),
    ("seed=1,cycle=2,script=+p.-p/3", "`-p/3` is no script"),
    // Schedules.
    (
        "seed=1,cycle=2,schedule=garbage",
        "`garbage` is no decision",
    ),
    ("seed=1,cycle=2,schedule=12", "`12` is no decision"),
    ("seed=1,cycle=2,schedule=12:x", "`12:x` is no decision"),
    ("seed=1,cycle=2,schedule=12:3.", "`` is no decision"),
    (
        "seed=1,cycle=2,schedule=57:1.12:3",
        "`12:3` comes after decision 57",
    ),
    (
        "seed=1,cycle=2,schedule=12:3.12:4",
        "`12:4` comes after decision 12",
    ),
    // Other values.
    ("seed=1,cycle=2,kernel=linux", "'linux' is no kernel"),
    ("seed=1,cycle=2,knobs=DetachOrder:9", "'DetachOrder:9'"),
    (
        "seed=1,cycle=2,knobs=DetachOrder:0+DetachOrder:1",
        "DetachOrder is answered twice",
    ),
    (
        "seed=1,cycle=2,knobs=DetachOrder:0+",
        "it has an empty part",
    ),
    ("seed=1,cycle=2,faults=disk:1", "`disk:1` names no faults"),
    (
        "seed=1,cycle=2,faults=allocation:0",
        "`allocation:0` names no faults",
    ),
    ("seed=1,cycle=2,strategy=fair", "`fair` is no strategy"),
    ("seed=1,cycle=2,instances=9x9", "`9x9`"),
    ("seed=1,cycle=2,only=pairs", "`pairs` is no scenario"),
    (
        "seed=1,cycle=2,registry=Threads",
        "`Threads` is no registry value",
    ),
    // Images.
    (
        "seed=1,cycle=2,client=missing.sys",
        "missing.sys cannot be read",
    ),
    (
        "seed=1,cycle=2,client=zoo:unicorn",
        "the zoo has no `unicorn`",
    ),
    (
        "seed=1,cycle=2,provider=zoo:missing_wait",
        "write client=zoo:missing_wait",
    ),
    // Odd characters, places and spellings.
    ("seed=１,cycle=2", "`seed=１`: it is not a number"),
    ("seed=1,cycle=²", "`cycle=²`"),
    ("sèed=1,cycle=2", "`sèed` is no key: is it seed?"),
    ("seed =1,cycle=2", "`seed ` is no key"),
    ("seed= 1,cycle=2", "`seed= 1`"),
    ("seed=1, cycle=2", "` cycle` is no key"),
    ("seed=1,cycle=2 ", "`cycle=2 `"),
    ("seed==1,cycle=2", "`seed==1`"),
    ("seed=1=2,cycle=2", "`seed=1=2`"),
    ("seed=1;cycle=2", "`seed=1;cycle=2`"),
    ("seed:1,cycle:2", "`seed:1` is no key: is it seed?"),
    ("seed=1e5,cycle=2", "`seed=1e5`"),
    ("seed=1_000,cycle=2", "`seed=1_000`"),
    ("seed=1,cycle=-0", "`cycle=-0`"),
    ("\"seed=1,cycle=2\"", "`\"seed` is no key"),
    ("again: seed=1,cycle=2", "`again: seed` is no key"),
    ("seed=1,cycle=2,PREEMPT", "is it preempt?"),
    ("seed=1,cycle=2,kernel=Windows", "'Windows' is no kernel"),
    ("seed=1,cycle=2,strategy=PCT", "`PCT` is no strategy"),
    ("seed=1,cycle=2,only=Races", "`Races` is no scenario"),
    (
        "seed=1,cycle=2,\tpreempt",
        "`\\tpreempt` has a control character",
    ),
    ("seed=1,cycle=2\n", "`cycle=2\\n` has a control character"),
    (
        "seed=1,cycle=2\r\nx",
        "`cycle=2\\r\\nx` has a control character",
    ),
    (
        "seed=1,cycle=2,client=\u{1b}[31mred.sys",
        "`client=\\u{1b}[31mred.sys`",
    ),
    ("\u{feff}seed=1,cycle=2", "`\\u{feff}seed` is no key"),
    ("\u{202e}seed=1,cycle=2", "`\\u{202e}seed` is no key"),
    ("seed=1,cycle=2,script=+p.-p@IDLE", "`-p@IDLE` is no script"),
    ("seed=1,cycle=2,script=+P.-P", "`+P` is no script"),
    ("seed=1,cycle=2,script=+p0.-p0", "`+p0` is no script"),
    ("seed=1,cycle=2,script=+p.+c~.-p-c", "`+c~` is no script"),
    ("seed=1,cycle=2,script=+p.-p.-p", "`+p.-p.-p` is no script"),
    ("seed=1,cycle=2,schedule=none.1:2", "`none` is no decision"),
    ("seed=1,cycle=2,schedule=1:2:3", "`1:2:3` is no decision"),
    (
        "seed=1,cycle=2,faults=allocation:",
        "`allocation:` names no faults",
    ),
    (
        "seed=1,cycle=2,faults=allocation:1:2",
        "`allocation:1:2` names no faults",
    ),
    ("seed=1,cycle=2,instances=1x1x1", "`1x1x1`"),
    ("seed=1,cycle=2,knobs=DetachOrder=1", "'DetachOrder=1'"),
    (
        "seed=1,cycle=2,registry=:Threads=4",
        "`:Threads=4` is no registry value",
    ),
    ("seed=1,cycle=2,ignore=R01", "`R01` is no code"),
    (
        "seed=1,cycle=2,client=zoo:LEAK",
        "has no `LEAK`: is it leak?",
    ),
    (
        "seed=1,cycle=2,only=instances,instances=1x1",
        "`only=instances` does not go with `instances=1x1`",
    ),
];

#[test]
fn wrong_lines_are_refused_in_one_line_that_names_the_part() {
    for (line, named) in WRONG {
        let text = refusal(&["replay", line]);
        assert!(text.contains(named), "{line}: {text}");
    }
}

#[test]
fn a_long_token_is_not_repeated_in_full() {
    let number = "9".repeat(5000);
    let script = ".-p+p".repeat(3000);
    for line in [
        format!("seed={number},cycle=1"),
        format!("seed=1,cycle=2,script=+p{script}"),
        format!("seed=1,cycle=2,{number}"),
    ] {
        let text = refusal(&["replay", &line]);
        assert!(text.len() < 600, "{text}");
    }
}

#[test]
fn what_is_no_image_is_refused_before_anything_is_built() {
    let line = format!("seed=1,cycle=2,client={}", env!("CARGO_MANIFEST_PATH"));
    let text = refusal(&["replay", &line]);
    assert!(text.contains("is not a PE image"), "{text}");
}

#[test]
fn the_help_has_the_grammar() {
    assert!(refusal(&["replay"]).contains("<LINE>"));
    let text = output(&["replay", "--help"]);
    for part in [
        "seed=N",
        "schedule=N:T.N:T",
        "registry=D:K=V",
        "may be repeated",
        "~250",
        "Examples:",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 110),
        "{text}"
    );
}

#[test]
fn files_of_a_replay_that_cannot_be_written_are_refused_first() {
    let line = "seed=1,cycle=2";
    for option in ["--trace-json", "--diagram"] {
        let missing = refusal(&["replay", line, option, "missing/file"]);
        assert!(
            missing.contains(&format!("{option} missing/file")),
            "{missing}"
        );
        let directory = refusal(&["replay", line, option, "."]);
        assert!(
            directory.contains("is a directory: name a file"),
            "{directory}"
        );
        let both = refusal(&["replay", line, "--minimise", option, "file"]);
        assert!(both.contains("minimise first, then replay"), "{both}");
    }
}
