//! Types that are not published, guessed from the name of an F&O field.

use super::names::split_words;

/// What a name suggests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guess {
    /// One line of text of at most so many characters.
    Text(u32),
    /// Several lines of text.
    Memo,
    Int,
    Int64,
    Real,
    Date,
    DateTime,
    YesNo,
}

impl Guess {
    fn is_text(self) -> bool {
        matches!(self, Self::Text(_) | Self::Memo)
    }
}

/// Names whose words mislead or say nothing, with the type that they have.
const EXCEPTIONS: &[(&str, Guess)] = &[
    // Counts that do not say so.
    ("PaymentFrequency", Guess::Int),
    ("LastFileNumber", Guess::Int),
    ("LastFileNumberToday", Guess::Int),
    ("CompanySize", Guess::Int),
    ("Line", Guess::Int),
    // Employments begin and end at a moment.
    ("EmploymentStartDate", Guess::DateTime),
    ("EmploymentEndDate", Guess::DateTime),
    // Whole days, though they are named as periods of validity are.
    ("ActiveFrom", Guess::Date),
    ("ActiveTo", Guess::Date),
    // Text that speaks of days and values.
    ("PaymentDay", Guess::Text(10)),
    ("ChargeBearerValue", Guess::Text(60)),
    ("ConsolidationDay", Guess::Int),
    ("PartyCountry", Guess::Text(10)),
    ("PartyState", Guess::Text(10)),
    ("CompanyChain", Guess::Text(20)),
    ("LegalEntityId", Guess::Text(4)),
    ("CreditRating", Guess::Text(10)),
];

/// What words say when they stand where a name's subject stands: at its end.
const SUBJECTS: &[(Guess, &[&str])] = &[
    (
        Guess::YesNo,
        &["Enabled", "Allowed", "Mandatory", "Applicable"],
    ),
    (Guess::Memo, &["Memo", "Notes", "Comments", "Note", "Text"]),
    (
        Guess::Text(20),
        &[
            "Id", "Code", "Symbol", "Account", "Group", "Policy", "Key", "Number",
        ],
    ),
    (Guess::Text(3), &["Currency"]),
    (Guess::Text(100), &["Name", "Alias", "As", "Title"]),
    (Guess::Text(120), &["Description"]),
    (
        Guess::Text(60),
        &[
            "Type", "Method", "Unit", "Status", "Category", "Model", "Source",
        ],
    ),
    (
        Guess::Text(255),
        &[
            "Address", "Email", "URL", "Url", "Locator", "Purpose", "Roles", "Street",
        ],
    ),
    (Guess::Date, &["Date"]),
    // Since when or until when something holds.
    (
        Guess::DateTime,
        &[
            "Effective",
            "Expiration",
            "Activation",
            "Retirement",
            "Available",
            "Start",
            "End",
        ],
    ),
    // Whole numbers: counts, ranks, decimal places, and a time of day in seconds since midnight.
    (
        Guess::Int,
        &[
            "Days",
            "Months",
            "Years",
            "Year",
            "Periods",
            "Time",
            "Count",
            "Priority",
            "Rank",
            "Ranking",
            "Precision",
            "Employees",
        ],
    ),
    (Guess::Int64, &["Points"]),
    // What is measured or computed.
    (
        Guess::Real,
        &[
            "Rate",
            "Numerator",
            "Denominator",
            "Limit",
            "Max",
            "Offset",
            "Distance",
            "Seconds",
            "Hours",
            "Buffer",
        ],
    ),
];

/// Words that make a name a measure wherever they stand.
const MEASURES: &[&str] = &[
    "Amount",
    "Price",
    "Cost",
    "Quantity",
    "Percentage",
    "Percent",
    "Factor",
    "Weight",
    "Volume",
    "Height",
    "Width",
    "Depth",
    "Latitude",
    "Longitude",
    "Equivalent",
    "Multiples",
];

/// Words behind which a name tells only what its subject belongs to: `StartDateOfBusiness`.
const PREPOSITIONS: &[&str] = &["Of", "For", "After", "Above"];

/// What the name of a field suggests; short text where it says nothing.
pub(crate) fn from_name(name: &str) -> Guess {
    by_words(name).unwrap_or(SILENT)
}

/// What the name of a field suggests or, where it says nothing, the number or the date that the
/// name of the column it is mapped to speaks of: `ReceiptDateRequested` is a `RequestedReceiptDate`.
pub(crate) fn from_names(field: &str, column: &str) -> Guess {
    by_words(field)
        .or_else(|| by_words(column).filter(|guess| !guess.is_text()))
        .unwrap_or(SILENT)
}

/// The type of a field whose name says nothing.
const SILENT: Guess = Guess::Text(60);

/// The type that a name's words tell, if they do.
fn by_words(name: &str) -> Option<Guess> {
    if let Some((_, guess)) = EXCEPTIONS.iter().find(|(known, _)| *known == name) {
        return Some(*guess);
    }
    let words = split_words(name);
    let first = words.first().copied().unwrap_or_default();
    if name.ends_with("RecId") || name.ends_with("RecordId") {
        return Some(Guess::Int64);
    }
    if ["LineNumber", "SequenceNumber", "LineNum", "DisplayOrder"]
        .iter()
        .chain(&["DayOfMonth", "BOMLevel"])
        .any(|end| name.ends_with(end))
    {
        return Some(Guess::Int);
    }
    if ["ValidFrom", "ValidTo", "UTCTime"]
        .iter()
        .any(|end| name.ends_with(end))
        || name.contains("DateTime")
    {
        return Some(Guess::DateTime);
    }
    if matches!(
        first,
        "Is" | "Has" | "Are" | "Will" | "Can" | "Was" | "Should"
    ) {
        return Some(Guess::YesNo);
    }
    if name.contains("NumberOf") {
        return Some(Guess::Int);
    }
    let whole = by_subject(&words);
    if whole.is_some_and(Guess::is_text) {
        return whole;
    }
    words
        .iter()
        .position(|word| PREPOSITIONS.contains(word))
        .and_then(|end| by_subject(&words[..end]))
        .filter(|guess| !guess.is_text())
        .or(whole)
}

/// The type that the last word tells, or a measure among the others.
fn by_subject(words: &[&str]) -> Option<Guess> {
    let first = words.first().copied().unwrap_or_default();
    let last = words.last().copied().unwrap_or_default();
    let has = |word: &str| words.contains(&word);
    if last == "Value" {
        // The text of a dimension, a number of units of time, or an amount.
        return Some(if has("Display") || has("Dimension") {
            Guess::Text(250)
        } else if has("Time") {
            Guess::Int
        } else {
            Guess::Real
        });
    }
    if has("Date") && matches!(last, "From" | "To" | "Vend") {
        return Some(Guess::Date);
    }
    let people = last == "Amount" && has("Employee");
    if people || (last == "Day" && first == "Person") {
        return Some(Guess::Int);
    }
    // The amount that is rounded to, not the way of rounding.
    if last == "Off" && has("Round") {
        return Some(Guess::Real);
    }
    SUBJECTS
        .iter()
        .find(|(_, subjects)| subjects.contains(&last))
        .map(|(guess, _)| *guess)
        .or_else(|| MEASURES.iter().any(|word| has(word)).then_some(Guess::Real))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_suggest_types() {
        for (name, expected) in [
            ("IsOneTimeCustomer", Guess::YesNo),
            ("CreditLimit", Guess::Real),
            ("SalesPrice", Guess::Real),
            ("ExchangeRateTypeName", Guess::Text(100)),
            ("NumberOfDays", Guess::Int),
            ("LineNumber", Guess::Int),
            ("AddressRecordId", Guess::Int64),
            ("InvoiceDate", Guess::Date),
            ("AddressValidFrom", Guess::DateTime),
            ("PaymentDay", Guess::Text(10)),
            ("SalesMemo", Guess::Memo),
            ("SalesPricingPrecision", Guess::Int),
            ("MileageDistance", Guess::Real),
            ("EstimatedProcessingTimeSeconds", Guess::Real),
            ("VestingTimeValue", Guess::Int),
            ("ReplacementValue", Guess::Real),
            ("DimensionDisplayValue", Guess::Text(250)),
            ("CurrencyCode", Guess::Text(20)),
        ] {
            assert_eq!(from_name(name), expected, "{name}");
        }
    }

    #[test]
    fn the_subject_of_a_name_is_what_counts() {
        for (name, expected) in [
            ("AvailableForAssignment", Guess::DateTime),
            ("StartDateOfBusiness", Guess::Date),
            ("PeriodsAfterDueDate", Guess::Int),
            ("AdditionalMonthsForCutoffDate", Guess::Int),
            ("NumberOfMonths", Guess::Int),
            ("CutoffDayOfMonth", Guess::Int),
            ("LineOfBusinessId", Guess::Text(20)),
            ("OrganizationEmployeeAmount", Guess::Int),
            ("EmployeeResponsibleNumber", Guess::Text(20)),
        ] {
            assert_eq!(from_name(name), expected, "{name}");
        }
    }

    #[test]
    fn a_silent_name_takes_the_word_of_its_column_for_numbers_and_dates() {
        for (field, column, expected) in [
            ("ReceiptDateRequested", "RequestedReceiptDate", Guess::Date),
            ("AttentionInformation", "Note", SILENT),
            ("SalesPrice", "EffectiveDate", Guess::Real),
        ] {
            assert_eq!(from_names(field, column), expected, "{field}, {column}");
        }
    }
}
