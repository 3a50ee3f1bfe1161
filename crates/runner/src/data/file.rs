//! Files of data: found by their place in the experiment, plain or gzip, never read without bound.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use gradus_core::Mistake;

use crate::memory::shortage_of;

/// No content is read beyond this, so that a gzip bomb ends here.
const MOST_BYTES: u64 = 4 << 30;
const WHOLE_BOUND: (u64, &str) = (MOST_BYTES, "it holds more than 4 GiB");

/// Where relative paths start, and what to say when a file is missing.
pub(super) struct Files<'a> {
    /// That of the experiment file.
    pub(super) folder: &'a Path,
    /// What `--data` names: paths into `data/` start there.
    pub(super) data_folder: Option<&'a Path>,
    /// Where to get the files, as the experiment says.
    pub(super) obtain: &'a str,
}

/// Content of a file, unpacked as it is read.
pub(super) struct Content {
    reader: Box<dyn Read>,
    /// Path as it was tried, quoted for messages.
    pub(super) name: String,
    /// The content holds no more bytes than this.
    pub(super) most_bytes: u64,
    /// Bytes read so far.
    pub(super) position: u64,
    /// The first byte that may not be read, and why.
    bound: (u64, &'static str),
}

impl Files<'_> {
    /// Opens the file that the experiment names at `place`.
    pub(super) fn open(&self, place: &str, path: &str) -> Result<Content, Mistake> {
        let in_data = in_data(path);
        let tried = match (self.data_folder, in_data) {
            (Some(folder), Some(below)) => folder.join(below),
            _ => self.folder.join(path),
        };
        let name = format!("{tried:?}");
        let refuse = |what: String, help: &str| Err(Mistake::new(place, what, help));
        // A pipe would be waited for when opened, so its kind is asked first.
        let size = match tried.metadata() {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            Ok(_) => return refuse(format!("{name} is not a regular file"), "the path of a file"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(self.missing(place, &name, in_data.is_some()));
            }
            Err(error) => return refuse(format!("{name}: {error}"), "a file that can be read"),
        };
        match File::open(&tried).and_then(|file| Content::new(file, size, &tried)) {
            Ok(content) => Ok(content),
            Err(error) => refuse(format!("{name}: {error}"), "a file that can be read"),
        }
    }

    fn missing(&self, place: &str, name: &str, is_in_data: bool) -> Mistake {
        let next = if is_in_data {
            "put it there, or name the folder that has it: see --data DIR"
        } else {
            "put it there, or correct the path, which starts from the folder of this file"
        };
        let help = match self.obtain {
            "" => next.to_string(),
            obtain => format!("{obtain}; {next}"),
        };
        Mistake::new(place, format!("{NO_FILE} {name}"), help)
    }
}

/// What the message of a missing file begins with.
const NO_FILE: &str = "there is no file";

/// Whether this is the mistake of a file of data that is not there.
pub(crate) fn is_missing(mistake: &Mistake) -> bool {
    mistake.place.starts_with("data.") && mistake.message.starts_with(NO_FILE)
}

/// The part of a path that `--data DIR` looks up in DIR: from `data/` on, where the path begins
/// with that, or leads up to it, as `../data/mnist` does.
fn in_data(path: &str) -> Option<&str> {
    let mut rest = path;
    while let Some(below) = rest.strip_prefix("../").or_else(|| rest.strip_prefix("./")) {
        rest = below;
    }
    rest.starts_with("data/").then_some(rest)
}

impl Content {
    fn new(file: File, size: u64, path: &Path) -> io::Result<Self> {
        let mut file = BufReader::new(file);
        let packed = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        let name = format!("{path:?}");
        Ok(if packed { Self::gzip(file, size, name) } else { Self::plain(file, size, name) })
    }

    fn plain(reader: impl Read + 'static, size: u64, name: String) -> Self {
        let most_bytes = size.min(MOST_BYTES);
        Self { reader: Box::new(reader), name, most_bytes, position: 0, bound: WHOLE_BOUND }
    }

    /// Content of gzip bytes; deflate makes at most 1032 bytes of one.
    pub(super) fn gzip(reader: impl Read + 'static, size: u64, name: String) -> Self {
        const MOST_EXPANSION: u64 = 1032;
        let reader = MultiGzDecoder::new(reader);
        Self::plain(reader, size.saturating_mul(MOST_EXPANSION), name)
    }

    /// Content of bytes that are compiled in.
    pub(super) fn embedded(bytes: &'static [u8], name: &str) -> Self {
        Self::plain(bytes, bytes.len() as u64, name.to_string())
    }

    /// Lets nothing be read from byte `position` on, because `reason`.
    pub(super) fn stop_at(&mut self, position: u64, reason: &'static str) {
        self.bound = if position < MOST_BYTES { (position, reason) } else { WHOLE_BOUND };
    }

    /// Up to `count` bytes, fewer only at the end; memory grows with what is there.
    pub(super) fn read_up_to(&mut self, count: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.take(count).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A mistake at `place` about this file.
    pub(super) fn mistake(&self, place: &str, what: &str, help: &str) -> Mistake {
        Mistake::new(place, format!("{}: {what}", self.name), help)
    }

    /// The mistake of content that cannot be read on.
    pub(super) fn unreadable(&self, place: &str, error: &io::Error) -> Mistake {
        let what = format!("byte {} of the content cannot be read: {error}", self.position);
        self.mistake(place, &what, "a whole file, plain or gzip, of at most 4 GiB unpacked")
    }
}

/// Bytes between two looks whether there is memory for what comes of them.
const LOOK: u64 = 16 << 20;

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (end, reason) = self.bound;
        let left = end.saturating_sub(self.position).min(buffer.len() as u64) as usize;
        if left == 0 && !buffer.is_empty() {
            // The very end of the content may coincide with the bound.
            return match self.reader.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(io::Error::other(reason)),
            };
        }
        let count = self.reader.read(&mut buffer[..left])?;
        let looks = self.position / LOOK;
        self.position += count as u64;
        if self.position / LOOK > looks {
            // What is kept of it is about as much, and moves to twice the room when it grows.
            if let Some(why) = shortage_of(2 * self.position) {
                return Err(io::Error::new(io::ErrorKind::OutOfMemory, why));
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bound: u64) -> Result<Vec<u8>, String> {
        let mut content = Content::embedded(b"0123456789", "digits");
        content.stop_at(bound, "too far");
        content.read_up_to(100).map_err(|error| error.to_string())
    }

    #[test]
    fn paths_into_data_follow_the_option_and_all_others_stay() {
        for (path, expected) in [
            ("data/mnist/a.gz", Some("data/mnist/a.gz")),
            ("../../data/a.csv", Some("data/a.csv")),
            ("./data/a.csv", Some("data/a.csv")),
            ("points.csv", None),
            ("database/a.csv", None),
            ("sub/data/a.csv", None),
            ("/data/a.csv", None),
        ] {
            assert_eq!(in_data(path), expected, "{path}");
        }
        let folder = tempfile::tempdir().expect("a folder can be made");
        let (own, other) = (folder.path().join("own"), folder.path().join("other"));
        for (folder, text) in [(&own, "own"), (&other, "other")] {
            std::fs::create_dir_all(folder.join("data")).expect("a folder can be made");
            std::fs::write(folder.join("data/a"), text).expect("a file can be written");
        }
        std::fs::write(own.join("beside"), "beside").expect("a file can be written");
        let read = |data_folder, path| {
            let files = Files { folder: &own, data_folder, obtain: "" };
            let content = files.open("here", path);
            content.map(|mut content| content.read_up_to(10).expect("the file is small"))
        };
        assert_eq!(read(None, "data/a"), Ok(b"own".to_vec()));
        assert_eq!(read(Some(&other), "data/a"), Ok(b"other".to_vec()));
        assert_eq!(read(Some(&other), "beside"), Ok(b"beside".to_vec()));
    }

    #[test]
    fn nothing_is_read_beyond_the_bound_and_the_end_may_coincide_with_it() {
        assert_eq!(read(9), Err("too far".to_string()));
        assert_eq!(read(10), Ok(b"0123456789".to_vec()));
        assert_eq!(read(u64::MAX), Ok(b"0123456789".to_vec()));
    }

    #[test]
    fn content_that_unpacks_to_more_than_the_bound_is_refused() {
        let mut content = Content::plain(io::repeat(0), 1 << 40, "endless".to_string());
        assert_eq!(content.most_bytes, MOST_BYTES);
        content.position = MOST_BYTES - 3;
        let error = content.read_up_to(4).expect_err("the fourth byte is one too many");
        assert_eq!(error.to_string(), "it holds more than 4 GiB");
    }
}
