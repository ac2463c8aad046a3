// SPDX-License-Identifier: MIT OR Apache-2.0

//! A crash of Wine's kernel, read from the session's log.

/// A crash of the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelCrash {
    /// The NMR rule, the bug-check code, or `fault`.
    pub code: String,
    /// What happened, in a sentence.
    pub what: String,
    /// The parameters of a bug check.
    pub parameters: Option<[u64; 4]>,
    /// The number of pool blocks that were leaked.
    pub leaks: u64,
    /// The driver at fault; empty if it is unknown.
    pub driver: String,
    /// The offset in its image, if known.
    pub offset: Option<u32>,
    /// The NMR events before the crash, the oldest first.
    pub history: Vec<String>,
}

/// A loaded image.
struct Image<'a> {
    name: &'a str,
    base: u64,
    /// `true` if it was unloaded later.
    unloaded: bool,
}

/// An upper limit of a driver's size.
const LARGEST_IMAGE: u64 = 1 << 20;

impl KernelCrash {
    /// Reads a session's log; returns `None` if the kernel did not crash.
    #[must_use]
    pub fn read(log: &str) -> Option<Self> {
        let mut images = Vec::new();
        let mut crash: Option<Self> = None;
        let mut history = Vec::new();
        let mut breach = None;
        let mut described = None;
        for line in log.lines() {
            if let Some(image) = loaded(line) {
                images.push(image);
            } else if let Some(name) = unloaded(line) {
                let image = images.iter_mut().rev().find(|image| image.name == name);
                if let Some(image) = image {
                    image.unloaded = true;
                }
            } else if let Some(event) = after(line, "netio:   before: ") {
                history.push(event.to_owned());
            } else if let Some(text) = after(line, "netio: ") {
                breach = text.split_once(": ");
            } else if let Some(text) = after(line, "kernel: at ") {
                described = text.split_once(": ");
            } else if let Some(text) = after(line, "\"panic: ") {
                // A panic of a driver of the tests, which names its own place.
                described = Some(("", text));
            } else if crash.is_none() {
                crash =
                    fault(line, &images).or_else(|| bug_check(line, breach, described, &images));
            }
        }
        crash.map(|crash| Self { history, ..crash })
    }
}

fn after<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(mark)?;
    // Wine quotes debug prints of drivers: remove the end of the quotation.
    Some(rest.trim_end_matches(['"', '\n']).trim_end_matches("\\n"))
}

/// Parses `...:Loaded L"C:\\nmr\\client.sys" at 0000000000A50000: native`
fn loaded(line: &str) -> Option<Image<'_>> {
    let path = after(line, "Loaded L\"")?;
    let (path, rest) = path.split_once("\" at ")?;
    let (base, _) = rest.split_once(':')?;
    let base = u64::from_str_radix(base.trim_start_matches("0x"), 16).ok()?;
    let name = path.rsplit('\\').next()?;
    Some(Image {
        name,
        base,
        unloaded: false,
    })
}

/// Parses `...:Unloaded module L"C:\\nmr\\client.sys" : native`
fn unloaded(line: &str) -> Option<&str> {
    let (path, _) = after(line, "Unloaded module L\"")?.split_once('"')?;
    path.rsplit('\\').next()
}

/// The last image that was loaded at `address`.
fn image_at<'a>(address: u64, images: &'a [Image<'a>]) -> Option<&'a Image<'a>> {
    let range = |image: &Image<'_>| image.base..image.base + LARGEST_IMAGE;
    let mut latest = images.iter().rev();
    latest.find(|image| range(image).contains(&address))
}

/// The last driver that was loaded at `address`, and the offset in its image.
fn place(address: u64, images: &[Image<'_>]) -> Option<(String, u32)> {
    let image = image_at(address, images)?;
    let offset = u32::try_from(address - image.base).ok()?;
    Some((image.name.to_owned(), offset))
}

fn located(code: String, what: String, place: Option<(String, u32)>) -> KernelCrash {
    let (driver, offset) = place.unzip();
    KernelCrash {
        code,
        what,
        driver: driver.unwrap_or_default(),
        offset,
        ..KernelCrash::default()
    }
}

/// Parses `wine: Unhandled page fault on read access to ADDRESS at address PC (thread ...`
fn fault(line: &str, images: &[Image<'_>]) -> Option<KernelCrash> {
    let what = after(line, "wine: Unhandled ").or_else(|| after(line, "wine: Call from "))?;
    let (what, _) = what.split_once(" (thread").unwrap_or((what, ""));
    let address = |mark: &str| {
        let text = after(what, mark)?.split_whitespace().next()?;
        u64::from_str_radix(text.trim_start_matches("0x").trim_end_matches(','), 16).ok()
    };
    let touched = address("access to ").filter(|&touched| {
        let image = image_at(touched, images);
        image.is_some_and(|image| image.unloaded)
    });
    // An access to an unloaded image is the fault of that driver: it left something behind.
    let what = match touched {
        Some(_) => format!("{what}, where an image was unloaded"),
        None => what.to_owned(),
    };
    let at = touched
        .or_else(|| address("at address "))
        .or_else(|| address(""));
    let place = at.and_then(|at| place(at, images));
    Some(located("fault".to_owned(), what, place))
}

/// Parses `kernel: bug check 0x125 (0x12, 0x7f001234, 0x0, 0x0)`. Lines before it may have
/// reported the breach of a rule, or described the address and the cause.
fn bug_check(
    line: &str,
    breach: Option<(&str, &str)>,
    described: Option<(&str, &str)>,
    images: &[Image<'_>],
) -> Option<KernelCrash> {
    const NMR: &str = "0x125";
    /// The bug check of Driver Verifier, and the first parameter that means a leak.
    const LEAK: (&str, u64) = ("0xc4", 0x62);
    let (code, rest) = after(line, "kernel: bug check ")?.split_once(" (")?;
    let parameters: Vec<_> = rest
        .trim_end_matches(')')
        .split(", ")
        .filter_map(number)
        .collect();
    let parameters: [u64; 4] = parameters.try_into().ok()?;
    if let (NMR, Some((rule, what))) = (code, breach) {
        let place = place(parameters[1], images);
        return Some(located(rule.to_owned(), what.to_owned(), place));
    }
    let (what, place) = match described {
        Some((at, what)) => (what.to_owned(), number(at).and_then(|at| place(at, images))),
        None => (
            format!("the kernel stopped: bug check {code} ({rest}"),
            None,
        ),
    };
    let leaks = match (code, parameters) {
        (code, [violation, _, _, blocks]) if (code, violation) == LEAK => blocks,
        _ => 0,
    };
    let code = format!("0x{}", code.trim_start_matches("0x").to_uppercase());
    Some(KernelCrash {
        parameters: Some(parameters),
        leaks,
        ..located(code, what, place)
    })
}

/// Parses a hexadecimal number.
fn number(text: &str) -> Option<u64> {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOADED: &str = r#"00e0:trace:loaddll:build_module Loaded L"C:\\nmr\\provider.sys" at 00000000021E0000: native"#;

    #[test]
    fn a_log_without_a_crash() {
        assert_eq!(KernelCrash::read(LOADED), None);
    }

    #[test]
    fn a_fault_is_the_drivers_whose_image_was_there() {
        let log = format!(
            "{LOADED}\nwine: Unhandled page fault on execute access to 00000000021E1234 at \
             address 00000000021E1234 (thread 0150), starting debugger..."
        );
        let crash = KernelCrash::read(&log).expect("a crash");
        assert_eq!(crash.code, "fault");
        assert_eq!(crash.driver, "provider.sys");
        assert_eq!(crash.offset, Some(0x1234));
        assert!(crash.what.starts_with("page fault on execute"), "{crash:?}");
    }

    #[test]
    fn access_to_an_unloaded_image_is_its_drivers_fault() {
        let log = format!(
            "{LOADED}\n\
             00e0:trace:loaddll:build_module Loaded L\"C:\\\\netio.sys\" at 0000000003000000: native\n\
             00e0:trace:loaddll:free_modref Unloaded module L\"C:\\\\nmr\\\\provider.sys\" : native\n\
             wine: Unhandled page fault on read access to 00000000021E3030 at \
             address 0000000003001000 (thread 0150), starting debugger..."
        );
        let crash = KernelCrash::read(&log).expect("a crash");
        assert_eq!(
            (&*crash.driver, crash.offset),
            ("provider.sys", Some(0x3030))
        );
        assert!(crash.what.ends_with("was unloaded"), "{crash:?}");
    }

    #[test]
    fn a_breach_is_told_with_its_history() {
        let log = format!(
            "{LOADED}\n00e0:warn:debugstr:OutputDebugStringA \"netio: R22: completed twice (Provider)\\n\"\n\
             00e0:warn:debugstr:OutputDebugStringA \"netio:   before: 5 thread 1 begins\\n\"\n\
             kernel: bug check 0x125 (0x16, 0x21e0010, 0x0, 0x0)"
        );
        let crash = KernelCrash::read(&log).expect("a crash");
        assert_eq!((&*crash.code, &*crash.driver), ("R22", "provider.sys"));
        assert_eq!(crash.offset, Some(0x10));
        assert_eq!(crash.what, "completed twice (Provider)");
        assert_eq!(crash.history, ["5 thread 1 begins"]);
    }

    #[test]
    fn a_panic_keeps_its_message() {
        let crash = KernelCrash::read(
            "00e0:warn:debugstr:OutputDebugStringA \"panic: panicked at tests/wine/probe/src/dpc.rs:42\\n\"\n\
             kernel: bug check 0x52504e43 (0x0, 0x0, 0x0, 0x0)",
        );
        let crash = crash.expect("a crash");
        assert_eq!(crash.code, "0x52504E43");
        assert!(crash.what.ends_with("dpc.rs:42"), "{crash:?}");
    }

    #[test]
    fn any_other_bug_check_keeps_its_parameters() {
        let crash =
            KernelCrash::read("kernel: bug check 0xce (0x1, 0x2, 0x3, 0x4)").expect("a crash");
        assert_eq!(crash.code, "0xCE");
        assert_eq!(crash.parameters, Some([1, 2, 3, 4]));
        assert!(crash.what.contains("0x1, 0x2"), "{crash:?}");
    }

    #[test]
    fn a_pool_leak_is_counted_and_placed() {
        let log = format!(
            "{LOADED}\nkernel: at 0x21e0040: the image goes, but 3 blocks of pool are left\n\
             kernel: bug check 0xc4 (0x62, 0x0, 0x0, 0x3)"
        );
        let crash = KernelCrash::read(&log).expect("a crash");
        assert_eq!((&*crash.code, crash.leaks), ("0xC4", 3));
        assert_eq!((&*crash.driver, crash.offset), ("provider.sys", Some(0x40)));
        assert!(crash.what.starts_with("the image goes"), "{crash:?}");
    }
}
