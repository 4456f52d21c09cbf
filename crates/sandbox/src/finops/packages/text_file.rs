//! Data files of packages: comma-separated text, with quotes where a value needs them.

/// The first line and all others, each as its values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::finops) struct TextFile {
    /// The names of the columns.
    pub(in crate::finops) columns: Vec<String>,
    /// The rows; a short one lacks its last values.
    pub(in crate::finops) rows: Vec<Vec<String>>,
}

impl TextFile {
    /// Reads a file: UTF-8 or UTF-16 with a byte-order mark, or plain UTF-8.
    pub(in crate::finops) fn read(bytes: &[u8]) -> Self {
        let text = decode(bytes);
        let mut lines = Vec::new();
        let mut line = vec![String::new()];
        let mut quoted = false;
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let Some(value) = line.last_mut() else { break };
            match character {
                '"' if quoted && characters.peek() == Some(&'"') => {
                    characters.next();
                    value.push('"');
                }
                '"' if quoted => quoted = false,
                '"' if value.is_empty() => quoted = true,
                ',' if !quoted => line.push(String::new()),
                '\r' if !quoted && characters.peek() == Some(&'\n') => {}
                '\n' if !quoted => lines.push(std::mem::replace(&mut line, vec![String::new()])),
                other => value.push(other),
            }
        }
        lines.push(line);
        // An empty line holds no row; so does what follows the last line's end.
        lines.retain(|line| line.len() > 1 || !line[0].is_empty());
        let mut lines = lines.into_iter();
        Self {
            columns: lines.next().unwrap_or_default(),
            rows: lines.collect(),
        }
    }

    /// The file as it is put into a package: UTF-8 with a byte-order mark.
    pub(in crate::finops) fn write(&self) -> Vec<u8> {
        let mut text = String::from("\u{feff}");
        for line in std::iter::once(&self.columns).chain(&self.rows) {
            for (at, value) in line.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                if value.contains(['"', ',', '\n', '\r']) {
                    text.push('"');
                    text.push_str(&value.replace('"', "\"\""));
                    text.push('"');
                } else {
                    text.push_str(value);
                }
            }
            text.push_str("\r\n");
        }
        text.into_bytes()
    }
}

fn decode(bytes: &[u8]) -> String {
    let wide = |pair: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..]
            .chunks_exact(2)
            .map(|two| pair([two[0], two[1]]))
            .collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_commas_and_line_ends_are_values() {
        let file = TextFile::read(b"A,B\r\n\"x, \"\"y\"\"\",\"two\r\nlines\"\r\nz\r\n\r\n");
        assert_eq!(file.columns, ["A", "B"]);
        assert_eq!(
            file.rows,
            [vec!["x, \"y\"", "two\r\nlines"], vec!["z"]]
                .map(|row| row.into_iter().map(str::to_owned).collect::<Vec<_>>())
        );
    }

    #[test]
    fn wide_characters_are_known_by_their_mark() {
        let mut bytes = vec![0xff, 0xfe];
        bytes.extend("Ä,B\n1,2".encode_utf16().flat_map(u16::to_le_bytes));
        let file = TextFile::read(&bytes);
        assert_eq!(file.columns, ["Ä", "B"]);
        assert_eq!(file.rows.len(), 1);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            rows in prop::collection::vec(prop::collection::vec("[^\\r]{0,9}", 3), 0..5)
        ) {
            let columns = ["A", "B", "C"].map(String::from).to_vec();
            let file = TextFile { columns, rows };
            prop_assert_eq!(TextFile::read(&file.write()), file);
        }

        #[test]
        fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            TextFile::read(&bytes);
        }
    }
}
