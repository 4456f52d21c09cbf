//! The functions that the protocol itself defines, with the number of arguments each takes.

/// A function of the protocol (not of a service).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the function that it is named after")]
pub enum Function {
    Contains,
    StartsWith,
    EndsWith,
    Length,
    IndexOf,
    Substring,
    ToLower,
    ToUpper,
    Trim,
    Concat,
    MatchesPattern,
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    FractionalSeconds,
    Date,
    Time,
    TotalOffsetMinutes,
    TotalSeconds,
    MinDateTime,
    MaxDateTime,
    Now,
    Round,
    Floor,
    Ceiling,
    HasSubset,
    HasSubsequence,
    GeoDistance,
    GeoLength,
    GeoIntersects,
}

impl Function {
    /// Every function with its name and the least and the greatest number of arguments.
    const TABLE: [(Self, &'static str, usize, usize); 33] = [
        (Self::Contains, "contains", 2, 2),
        (Self::StartsWith, "startswith", 2, 2),
        (Self::EndsWith, "endswith", 2, 2),
        (Self::Length, "length", 1, 1),
        (Self::IndexOf, "indexof", 2, 2),
        (Self::Substring, "substring", 2, 3),
        (Self::ToLower, "tolower", 1, 1),
        (Self::ToUpper, "toupper", 1, 1),
        (Self::Trim, "trim", 1, 1),
        (Self::Concat, "concat", 2, 2),
        (Self::MatchesPattern, "matchespattern", 2, 2),
        (Self::Year, "year", 1, 1),
        (Self::Month, "month", 1, 1),
        (Self::Day, "day", 1, 1),
        (Self::Hour, "hour", 1, 1),
        (Self::Minute, "minute", 1, 1),
        (Self::Second, "second", 1, 1),
        (Self::FractionalSeconds, "fractionalseconds", 1, 1),
        (Self::Date, "date", 1, 1),
        (Self::Time, "time", 1, 1),
        (Self::TotalOffsetMinutes, "totaloffsetminutes", 1, 1),
        (Self::TotalSeconds, "totalseconds", 1, 1),
        (Self::MinDateTime, "mindatetime", 0, 0),
        (Self::MaxDateTime, "maxdatetime", 0, 0),
        (Self::Now, "now", 0, 0),
        (Self::Round, "round", 1, 1),
        (Self::Floor, "floor", 1, 1),
        (Self::Ceiling, "ceiling", 1, 1),
        (Self::HasSubset, "hassubset", 2, 2),
        (Self::HasSubsequence, "hassubsequence", 2, 2),
        (Self::GeoDistance, "geo.distance", 2, 2),
        (Self::GeoLength, "geo.length", 1, 1),
        (Self::GeoIntersects, "geo.intersects", 2, 2),
    ];

    /// Finds a function by its name, whatever its letter case.
    pub fn from_name(name: &str) -> Option<Self> {
        let found = Self::TABLE
            .iter()
            .find(|(_, known, ..)| known.eq_ignore_ascii_case(name));
        found.map(|(function, ..)| *function)
    }

    /// The name in a URL.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The least and the greatest number of arguments.
    pub fn arity(self) -> (usize, usize) {
        let (_, _, least, most) = self.row();
        (least, most)
    }

    fn row(self) -> (Self, &'static str, usize, usize) {
        let found = Self::TABLE
            .into_iter()
            .find(|(function, ..)| *function == self);
        found.unwrap_or((self, "", 0, 0))
    }
}
