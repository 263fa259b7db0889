//! The portal as a program; everything is in the library.

use std::process::ExitCode;

/// Ten thousand idle streams hold buffers of 8 KiB that are mostly empty; jemalloc packs them more closely than the C
/// library's allocator does, and gives memory back when the streams are gone.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    portal::main_with(std::env::args_os())
}
