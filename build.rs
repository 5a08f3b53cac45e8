//! How the programs are linked.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    // At a fixed address nothing has to be relocated at the start of each run, which
    // for a short one, with OpenSSL linked in, is a quarter of all the work; and the
    // tables for it, a tenth of the size, go. The Rust code has no use for chance
    // addresses; libraries, stack and heap keep theirs.
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
