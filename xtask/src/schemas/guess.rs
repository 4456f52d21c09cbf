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

/// Names whose words mislead, with the type that they have.
const EXCEPTIONS: &[(&str, Guess)] = &[
    // Amounts of time in seconds since midnight.
    ("AvailableFromTime", Guess::Int),
    ("AvailableToTime", Guess::Int),
    // Counts that do not say so.
    ("PaymentFrequency", Guess::Int),
    ("PeriodsAfterDueDate", Guess::Int),
    ("LastFileNumber", Guess::Int),
    ("LastFileNumberToday", Guess::Int),
    ("AdditionalMonthsForCutoffDate", Guess::Int),
    ("DisplayOrder", Guess::Int),
    ("RedeemRanking", Guess::Int),
    ("ExpirationTimeValue", Guess::Int),
    ("VestingTimeValue", Guess::Int),
    ("CompanySize", Guess::Int),
    ("ModelYear", Guess::Int),
    ("Line", Guess::Int),
    ("MaximumNumberOfPositions", Guess::Int),
    // Amounts that do not say so.
    ("CreditLimit", Guess::Real),
    ("PercentOrAmountValue", Guess::Real),
    ("Factor", Guess::Real),
    ("InnerOffset", Guess::Real),
    ("OuterOffset", Guess::Real),
    // Moments.
    ("ValidFrom", Guess::DateTime),
    ("ValidTo", Guess::DateTime),
    ("Effective", Guess::DateTime),
    ("Expiration", Guess::DateTime),
    ("Activation", Guess::DateTime),
    ("Retirement", Guess::DateTime),
    ("DetailEffective", Guess::DateTime),
    ("DetailExpiration", Guess::DateTime),
    ("EmploymentStartDate", Guess::DateTime),
    ("EmploymentEndDate", Guess::DateTime),
    // Whole days.
    ("ActiveFrom", Guess::Date),
    ("ActiveTo", Guess::Date),
    ("WarrantyDateFromVend", Guess::Date),
    // Text that speaks of days.
    ("PaymentDay", Guess::Text(10)),
    ("ConsolidationDay", Guess::Int),
    ("DayOfMonth", Guess::Int),
    ("CutoffDayOfMonth", Guess::Int),
    ("PartyCountry", Guess::Text(10)),
    ("PartyState", Guess::Text(10)),
    ("CompanyChain", Guess::Text(20)),
    ("LegalEntityId", Guess::Text(4)),
    ("CreditRating", Guess::Text(10)),
];

/// What the name of a field suggests.
pub(crate) fn from_name(name: &str) -> Guess {
    if let Some((_, guess)) = EXCEPTIONS.iter().find(|(known, _)| *known == name) {
        return *guess;
    }
    let words = split_words(name);
    let first = words.first().copied().unwrap_or_default();
    let last = words.last().copied().unwrap_or_default();
    let has = |word: &str| words.contains(&word);

    if name.ends_with("RecId") || name.ends_with("RecordId") {
        return Guess::Int64;
    }
    if name.ends_with("LineNumber")
        || name.ends_with("DecimalPrecision")
        || name.ends_with("SequenceNumber")
        || name == "LineNum"
    {
        return Guess::Int;
    }
    if ["ValidFrom", "ValidTo", "UTCTime"]
        .iter()
        .any(|end| name.ends_with(end))
        || name.contains("DateTime")
    {
        return Guess::DateTime;
    }
    if matches!(
        first,
        "Is" | "Has" | "Are" | "Will" | "Can" | "Was" | "Should"
    ) {
        return Guess::YesNo;
    }
    if matches!(last, "Enabled" | "Allowed" | "Mandatory" | "Applicable") {
        return Guess::YesNo;
    }
    match last {
        "Memo" | "Notes" | "Comments" | "Note" | "Text" => return Guess::Memo,
        "Id" | "Code" | "Symbol" | "Account" | "Group" | "Policy" | "Key" => {
            return Guess::Text(20);
        }
        "Number" => return Guess::Text(20),
        "Currency" => return Guess::Text(3),
        "Name" | "Alias" | "As" | "Title" => return Guess::Text(100),
        "Description" => return Guess::Text(120),
        "Type" | "Method" | "Unit" | "Status" | "Category" | "Model" => return Guess::Text(60),
        "Value" if has("Display") || has("Dimension") => return Guess::Text(250),
        "Address" | "Email" | "URL" | "Url" | "Locator" | "Purpose" | "Roles" | "Street" => {
            return Guess::Text(255);
        }
        _ => {}
    }
    if last == "Date" || (has("Date") && matches!(last, "From" | "To")) {
        return Guess::Date;
    }
    if matches!(
        last,
        "Days" | "Months" | "Years" | "Year" | "Count" | "Priority" | "Employees"
    ) || name.starts_with("NumberOf")
        || (last == "Day" && first == "Person")
    {
        return Guess::Int;
    }
    if [
        "Amount",
        "Price",
        "Cost",
        "Quantity",
        "Percentage",
        "Percent",
        "Factor",
        "Weight",
        "Volume",
    ]
    .iter()
    .chain(&[
        "Height",
        "Width",
        "Depth",
        "Latitude",
        "Longitude",
        "Equivalent",
        "Multiples",
    ])
    .any(|word| has(word))
        || matches!(last, "Rate" | "Numerator" | "Denominator")
    {
        return Guess::Real;
    }
    Guess::Text(60)
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
        ] {
            assert_eq!(from_name(name), expected, "{name}");
        }
    }
}
