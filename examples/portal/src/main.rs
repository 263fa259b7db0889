//! The portal as a program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    portal::main_with(std::env::args_os())
}
