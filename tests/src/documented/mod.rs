//! The requests that the documentation shows, and the answers and defaults it promises.
//!
//! A page shows them in blocks marked `console`: a line `$ curl …`, and below it what comes back.

mod answer;
mod defaults;

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::process::Command;

pub use defaults::default_seconds;

use crate::command::finish;
use crate::programs::checkout;

/// The address that every page uses, in its two spellings.
const WRITTEN_ADDRESSES: [&str; 2] = ["127.0.0.1:8000", "localhost:8000"];

/// One command of a page and the answer below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentedRequest {
    /// Where it stands: page and line.
    pub place: String,
    pub command: String,
    pub answer: String,
}

impl DocumentedRequest {
    /// Every command of a page that runs curl.
    pub fn of_page(page: &str) -> Vec<Self> {
        let text = fs::read_to_string(checkout().join(page)).expect("the page");
        let commands = commands(page, &text).into_iter();
        commands.filter(|request| request.command.contains("curl ")).collect()
    }

    /// Runs the command, in the checkout, against the server at `address`; what the documentation says wrongly, if
    /// anything.
    pub fn disagreement(&self, address: SocketAddr) -> Option<String> {
        let address = address.to_string();
        let written = WRITTEN_ADDRESSES.iter();
        let command = written
            .fold(self.command.clone(), |command, written| command.replace(written, &address));
        let mut shell = Command::new("sh");
        let finished = finish(shell.args(["-c", &command]).current_dir(checkout()));
        let Self { place, answer, .. } = self;
        let told = answer::difference(answer, &finished.stdout)?;
        let (stdout, stderr) = (finished.stdout, finished.stderr);
        Some(format!("{place}: {command}\n{told}\nit answered: {stdout}\n{stderr}"))
    }
}

/// Whether documented requests can be run on this machine.
pub fn curl_is_installed() -> bool {
    match Command::new("curl").arg("--version").output() {
        Ok(output) => output.status.success(),
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => panic!("curl cannot be run: {error}"),
    }
}

fn commands(page: &str, text: &str) -> Vec<DocumentedRequest> {
    let mut commands: Vec<DocumentedRequest> = Vec::new();
    let mut is_console = false;
    let mut goes_on = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.starts_with("```") {
            is_console = line == "```console";
        } else if !is_console {
        } else if let Some(command) = line.strip_prefix("$ ") {
            let place = format!("{page}:{number}");
            commands.push(DocumentedRequest {
                place,
                command: command.to_owned(),
                answer: String::new(),
            });
            goes_on = goes_on_below(command, command);
        } else if let Some(last) = commands.last_mut() {
            let part = if goes_on { &mut last.command } else { &mut last.answer };
            part.push('\n');
            part.push_str(line);
            goes_on = goes_on && goes_on_below(&last.command, line);
        }
    }
    commands
}

/// Whether the shell would read another line after the last one of a command.
fn goes_on_below(command: &str, line: &str) -> bool {
    let has_open_quote = command.matches('\'').count() % 2 == 1;
    has_open_quote || line.ends_with(['\\', '|'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_with_their_answers_in_console_blocks_only() {
        let page = "```console\n$ curl e '{\n  1}'\n2\n```\ntext\n$ curl a\n```console\n$ curl b \\\n  -d x\n{1}\n2\n\n$ ls |\n curl c\n```\n\
                    ```sh\n$ curl d\n```\n";
        let found = commands("page.md", page);
        let told: Vec<_> = found
            .iter()
            .map(|found| (found.place.as_str(), found.command.as_str(), found.answer.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("page.md:2", "curl e '{\n  1}'", "\n2"),
                ("page.md:9", "curl b \\\n  -d x", "\n{1}\n2\n"),
                ("page.md:14", "ls |\n curl c", "")
            ]
        );
    }
}
