// SPDX-License-Identifier: MIT OR Apache-2.0

//! How programs in a machine end, and which files are collected.

use std::fs;
use std::thread;
use std::time::Duration;

use super::local_guest::LocalGuest;
use super::{Failure, ProgramEnd};
use crate::catalogue::Place;
use crate::sshd::Sshd;

/// A short boot timeout, in which the guest must still connect.
const SHORT: Duration = Duration::from_secs(5);

/// A guest with begin and end commands of the user.
fn commanded(sshd: &Sshd, begin: &[&str], end: &[&str]) -> LocalGuest {
    let mut guest = LocalGuest::behind(sshd);
    let words = |command: &[&str]| command.iter().map(|&word| word.to_owned()).collect();
    guest.guest.place = Place::Elsewhere {
        ssh: sshd.ssh(),
        begin: Some(words(begin)),
        end: Some(words(end)),
    };
    guest
}

#[test]
fn output_is_followed_while_the_program_runs() {
    let sshd = Sshd::start();
    let guest = LocalGuest::behind(&sshd);
    let go = guest.path("go");
    let script = format!(
        "echo $1; echo two; until test -e {}; do sleep 0.02; done\n\
         echo three; echo beside >&2; exit 7",
        go.display()
    );
    let mut lines = Vec::new();
    let (session, end) = guest.run(&script, |line| {
        lines.push(line.to_owned());
        if line == "two" {
            guest.write("go", "");
        }
    });
    assert_eq!(end, ProgramEnd::Exited(7));
    assert_eq!(lines, ["--word", "two", "three"]);
    assert_eq!(
        LocalGuest::local_file(&session, "session.log").as_deref(),
        Some("beside\n")
    );
    session.close(false).expect("closed");
    assert!(
        guest.list("run").is_empty(),
        "the guest's directory is empty"
    );
    assert!(
        guest.list("home/runs").is_empty(),
        "no local files are kept"
    );
}

#[test]
fn any_command_line_can_be_run_and_its_files_kept() {
    let sshd = Sshd::start();
    let guest = LocalGuest::behind(&sshd);
    let mut session = guest.open().expect("it answers");
    let mut lines = Vec::new();
    let end = session.shell("echo one; echo two >&2; exit 3", |line| {
        lines.push(line.to_owned());
    });
    assert_eq!(end.expect("started"), ProgramEnd::Exited(3));
    assert_eq!(lines, ["one", "two"]);
    session.close(true).expect("closed");
    let kept = guest.list("home/runs");
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(
        guest.list(&format!("home/runs/{}", kept[0])),
        ["out.jsonl"],
        "what it printed is kept"
    );
}

#[test]
fn a_package_is_copied_and_the_guest_restarted() {
    let sshd = Sshd::start();
    let guest = LocalGuest::behind(&sshd);
    let package = tempfile::tempdir().expect("a directory");
    fs::create_dir_all(package.path().join("a/b")).expect("made");
    fs::write(package.path().join("a/b/driver.sys"), [0, 1, 2]).expect("written");
    let mut session = guest.open().expect("it answers");
    fs::create_dir(guest.path("run")).expect("made");
    guest.write("run/old", "of another run");
    session.push(package.path()).expect("copied");
    assert_eq!(guest.list("run"), ["a"]);
    assert_eq!(
        fs::read(guest.path("run/a/b/driver.sys")).expect("there"),
        [0, 1, 2]
    );
    session.prepare().expect("it comes back");
    let facts = session.facts().expect("read");
    assert_eq!(facts, [("start", "restarted".to_owned())]);
    session.close(false).expect("closed");
}

#[test]
fn dumps_and_logs_of_a_crash_are_collected() {
    let sshd = Sshd::start();
    let guest = LocalGuest::behind(&sshd);
    let script = "echo beside >&2; : > empty; echo begun; {}";
    let mut lines = Vec::new();
    let (session, end) = guest.run(script, |line| {
        lines.push(line.to_owned());
        guest.write("dump", "the dump");
        guest.write("boot", "second");
        sshd.cut();
    });
    let crashed = Failure::Crashed {
        message: None,
        restarted: true,
    };
    assert_eq!(end, ProgramEnd::Failed(crashed));
    assert_eq!(lines, ["begun"]);
    let local = |name| LocalGuest::local_file(&session, name);
    assert_eq!(local("MEMORY.DMP").as_deref(), Some("the dump"));
    assert_eq!(local("session.log").as_deref(), Some("beside\n"));
    assert_eq!(local("empty"), None, "empty files are dropped");
}

#[test]
fn a_restart_may_take_longer_than_the_heartbeat() {
    let sshd = Sshd::start();
    let mut guest = LocalGuest::behind(&sshd);
    guest.guest.heartbeat = Duration::from_secs(1);
    let end = thread::scope(|restart| {
        let begun = |_: &str| {
            guest.write("boot", "second");
            sshd.cut();
            sshd.freeze();
            restart.spawn(|| {
                thread::sleep(2 * guest.guest.heartbeat);
                sshd.serve();
            });
        };
        guest.run("echo begun; {}", begun).1
    });
    let crashed = Failure::Crashed {
        message: None,
        restarted: true,
    };
    assert_eq!(end, ProgramEnd::Failed(crashed));
}

#[test]
fn a_reverted_disk_has_no_files_of_this_run() {
    let sshd = Sshd::start();
    let guest = LocalGuest::behind(&sshd);
    let (session, end) = guest.run("echo begun; {}", |_| {
        guest.write("dump", "of another run");
        guest.write("run/marker", "another run's");
        guest.write("boot", "second");
        sshd.cut();
    });
    let crashed = Failure::Crashed {
        message: None,
        restarted: false,
    };
    assert_eq!(end, ProgramEnd::Failed(crashed));
    assert_eq!(LocalGuest::local_file(&session, "MEMORY.DMP"), None);
}

#[test]
fn a_lost_connection_is_not_a_crash() {
    let sshd = Sshd::start();
    let guest = LocalGuest::behind(&sshd);
    let (session, end) = guest.run("echo begun; {}", |_| sshd.cut());
    let ProgramEnd::Failed(Failure::AgentLost(why)) = end else {
        panic!("{end:?}");
    };
    assert!(why.contains("lost"), "{why}");
    session.close(false).expect("closed");
}

#[test]
fn a_missing_machine_hangs() {
    let mut sshd = Sshd::start();
    let mut guest = LocalGuest::behind(&sshd);
    (guest.guest.boot, guest.guest.heartbeat) = (SHORT, Duration::from_secs(1));
    let (session, end) = guest.run("echo begun; {}", |_| sshd.end());
    assert_silent(&end, "no sign of life");
    session.close(false).expect("nobody has to answer for that");
}

#[test]
fn a_silent_machine_hangs() {
    let sshd = Sshd::start();
    let mut guest = LocalGuest::behind(&sshd);
    (guest.guest.boot, guest.guest.heartbeat) = (SHORT, Duration::from_secs(1));
    let (_session, end) = guest.run("echo begun; {}", |_| sshd.freeze());
    assert_silent(&end, "no sign of life");
}

#[test]
fn a_silent_program_hangs() {
    let sshd = Sshd::start();
    let mut guest = LocalGuest::behind(&sshd);
    guest.guest.stall = Duration::from_secs(1);
    let (_session, end) = guest.run("{}", |_| {});
    assert_silent(&end, "the program prints nothing");
}

fn assert_silent(end: &ProgramEnd, of_what: &str) {
    let ProgramEnd::Failed(
        failure @ Failure::Hung {
            what,
            crashed_by_nmi,
            ..
        },
    ) = end
    else {
        panic!("{end:?}");
    };
    assert_eq!((*what, *crashed_by_nmi), (of_what, None));
    assert!(!failure.to_string().contains("NMI"), "{failure}");
}

#[test]
fn user_commands_begin_and_end_a_session() {
    let sshd = Sshd::start();
    let files = tempfile::tempdir().expect("a directory");
    let file = files.path().join("a file").display().to_string();
    let guest = commanded(&sshd, &["touch", &file], &["rm", &file]);
    let session = guest.open().expect("it answers");
    assert!(fs::exists(&file).expect("known"), "begin was run");
    session.close(false).expect("closed");
    assert!(!fs::exists(&file).expect("known"), "end was run");
}

#[test]
fn the_end_command_runs_however_the_session_ends() {
    let mut sshd = Sshd::start();
    let files = tempfile::tempdir().expect("a directory");
    let ended = files.path().join("ended");
    let end = ended.to_str().expect("text");
    let mut guest = commanded(&sshd, &["true"], &["touch", end]);
    drop(guest.open().expect("it answers"));
    assert!(ended.exists(), "as after an error");
    fs::remove_file(&ended).expect("there");
    sshd.end();
    guest.guest.boot = Duration::from_millis(1);
    let error = guest.open().err().expect("nobody answers").to_string();
    assert!(error.contains("does not answer"), "{error}");
    assert!(ended.exists(), "as after one that nobody could use");
}

#[test]
fn a_failing_user_command_is_reported() {
    let sshd = Sshd::start();
    let guest = commanded(&sshd, &["false"], &["true"]);
    let error = guest.open().err().expect("begin fails").to_string();
    assert!(error.contains("false exited with"), "{error}");

    let guest = commanded(&sshd, &["no-such-program"], &["true"]);
    let error = guest.open().err().expect("begin fails").to_string();
    assert!(
        error.contains("no-such-program") && error.contains("vm.toml"),
        "{error}"
    );

    let guest = commanded(&sshd, &["true"], &["false"]);
    let session = guest.open().expect("it answers");
    let error = session.close(false).expect_err("end fails").to_string();
    assert!(error.contains("false exited with"), "{error}");
}
