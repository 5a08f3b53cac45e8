//! mqsub: hands the arguments to the library, nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    mqtools::subscribe::main(std::env::args_os())
}
