//! The lines of a session description (RFC 8866), read strictly and without meaning.
//!
//! Everything an offer says passes through here before any peer exists, so all limits on its size are here too.

/// Longest description, in bytes. A browser's offer with every codec has 6 KB; one of 16 sections of each kind has 103 KB
/// (Chromium 156).
pub(crate) const BYTES_MAX: usize = 128 * 1024;
/// Most m-sections.
pub(crate) const SECTIONS_MAX: usize = 32;
/// Most `a=candidate` lines in all sections together. Before they are bundled each section has its own: 16 in each of them
/// are those of four addresses by UDP and TCP, over and over.
pub(crate) const CANDIDATES_MAX: usize = 512;
/// Most lines. A browser's offer of 16 sections of each kind has 3,200.
const LINES_MAX: usize = 4_096;

/// A description: session-level attributes, then sections.
#[derive(Debug)]
pub(crate) struct Description<'a> {
    pub(crate) session: Attributes<'a>,
    pub(crate) sections: Vec<MediaSection<'a>>,
}

/// One m-section.
#[derive(Debug)]
pub(crate) struct MediaSection<'a> {
    pub(crate) media: &'a str,
    pub(crate) port: u16,
    pub(crate) protocol: &'a str,
    pub(crate) formats: Vec<&'a str>,
    pub(crate) attributes: Attributes<'a>,
}

/// The `a=` lines of one level, in their order.
#[derive(Debug, Default)]
pub(crate) struct Attributes<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Attributes<'a> {
    /// Values of all attributes of that name; a flag's value is empty.
    pub(crate) fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'a str> + 's {
        self.0
            .iter()
            .filter(move |(key, _)| *key == name)
            .map(|(_, value)| *value)
    }

    /// The first value of that name.
    pub(crate) fn first(&self, name: &str) -> Option<&'a str> {
        self.0
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| *value)
    }

    /// Whether the flag is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// The attribute's text, split at the first colon.
    fn push(&mut self, text: &'a str) {
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        self.0.push((name, value));
    }
}

/// Reads a description; the error names the part that is wrong.
pub(crate) fn read(text: &str) -> Result<Description<'_>, &'static str> {
    if text.len() > BYTES_MAX {
        return Err("too long");
    }
    if text.contains('\0') {
        return Err("NUL");
    }
    let mut reader = Reader::default();
    for (index, line) in text.trim_end_matches(['\r', '\n']).split('\n').enumerate() {
        if index >= LINES_MAX {
            return Err("too many lines");
        }
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.contains('\r') {
            return Err("line end");
        }
        let (kind, value) = line.split_once('=').ok_or("line without a type")?;
        if index == 0 && line != "v=0" {
            return Err("version");
        }
        reader.line(kind, value)?;
    }
    reader.finish()
}

/// Reads the attribute lines of a `trickle-ice-sdpfrag` (RFC 8840 section 9), which has no header lines.
pub(crate) fn read_fragment(text: &str) -> Result<Description<'_>, &'static str> {
    if text.len() > BYTES_MAX || text.contains('\0') {
        return Err("too long or NUL");
    }
    let mut reader = Reader::default();
    for (index, line) in text.trim_end_matches(['\r', '\n']).split('\n').enumerate() {
        if index >= LINES_MAX {
            return Err("too many lines");
        }
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.contains('\r') {
            return Err("line end");
        }
        match line.split_once('=').ok_or("line without a type")? {
            ("a", value) => reader.attribute(value)?,
            ("m", value) => reader.section(value)?,
            _ => return Err("line type"),
        }
    }
    Ok(Description {
        session: reader.session,
        sections: reader.sections,
    })
}

#[derive(Default)]
struct Reader<'a> {
    session: Attributes<'a>,
    sections: Vec<MediaSection<'a>>,
    has_origin: bool,
    has_name: bool,
    has_time: bool,
    candidates: usize,
}

impl<'a> Reader<'a> {
    fn line(&mut self, kind: &str, value: &'a str) -> Result<(), &'static str> {
        match kind {
            "a" => self.attribute(value)?,
            "m" => self.section(value)?,
            "o" => self.has_origin = true,
            "s" => self.has_name = true,
            "t" => self.has_time = true,
            "v" | "i" | "u" | "e" | "p" | "c" | "b" | "r" | "z" | "k" => {}
            _ => return Err("line type"),
        }
        Ok(())
    }

    fn attribute(&mut self, value: &'a str) -> Result<(), &'static str> {
        if value.starts_with("candidate:") {
            self.candidates += 1;
            if self.candidates > CANDIDATES_MAX {
                return Err("too many candidates");
            }
        }
        match self.sections.last_mut() {
            Some(section) => section.attributes.push(value),
            None => self.session.push(value),
        }
        Ok(())
    }

    fn section(&mut self, value: &'a str) -> Result<(), &'static str> {
        if self.sections.len() >= SECTIONS_MAX {
            return Err("too many m-lines");
        }
        let mut words = value.split(' ');
        let (Some(media), Some(port), Some(protocol)) = (words.next(), words.next(), words.next())
        else {
            return Err("m-line");
        };
        let formats: Vec<_> = words.collect();
        if media.is_empty() || formats.is_empty() {
            return Err("m-line");
        }
        self.sections.push(MediaSection {
            media,
            port: port.parse().map_err(|_| "m-line port")?,
            protocol,
            formats,
            attributes: Attributes::default(),
        });
        Ok(())
    }

    fn finish(self) -> Result<Description<'a>, &'static str> {
        if !(self.has_origin && self.has_name && self.has_time) {
            return Err("session header");
        }
        if self.sections.is_empty() {
            return Err("no m-line");
        }
        Ok(Description {
            session: self.session,
            sections: self.sections,
        })
    }
}
