//! The time that a template is told: one for all rows of a run.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

const MONTHS: [&str; 12] = [
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

const DAY: u64 = 86_400;

/// The time, in UTC, that a template is told when it asks for the time.
///
/// A template that prints the date gives other tokens tomorrow. So a run fixes the time when it starts, and renders
/// all its rows as of then, also when it is resumed on another day.
///
/// ```
/// use iopo_data::RenderTime;
///
/// let day: RenderTime = "2024-07-26".parse()?;
/// assert_eq!(day.to_string(), "2024-07-26T00:00:00Z");
/// assert_eq!("2024-07-26T00:00:00Z".parse(), Ok(day));
/// # Ok::<(), iopo_data::RenderTimeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RenderTime {
    /// Since 1970.
    seconds: u64,
}

/// A text that is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a date such as 2024-07-26, or a time such as 2024-07-26T09:30:00Z")]
pub struct RenderTimeError;

impl RenderTime {
    /// The time of the system's clock.
    #[must_use]
    pub fn now() -> Self {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
        Self { seconds: elapsed.map_or(0, |elapsed| elapsed.as_secs()) }
    }
}

impl fmt::Display for RenderTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_date(self.seconds / DAY);
        let second = self.seconds % DAY;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

impl FromStr for RenderTime {
    type Err = RenderTimeError;

    fn from_str(text: &str) -> Result<Self, RenderTimeError> {
        let text = text.trim();
        let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
        let numbers: Vec<u64> =
            whole.split(['-', 'T', ':', 'Z']).map(|digits| digits.parse().unwrap_or(0)).collect();
        let [year @ 1970..=9999, month @ 1..=12, day, hour, minute, second, _] = numbers[..] else {
            return Err(RenderTimeError);
        };
        let days: u64 = (1970..year).map(|year| 365 + u64::from(is_leap(year))).sum();
        let days = days + day_of_year(year, month, day).saturating_sub(1);
        let seconds = days.saturating_mul(DAY).saturating_add(hour.saturating_mul(3600));
        let seconds = seconds.saturating_add(minute.saturating_mul(60)).saturating_add(second);
        let time = Self { seconds };
        // Only a date of the calendar, written with all digits, comes out as it went in.
        if time.to_string() == whole { Ok(time) } else { Err(RenderTimeError) }
    }
}

impl TryFrom<String> for RenderTime {
    type Error = RenderTimeError;

    fn try_from(text: String) -> Result<Self, RenderTimeError> {
        text.parse()
    }
}

impl From<RenderTime> for String {
    fn from(time: RenderTime) -> Self {
        time.to_string()
    }
}

/// The C function `strftime` for the fields that dates and times are made of.
pub(super) fn strftime(format: &str, time: RenderTime) -> Result<String, String> {
    let (days, second_of_day) = (time.seconds / DAY, time.seconds % DAY);
    let (year, month, day) = civil_date(days);
    let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    let month_name = MONTHS[month as usize - 1];
    let day_name = DAYS[(days as usize + 4) % 7];
    let field = |letter: Option<char>| {
        Ok(match letter {
            Some('Y') => year.to_string(),
            Some('y') => format!("{:02}", year % 100),
            Some('m') => format!("{month:02}"),
            Some('d') => format!("{day:02}"),
            Some('e') => format!("{day:2}"),
            Some('j') => format!("{:03}", day_of_year(year, month, day)),
            Some('B') => month_name.to_owned(),
            Some('b' | 'h') => month_name[..3].to_owned(),
            Some('A') => day_name.to_owned(),
            Some('a') => day_name[..3].to_owned(),
            Some('H') => format!("{hour:02}"),
            Some('I') => format!("{:02}", (hour + 11) % 12 + 1),
            Some('M') => format!("{minute:02}"),
            Some('S') => format!("{second:02}"),
            Some('p') => if hour < 12 { "AM" } else { "PM" }.to_owned(),
            Some('F') => format!("{year}-{month:02}-{day:02}"),
            Some('T') => format!("{hour:02}:{minute:02}:{second:02}"),
            Some('Z') => "UTC".to_owned(),
            Some('%') => "%".to_owned(),
            Some(other) => return Err(format!("strftime_now does not know %{other}")),
            None => return Err("strftime_now: the format ends in %".to_owned()),
        })
    };
    let mut text = String::new();
    let mut letters = format.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
        } else if letters.next_if_eq(&'-').is_some() {
            // glibc's flag for a number that is not padded.
            let written = field(letters.next())?;
            let number = written.trim_start_matches(['0', ' ']);
            text += if number.is_empty() { "0" } else { number };
        } else {
            text += &field(letters.next())?;
        }
    }
    Ok(text)
}

fn day_of_year(year: u64, month: u64, day: u64) -> u64 {
    lengths(year).into_iter().zip(1..month).map(|(length, _)| length).sum::<u64>() + day
}

/// Year, month and day of a number of days since 1970-01-01.
fn civil_date(mut days: u64) -> (u64, u64, u64) {
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in lengths(year) {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Days of each month.
fn lengths(year: u64) -> [u64; 12] {
    [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let day = |seconds| strftime("%d %b %Y, %A", RenderTime { seconds }).unwrap();
        assert_eq!(day(0), "01 Jan 1970, Thursday");
        assert_eq!(day(951_782_400), "29 Feb 2000, Tuesday");
        assert_eq!(day(1_735_689_599), "31 Dec 2024, Tuesday");
        assert_eq!(day(1_735_689_600), "01 Jan 2025, Wednesday");
    }

    #[test]
    fn times_are_in_utc() {
        assert_eq!(
            strftime("%F %T %I%p 100%%", RenderTime { seconds: 1_735_689_599 }).unwrap(),
            "2024-12-31 23:59:59 11PM 100%"
        );
        let early = RenderTime { seconds: 1_735_948_800 };
        assert_eq!(strftime("%-d %e %j %-j %-m %-H %Z", early).unwrap(), "4  4 004 4 1 0 UTC");
        assert_eq!(strftime("%I %p", RenderTime { seconds: 0 }).unwrap(), "12 AM");
    }

    #[test]
    fn an_unknown_field_is_an_error() {
        assert!(strftime("%Q", RenderTime { seconds: 0 }).unwrap_err().contains("%Q"));
        assert!(strftime("100%", RenderTime { seconds: 0 }).is_err());
    }

    #[test]
    fn a_time_is_read_as_it_is_written() {
        for seconds in [0, 951_782_400, 1_735_689_599, 1_735_689_600, 253_402_300_799] {
            let time = RenderTime { seconds };
            assert_eq!(time.to_string().parse(), Ok(time));
        }
        assert_eq!("2000-02-29".parse(), Ok(RenderTime { seconds: 951_782_400 }));
    }

    #[test]
    fn a_text_that_is_no_time_is_refused() {
        for text in
            ["", "today", "2024-13-01", "2023-02-29", "2024-7-26", "1969-01-01", "2024-07-26T24:00:00Z", "-"]
        {
            assert_eq!(text.parse::<RenderTime>(), Err(RenderTimeError), "{text}");
        }
    }
}
