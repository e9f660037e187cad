//! Layouts of Go: a time is formatted and read by the example `Mon Jan 2 15:04:05 2006`.

/// A moment: the date and clock as written, and the zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    pub(super) nanosecond: i64,
    /// Seconds east of Greenwich.
    pub(super) offset: i64,
    pub(super) zone: String,
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Days since 1970-01-01 of a date in the Gregorian calendar.
pub(super) fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a number of days since 1970-01-01.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let m = (5 * of_year + 2) / 153;
    let month = if m < 10 { m + 3 } else { m - 9 };
    (year + era * 400 + i64::from(month <= 2), month, of_year - (153 * m + 2) / 5 + 1)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Moment {
    /// Seconds since 1970-01-01 in Greenwich.
    pub(super) fn unix(&self) -> i64 {
        days_of(self.year, self.month, self.day) * 86_400 + self.hour * 3600 + self.minute * 60 + self.second
            - self.offset
    }

    /// The moment in Greenwich.
    pub(super) fn from_unix(seconds: i64, nanosecond: i64) -> Moment {
        let (year, month, day) = date_of(seconds.div_euclid(86_400));
        let clock = seconds.rem_euclid(86_400);
        let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
        Moment { year, month, day, hour, minute, second, nanosecond, offset: 0, zone: "UTC".into() }
    }

    /// The same moment in Greenwich.
    pub(super) fn utc(&self) -> Moment {
        Moment::from_unix(self.unix(), self.nanosecond)
    }
}

/// A part of a layout.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part<'a> {
    Text(&'a str),
    Year4,
    Year2,
    MonthName {
        long: bool,
    },
    Month {
        padded: bool,
    },
    DayName {
        long: bool,
    },
    /// Padded by `0` or a space, or not at all.
    Day(Option<char>),
    YearDay(char),
    Hour24,
    Hour12 {
        padded: bool,
    },
    Minute {
        padded: bool,
    },
    Second {
        padded: bool,
    },
    /// `.000` or `.999`, with a point or a comma.
    Fraction {
        digits: usize,
        fixed: bool,
        mark: char,
    },
    HalfDay {
        upper: bool,
    },
    Zone,
    Offset {
        z: bool,
        colon: bool,
        minutes: bool,
        seconds: bool,
    },
}

/// The first part that is not text, with what is before and after it.
fn next_part<'a>(layout: &'a str) -> Option<(&'a str, Part<'a>, &'a str)> {
    use Part::*;
    // Longer forms first.
    const FORMS: [(&str, Part<'static>); 33] = [
        ("January", MonthName { long: true }),
        ("Jan", MonthName { long: false }),
        ("Monday", DayName { long: true }),
        ("Mon", DayName { long: false }),
        ("MST", Zone),
        ("01", Month { padded: true }),
        ("02", Day(Some('0'))),
        ("03", Hour12 { padded: true }),
        ("04", Minute { padded: true }),
        ("05", Second { padded: true }),
        ("06", Year2),
        ("002", YearDay('0')),
        ("15", Hour24),
        ("1", Month { padded: false }),
        ("2006", Year4),
        ("2", Day(None)),
        ("__2", YearDay(' ')),
        ("_2", Day(Some(' '))),
        ("3", Hour12 { padded: false }),
        ("4", Minute { padded: false }),
        ("5", Second { padded: false }),
        ("PM", HalfDay { upper: true }),
        ("pm", HalfDay { upper: false }),
        ("-07:00:00", Offset { z: false, colon: true, minutes: true, seconds: true }),
        ("-070000", Offset { z: false, colon: false, minutes: true, seconds: true }),
        ("-07:00", Offset { z: false, colon: true, minutes: true, seconds: false }),
        ("-0700", Offset { z: false, colon: false, minutes: true, seconds: false }),
        ("-07", Offset { z: false, colon: false, minutes: false, seconds: false }),
        ("Z07:00:00", Offset { z: true, colon: true, minutes: true, seconds: true }),
        ("Z070000", Offset { z: true, colon: false, minutes: true, seconds: true }),
        ("Z07:00", Offset { z: true, colon: true, minutes: true, seconds: false }),
        ("Z0700", Offset { z: true, colon: false, minutes: true, seconds: false }),
        ("Z07", Offset { z: true, colon: false, minutes: false, seconds: false }),
    ];
    for (i, c) in layout.char_indices() {
        let rest = &layout[i..];
        if matches!(c, '.' | ',') {
            let digit = rest[1..].chars().next();
            if let Some(digit @ ('0' | '9')) = digit {
                let digits = rest[1..].bytes().take_while(|b| *b == digit as u8).count();
                // Only digits that end there are a fraction of a second.
                if !rest[1 + digits..].starts_with(|c: char| c.is_ascii_digit()) {
                    let part = Fraction { digits, fixed: digit == '0', mark: c };
                    return Some((&layout[..i], part, &rest[1 + digits..]));
                }
            }
            continue;
        }
        if let Some(after) = rest.strip_prefix("_2006") {
            // A literal underscore before a year.
            return Some((&layout[..=i], Year4, after));
        }
        if rest.starts_with("Jan") && !rest.starts_with("January")
            || rest.starts_with("Mon") && !rest.starts_with("Monday")
        {
            // `Janet` and `Month` are text.
            if rest[3..].starts_with(|c: char| c.is_ascii_lowercase()) {
                continue;
            }
        }
        let found = FORMS.iter().filter(|(form, _)| rest.starts_with(form));
        if let Some((form, part)) = found.max_by_key(|(form, _)| form.len()) {
            return Some((&layout[..i], *part, &rest[form.len()..]));
        }
    }
    None
}

fn parts(layout: &str) -> Vec<Part<'_>> {
    let mut out = Vec::new();
    let mut rest = layout;
    while let Some((before, part, after)) = next_part(rest) {
        if !before.is_empty() {
            out.push(Part::Text(before));
        }
        out.push(part);
        rest = after;
    }
    if !rest.is_empty() {
        out.push(Part::Text(rest));
    }
    out
}

/// The moment in a layout.
pub(super) fn format(layout: &str, t: &Moment) -> String {
    let mut out = String::new();
    let number = |out: &mut String, n: i64, padded: bool| {
        out.push_str(&if padded { format!("{n:02}") } else { n.to_string() });
    };
    for part in parts(layout) {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Year4 if t.year < 0 => out.push_str(&format!("-{:04}", -t.year)),
            Part::Year4 => out.push_str(&format!("{:04}", t.year)),
            Part::Year2 => number(&mut out, t.year.rem_euclid(100), true),
            Part::MonthName { long } => {
                let name = MONTHS[(t.month - 1).rem_euclid(12) as usize];
                out.push_str(if long { name } else { &name[..3] });
            }
            Part::Month { padded } => number(&mut out, t.month, padded),
            Part::DayName { long } => {
                let name = DAYS[(days_of(t.year, t.month, t.day) + 4).rem_euclid(7) as usize];
                out.push_str(if long { name } else { &name[..3] });
            }
            Part::Day(Some(' ')) => out.push_str(&format!("{:2}", t.day)),
            Part::Day(pad) => number(&mut out, t.day, pad.is_some()),
            Part::YearDay(pad) => {
                let n = days_of(t.year, t.month, t.day) - days_of(t.year, 1, 1) + 1;
                out.push_str(&if pad == '0' { format!("{n:03}") } else { format!("{n:3}") });
            }
            Part::Hour24 => number(&mut out, t.hour, true),
            Part::Hour12 { padded } => number(&mut out, (t.hour + 11) % 12 + 1, padded),
            Part::Minute { padded } => number(&mut out, t.minute, padded),
            Part::Second { padded } => number(&mut out, t.second, padded),
            Part::Fraction { digits, fixed, mark } => {
                let all = format!("{:09}", t.nanosecond);
                let mut text: String = all.chars().chain(std::iter::repeat('0')).take(digits).collect();
                if !fixed {
                    text.truncate(text.trim_end_matches('0').len());
                }
                if !text.is_empty() {
                    out.push(mark);
                    out.push_str(&text);
                }
            }
            Part::HalfDay { upper } => out.push_str(match (t.hour >= 12, upper) {
                (true, true) => "PM",
                (true, false) => "pm",
                (false, true) => "AM",
                (false, false) => "am",
            }),
            Part::Zone if t.zone.is_empty() => {
                let offset = Part::Offset { z: false, colon: false, minutes: true, seconds: false };
                out.push_str(&offset_text(offset, t.offset));
            }
            Part::Zone => out.push_str(&t.zone),
            offset => out.push_str(&offset_text(offset, t.offset)),
        }
    }
    out
}

fn offset_text(part: Part<'_>, offset: i64) -> String {
    let Part::Offset { z, colon, minutes, seconds } = part else { return String::new() };
    if z && offset == 0 {
        return "Z".into();
    }
    let sign = if offset < 0 { '-' } else { '+' };
    let offset = offset.abs();
    let colon = if colon { ":" } else { "" };
    let mut out = format!("{sign}{:02}", offset / 3600);
    if minutes {
        out.push_str(&format!("{colon}{:02}", offset / 60 % 60));
    }
    if seconds {
        out.push_str(&format!("{colon}{:02}", offset % 60));
    }
    out
}

struct Scan<'a> {
    rest: &'a str,
}

impl Scan<'_> {
    /// A number of `min` to `max` digits.
    fn number(&mut self, min: usize, max: usize) -> Option<i64> {
        let digits = self.rest.bytes().take(max).take_while(u8::is_ascii_digit).count();
        if digits < min {
            return None;
        }
        let n = self.rest[..digits].parse().ok();
        self.rest = &self.rest[digits..];
        n
    }

    fn one_of(&mut self, names: &[&str], len: Option<usize>) -> Option<i64> {
        let at = names.iter().position(|name| {
            let name = &name[..len.unwrap_or(name.len())];
            self.rest.get(..name.len()).is_some_and(|s| s.eq_ignore_ascii_case(name))
        })?;
        self.rest = &self.rest[len.unwrap_or(names[at].len())..];
        Some(at as i64)
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest.starts_with(text);
        if found {
            self.rest = &self.rest[text.len()..];
        }
        found
    }

    /// Text of a layout; white space in it stands for any.
    fn text(&mut self, text: &str) -> bool {
        for word in text.split_inclusive(' ') {
            let bare = word.trim_end_matches(' ');
            if !self.eat(bare) {
                return false;
            }
            if word.len() > bare.len() {
                let trimmed = self.rest.trim_start_matches(' ');
                if trimmed.len() == self.rest.len() && !self.rest.is_empty() {
                    return false;
                }
                self.rest = trimmed;
            }
        }
        true
    }

    /// A fraction of a second, as nanoseconds.
    fn fraction(&mut self) -> Option<i64> {
        let digits = self.rest[1..].bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return None;
        }
        let text: String = self.rest[1..=digits].chars().chain(std::iter::repeat('0')).take(9).collect();
        self.rest = &self.rest[1 + digits..];
        text.parse().ok()
    }

    /// The name of a zone: `CEST`, `GMT+3`, `+05`. What it means is not known here.
    fn zone(&mut self) -> Option<&str> {
        let letters = self.rest.bytes().take_while(u8::is_ascii_uppercase).count();
        let name = &self.rest[..letters];
        let signed = |text: &str| {
            let digits = text.get(1..).map_or(0, |t| t.bytes().take_while(u8::is_ascii_digit).count());
            let hours = text.get(1..=digits).and_then(|d| d.parse::<u32>().ok());
            (text.starts_with(['+', '-']) && hours.is_some_and(|h| h < 24)).then_some(1 + digits)
        };
        let len = match letters {
            _ if ["ChST", "MeST"].iter().any(|z| self.rest.starts_with(z)) => 4,
            0 => signed(self.rest).filter(|n| *n >= 3)?,
            3 if name == "GMT" && self.rest[3..].starts_with(['+', '-']) => 3 + signed(&self.rest[3..])?,
            3 => 3,
            4 if name.ends_with('T') || name == "WITA" => 4,
            5 if name.ends_with('T') => 5,
            _ => return None,
        };
        let (zone, rest) = self.rest.split_at(len);
        self.rest = rest;
        Some(zone)
    }

    fn offset(&mut self, part: Part<'_>) -> Option<i64> {
        let Part::Offset { z, colon, minutes, seconds } = part else { return None };
        if z && self.eat("Z") {
            return Some(0);
        }
        let sign = if self.eat("-") { -1 } else { self.eat("+").then_some(1)? };
        let mut offset = self.number(2, 2).filter(|h| *h <= 24)? * 3600;
        for (wanted, unit) in [(minutes, 60), (seconds, 1)] {
            if wanted {
                if colon && !self.eat(":") {
                    return None;
                }
                offset += self.number(2, 2).filter(|m| *m < 60)? * unit;
            }
        }
        Some(sign * offset)
    }
}

/// Reads a moment in a layout. The message is Go's.
pub(super) fn parse(layout: &str, value: &str) -> Result<Moment, String> {
    let mut t = Moment {
        year: 0,
        month: 1,
        day: 1,
        hour: 0,
        minute: 0,
        second: 0,
        nanosecond: 0,
        offset: 0,
        zone: "UTC".into(),
    };
    let mut scan = Scan { rest: value };
    let mut afternoon: Option<bool> = None;
    let mut year_day: Option<i64> = None;
    let range = |what: &str| format!("parsing time {value:?}: {what} out of range");
    let all = parts(layout);
    let mut at = 0;
    for (i, &part) in all.iter().enumerate() {
        let held = scan.rest;
        let form = &layout[at..];
        let ok = match part {
            Part::Text(text) => scan.text(text),
            Part::Year4 => scan.number(4, 4).map(|n| t.year = n).is_some(),
            Part::Year2 => {
                scan.number(2, 2).map(|n| t.year = n + if n >= 69 { 1900 } else { 2000 }).is_some()
            }
            Part::MonthName { long } => {
                scan.one_of(&MONTHS, (!long).then_some(3)).map(|n| t.month = n + 1).is_some()
            }
            Part::Month { padded } => scan.number(1 + usize::from(padded), 2).map(|n| t.month = n).is_some(),
            Part::DayName { long } => scan.one_of(&DAYS, (!long).then_some(3)).is_some(),
            Part::Day(pad) => {
                if pad == Some(' ') {
                    scan.eat(" ");
                }
                scan.number(if pad == Some('0') { 2 } else { 1 }, 2).map(|n| t.day = n).is_some()
            }
            Part::YearDay(pad) => {
                let spaces =
                    if pad == ' ' { scan.rest.bytes().take(2).take_while(|b| *b == b' ').count() } else { 0 };
                scan.rest = &scan.rest[spaces..];
                scan.number(3 - spaces, 3 - spaces).map(|n| year_day = Some(n)).is_some()
            }
            Part::Hour24 => scan.number(1, 2).map(|n| t.hour = n).is_some(),
            Part::Hour12 { padded } => scan.number(1 + usize::from(padded), 2).map(|n| t.hour = n).is_some(),
            Part::Minute { padded } => {
                scan.number(1 + usize::from(padded), 2).map(|n| t.minute = n).is_some()
            }
            Part::Second { padded } => {
                let ok = scan.number(1 + usize::from(padded), 2).map(|n| t.second = n).is_some();
                // A fraction may follow where the layout does not name one.
                let named = matches!(all.get(i + 1), Some(Part::Fraction { .. }));
                if ok && !named && scan.rest.starts_with(['.', ',']) {
                    t.nanosecond = scan.fraction().unwrap_or(0);
                }
                ok
            }
            Part::Fraction { digits, fixed, .. } => {
                let next = scan.rest.starts_with(['.', ',']);
                let count =
                    scan.rest.get(1..).map_or(0, |r| r.bytes().take_while(u8::is_ascii_digit).count());
                if fixed {
                    next && count >= digits && scan.fraction().map(|n| t.nanosecond = n).is_some()
                } else {
                    !next || count == 0 || scan.fraction().map(|n| t.nanosecond = n).is_some()
                }
            }
            Part::HalfDay { upper } => {
                let names = if upper { ["AM", "PM"] } else { ["am", "pm"] };
                let found = names.iter().position(|n| scan.eat(n));
                afternoon = found.map(|n| n == 1);
                found.is_some()
            }
            Part::Zone => scan.zone().map(|name| t.zone = name.to_owned()).is_some(),
            offset => scan
                .offset(offset)
                .map(|n| (t.offset, t.zone) = (n, if n == 0 { "UTC".into() } else { String::new() }))
                .is_some(),
        };
        let ranges = [
            (t.month < 1 || t.month > 12, "month"),
            (t.hour > 23, "hour"),
            (matches!(part, Part::Hour12 { .. }) && t.hour > 12, "hour"),
            (t.minute > 59, "minute"),
            (t.second > 59, "second"),
        ];
        if let Some((_, what)) = ranges.iter().find(|(bad, _)| *bad) {
            return Err(range(what));
        }
        let used = next_part(form).map_or(form.len(), |(before, _, after)| match part {
            Part::Text(_) => before.len(),
            _ => form.len() - after.len(),
        });
        if !ok {
            let piece = &form[..used];
            return Err(format!("parsing time {value:?} as {layout:?}: cannot parse {held:?} as {piece:?}"));
        }
        at += used;
    }
    if !scan.rest.is_empty() {
        return Err(format!("parsing time {value:?}: extra text: {:?}", scan.rest));
    }
    match afternoon {
        Some(true) if t.hour < 12 => t.hour += 12,
        Some(false) if t.hour == 12 => t.hour = 0,
        _ => {}
    }
    if let Some(n) = year_day {
        let days = days_of(t.year, 12, 31) - days_of(t.year, 1, 1) + 1;
        if n < 1 || n > days {
            return Err(range("day-of-year"));
        }
        (_, t.month, t.day) = date_of(days_of(t.year, 1, 1) + n - 1);
    }
    if t.day < 1 || t.day > days_in(t.year, t.month) {
        return Err(range("day"));
    }
    Ok(t)
}
