// SPDX-License-Identifier: MIT OR Apache-2.0

//! How a session died, read from what it said.

/// What stopped the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Death {
    /// The rule, the bug check or `fault`.
    pub code: String,
    /// What happened, in a sentence.
    pub what: String,
    /// The parameters of a bug check.
    pub parameters: Option<[u64; 4]>,
    /// How many blocks of pool were left behind.
    pub leaks: u64,
    /// The driver at fault, empty where none can be named.
    pub driver: String,
    /// Where in its image, if known.
    pub offset: Option<u32>,
    /// What preceded it, the oldest first.
    pub history: Vec<String>,
}

/// An image that was loaded.
struct Image<'a> {
    name: &'a str,
    base: u64,
    /// It has been unloaded since.
    gone: bool,
}

/// No driver here is larger.
const LARGEST_IMAGE: u64 = 1 << 20;

impl Death {
    /// Reads `log`; `None` if the session did not die.
    #[must_use]
    pub fn read(log: &str) -> Option<Self> {
        let mut images = Vec::new();
        let mut death: Option<Self> = None;
        let mut history = Vec::new();
        let mut breach = None;
        let mut told = None;
        for line in log.lines() {
            if let Some(image) = loaded(line) {
                images.push(image);
            } else if let Some(name) = unloaded(line) {
                let image = images.iter_mut().rev().find(|image| image.name == name);
                if let Some(image) = image {
                    image.gone = true;
                }
            } else if let Some(said) = after(line, "netio:   before: ") {
                history.push(said.to_owned());
            } else if let Some(said) = after(line, "netio: ") {
                breach = said.split_once(": ");
            } else if let Some(said) = after(line, "kernel: at ") {
                told = said.split_once(": ");
            } else if let Some(said) = after(line, "\"panic: ") {
                // One of the tests' own drivers; where, it says itself.
                told = Some(("", said));
            } else if death.is_none() {
                death = fault(line, &images).or_else(|| bug_check(line, breach, told, &images));
            }
        }
        death.map(|death| Self { history, ..death })
    }
}

fn after<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(mark)?;
    // What a driver prints is quoted: the rest of the quotation is Wine's.
    Some(rest.trim_end_matches(['"', '\n']).trim_end_matches("\\n"))
}

/// `...:Loaded L"C:\\nmr\\client.sys" at 0000000000A50000: native`
fn loaded(line: &str) -> Option<Image<'_>> {
    let path = after(line, "Loaded L\"")?;
    let (path, rest) = path.split_once("\" at ")?;
    let (base, _) = rest.split_once(':')?;
    let base = u64::from_str_radix(base.trim_start_matches("0x"), 16).ok()?;
    let name = path.rsplit('\\').next()?;
    Some(Image {
        name,
        base,
        gone: false,
    })
}

/// `...:Unloaded module L"C:\\nmr\\client.sys" : native`
fn unloaded(line: &str) -> Option<&str> {
    let (path, _) = after(line, "Unloaded module L\"")?.split_once('"')?;
    path.rsplit('\\').next()
}

/// The image that had `address` last.
fn image_at<'a>(address: u64, images: &'a [Image<'a>]) -> Option<&'a Image<'a>> {
    let range = |image: &Image<'_>| image.base..image.base + LARGEST_IMAGE;
    let mut latest = images.iter().rev();
    latest.find(|image| range(image).contains(&address))
}

/// The driver that had `address` last, and where in it that is.
fn place(address: u64, images: &[Image<'_>]) -> Option<(String, u32)> {
    let image = image_at(address, images)?;
    let offset = u32::try_from(address - image.base).ok()?;
    Some((image.name.to_owned(), offset))
}

fn located(code: String, what: String, place: Option<(String, u32)>) -> Death {
    let (driver, offset) = place.unzip();
    Death {
        code,
        what,
        driver: driver.unwrap_or_default(),
        offset,
        ..Death::default()
    }
}

/// `wine: Unhandled page fault on read access to ADDRESS at address PC (thread ...`
fn fault(line: &str, images: &[Image<'_>]) -> Option<Death> {
    let what = after(line, "wine: Unhandled ").or_else(|| after(line, "wine: Call from "))?;
    let (what, _) = what.split_once(" (thread").unwrap_or((what, ""));
    let address = |mark: &str| {
        let text = after(what, mark)?.split_whitespace().next()?;
        u64::from_str_radix(text.trim_start_matches("0x").trim_end_matches(','), 16).ok()
    };
    let touched = address("access to ").filter(|&touched| {
        let image = image_at(touched, images);
        image.is_some_and(|image| image.gone)
    });
    // Whoever touches what is left of an image, its driver left something behind.
    let told = match touched {
        Some(_) => format!("{what}, where an image was unloaded"),
        None => what.to_owned(),
    };
    let at = touched
        .or_else(|| address("at address "))
        .or_else(|| address(""));
    let place = at.and_then(|at| place(at, images));
    Some(located("fault".to_owned(), told, place))
}

/// `kernel: bug check 0x125 (0x12, 0x7f001234, 0x0, 0x0)`; what precedes it may be
/// the breach of a rule, or what happened and at which address.
fn bug_check(
    line: &str,
    breach: Option<(&str, &str)>,
    told: Option<(&str, &str)>,
    images: &[Image<'_>],
) -> Option<Death> {
    const NMR: &str = "0x125";
    /// What Driver Verifier found is told by the first parameter.
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
    let (what, place) = match told {
        Some((at, what)) => (what.to_owned(), number(at).and_then(|at| place(at, images))),
        None => (
            format!("the kernel stopped: bug check {code} ({rest}"),
            None,
        ),
    };
    let leaks = match (code, parameters) {
        (code, [kind, _, _, blocks]) if (code, kind) == LEAK => blocks,
        _ => 0,
    };
    let code = format!("0x{}", code.trim_start_matches("0x").to_uppercase());
    Some(Death {
        parameters: Some(parameters),
        leaks,
        ..located(code, what, place)
    })
}

/// A hexadecimal number.
fn number(text: &str) -> Option<u64> {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOADED: &str = r#"00e0:trace:loaddll:build_module Loaded L"C:\\nmr\\provider.sys" at 00000000021E0000: native"#;

    #[test]
    fn a_quiet_session_lived() {
        assert_eq!(Death::read(LOADED), None);
    }

    #[test]
    fn a_fault_is_the_drivers_whose_image_was_there() {
        let log = format!(
            "{LOADED}\nwine: Unhandled page fault on execute access to 00000000021E1234 at \
             address 00000000021E1234 (thread 0150), starting debugger..."
        );
        let death = Death::read(&log).expect("dead");
        assert_eq!(death.code, "fault");
        assert_eq!(death.driver, "provider.sys");
        assert_eq!(death.offset, Some(0x1234));
        assert!(death.what.starts_with("page fault on execute"), "{death:?}");
    }

    #[test]
    fn what_is_left_of_an_image_is_its_drivers_fault() {
        let log = format!(
            "{LOADED}\n\
             00e0:trace:loaddll:build_module Loaded L\"C:\\\\netio.sys\" at 0000000003000000: native\n\
             00e0:trace:loaddll:free_modref Unloaded module L\"C:\\\\nmr\\\\provider.sys\" : native\n\
             wine: Unhandled page fault on read access to 00000000021E3030 at \
             address 0000000003001000 (thread 0150), starting debugger..."
        );
        let death = Death::read(&log).expect("dead");
        assert_eq!(
            (&*death.driver, death.offset),
            ("provider.sys", Some(0x3030))
        );
        assert!(death.what.ends_with("was unloaded"), "{death:?}");
    }

    #[test]
    fn a_breach_is_told_with_its_history() {
        let log = format!(
            "{LOADED}\n00e0:warn:debugstr:OutputDebugStringA \"netio: R22: completed twice (Provider)\\n\"\n\
             00e0:warn:debugstr:OutputDebugStringA \"netio:   before: 5 thread 1 begins\\n\"\n\
             kernel: bug check 0x125 (0x16, 0x21e0010, 0x0, 0x0)"
        );
        let death = Death::read(&log).expect("dead");
        assert_eq!((&*death.code, &*death.driver), ("R22", "provider.sys"));
        assert_eq!(death.offset, Some(0x10));
        assert_eq!(death.what, "completed twice (Provider)");
        assert_eq!(death.history, ["5 thread 1 begins"]);
    }

    #[test]
    fn a_panic_is_told_in_its_own_words() {
        let death = Death::read(
            "00e0:warn:debugstr:OutputDebugStringA \"panic: panicked at tests/wine/probe/src/dpc.rs:42\\n\"\n\
             kernel: bug check 0x52504e43 (0x0, 0x0, 0x0, 0x0)",
        );
        let death = death.expect("dead");
        assert_eq!(death.code, "0x52504E43");
        assert!(death.what.ends_with("dpc.rs:42"), "{death:?}");
    }

    #[test]
    fn any_other_bug_check_is_told_as_it_is() {
        let death = Death::read("kernel: bug check 0xce (0x1, 0x2, 0x3, 0x4)").expect("dead");
        assert_eq!(death.code, "0xCE");
        assert_eq!(death.parameters, Some([1, 2, 3, 4]));
        assert!(death.what.contains("0x1, 0x2"), "{death:?}");
    }

    #[test]
    fn what_is_left_in_the_pool_is_counted_and_placed() {
        let log = format!(
            "{LOADED}\nkernel: at 0x21e0040: the image goes, but 3 blocks of pool are left\n\
             kernel: bug check 0xc4 (0x62, 0x0, 0x0, 0x3)"
        );
        let death = Death::read(&log).expect("dead");
        assert_eq!((&*death.code, death.leaks), ("0xC4", 3));
        assert_eq!((&*death.driver, death.offset), ("provider.sys", Some(0x40)));
        assert!(death.what.starts_with("the image goes"), "{death:?}");
    }
}
