// SPDX-License-Identifier: MIT OR Apache-2.0

//! `header`: what it writes compiles as C and as C++ without a warning, and its assertions
//! hold the layout of the compiler against that of the description.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::xtask::{output, refusal};

/// Names and types that are hard for C, and what Echo does not use.
const ODD: &str = r#"
name = "oddNPI"
id = "{00000001-0002-0003-0405-060708090a0b}"

[provider]
characteristics = "OddNpiLimits"
table = "calls"
[client]
table = "Answers"

[structures.OddNpiLimits]
fields = [
    { name = "NULL", type = "guid" },
    { name = "class", type = "i8" },
]

[structures.calls]
fields = [
    { name = "_4", type = "u8" },
    { name = "NAME2", type = "function" },
    { name = "sample", type = "function", optional = true },
    { name = "none", type = "function" },
]

[structures.Answers]
fields = [{ name = "done", type = "function" }]

[structures.sample]
fields = [
    { name = "bytes", type = "u64", is = "size" },
    { name = "version", type = "u8", is = "version", value = 2 },
    { name = "older", type = "u16", is = "version", value = 1 },
    { name = "small", type = "[[i8; 3]; 2]" },
    { name = "calls", type = "calls" },
    { name = "many", type = "[Point; 2]" },
    { name = "next", type = "*sample" },
    { name = "first", type = "*const Point" },
    { name = "callback", type = "pointer" },
    { name = "is_last", type = "bool" },
]

[structures.Point]
fields = [{ name = "x", type = "i16" }, { name = "y", type = "i64" }]

[functions.NAME2]
irql = "PASSIVE_LEVEL"
returns = "u64"
parameters = [{ is = "binding" }, { name = "IN", type = "i32" }, { name = "point", type = "*const Point" }]

[functions.sample]
irql = "<= APC_LEVEL"
parameters = [{ name = "one", type = "*sample" }, { is = "binding" }]
completed_by = "done"
matched_by = "one"
after = "none"

[functions.none]
irql = "DISPATCH_LEVEL"
returns = "bool"

[functions.done]
irql = "<= DISPATCH_LEVEL"
returns = "void"
parameters = [{ is = "binding" }, { name = "one", type = "*sample" }, { name = "status", type = "status" }]
"#;

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("a workspace").to_owned()
}

/// Compiles a header twice in one file, and what uses it, in both languages.
fn compile(directory: &Path, header: &Path, uses: &str) {
    let header = header.file_name().expect("a name").to_string_lossy();
    let text = format!(
        "#include <wdm.h>\n#include <netioddk.h>\n#include \"{header}\"\n#include \"{header}\"\n{uses}\n"
    );
    for language in ["c", "c++"] {
        let source = directory.join("use.c");
        fs::write(&source, &text).expect("written");
        let output = Command::new("clang")
            .args(["--target=x86_64-pc-windows-msvc", "-ffreestanding"])
            .args([
                "-Wall",
                "-Wextra",
                "-Werror",
                "-fsyntax-only",
                "-x",
                language,
            ])
            .arg("-I")
            .arg(root().join("build-tools/wdk-headers"))
            .arg(&source)
            .output()
            .expect("clang starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{language}: {errors}");
    }
}

#[test]
fn headers_compile_as_c_and_as_cpp() {
    let directory = tempfile::tempdir().expect("a directory");
    let odd = directory.path().join("npi.toml");
    fs::write(&odd, ODD).expect("written");
    let echo = "extern const ECHO_PROVIDER_DISPATCH Table;\n\
        static ECHO_SUBMIT_FN Submit;\n\
        const ECHO_PROVIDER_DISPATCH Table = ECHO_PROVIDER_DISPATCH_INIT(Submit, NULL, NULL);\n\
        static NTSTATUS Submit(PVOID Context, ECHO_REQUEST *Request) {\n\
        EchoInitializeRequest(Request); return Table.Submit(Context, Request); }";
    let odd_uses = "extern const ODD_NPI_LIMITS Limits;\n\
        const ODD_NPI_LIMITS Limits = ODD_NPI_LIMITS_INIT(1);\n\
        extern const ODD_NPI_CALLS Table;\n\
        const ODD_NPI_CALLS Table = ODD_NPI_CALLS_INIT(0, NULL, NULL, NULL);";
    for (description, uses) in [
        (root().join("shared-npi/src/echo/npi.toml"), echo),
        (root().join("shared-npi/src/telemetry/npi.toml"), ""),
        (root().join("tests/keyvalue/npi/npi.toml"), ""),
        (odd, odd_uses),
    ] {
        let header = directory.path().join("npi.h");
        let out = header.to_string_lossy();
        output(&["header", &description.to_string_lossy(), "--out", &out]);
        compile(directory.path(), &header, uses);
        let printed = output(&["header", &description.to_string_lossy()]);
        assert_eq!(printed, fs::read_to_string(&header).expect("written"));
    }
}

#[test]
fn a_header_says_what_the_description_says() {
    let directory = tempfile::tempdir().expect("a directory");
    let odd = directory.path().join("npi.toml");
    fs::write(&odd, ODD).expect("written");
    let header = output(&["header", &odd.to_string_lossy()]);
    for line in [
        "_IRQL_requires_(PASSIVE_LEVEL)",
        "// Called by the client at IRQL <= APC_LEVEL. A call that returns STATUS_PENDING is",
        "    INT8 Small[2][3];",
        "    const ODD_NPI_POINT *First;",
        "    PODD_NPI_SAMPLE_FN Sample; // may be NULL",
        "    Sample->Version = 2;",
        "    Sample->Bytes = sizeof(*Sample);",
        "C_ASSERT(offsetof(ODD_NPI_SAMPLE, Calls) == 24);",
    ] {
        assert!(header.lines().any(|it| it == line), "{line}: {header}");
    }
}

#[test]
fn what_no_header_can_be_written_for_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("npi.toml");
    for (from, to, reason) in [
        (
            "[structures.Point]",
            "[structures.SAMPLE]\nfields = [{ name = \"a\", type = \"u8\" }]\n[structures.Point]",
            "are both ODD_NPI_SAMPLE in C: rename one",
        ),
        (
            "name = \"y\"",
            "name = \"X\"",
            "are both X in C: rename one",
        ),
        (
            "[structures.Point]",
            "[structures.NpiId]\nfields = [{ name = \"a\", type = \"u8\" }]\n[structures.Point]",
            "are both ODD_NPI_NPI_ID in C: rename one",
        ),
        ("\"u64\", is", "\"u65\", is", "npi.toml:30: "),
    ] {
        fs::write(&file, ODD.replace(from, to)).expect("written");
        let refusal = refusal(&["header", &file.to_string_lossy()]);
        assert!(refusal.contains(reason), "{refusal}");
    }
    let missing = directory.path().join("none.toml");
    assert!(refusal(&["header", &missing.to_string_lossy()]).contains("cannot be read"));
    fs::write(&file, ODD).expect("written");
    let nowhere = directory.path().join("no/npi.h");
    let refusal = refusal(&[
        "header",
        &file.to_string_lossy(),
        "--out",
        &nowhere.to_string_lossy(),
    ]);
    assert!(refusal.contains("--out"), "{refusal}");
}
