//! `time`: moments as text of RFC 3339, durations, and Go's layouts (`layout.rs`).

mod layout;

use super::args::{Res, check_text, fields, functions, int, text};
use super::{CallError, Constant, Package};
use crate::data::Data;
use layout::Moment;

const RFC3339_NANO: &str = "2006-01-02T15:04:05.999999999Z07:00";

/// The units of durations, the largest first, in nanoseconds.
const UNITS: [(&str, i128); 8] = [
    ("ns", 1),
    ("us", 1000),
    ("µs", 1000),
    ("μs", 1000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

fn parse_duration(s: &str) -> Result<i64, CallError> {
    let invalid = || CallError(format!("time: invalid duration {s:?}"));
    let (negative, mut rest) = match s.as_bytes().first() {
        Some(b'-') => (true, &s[1..]),
        Some(b'+') => (false, &s[1..]),
        _ => (false, s),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let (whole, fraction) = rest[..end].split_once('.').unwrap_or((&rest[..end], ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || whole.len() > 19 {
            return Err(invalid());
        }
        rest = &rest[end..];
        let unit_end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
        let name = &rest[..unit_end];
        if name.is_empty() {
            return Err(format!("time: missing unit in duration {s:?}").into());
        }
        let Some((_, unit)) = UNITS.iter().find(|(n, _)| *n == name) else {
            return Err(format!("time: unknown unit {name:?} in duration {s:?}").into());
        };
        rest = &rest[unit_end..];
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        // More digits than a nanosecond can show say nothing.
        let digits: String = fraction.chars().take(15).collect();
        let part: i128 = if digits.is_empty() { 0 } else { digits.parse().map_err(|_| invalid())? };
        total += whole * unit + part * unit / 10i128.pow(digits.len() as u32);
        if total > i128::from(i64::MAX) + i128::from(negative) {
            return Err(invalid());
        }
    }
    i64::try_from(if negative { -total } else { total }).map_err(|_| invalid())
}

fn format_duration(d: i64) -> String {
    let n = d.unsigned_abs();
    let sign = if d < 0 { "-" } else { "" };
    // A number of units with its fraction, without zeros at the end.
    let decimal = |n: u64, unit: u64| {
        let digits = unit.ilog10() as usize;
        let fraction = format!("{:0digits$}", n % unit);
        let fraction = if unit == 1 { "" } else { fraction.trim_end_matches('0') };
        format!("{}{}{fraction}", n / unit, if fraction.is_empty() { "" } else { "." })
    };
    match n {
        0 => "0s".into(),
        1..1_000 => format!("{sign}{n}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", decimal(n, 1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", decimal(n, 1_000_000)),
        _ => {
            let (minutes, rest) = (n / 60_000_000_000, n % 60_000_000_000);
            let seconds = decimal(rest, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, m) => format!("{sign}{m}m{seconds}s"),
                (h, m) => format!("{sign}{h}h{m}m{seconds}s"),
            }
        }
    }
}

fn moment(s: &str) -> Result<Moment, CallError> {
    layout::parse(RFC3339_NANO, s).map_err(CallError)
}

fn valid(layout: &str, s: &str) -> Res {
    match layout::parse(layout, s) {
        Ok(_) => Ok(true.into()),
        Err(_) => Err(format!("invalid time {s:?}").into()),
    }
}

fn shown(layout: &str, t: &Moment) -> Res {
    let out = layout::format(layout, t);
    check_text(out.len())?;
    Ok(out.into())
}

fn unix_nano(s: &str) -> Res {
    let t = moment(s)?;
    // Beyond the years 1678 to 2262 the count overflows 64 bits, as that of the reference does.
    Ok(t.unix().wrapping_mul(1_000_000_000).wrapping_add(t.nanosecond).into())
}

fn from_unix(seconds: i64, nanos: i64) -> Res {
    let seconds = seconds.saturating_add(nanos.div_euclid(1_000_000_000));
    if seconds.unsigned_abs() > 1 << 50 {
        return Err("the time is out of range".into());
    }
    shown(RFC3339_NANO, &Moment::from_unix(seconds, nanos.rem_euclid(1_000_000_000)))
}

fn split(s: &str) -> Res {
    let t = moment(s)?;
    Ok(fields([
        ("year", t.year.into()),
        ("month", t.month.into()),
        ("day", t.day.into()),
        ("hour", t.hour.into()),
        ("minute", t.minute.into()),
        ("second", t.second.into()),
        ("nanosecond", t.nanosecond.into()),
    ]))
}

const CONSTANTS: &[Constant] = &[
    ("Nanosecond", || Data::int(1)),
    ("Microsecond", || Data::int(1_000)),
    ("Millisecond", || Data::int(1_000_000)),
    ("Second", || Data::int(1_000_000_000)),
    ("Minute", || Data::int(60_000_000_000i64)),
    ("Hour", || Data::int(3_600_000_000_000i64)),
    ("ANSIC", || "Mon Jan _2 15:04:05 2006".into()),
    ("UnixDate", || "Mon Jan _2 15:04:05 MST 2006".into()),
    ("RubyDate", || "Mon Jan 02 15:04:05 -0700 2006".into()),
    ("RFC822", || "02 Jan 06 15:04 MST".into()),
    ("RFC822Z", || "02 Jan 06 15:04 -0700".into()),
    ("RFC850", || "Monday, 02-Jan-06 15:04:05 MST".into()),
    ("RFC1123", || "Mon, 02 Jan 2006 15:04:05 MST".into()),
    ("RFC1123Z", || "Mon, 02 Jan 2006 15:04:05 -0700".into()),
    ("RFC3339", || "2006-01-02T15:04:05Z07:00".into()),
    ("RFC3339Nano", || RFC3339_NANO.into()),
    ("RFC3339Date", || "2006-01-02".into()),
    ("Kitchen", || "3:04PM".into()),
    ("Kitchen24", || "15:04".into()),
    ("January", || Data::int(1)),
    ("February", || Data::int(2)),
    ("March", || Data::int(3)),
    ("April", || Data::int(4)),
    ("May", || Data::int(5)),
    ("June", || Data::int(6)),
    ("July", || Data::int(7)),
    ("August", || Data::int(8)),
    ("September", || Data::int(9)),
    ("October", || Data::int(10)),
    ("November", || Data::int(11)),
    ("December", || Data::int(12)),
    ("Sunday", || Data::int(0)),
    ("Monday", || Data::int(1)),
    ("Tuesday", || Data::int(2)),
    ("Wednesday", || Data::int(3)),
    ("Thursday", || Data::int(4)),
    ("Friday", || Data::int(5)),
    ("Saturday", || Data::int(6)),
];

/// The package.
pub(super) static PACKAGE: Package = Package {
    path: "time",
    functions: functions! {
        /// Whether the text is a duration (`1h5m`, `-1.5s`).
        Duration(s: STRING) -> BOOL = |a| parse_duration(text(a, 0)?).map(|_| true.into());
        /// Whether the text is a time in the layout.
        Format(value: STRING, layout: STRING) -> BOOL = |a| valid(text(a, 1)?, text(a, 0)?);
        /// Nanoseconds as a duration.
        FormatDuration(d: INT) -> STRING = |a| Ok(format_duration(int(a, 0)?).into());
        /// A time of RFC 3339 in the layout.
        FormatString(layout: STRING, value: STRING) -> STRING = |a| shown(text(a, 0)?, &moment(text(a, 1)?)?);
        /// The time in the layout, as RFC 3339 in UTC.
        Parse(layout: STRING, value: STRING) -> STRING = |a| {
            let t = layout::parse(text(a, 0)?, text(a, 1)?).map_err(CallError)?;
            shown(RFC3339_NANO, &t.utc())
        };
        /// The nanoseconds of a duration.
        ParseDuration(s: STRING) -> INT = |a| parse_duration(text(a, 0)?).map(Data::from);
        /// Year, month, day, hour, minute, second and nanosecond of a time of RFC 3339.
        Split(t: STRING) -> STRUCT = |a| split(text(a, 0)?);
        /// Whether the text is a time of RFC 3339.
        Time(s: STRING) -> BOOL = |a| valid(RFC3339_NANO, text(a, 0)?);
        /// The seconds since 1970 of a time of RFC 3339.
        ToUnix(value: STRING) -> INT = |a| Ok(moment(text(a, 0)?)?.unix().into());
        /// The nanoseconds since 1970 of a time of RFC 3339.
        ToUnixNano(value: STRING) -> INT = |a| unix_nano(text(a, 0)?);
        /// The time of these seconds and nanoseconds since 1970, as RFC 3339 in UTC.
        Unix(sec: INT, nsec: INT) -> STRING = |a| from_unix(int(a, 0)?, int(a, 1)?);
    },
    constants: CONSTANTS,
    source: "",
};

#[cfg(test)]
mod tests {
    use super::super::args::check;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations() {
        check(
            "time",
            r#"
            Duration("1h5m") => true
            Duration("x") => ! time: invalid duration "x"
            Duration("1") => ! time: missing unit in duration "1"
            Duration("1y") => ! time: unknown unit "y" in duration "1y"
            Duration("") => ! time: invalid duration ""
            ParseDuration("1.5h") => 5400000000000
            ParseDuration("1us2ms") => 2001000
            ParseDuration("-1.5s") => -1500000000
            ParseDuration("9223372036854775807ns") => 9223372036854775807
            ParseDuration("-9223372036854775808ns") => -9223372036854775808
            ParseDuration("9223372036854775808ns") => ! time: invalid duration "9223372036854775808ns"
            FormatDuration(5400000000000) => "1h30m0s"
            FormatDuration(1500) => "1.5µs"
            FormatDuration(-1500000) => "-1.5ms"
            FormatDuration(0) => "0s"
            FormatDuration(1500000000) => "1.5s"
            FormatDuration(61000000000) => "1m1s"
            "#,
        );
    }

    #[test]
    fn times() {
        check(
            "time",
            r#"
            Time("2020-01-02T03:04:05Z") => true
            Time("2020-01-02T03:04:05.123456789123+07:00") => true
            Time("2020-01-02") => ! invalid time "2020-01-02"
            Time("2020-13-02T03:04:05Z") => ! invalid time "2020-13-02T03:04:05Z"
            Time("2020-02-30T03:04:05Z") => ! invalid time "2020-02-30T03:04:05Z"
            Time("2020-01-02t03:04:05z") => ! invalid time "2020-01-02t03:04:05z"
            Time("2020-01-02T24:04:05Z") => ! invalid time "2020-01-02T24:04:05Z"
            Time("2020-01-02T23:59:60Z") => ! invalid time "2020-01-02T23:59:60Z"
            Format("2020-01-02", "2006-01-02") => true
            Format("x", "2006-01-02") => ! invalid time "x"
            FormatString("2006-01-02 15:04:05.000 Mon Jan January Monday 2 _2 06 3PM 03pm MST -0700 Z07:00 002", "2020-01-02T03:04:05.123456Z") => "2020-01-02 03:04:05.123 Thu Jan January Thursday 2  2 20 3AM 03am UTC +0000 Z 002"
            FormatString("Z07:00 -07 -07:00:00 Z0700 .999 ,000 __2 4 5 1", "2020-01-02T03:04:05.1203+05:30") => "+05:30 +05 +05:30:00 +0530 .12 ,120   2 4 5 1"
            Parse("2006-01-02", "2020-01-02") => "2020-01-02T00:00:00Z"
            Parse("3:04PM", "3:04PM") => "0000-01-01T15:04:00Z"
            Parse("3:04PM", "12:04AM") => "0000-01-01T00:04:00Z"
            Parse("Mon, 02 Jan 2006 15:04:05 MST", "Thu, 02 Jan 2020 03:04:05 GMT") => "2020-01-02T03:04:05Z"
            Parse("Mon, 02 Jan 2006 15:04:05 -0700", "Thu, 02 Jan 2020 03:04:05 +0200") => "2020-01-02T01:04:05Z"
            Parse("2006-01-02T15:04:05.999999999Z07:00", "2020-01-02T03:04:05.120Z") => "2020-01-02T03:04:05.12Z"
            Parse("2006 002", "2020 366") => "2020-12-31T00:00:00Z"
            Parse("2006-01-02", "x") => ! parsing time "x" as "2006-01-02": cannot parse "x" as "2006"
            Parse("2006-01-02", "2020/01") => ! parsing time "2020/01" as "2006-01-02": cannot parse "/01" as "-"
            Parse("2006-01-02", "2020-13-01") => ! parsing time "2020-13-01": month out of range
            Parse("2006-01-02", "2020-02-30") => ! parsing time "2020-02-30": day out of range
            Parse("2006-01-02", "2020-01-01x") => ! parsing time "2020-01-01x": extra text: "x"
            ToUnix("2020-01-02T03:04:05Z") => 1577934245
            ToUnix("x") => ! parsing time "x" as "2006-01-02T15:04:05.999999999Z07:00": cannot parse "x" as "2006"
            ToUnixNano("2300-01-01T00:00:00Z") => -8032952073709551616
            ToUnixNano("0001-01-01T00:00:00Z") => -6795364578871345152
            FormatString("MST", "2020-01-02T03:04:05-11:00") => "-1100"
            Time("2020-01-02T3:04:05Z") => true
            Parse("2006-01-02 15:04 MST", "2020-05-05 10:00 GMT-3") => "2020-05-05T10:00:00Z"
            Parse("2006-01-02 15:04 MST", "2020-05-05 10:00 +05") => "2020-05-05T10:00:00Z"
            Parse("MST", "ChST") => "0000-01-01T00:00:00Z"
            Parse("MST", "ABCD") => ! parsing time "ABCD" as "MST": cannot parse "ABCD" as "MST"
            Parse("MST", "GMT+24") => ! parsing time "GMT+24" as "MST": cannot parse "GMT+24" as "MST"
            ToUnixNano("2020-01-02T03:04:05.5Z") => 1577934245500000000
            Unix(1500000000, 123456) => "2017-07-14T02:40:00.000123456Z"
            Unix(-1, 0) => "1969-12-31T23:59:59Z"
            Unix(9999999999999, 0) => "318857-05-20T17:46:39Z"
            Unix(9223372036854775807, 9223372036854775807) => ! the time is out of range
            Split("2020-01-02T03:04:05.123456789Z") => {"year":2020,"month":1,"day":2,"hour":3,"minute":4,"second":5,"nanosecond":123456789}
            "#,
        );
    }

    proptest! {
        #[test]
        fn times_read_back(seconds in -60_000_000_000i64..250_000_000_000, nanos in 0i64..1_000_000_000) {
            let t = Moment::from_unix(seconds, nanos);
            prop_assert_eq!(t.unix(), seconds);
            let text = layout::format(RFC3339_NANO, &t);
            if (0..10_000).contains(&t.year) {
                let read = layout::parse(RFC3339_NANO, &text).unwrap();
                prop_assert_eq!((read.unix(), read.nanosecond), (seconds, nanos), "{}", text);
            }
        }

        #[test]
        fn durations_read_back(d in any::<i64>()) {
            prop_assert_eq!(parse_duration(&format_duration(d)), Ok(d));
        }

        #[test]
        fn no_layout_panics(layout in "[-_0-9MonJauryTZ:.,PAmpS é]{0,16}", value in "[-_0-9MonJauryTZ:.,PAmpS é]{0,16}") {
            let _ = layout::parse(&layout, &value);
            let _ = layout::format(&layout, &Moment::from_unix(0, 0));
        }
    }
}
