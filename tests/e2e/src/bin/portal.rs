//! The portal of `examples/portal`, as a program that the tests of this package can find.

use std::process::ExitCode;

fn main() -> ExitCode {
    portal::main_with(std::env::args_os())
}
