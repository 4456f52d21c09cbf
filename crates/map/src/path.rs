//! The grammar of what stands on one side of a field: a column or a path through a lookup.
//!
//! - `creditlimit`: a column.
//! - `msdyn_paymentterm.msdyn_name`: the column of the record that a lookup points at; paths nest.
//! - `customerid.Account(accountnumber).Contact(msdyn_contactpersonid)`: another path for each
//!   table that the lookup can point at.

/// A column or a path through a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ColumnPath {
    /// A column of the table itself.
    Column(String),
    /// A path that begins at a lookup column.
    Lookup {
        /// The lookup column.
        column: String,
        /// Where the path goes on.
        beyond: Beyond,
    },
}

/// How a path goes on behind its lookup column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Beyond {
    /// The same way whatever table the lookup points at, as names joined by dots.
    Any(String),
    /// Another way for each table: type name and path.
    ByType(Vec<(String, String)>),
}

impl ColumnPath {
    /// Reads a path; the error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some((column, rest)) = text.split_once('.') else {
            name(text)?;
            return Ok(Self::Column(text.to_owned()));
        };
        name(column)?;
        let beyond = if rest.contains('(') {
            Beyond::ByType(by_type(rest)?)
        } else {
            rest.split('.').try_for_each(name)?;
            Beyond::Any(rest.to_owned())
        };
        Ok(Self::Lookup {
            column: column.to_owned(),
            beyond,
        })
    }
}

/// Reads `Account(accountnumber).Contact(msdyn_contactpersonid)`.
fn by_type(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut variants = Vec::new();
    let mut rest = text;
    loop {
        let Some((type_name, tail)) = rest.split_once('(') else {
            return Err(
                "each table of a branching path needs its column: `Account(accountnumber)`"
                    .to_owned(),
            );
        };
        name(type_name)?;
        let Some((path, tail)) = tail.split_once(')') else {
            return Err("a parenthesis is not closed".to_owned());
        };
        path.split('.').try_for_each(name)?;
        variants.push((type_name.to_owned(), path.to_owned()));
        match tail.strip_prefix('.') {
            Some(next) => rest = next,
            None if tail.is_empty() => return Ok(variants),
            None => return Err("a dot must stand between two branches".to_owned()),
        }
    }
}

fn name(text: &str) -> Result<(), String> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '-' | '@' | '#');
    if text.is_empty() {
        Err("a name is missing between the dots".to_owned())
    } else if let Some(odd) = text.chars().find(|c| !fits(*c)) {
        Err(format!("`{odd}` cannot stand in a column's name"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_paths_and_branches_are_told_apart() {
        assert_eq!(
            ColumnPath::parse("creditlimit"),
            Ok(ColumnPath::Column("creditlimit".to_owned()))
        );
        assert_eq!(
            ColumnPath::parse("a.b.c"),
            Ok(ColumnPath::Lookup {
                column: "a".to_owned(),
                beyond: Beyond::Any("b.c".to_owned())
            })
        );
        assert_eq!(
            ColumnPath::parse("customerid.Account(accountnumber).Contact(x.y)"),
            Ok(ColumnPath::Lookup {
                column: "customerid".to_owned(),
                beyond: Beyond::ByType(vec![
                    ("Account".to_owned(), "accountnumber".to_owned()),
                    ("Contact".to_owned(), "x.y".to_owned()),
                ])
            })
        );
    }

    #[test]
    fn a_broken_path_says_why() {
        for (path, why) in [
            ("a..b", "a name is missing between the dots"),
            ("a.", "a name is missing between the dots"),
            ("", "a name is missing between the dots"),
            ("a.B(c", "a parenthesis is not closed"),
            ("a.B(c)D(e)", "a dot must stand between two branches"),
            ("a b", "` ` cannot stand in a column's name"),
            (
                "a.B(c).d",
                "each table of a branching path needs its column: `Account(accountnumber)`",
            ),
        ] {
            assert_eq!(ColumnPath::parse(path).unwrap_err(), why, "{path}");
        }
    }
}
