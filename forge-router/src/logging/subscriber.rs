//! Setting up where and how lines are written.

use std::fmt;
use std::io::{self, IsTerminal};
use std::str::FromStr;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;

use super::level_handle::LevelHandle;
use super::writer::Lines;

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Everything a developer of Forge wants.
    Debug,
    /// What an operator wants to read afterwards.
    #[default]
    Info,
    /// Failed requests and things that soon go wrong.
    Warning,
    /// Things that went wrong.
    Error,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people: time, level, message, fields.
    #[default]
    Text,
    /// For machines: one JSON object.
    Json,
}

/// What `--log-level` and `--log-format` say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// How much is logged.
    pub level: Level,
    /// How a line looks.
    pub format: Format,
}

/// A level that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown log level \"{0}\", expected debug, info, warning or error")]
pub struct UnknownLevel(pub String);

/// A format that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown log format \"{0}\", expected text or json")]
pub struct UnknownFormat(pub String);

/// Logging cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A bug of the caller.
    #[error("logging is set up already")]
    Twice(#[from] tracing::subscriber::SetGlobalDefaultError),
    #[error("the log's thread cannot be started: {0}")]
    Thread(#[from] io::Error),
}

/// What was set up.
#[derive(Clone, Debug)]
pub struct Log {
    /// To be flushed at the end.
    pub lines: Lines,
    pub level: LevelHandle,
}

/// Sends every event of this process to stderr from now on.
///
/// Colours are used for text on a terminal, unless the environment has `NO_COLOR` (no-color.org).
pub fn install(settings: Settings) -> Result<Log, InstallError> {
    let wants_no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colours = io::stderr().is_terminal() && !wants_no_colour;
    let lines = Lines::to(io::stderr())?;
    let writer = lines.clone();
    let (subscriber, level) = subscriber(settings, colours, move || writer.clone());
    tracing::subscriber::set_global_default(subscriber)?;
    Ok(Log { lines, level })
}

fn subscriber<W>(
    settings: Settings,
    colours: bool,
    writer: W,
) -> (Box<dyn Subscriber + Send + Sync>, LevelHandle)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        // The layer on top of it decides.
        .with_max_level(LevelFilter::TRACE)
        .with_target(false)
        .with_ansi(colours && settings.format == Format::Text)
        // It would tell of a failed write by a print that panics when stderr is gone.
        .log_internal_errors(false)
        .with_writer(writer);
    match settings.format {
        Format::Text => with_level(settings.level, builder.compact().finish()),
        Format::Json => {
            let builder = builder.json().flatten_event(true).with_span_list(false);
            with_level(settings.level, builder.finish())
        }
    }
}

fn with_level<S>(level: Level, lines: S) -> (Box<dyn Subscriber + Send + Sync>, LevelHandle)
where
    S: Subscriber + Send + Sync,
{
    let (filter, handle) = reload::Layer::new(level.filter());
    (Box::new(lines.with(filter)), LevelHandle::new(level, handle))
}

impl Level {
    const ALL: [Level; 4] = [Level::Debug, Level::Info, Level::Warning, Level::Error];

    /// The word of `--log-level`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }

    pub(super) const fn filter(self) -> LevelFilter {
        match self {
            Level::Debug => LevelFilter::DEBUG,
            Level::Info => LevelFilter::INFO,
            Level::Warning => LevelFilter::WARN,
            Level::Error => LevelFilter::ERROR,
        }
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(word: &str) -> Result<Level, UnknownLevel> {
        let known = Level::ALL.into_iter().find(|level| level.as_str() == word);
        known.ok_or_else(|| UnknownLevel(word.to_owned()))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Format {
    /// The word of `--log-format`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Json => "json",
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Format, UnknownFormat> {
        let known = [Format::Text, Format::Json].into_iter().find(|it| it.as_str() == word);
        known.ok_or_else(|| UnknownFormat(word.to_owned()))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What `body` logs as text without colours.
    pub(in crate::logging) fn captured(body: impl FnOnce()) -> String {
        captured_with(Settings::default(), false, body)
    }

    fn captured_with(settings: Settings, colours: bool, body: impl FnOnce()) -> String {
        captured_with_handle(settings, colours, |_| body())
    }

    /// What `body` logs, which may change the level meanwhile.
    pub(in crate::logging) fn captured_with_handle(
        settings: Settings,
        colours: bool,
        body: impl FnOnce(LevelHandle),
    ) -> String {
        let sink = Captured::default();
        let writer = sink.clone();
        let (subscriber, level) = subscriber(settings, colours, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || body(level));
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn words_and_values_agree_both_ways() {
        for level in Level::ALL {
            assert_eq!(level.to_string().parse(), Ok(level));
        }
        for format in [Format::Text, Format::Json] {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        let error = "loud".parse::<Level>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown log level \"loud\", expected debug, info, warning or error"
        );
        assert!("xml".parse::<Format>().is_err());
    }

    #[test]
    fn the_level_decides_what_is_written() {
        for (level, lines) in
            [(Level::Debug, 4), (Level::Info, 3), (Level::Warning, 2), (Level::Error, 1)]
        {
            let settings = Settings { level, format: Format::Text };
            let text = captured_with(settings, false, || {
                tracing::debug!("a");
                tracing::info!("b");
                tracing::warn!("c");
                tracing::error!("d");
            });
            assert_eq!(text.lines().count(), lines, "{level}");
        }
    }

    #[test]
    fn a_text_line_has_a_message_and_fields_and_colours_only_when_asked() {
        let log = || tracing::info!(model = "m", "worker ready");
        let plain = captured_with(Settings::default(), false, log);
        assert!(plain.ends_with("INFO worker ready model=\"m\"\n"), "{plain}");
        assert!(!plain.contains('\x1b'));
        assert!(captured_with(Settings::default(), true, log).contains('\x1b'));
    }

    #[test]
    fn a_json_line_is_one_flat_object() {
        let settings = Settings { level: Level::Info, format: Format::Json };
        let text = captured_with(settings, true, || tracing::warn!(status = 503, "request failed"));
        let line: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "request failed");
        assert_eq!(line["status"], 503);
        assert_eq!(text.lines().count(), 1);
    }
}
