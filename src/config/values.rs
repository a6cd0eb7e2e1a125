//! What a single value may be. Each function takes a value as it was written and gives it in its final form, or
//! says what is allowed.

use std::{fs, path::PathBuf, time::Duration};

use actors::synthetic::{NoPlan, Plan};
use bytesize::ByteSize;
use log::LevelFilter;
use secrecy::SecretString;

use super::{Browser, EngineChoice, settings::Given};

/// The longest side of a recording, in pixels: 8K.
const LONGEST_SIDE: u32 = 7680;
/// The longest `maxmessagesize`: more than any request of Talk needs. Requests are held in memory.
const LONGEST_MESSAGE: usize = 64 * 1024 * 1024;
/// The extensions whose content Talk stores.
const STORED_EXTENSIONS: [&str; 5] = [".ogg", ".ogv", ".webm", ".mkv", ".mp4"];

/// A level by its name, or by the number that it has in Python.
pub(super) fn level(given: Given) -> Result<LevelFilter, String> {
    let name = match given {
        Given::Number(number) => number.to_string(),
        Given::Text(text) => text.trim().to_lowercase(),
        Given::Flag(_) | Given::List(_) | Given::Other(()) => String::new(),
    };
    match name.as_str() {
        "trace" => return Ok(LevelFilter::Trace),
        "debug" => return Ok(LevelFilter::Debug),
        "info" => return Ok(LevelFilter::Info),
        "warn" | "warning" => return Ok(LevelFilter::Warn),
        "error" | "critical" => return Ok(LevelFilter::Error),
        _ => {}
    }
    match name.parse::<u32>() {
        Ok(0) => Ok(LevelFilter::Trace),
        Ok(1..=10) => Ok(LevelFilter::Debug),
        Ok(11..=20) => Ok(LevelFilter::Info),
        Ok(21..=30) => Ok(LevelFilter::Warn),
        Ok(31..) => Ok(LevelFilter::Error),
        Err(_) => {
            Err("must be error (40), warn (30), info (20), debug (10) or trace (0), as a name or a number"
                .to_owned())
        }
    }
}

/// A whole number.
pub(super) fn number(given: Given) -> Result<u64, String> {
    let number = match given {
        Given::Number(number) => u64::try_from(number).ok(),
        Given::Text(text) => text.trim().parse().ok(),
        Given::Flag(_) | Given::List(_) | Given::Other(()) => None,
    };
    number.ok_or_else(|| "must be a whole number".to_owned())
}

/// A number of things of which there is at least one.
pub(super) fn count(given: Given) -> Result<usize, String> {
    let number = number(given).ok().and_then(|number| usize::try_from(number).ok());
    number.filter(|number| *number > 0).ok_or_else(|| "must be a whole number above 0".to_owned())
}

/// A number of things, or `off`.
pub(super) fn count_or_off(given: Given) -> Result<Option<usize>, String> {
    if is_off(&given) {
        return Ok(None);
    }
    count(given).map(Some).map_err(|allowed| format!("{allowed}, or \"off\""))
}

/// A switch.
pub(super) fn flag(given: Given) -> Result<bool, String> {
    match given {
        Given::Flag(flag) => Ok(flag),
        Given::Text(text) if text.trim() == "true" => Ok(true),
        Given::Text(text) if text.trim() == "false" => Ok(false),
        Given::Text(_) | Given::Number(_) | Given::List(_) | Given::Other(()) => {
            Err("must be true or false".to_owned())
        }
    }
}

/// A length of time, such as `90s`, `10m` or `7d`.
pub(super) fn duration(given: Given) -> Result<Duration, String> {
    let text = text(given).unwrap_or_default();
    humantime::parse_duration(text.trim()).ok().filter(|duration| !duration.is_zero()).ok_or_else(|| {
        "must be a length of time with its unit, such as \"90s\", \"10m\", \"12h\" or \"7d\"".to_owned()
    })
}

/// A length of time, or `off`.
pub(super) fn duration_or_off(given: Given) -> Result<Option<Duration>, String> {
    if is_off(&given) {
        return Ok(None);
    }
    duration(given).map(Some).map_err(|allowed| format!("{allowed}, or \"off\""))
}

/// A number of bytes, such as `500MB`, `2GiB` or `1000000`, or `off`.
pub(super) fn bytes_or_off(given: Given) -> Result<Option<u64>, String> {
    if is_off(&given) {
        return Ok(None);
    }
    let bytes = match given {
        Given::Number(number) => u64::try_from(number).ok(),
        Given::Text(text) => text.trim().parse::<ByteSize>().ok().map(|size| size.as_u64()),
        Given::Flag(_) | Given::List(_) | Given::Other(()) => None,
    };
    let allowed = "must be a number of bytes, such as \"500MB\" or \"2GiB\", or \"off\"";
    bytes.map(Some).ok_or_else(|| allowed.to_owned())
}

fn is_off(given: &Given) -> bool {
    matches!(given, Given::Text(text) if text.trim() == "off")
}

/// A number of bytes that fits into memory.
pub(super) fn message_size(given: Given) -> Result<usize, String> {
    let bytes = number(given).ok().and_then(|bytes| usize::try_from(bytes).ok());
    match bytes {
        Some(bytes) if (1..=LONGEST_MESSAGE).contains(&bytes) => Ok(bytes),
        _ => Err(format!("must be a whole number from 1 to {LONGEST_MESSAGE}")),
    }
}

/// Width or height of a recording.
pub(super) fn side(given: Given) -> Result<u32, String> {
    let allowed =
        || format!("must be an even number from 2 to {LONGEST_SIDE}, since video encoders halve it");
    let pixels = number(given).ok().and_then(|pixels| u32::try_from(pixels).ok());
    match pixels {
        Some(pixels) if pixels % 2 == 0 && (2..=LONGEST_SIDE).contains(&pixels) => Ok(pixels),
        _ => Err(allowed()),
    }
}

/// What to record where the reference would record an odd number of pixels.
pub(super) fn even_side(given: Given) -> Option<(u32, &'static str)> {
    let pixels = number(given).ok()?.checked_sub(1)?;
    let even = side(Given::Number(i64::try_from(pixels).ok()?)).ok()?;
    Some((even, "recording one pixel less"))
}

/// Arguments of a program: a text is split at white space, a list is taken as it is.
pub(super) fn arguments(given: Given) -> Result<Vec<String>, String> {
    match given {
        Given::Text(text) => Ok(text.split_whitespace().map(str::to_owned).collect()),
        Given::List(arguments) => Ok(arguments),
        Given::Flag(_) | Given::Number(_) | Given::Other(()) => {
            Err("must be a text, which is split at white space, or a list of texts".to_owned())
        }
    }
}

/// A program and its arguments.
pub(super) fn command(given: Given) -> Result<Vec<String>, String> {
    let arguments = arguments(given)?;
    match arguments.first() {
        Some(program) if !program.is_empty() => Ok(arguments),
        _ => Err("must start with a program, as in `ffmpeg -n`".to_owned()),
    }
}

/// The extension of a recording.
pub(super) fn extension(given: Given) -> Result<String, String> {
    let text = text(given)?.trim().to_owned();
    if STORED_EXTENSIONS.contains(&text.as_str()) {
        Ok(text)
    } else {
        let stored = STORED_EXTENSIONS.join(" ");
        Err(format!("must be one of {stored}: Talk refuses every other file"))
    }
}

/// What to write where the reference would write a file that Talk refuses.
pub(super) fn stored_audio(given: Given) -> Option<(String, &'static str)> {
    let consequence = "recordings without picture are written as .ogg, see that outputaudio fits";
    text(given).is_ok().then(|| (".ogg".to_owned(), consequence))
}

/// Which engine makes the recordings.
pub(super) fn engine(given: Given) -> Result<EngineChoice, String> {
    match text(given)?.trim() {
        "real" => Ok(EngineChoice::Real),
        "synthetic" => Ok(EngineChoice::Synthetic),
        _ => Err("must be real or synthetic".to_owned()),
    }
}

/// What happens to synthetic recordings.
pub(super) fn plan(given: Given) -> Result<Plan, String> {
    text(given)?.parse().map_err(|error: NoPlan| error.to_string())
}

/// Which browser records.
pub(super) fn browser(given: Given) -> Result<Browser, String> {
    match text(given)?.trim() {
        "firefox" => Ok(Browser::Firefox),
        "chrome" => Ok(Browser::Chrome),
        _ => Err("must be firefox or chrome, which also stands for Chromium".to_owned()),
    }
}

/// A path that need not be there yet.
pub(super) fn path(given: Given) -> Result<PathBuf, String> {
    Ok(PathBuf::from(text(given)?.trim()))
}

/// A file with certificates.
pub(super) fn certificates(given: Given) -> Result<PathBuf, String> {
    let path = path(given)?;
    let content = fs::read(&path).map_err(|error| format!("cannot be read: {error}"))?;
    let marker = b"-----BEGIN CERTIFICATE-----";
    if content.windows(marker.len()).any(|part| part == marker) {
        Ok(path)
    } else {
        Err("must be a PEM file with at least one certificate".to_owned())
    }
}

/// A secret that stands in the configuration itself.
pub(super) fn secret(given: Given) -> Result<SecretString, String> {
    text(given).map(SecretString::from)
}

/// A secret that stands in a file of its own, of which the line break at the end is no part.
pub(super) fn secret_in_file(given: Given) -> Result<SecretString, String> {
    let content = fs::read_to_string(path(given)?).map_err(|error| format!("cannot be read: {error}"))?;
    let secret = content.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err("must be a file that holds a secret: it is empty".to_owned());
    }
    Ok(secret.into())
}

/// A text as it was written.
pub(super) fn text(given: Given) -> Result<String, String> {
    match given {
        Given::Text(text) => Ok(text),
        Given::Flag(_) | Given::Number(_) | Given::List(_) | Given::Other(()) => {
            Err("must be a text in quotes".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn given(text: &str) -> Given {
        Given::Text(text.to_owned())
    }

    #[test]
    fn levels_have_names_and_the_numbers_of_python() {
        let table = [
            ("0", LevelFilter::Trace),
            ("10", LevelFilter::Debug),
            ("15", LevelFilter::Info),
            ("20", LevelFilter::Info),
            ("30", LevelFilter::Warn),
            ("40", LevelFilter::Error),
            ("50", LevelFilter::Error),
            ("WARNING", LevelFilter::Warn),
            ("debug", LevelFilter::Debug),
        ];
        for (text, expected) in table {
            assert_eq!(level(given(text)), Ok(expected), "{text}");
        }
        assert_eq!(level(Given::Number(10)), Ok(LevelFilter::Debug));
        for bad in ["20 # info", "loud", "-1"] {
            assert!(level(given(bad)).is_err(), "{bad}");
        }
        assert!(level(Given::Flag(true)).is_err());
    }

    #[test]
    fn lengths_of_time_have_a_unit() {
        assert_eq!(duration(given("7d")), Ok(Duration::from_hours(7 * 24)));
        assert_eq!(duration(given(" 1h 30m ")), Ok(Duration::from_mins(90)));
        assert_eq!(duration_or_off(given("off")), Ok(None));
        for bad in ["7", "0s", "soon", "-1s", ""] {
            assert!(duration(given(bad)).unwrap_err().contains("10m"), "{bad}");
        }
        assert!(duration_or_off(Given::Number(7)).unwrap_err().contains("off"));
    }

    #[test]
    fn bytes_are_a_number_or_have_a_unit() {
        assert_eq!(bytes_or_off(given("2GiB")), Ok(Some(2 << 30)));
        assert_eq!(bytes_or_off(given("500 MB")), Ok(Some(500_000_000)));
        assert_eq!(bytes_or_off(given("1000")), Ok(Some(1000)));
        assert_eq!(bytes_or_off(Given::Number(1000)), Ok(Some(1000)));
        assert_eq!(bytes_or_off(given("off")), Ok(None));
        for bad in ["much", "-1", "1 parsec"] {
            assert!(bytes_or_off(given(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn there_is_at_least_one_of_what_is_counted() {
        assert_eq!(count(given("3")), Ok(3));
        for bad in ["0", "-1", "many"] {
            assert!(count(given(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_side_is_even_and_a_screen_can_have_it() {
        assert_eq!(side(given("1080")), Ok(1080));
        assert_eq!(side(Given::Number(7680)), Ok(7680));
        for bad in ["1081", "0", "7682", "-2", "wide", "1080.0"] {
            assert!(side(given(bad)).unwrap_err().starts_with("must be an even number"), "{bad}");
        }
    }

    #[test]
    fn extensions_are_those_that_talk_stores() {
        assert_eq!(extension(given(".mkv")), Ok(".mkv".to_owned()));
        for bad in [".m4a", "ogg", ".OGG"] {
            assert!(extension(given(bad)).unwrap_err().contains("Talk refuses"), "{bad}");
        }
    }

    #[test]
    fn a_command_needs_a_program() {
        assert_eq!(command(given(" ffmpeg\n -n ")).unwrap(), ["ffmpeg", "-n"]);
        let spaces = Given::List(vec!["/opt/my ffmpeg".to_owned()]);
        assert_eq!(command(spaces).unwrap(), ["/opt/my ffmpeg"]);
        assert!(command(given(" ")).is_err());
        assert!(command(Given::List(vec![String::new()])).is_err());
        assert_eq!(arguments(given("")), Ok(Vec::new()));
    }

    #[test]
    fn a_secret_file_holds_the_secret_and_a_line_break() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("secret");
        let given = || Given::Text(file.display().to_string());
        fs::write(&file, " the secret \n").unwrap();
        assert_eq!(secret_in_file(given()).unwrap().expose_secret(), " the secret ");
        fs::write(&file, "\n").unwrap();
        assert!(secret_in_file(given()).unwrap_err().contains("empty"));
        fs::remove_file(&file).unwrap();
        assert!(secret_in_file(given()).unwrap_err().contains("cannot be read"));
    }

    #[test]
    fn a_certificate_file_must_be_pem() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ca");
        let given = || Given::Text(file.display().to_string());
        assert!(certificates(given()).unwrap_err().contains("cannot be read"));
        fs::write(&file, [0x30, 0x82]).unwrap();
        assert!(certificates(given()).unwrap_err().contains("PEM"));
        fs::write(&file, "-----BEGIN CERTIFICATE-----\n").unwrap();
        assert_eq!(certificates(given()), Ok(file.clone()));
    }
}
