//! What both systems know from the start.

/// A currency: ISO code, name, symbol, value of one in US dollars.
pub(super) struct Currency {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) symbol: &'static str,
    pub(super) in_dollars: &'static str,
}

pub(super) const CURRENCIES: &[Currency] = &[
    Currency {
        code: "USD",
        name: "US Dollar",
        symbol: "$",
        in_dollars: "1",
    },
    Currency {
        code: "EUR",
        name: "Euro",
        symbol: "€",
        in_dollars: "1.0842",
    },
    Currency {
        code: "GBP",
        name: "Pound Sterling",
        symbol: "£",
        in_dollars: "1.2715",
    },
    Currency {
        code: "CHF",
        name: "Swiss Franc",
        symbol: "CHF",
        in_dollars: "1.1263",
    },
    Currency {
        code: "SEK",
        name: "Swedish Krona",
        symbol: "kr",
        in_dollars: "0.0958",
    },
    Currency {
        code: "CAD",
        name: "Canadian Dollar",
        symbol: "C$",
        in_dollars: "0.7321",
    },
    Currency {
        code: "JPY",
        name: "Yen",
        symbol: "¥",
        in_dollars: "0.0067",
    },
];

/// The code that F&O reserves for transactions without a currency; maps leave it out.
pub(super) const NO_CURRENCY: &str = "999";

/// A unit: symbol, description, class, system, decimals.
pub(super) struct Unit {
    pub(super) symbol: &'static str,
    pub(super) description: &'static str,
    pub(super) class: &'static str,
    pub(super) system: &'static str,
    pub(super) decimals: i32,
}

pub(super) const UNITS: &[Unit] = &[
    Unit {
        symbol: "ea",
        description: "Each",
        class: "Quantity",
        system: "None",
        decimals: 0,
    },
    Unit {
        symbol: "pcs",
        description: "Pieces",
        class: "Quantity",
        system: "None",
        decimals: 0,
    },
    Unit {
        symbol: "box",
        description: "Box",
        class: "Quantity",
        system: "None",
        decimals: 0,
    },
    Unit {
        symbol: "kg",
        description: "Kilogram",
        class: "Mass",
        system: "Metric",
        decimals: 3,
    },
    Unit {
        symbol: "g",
        description: "Gram",
        class: "Mass",
        system: "Metric",
        decimals: 1,
    },
    Unit {
        symbol: "lb",
        description: "Pound",
        class: "Mass",
        system: "Us",
        decimals: 3,
    },
    Unit {
        symbol: "m",
        description: "Metre",
        class: "Length",
        system: "Metric",
        decimals: 2,
    },
    Unit {
        symbol: "l",
        description: "Litre",
        class: "LiquidVolume",
        system: "Metric",
        decimals: 2,
    },
    Unit {
        symbol: "hr",
        description: "Hours",
        class: "Time",
        system: "None",
        decimals: 2,
    },
];

/// Customer groups of every company: id, description, terms of payment.
pub(super) const CUSTOMER_GROUPS: &[(&str, &str, &str)] = &[
    ("10", "Wholesale customers", "Net30"),
    ("20", "Major customers", "Net45"),
    ("30", "Retail customers", "Net10"),
    ("40", "Internet customers", "COD"),
    ("80", "Other customers", "Net30"),
];
