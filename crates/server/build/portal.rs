//! Gathers the files of the portal: each as it is and, if that is shorter, compressed; and a list of them for the code.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use miniz_oxide::deflate::compress_to_vec;

/// Types by extension. Other files in the folder are for tools and left out.
const TYPES: [(&str, &str); 6] = [
    ("html", "text/html; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("txt", "text/plain; charset=utf-8"),
];
/// The best compression: it is done once.
const LEVEL: u8 = 10;

/// Writes compressed files and `portal.rs` with the list to `out`.
pub(crate) fn write(folder: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let folder = folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths = Vec::new();
    walk(&folder, &mut paths)?;
    // The order in which a folder is listed is nobody's.
    paths.sort();
    let (mut list, mut count) = (String::new(), 0);
    for (number, path) in paths.iter().enumerate() {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let Some((_, content_type)) = TYPES.iter().find(|(known, _)| *known == extension) else { continue };
        let name = path.strip_prefix(&folder)?.to_str().ok_or("the name of a file is not UTF-8")?;
        let bytes = fs::read(path)?;
        let gzip = gzip(&bytes)?;
        let compressed = if gzip.len() < bytes.len() {
            let file = out.join(format!("portal-{number}.gz"));
            fs::write(&file, gzip)?;
            format!("Some(include_bytes!({file:?}))")
        } else {
            "None".to_owned()
        };
        writeln!(
            list,
            "File::new({name:?}, {content_type:?}, Some(include_bytes!({path:?})), {compressed}),"
        )?;
        count += 1;
    }
    fs::write(out.join("portal.rs"), format!("static FILES: [File; {count}] = [\n{list}];\n"))?;
    Ok(())
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_hidden || path.ends_with("node_modules") {
            continue;
        }
        if path.is_dir() {
            walk(&path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

/// In the gzip format (RFC 1952).
fn gzip(bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let length = u32::try_from(bytes.len())?;
    let data = compress_to_vec(bytes, LEVEL);
    Ok([&crate::GZIP_HEAD[..], &data, &crc32(bytes).to_le_bytes(), &length.to_le_bytes()].concat())
}

/// The check value of gzip (RFC 1952 §8), bit by bit: there are not many bytes.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}
