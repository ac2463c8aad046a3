// SPDX-License-Identifier: MIT OR Apache-2.0

//! A registry value of a driver's service: `NAME:Key=Value`.

use std::fmt;
use std::str::FromStr;

/// The subkey of a service in which drivers keep their settings.
const PARAMETERS: &str = "Parameters";

/// A value below the service key of a driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryValue {
    /// The driver: the name of its image without `.sys`, or its service.
    pub driver: String,
    /// The key that has the value, relative to the service key; empty for the service
    /// key itself.
    pub key: String,
    /// The name of the value.
    pub name: String,
    /// The data.
    pub data: RegistryData,
}

/// The data of a registry value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryData {
    /// A `REG_DWORD`.
    Number(u32),
    /// A `REG_SZ`.
    Text(String),
    /// A `REG_BINARY`.
    Bytes(Vec<u8>),
}

/// The prefix of the digits of a `REG_BINARY`.
const BINARY: &str = "hex:";

/// Parses bytes of two hexadecimal digits each.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| match pair {
        [high, low] => {
            let digit = |it: &u8| char::from(*it).to_digit(16);
            u8::try_from(16 * digit(high)? + digit(low)?).ok()
        }
        _ => None,
    };
    pairs.map(byte).collect()
}

impl RegistryValue {
    /// Returns `true` if both are data of one value: case makes no difference in the
    /// registry.
    #[must_use]
    pub fn is_of_same_value(&self, other: &Self) -> bool {
        let place = |it: &Self| [&it.driver, &it.key, &it.name].map(|part| part.to_lowercase());
        place(self) == place(other)
    }
}

impl fmt::Display for RegistryValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.driver)?;
        if self.key != PARAMETERS {
            write!(f, r"{}\", self.key)?;
        }
        match &self.data {
            RegistryData::Number(number) => write!(f, "{}={number}", self.name),
            RegistryData::Text(text) => write!(f, "{}={text}", self.name),
            RegistryData::Bytes(bytes) => {
                write!(f, "{}={BINARY}", self.name)?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

/// Parses a value. A name without a path is that of a value in `Parameters`. A number, decimal
/// or with `0x`, is a `REG_DWORD`; `hex:` with two digits for each byte is a `REG_BINARY`;
/// everything else is a `REG_SZ`.
impl FromStr for RegistryValue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no registry value: write NAME:Key=Value, such as client:Threads=4; \
                 without a path the value lies in Parameters"
            )
        };
        let (driver, rest) = text.split_once(':').ok_or_else(wrong)?;
        let (path, value) = rest.split_once('=').ok_or_else(wrong)?;
        if value.contains(',') {
            return Err(format!(
                "`{value}` has a comma, which separates the parts of a replay line: do without"
            ));
        }
        let (key, name) = path.rsplit_once('\\').unwrap_or((PARAMETERS, path));
        if driver.is_empty() || name.is_empty() {
            return Err(wrong());
        }
        let binary = value.strip_prefix(BINARY).map(|digits| {
            bytes(digits).ok_or_else(|| {
                format!("`{value}` is no REG_BINARY: write two hexadecimal digits for each byte")
            })
        });
        let number = match value.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => value.parse(),
        };
        Ok(Self {
            driver: driver.to_owned(),
            key: key.to_owned(),
            name: name.to_owned(),
            data: match (binary, number) {
                (Some(bytes), _) => RegistryData::Bytes(bytes?),
                (None, Ok(number)) => RegistryData::Number(number),
                (None, Err(_)) => RegistryData::Text(value.to_owned()),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_were_written() {
        for (text, key, data) in [
            ("client:Threads=4", PARAMETERS, RegistryData::Number(4)),
            (r"a:\Depth=4x", "", RegistryData::Text("4x".to_owned())),
            (
                r"a:Parameters\Deep\Name=",
                r"Parameters\Deep",
                RegistryData::Text(String::new()),
            ),
            (
                "a:Id=hex:00ff1a",
                PARAMETERS,
                RegistryData::Bytes(vec![0x00, 0xFF, 0x1A]),
            ),
        ] {
            let value: RegistryValue = text.parse().expect("a value");
            assert_eq!((value.key.as_str(), &value.data), (key, &data), "{text}");
            assert_eq!(value.to_string(), text);
        }
        let value: RegistryValue = "a:B=0x10".parse().expect("a value");
        assert_eq!(value.data, RegistryData::Number(16));
        for wrong in ["a:B=hex:0", "a:B=hex:0g", "a:B=hex:+1"] {
            assert!(wrong.parse::<RegistryValue>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_value_is_one_in_any_case_and_with_its_path() {
        let same = |one: &str, other: &str| {
            let [one, other] = [one, other].map(|it| it.parse::<RegistryValue>().expect(it));
            one.is_of_same_value(&other)
        };
        assert!(same("client:Threads=4", r"Client:parameters\THREADS=5"));
        assert!(!same("client:Threads=4", "client:Depth=4"));
        assert!(!same("client:Threads=4", "provider:Threads=4"));
        assert!(!same("client:Threads=4", r"client:\Threads=4"));
    }

    #[test]
    fn what_is_no_value_is_named() {
        for text in ["", "a", "a:b", ":b=1", "a:=1", r"a:b\=1", "a:b=1,2"] {
            let error = text.parse::<RegistryValue>().expect_err("no value");
            assert!(error.contains('`'), "{error}");
        }
    }
}
