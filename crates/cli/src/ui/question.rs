//! Questions to whoever is at the terminal.

use std::io::{self, BufRead};

use super::screen::Screen;

/// Asks for yes or no; no, also if there is nobody to answer.
pub(crate) fn yes(screen: &Screen, question: &str) -> bool {
    screen.ask(&format!("{question} [y/N]: "));
    let mut answer = String::new();
    match io::stdin().lock().read_line(&mut answer) {
        Ok(0) | Err(_) => {
            // The next line must not stand behind the question.
            screen.ask("\n");
            false
        }
        Ok(_) => means_yes(&answer),
    }
}

fn means_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        for yes in ["y\n", "Y", " yes \n", "YES\n"] {
            assert!(means_yes(yes), "{yes:?}");
        }
        for no in ["", "\n", "n\n", "yeah\n", "no\n", "yes please\n"] {
            assert!(!means_yes(no), "{no:?}");
        }
    }
}
