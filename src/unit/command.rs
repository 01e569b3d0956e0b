//! Commands: an array of words, or a string that is split as a shell splits words. Specifiers are expanded word by word
//! after the split, so that the value of a var is never split.

use toml::de::DeValue;

use super::layers::Node;
use super::value::{Cx, Value};
use super::words::split_words;

/// `exec_start`: one command.
pub(crate) fn command(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Vec<String>> {
    let words = match node.value {
        DeValue::String(text) => split(node, text, cx)?,
        DeValue::Array(_) => Vec::<String>::read(node, cx)?,
        _ => return cx.expected(node, "a command: [\"program\", \"argument\"] or \"program argument\""),
    };
    cx.good(node.place, check_program(&words))?;
    Some(words)
}

/// `exec_start_pre`: one string is one command; in an array each item, string or array of words, is a command.
pub(crate) fn commands(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Vec<Vec<String>>> {
    if !node.value.is_array() {
        return command(node, cx).map(|words| vec![words]);
    }
    let words: Option<Vec<&str>> = node.items().map(|item| item.value.as_str()).collect();
    if let Some(option) = words.and_then(|words| words.into_iter().skip(1).find(|word| word.starts_with('-'))) {
        let why = "is no program: each item of this array is a command";
        cx.error(node.place, format!("\"{option}\" {why}; write one command as a string, or as an array in the array"));
        return None;
    }
    let read: Vec<Option<Vec<String>>> = node.items().map(|item| command(item, cx)).collect();
    read.into_iter().collect()
}

fn split(node: Node<'_>, text: &str, cx: &mut Cx<'_>) -> Option<Vec<String>> {
    let words = cx.good(node.place, split_words(text))?;
    let expanded: Vec<Option<String>> =
        words.iter().map(|word| cx.expand(node.place, word).map(|word| word.into_owned())).collect();
    expanded.into_iter().collect()
}

/// The program is an absolute path, or a plain name that is looked up in `PATH`.
fn check_program(words: &[String]) -> Result<(), String> {
    let Some(program) = words.first() else {
        return Err("the command is empty; write [\"program\", \"argument\"]".into());
    };
    if program.is_empty() {
        return Err("the name of the program is empty".into());
    }
    if program.contains('/') && !program.starts_with('/') {
        return Err(format!("\"{program}\" is a relative path; write an absolute path, or a name that PATH knows"));
    }
    if !program.starts_with('/') && program.contains('=') {
        return Err(format!("\"{program}\" is no program; set variables with environment = {{ NAME = \"value\" }}"));
    }
    Ok(())
}
