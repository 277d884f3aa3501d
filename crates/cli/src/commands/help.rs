//! `ioc help`

use clap::CommandFactory;
use libioc::model::property::{self, docs};

use crate::arguments;
use crate::ui::{Exit, Failure, output};

/// Explain a command, a property, or all properties
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A command, a property, or the word properties
    topic: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let mut command = arguments::Arguments::command();
    command.build();
    let text = match &arguments.topic[..] {
        [] => command.render_help().to_string(),
        [word] if word == "properties" => docs::text(),
        [words @ .., last] => {
            let parent =
                words.iter().try_fold(&mut command, |command, word| command.find_subcommand_mut(word));
            match (parent.and_then(|parent| parent.find_subcommand_mut(last)), docs::text_of(last)) {
                (Some(found), _) => found.render_long_help().to_string(),
                (None, Some(text)) if words.is_empty() => text,
                _ => return Err(unknown(&arguments.topic.join(" "))),
            }
        }
    };
    output::line(text.trim_end())?;
    Ok(Exit::Done)
}

fn unknown(topic: &str) -> Failure {
    let similar = property::similar(topic).map_or_else(String::new, |near| format!("; is {near} meant?"));
    Failure::Usage(format!("no command and no property is called {topic}{similar}"))
}
