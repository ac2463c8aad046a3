// SPDX-License-Identifier: MIT OR Apache-2.0

//! `stress --shard`, `merge` and `soak`: what they refuse, and what a merge of reports says.

use std::fs;
use std::path::{Path, PathBuf};

use scenarios::Report;
use serde_json::{Value, json};

use super::xtask::{output, refusal};

/// The report of a shard of a run of 30 cycles, each 10 cycles.
fn report(directory: &Path, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let index: u64 = name.parse().expect("a number");
    let mut report = Report::new("sim", 7, 10);
    report.cycles_done = 10;
    report.cycles_per_second = 100.0;
    report.counts.attaches = 1;
    let roles = report.counts.registered.entry("a.sys".to_owned());
    roles.or_default().insert("client of Echo".to_owned());
    let mut value = serde_json::to_value(report).expect("JSON");
    value["verdict"] = json!("PASS");
    value["run"] = json!({
        "program": "0.1.0",
        "options": [],
        "files": [{ "role": "driver", "named": true, "file": "a.sys", "sha256": "00" }],
        "first": (index - 1) * 10,
        "cycles": 10,
        "shard": { "index": index, "count": 3, "first": 0, "cycles": 30 },
    });
    change(&mut value);
    let file = directory.join(format!("{name}.json"));
    fs::write(&file, value.to_string()).expect("it can be written");
    file
}

fn words<'a>(command: &'a str, files: &'a [PathBuf]) -> Vec<&'a str> {
    let files = files.iter().map(|it| it.to_str().expect("text"));
    std::iter::once(command).chain(files).collect()
}

#[test]
fn reports_of_all_shards_are_one_report() {
    let directory = tempfile::tempdir().expect("a directory");
    let shards = ["3", "1", "2"].map(|name| report(directory.path(), name, |_| {}));
    let json = directory.path().join("all.json");
    let mut words = words("merge", &shards);
    words.extend(["--json", json.to_str().expect("text")]);
    let text = output(&words);
    assert!(
        text.contains("3 reports of seed 7, cycles 0 to 29"),
        "{text}"
    );
    assert!(text.contains("PASS  30 cycles in 0.3 s"), "{text}");
    let merged: Value =
        serde_json::from_slice(&fs::read(json).expect("it is there")).expect("JSON");
    assert_eq!(merged["cycles_done"], 30);
    assert_eq!(merged["run"]["cycles"], 30);
    assert_eq!(merged["run"]["shard"], Value::Null);
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = directory.path();
    let first = report(at, "1", |_| {});
    let second = |change: &dyn Fn(&mut Value), why: &'static str| {
        let file = report(at, "2", change);
        let files = [first.clone(), file];
        let error = refusal(&words("merge", &files));
        assert!(error.contains(why), "{error}");
    };
    second(&|_| {}, "shards 3/3, too");
    second(&|it| it["seed"] = json!(8), "seeds, 7 and 8");
    second(
        &|it| it["run"]["options"] = json!(["--preempt"]),
        "options: none; --preempt",
    );
    second(
        &|it| it["run"]["program"] = json!("9"),
        "versions 0.1.0 and 9",
    );
    second(
        &|it| it["run"]["files"][0]["sha256"] = json!("01"),
        "by their hashes",
    );
    second(&|it| it["run"]["files"] = json!([]), "numbers of files");
    second(&|it| it["run"]["shard"]["count"] = json!(4), "shards: 1/3");
    second(&|it| it["run"]["first"] = json!(5), "both have cycle 5");
    second(&|it| it["run"]["cycles"] = json!(0), "is damaged");
    second(&|it| it["run"]["first"] = json!(u64::MAX), "is damaged");
    second(&|it| it["run"] = Value::Null, "only runs on sim");
    second(&|it| *it = json!([]), "is no report");
    second(&|it| it["findings"] = json!(7), "is no report");
    let last = report(at, "3", |_| {});
    let error = refusal(&words("merge", &[first.clone(), last]));
    assert!(error.contains("cycles 10 to 19 are missing"), "{error}");
    let error = refusal(&words("merge", &[first.clone(), at.join("none.json")]));
    assert!(error.contains("cannot be read"), "{error}");
    let same = words("merge", std::slice::from_ref(&first));
    let error = refusal(&[&same[..], &["--json", same[1]]].concat());
    assert!(error.contains("name another file"), "{error}");
}

#[test]
fn shards_and_soaks_that_cannot_be_are_refused() {
    for (arguments, why) in [
        (&["stress", "--shard", "1/2"][..], "--shard needs --seed"),
        (
            &["stress", "--shard", "0/2", "--seed", "1"],
            "counted from 1",
        ),
        (
            &["stress", "--shard", "3/2", "--seed", "1"],
            "counted from 1",
        ),
        (&["stress", "--shard", "1", "--seed", "1"], "use I/N"),
        (
            &["stress", "--shard", "1/2", "--seed", "1", "--on", "wine"],
            "for the simulated kernel",
        ),
        (&["soak", "--hours", "0"], "is no time to run"),
        (&["soak", "--hours=-1"], "is no time to run"),
        (&["soak", "--hours", "nan"], "is no time to run"),
        (&["soak", "--hours", "inf"], "is no time to run"),
        (&["soak", "--hours", "1", "--jobs", "0"], "--jobs 0"),
        (&["soak"], "--hours"),
    ] {
        let error = refusal(arguments);
        assert!(error.contains(why), "{arguments:?}: {error}");
    }
}
