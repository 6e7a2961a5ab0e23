//! Where lines go to.

use std::io;

use rustyline::ExternalPrinter;

use crate::output;

/// Standard output, perhaps with an editor on it.
pub(super) struct Screen {
    printer: Option<Box<dyn ExternalPrinter + Send>>,
    /// Colours may be used.
    pub(super) in_colour: bool,
}

impl Screen {
    /// Standard output alone.
    pub(super) fn plain() -> Self {
        Self { printer: None, in_colour: output::has_colour(&io::stdout()) }
    }

    /// A terminal where a line is being edited.
    pub(super) fn beside_editor(printer: impl ExternalPrinter + Send + 'static) -> Self {
        Self { printer: Some(Box::new(printer)), ..Self::plain() }
    }

    /// Whether a person is at it.
    pub(super) fn has_editor(&self) -> bool {
        self.printer.is_some()
    }

    /// Something that arrived.
    pub(super) fn line(&mut self, text: &str) -> anyhow::Result<()> {
        match &mut self.printer {
            Some(printer) => Ok(printer.print(format!("{text}\n"))?),
            None => output::line(text),
        }
    }

    /// Something for the person who types: not part of the output.
    pub(super) fn note(&mut self, text: &str) {
        match &mut self.printer {
            // If the terminal is gone, the next line to be read says so.
            Some(printer) => drop(printer.print(format!("{text}\n"))),
            None => output::note(text),
        }
    }
}
