// SPDX-License-Identifier: MIT OR Apache-2.0

//! Times as numbers, as dates, and as local time.

use rand::RngExt;

use crate::exports::exports;
use crate::exports::memory::access::{get, set};
use crate::hardware::irql::HIGH_LEVEL;
use crate::kernel::{State, with};

exports! {
    "RtlTimeToTimeFields" <= HIGH_LEVEL => time_to_fields: ();
    "RtlTimeFieldsToTime" <= HIGH_LEVEL => fields_to_time: u8;
    "RtlTimeToSecondsSince1970" <= HIGH_LEVEL => time_to_seconds: u8;
    "RtlSecondsSince1970ToTime" <= HIGH_LEVEL => seconds_to_time: ();
    "ExSystemTimeToLocalTime" <= HIGH_LEVEL => system_to_local: ();
    "ExLocalTimeToSystemTime" <= HIGH_LEVEL => local_to_system: ();
}

/// A millisecond in units of 100 ns, and the longer units of time in milliseconds.
const MILLISECOND: i64 = 10_000;
const DAY: i64 = 24 * 60 * 60 * 1000;

/// The year in which times begin, a Monday.
const FIRST_YEAR: i64 = 1601;

/// The first second of 1970, in seconds since the beginning.
const SECONDS_TO_1970: i64 = 11_644_473_600;
const SECOND: i64 = 1000 * MILLISECOND;

/// Writes a time in seconds since 1970. Returns `true` if it fits in 32 bits.
unsafe extern "win64" fn time_to_seconds(time: usize, seconds: usize) -> u8 {
    let since = get::<i64>(time).div_euclid(SECOND) - SECONDS_TO_1970;
    let Ok(since) = u32::try_from(since) else {
        return 0;
    };
    set(seconds, since);
    1
}

unsafe extern "win64" fn seconds_to_time(seconds: u32, time: usize) {
    set(time, (i64::from(seconds) + SECONDS_TO_1970) * SECOND);
}

/// `TIME_FIELDS`: year, month, day, hour, minute, second, millisecond, day of the week.
type Fields = [i16; 8];

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days from the beginning to that of a year.
const fn days_before(year: i64) -> i64 {
    let years = year - FIRST_YEAR;
    365 * years + years / 4 - years / 100 + years / 400
}

/// The fields of a time that is not negative.
fn fields(time: i64) -> Fields {
    let milliseconds = time / MILLISECOND;
    let (days, rest) = (milliseconds / DAY, milliseconds % DAY);
    let mut year = FIRST_YEAR + days / 366;
    while days_before(year + 1) <= days {
        year += 1;
    }
    let (mut day, mut month) = (days - days_before(year), 1);
    while day >= days_in(year, month) {
        day -= days_in(year, month);
        month += 1;
    }
    let all = [
        year,
        month,
        day + 1,
        rest / 3_600_000,
        rest / 60_000 % 60,
        rest / 1000 % 60,
        rest % 1000,
        (days + 1) % 7,
    ];
    all.map(|field| i16::try_from(field).unwrap_or(i16::MAX))
}

/// The time of fields, whose day of the week does not count. Returns `None` if there is no such
/// time.
fn time(fields: Fields) -> Option<i64> {
    let [year, month, day, hour, minute, second, millisecond, _] = fields.map(i64::from);
    let is_date = year >= FIRST_YEAR
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day);
    let is_time = (0..24).contains(&hour)
        && [minute, second].iter().all(|it| (0..60).contains(it))
        && (0..1000).contains(&millisecond);
    if !is_date || !is_time {
        return None;
    }
    let months: i64 = (1..month).map(|month| days_in(year, month)).sum();
    let days = days_before(year) + months + day - 1;
    let seconds = (hour * 60 + minute) * 60 + second;
    Some((days * DAY + seconds * 1000 + millisecond) * MILLISECOND)
}

unsafe extern "win64" fn time_to_fields(time: usize, to: usize) {
    let all = fields(get::<i64>(time).max(0));
    for (index, field) in all.into_iter().enumerate() {
        set(to + 2 * index, field);
    }
}

unsafe extern "win64" fn fields_to_time(from: usize, to: usize) -> u8 {
    let mut all = Fields::default();
    for (index, field) in all.iter_mut().enumerate() {
        *field = get(from + 2 * index);
    }
    let found = time(all);
    if let Some(found) = found {
        set(to, found);
    }
    u8::from(found.is_some())
}

/// Returns the difference between local time and system time, drawn in quarters of an hour.
fn bias(state: &mut State) -> i64 {
    /// In quarters of an hour, from 12 hours before to 14 hours after.
    const RANGE: std::ops::RangeInclusive<i64> = -48..=56;
    const QUARTER: i64 = 15 * 60 * 1000 * MILLISECOND;
    let drawn = match state.exports.time_zone {
        Some(drawn) => drawn,
        None => state.choices.chance.random_range(RANGE),
    };
    state.exports.time_zone = Some(drawn);
    drawn * QUARTER
}

unsafe extern "win64" fn system_to_local(system: usize, local: usize) {
    let bias = with(bias);
    set(local, get::<i64>(system).wrapping_add(bias));
}

unsafe extern "win64" fn local_to_system(local: usize, system: usize) {
    let bias = with(bias);
    set(system, get::<i64>(local).wrapping_sub(bias));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times_have_known_fields() {
        assert_eq!(fields(0), [1601, 1, 1, 0, 0, 0, 0, 1]);
        // Of UNIX, a Thursday; and a leap day, also a Thursday.
        assert_eq!(fields(116_444_736_000_000_000), [1970, 1, 1, 0, 0, 0, 0, 4]);
        let leap = time([2024, 2, 29, 23, 59, 59, 999, 0]).expect("a date");
        assert_eq!(fields(leap), [2024, 2, 29, 23, 59, 59, 999, 4]);
        assert_eq!(fields(leap + MILLISECOND), [2024, 3, 1, 0, 0, 0, 0, 5]);
    }

    #[test]
    fn fields_that_are_no_time_are_refused() {
        for wrong in [
            [1600, 12, 31, 0, 0, 0, 0, 0],
            [2023, 2, 29, 0, 0, 0, 0, 0],
            [2024, 13, 1, 0, 0, 0, 0, 0],
            [2024, 4, 31, 0, 0, 0, 0, 0],
            [2024, 1, 1, 24, 0, 0, 0, 0],
            [2024, 1, 1, 0, 60, 0, 0, 0],
            [2024, 1, 1, 0, 0, 0, 1000, 0],
        ] {
            assert_eq!(time(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn fields_lead_back() {
        // Each day of 500 years, at another time of the day.
        for day in 0..500 * 366 {
            let at = (day * DAY + day * 7_919 % DAY) * MILLISECOND;
            assert_eq!(time(fields(at)), Some(at), "{day}");
        }
    }
}
