//! How the programs are linked.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        // At a fixed address nothing has to be relocated at the start of each run, which
        // for a short one, with OpenSSL linked in, is a quarter of all the work; and the
        // tables for it, a tenth of the size, go. The Rust code has no use for chance
        // addresses; libraries, stack and heap keep theirs.
        println!("cargo::rustc-link-arg-bins=-no-pie");
        link_in_unwinding();
    }
}

/// Rust's standard library asks for `libgcc_s` to walk its stack with. To load a library
/// more is a twentieth of a short run's work; so a file of that name tells the linker
/// to take the same code from the static `libgcc_eh`, where the compiler has it. Whatever
/// else is built with this library looks there too.
fn link_in_unwinding() {
    let variable = |name| env::var(name).unwrap_or_default();
    if variable("HOST") != variable("TARGET") {
        return;
    }
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    let linker = env::var("RUSTC_LINKER").unwrap_or_else(|_| "cc".to_owned());
    let found = Command::new(linker).arg("-print-file-name=libgcc_eh.a").output();
    let archive = found.map(|found| String::from_utf8_lossy(&found.stdout).trim().to_owned());
    let Some(archive) = archive.ok().filter(|path| Path::new(path).is_absolute()) else {
        return;
    };
    // Another compiler has it in another place.
    println!("cargo::rerun-if-changed={archive}");
    let folder = PathBuf::from(variable("OUT_DIR"));
    let script = format!("INPUT(\"{archive}\")\n");
    if fs::write(folder.join("libgcc_s.so"), script).is_ok() {
        println!("cargo::rustc-link-search=native={}", folder.display());
    }
}
