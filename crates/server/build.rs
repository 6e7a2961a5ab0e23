//! What the service has in itself besides its code: Swagger UI, and the files of the portal.

#[path = "build/portal.rs"]
mod portal;
#[path = "build/swagger_ui.rs"]
mod swagger_ui;

use std::env;
use std::error::Error;
use std::path::PathBuf;

/// Deflated, no name, no time, an unknown system (RFC 1952 §2.3).
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

fn main() -> Result<(), Box<dyn Error>> {
    let crate_folder =
        PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("there is no CARGO_MANIFEST_DIR")?);
    let portal = crate_folder.join("../../portal");
    for changed in ["build.rs", "build", "../../portal"] {
        println!("cargo::rerun-if-changed={changed}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("there is no OUT_DIR")?);
    swagger_ui::write(&out)?;
    portal::write(&portal, &out)
}
