//! Takes the files of Swagger UI out of the archive that a crate carries. They stay compressed: an entry of a ZIP file
//! and a gzip file hold the same kind of data (RFC 1951), only head and tail differ.

use std::error::Error;
use std::fs;
use std::path::Path;

use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED as ARCHIVE;

/// What the page needs, by its path in the archive's only folder.
const FILES: [(&str, &str); 3] = [
    ("dist/swagger-ui-bundle.js", "swagger-ui-bundle.js.gz"),
    ("dist/swagger-ui.css", "swagger-ui.css.gz"),
    ("LICENSE", "swagger-ui-license.txt.gz"),
];

/// Signatures of the end of the central directory, and of an entry in it (APPNOTE.TXT §4.3.16, §4.3.12).
const END: [u8; 4] = *b"PK\x05\x06";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const END_BYTES: usize = 22;
const ENTRY_BYTES: usize = 46;
const LOCAL_HEAD_BYTES: usize = 30;
const DEFLATED: usize = 8;

/// Writes the files to a folder.
pub(crate) fn write(out: &Path) -> Result<(), Box<dyn Error>> {
    for (path, file) in FILES {
        let gzip = extract(path).ok_or_else(|| format!("{path} is not in the archive of Swagger UI"))?;
        fs::write(out.join(file), gzip)?;
    }
    Ok(())
}

/// A file of the archive in the gzip format.
fn extract(path: &str) -> Option<Vec<u8>> {
    let end = ARCHIVE.windows(END_BYTES).rposition(|window| window.starts_with(&END))?;
    let mut at = u32_at(end + 16)?;
    while ARCHIVE.get(at..)?.starts_with(&ENTRY) {
        let name = std::str::from_utf8(ARCHIVE.get(at + ENTRY_BYTES..)?.get(..u16_at(at + 28)?)?).ok()?;
        if name.split_once('/').is_some_and(|(_, rest)| rest == path) && u16_at(at + 10)? == DEFLATED {
            let head = u32_at(at + 42)?;
            let data = head + LOCAL_HEAD_BYTES + u16_at(head + 26)? + u16_at(head + 28)?;
            let [crc, size] = [16, 24].map(|field| ARCHIVE.get(at + field..at + field + 4));
            return Some(
                [&crate::GZIP_HEAD[..], ARCHIVE.get(data..)?.get(..u32_at(at + 20)?)?, crc?, size?].concat(),
            );
        }
        at += ENTRY_BYTES + u16_at(at + 28)? + u16_at(at + 30)? + u16_at(at + 32)?;
    }
    None
}

fn u16_at(at: usize) -> Option<usize> {
    Some(u16::from_le_bytes(*ARCHIVE.get(at..)?.first_chunk()?).into())
}

fn u32_at(at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(*ARCHIVE.get(at..)?.first_chunk()?)).ok()
}
