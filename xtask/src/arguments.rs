//! The command line of xtask: its own global flags are taken out, the rest goes on unchanged.

use std::ffi::OsString;

use crate::process::Failure;

/// What the command line asks for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Arguments {
    /// `--no-setup`: nothing is installed.
    pub(crate) no_setup: bool,
    /// `--embedded`: the embedded product, even where OpenBLAS is there.
    pub(crate) embedded: bool,
    /// Everything else, in order; without the command once `take_command` has run.
    pub(crate) rest: Vec<OsString>,
}

impl Arguments {
    /// Takes out the global flags that stand before a `--`; what follows a `--` is not ours.
    pub(crate) fn from_command_line(line: impl Iterator<Item = OsString>) -> Self {
        let mut arguments = Self::default();
        let mut after_dashes = false;
        for argument in line {
            match argument.to_str() {
                Some("--no-setup") if !after_dashes => arguments.no_setup = true,
                Some("--embedded") if !after_dashes => arguments.embedded = true,
                text => {
                    after_dashes |= text == Some("--");
                    arguments.rest.push(argument);
                }
            }
        }
        arguments
    }

    /// Removes and returns the first argument, the command.
    pub(crate) fn take_command(&mut self) -> Option<OsString> {
        (!self.rest.is_empty()).then(|| self.rest.remove(0))
    }

    pub(crate) fn asks_for_help(&self) -> bool {
        self.has("--help") || self.has("-h")
    }

    /// Whether `flag` stands among the arguments, before a `--`.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.rest.iter().take_while(|argument| *argument != "--").any(|argument| argument == flag)
    }

    /// Refuses whatever `command` does not know; returns the arguments that are no flags.
    pub(crate) fn words(
        &self,
        command: &str,
        flags: &[&str],
        most_words: usize,
    ) -> Result<Vec<&str>, Failure> {
        let mut words = Vec::new();
        for argument in &self.rest {
            let text = argument.to_str().unwrap_or_default();
            let known_flag = flags.contains(&text);
            let one_more_word = !text.starts_with('-') && words.len() < most_words;
            if !known_flag && !one_more_word {
                return Err(Failure::wrong_use(format!(
                    "cargo xtask {command}: unexpected argument `{}`; \
                     see `cargo xtask {command} --help`",
                    argument.to_string_lossy()
                )));
            }
            if !known_flag {
                words.push(text);
            }
        }
        Ok(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Arguments {
        Arguments::from_command_line(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn own_flags_are_taken_out_anywhere_before_the_dashes() {
        let arguments = split("run --no-setup a.ron --jobs 2 --embedded -- --no-setup --embedded");
        assert!(arguments.no_setup && arguments.embedded);
        assert_eq!(arguments.rest, split("run a.ron --jobs 2 -- --no-setup --embedded").rest);

        let arguments = split("run a.ron -- --no-setup");
        assert!(!arguments.no_setup);
        assert_eq!(arguments.rest.len(), 4);
    }

    #[test]
    fn flags_may_stand_before_the_command() {
        let mut arguments = split("--no-setup doctor --json");
        assert_eq!(arguments.take_command(), Some(OsString::from("doctor")));
        assert!(arguments.no_setup && arguments.has("--json"));
        assert_eq!(split("--embedded").take_command(), None);
    }

    #[test]
    fn unknown_arguments_are_refused_by_name() {
        assert_eq!(split("sign --write").words("faults", &["--write"], 1).ok(), Some(vec!["sign"]));
        for (line, culprit) in [("--wirte", "`--wirte`"), ("one two", "`two`")] {
            let failure = split(line).words("faults", &["--write"], 1).expect_err("must refuse");
            assert_eq!(failure.code, 2);
            assert!(failure.message.contains(culprit), "{}", failure.message);
        }
    }
}
