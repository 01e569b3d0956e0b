//! argv → verb → exit code; one file a verb.

pub mod check;

/// Runs the verb that the arguments name.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
