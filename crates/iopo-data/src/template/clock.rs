use std::time::{SystemTime, UNIX_EPOCH};

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

/// Today's date as a chat template asks for it, in UTC.
///
/// A template that prints the date gives other tokens tomorrow. That is the template's
/// choice; the tokens, not the template, are what a cache has to be keyed by.
pub(super) fn strftime_now(format: &str) -> Result<String, String> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    strftime_utc(format, seconds)
}

/// The C function `strftime` for the fields that dates and times are made of.
fn strftime_utc(format: &str, seconds: u64) -> Result<String, String> {
    let (days, second_of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil_date(days);
    let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    let month_name = MONTHS[month as usize - 1];
    let day_name = DAYS[(days as usize + 4) % 7];
    let mut text = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        text += &match letters.next() {
            Some('Y') => year.to_string(),
            Some('y') => format!("{:02}", year % 100),
            Some('m') => format!("{month:02}"),
            Some('d') => format!("{day:02}"),
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
            Some('%') => "%".to_owned(),
            Some(other) => return Err(format!("strftime_now does not know %{other}")),
            None => return Err("strftime_now: the format ends in %".to_owned()),
        };
    }
    Ok(text)
}

/// Year, month and day of a number of days since 1970-01-01.
fn civil_date(mut days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let day = |seconds| strftime_utc("%d %b %Y, %A", seconds).unwrap();
        assert_eq!(day(0), "01 Jan 1970, Thursday");
        assert_eq!(day(951_782_400), "29 Feb 2000, Tuesday");
        assert_eq!(day(1_735_689_599), "31 Dec 2024, Tuesday");
        assert_eq!(day(1_735_689_600), "01 Jan 2025, Wednesday");
    }

    #[test]
    fn times_are_in_utc() {
        assert_eq!(strftime_utc("%F %T %I%p 100%%", 1_735_689_599).unwrap(), "2024-12-31 23:59:59 11PM 100%");
        assert_eq!(strftime_utc("%I %p", 0).unwrap(), "12 AM");
    }

    #[test]
    fn an_unknown_field_is_an_error() {
        assert!(strftime_utc("%Q", 0).unwrap_err().contains("%Q"));
        assert!(strftime_utc("100%", 0).is_err());
    }
}
