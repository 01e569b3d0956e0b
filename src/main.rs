//! argv → command → exit code. Never decides anything else.

fn main() -> std::process::ExitCode {
    tenantd::cli::main()
}
