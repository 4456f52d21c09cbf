//! The rows of Finance & Operations, each entity after those that it refers to.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::base::{CURRENCIES, CUSTOMER_GROUPS, NO_CURRENCY, UNITS};
use super::names::{organization, person, pick, product};
use super::{SeedPlan, Seeded};
use crate::finops::{Company, FinOps, FinOpsError};

type Row = Map<String, Value>;

const PAYMENT_DAYS: &[&str] = &["", "", "", "Day15", "Friday"];
const PAYMENT_SCHEDULES: &[&str] = &["", "", "", "", "3months", "Thirds"];
const PAYMENT_TERMS: &[&str] = &["Net10", "Net30", "Net30", "Net45", "Net60", "COD", "CM15"];
const CUSTOMER_METHODS: &[&str] = &["CHECK", "ELECTRONIC", "ELECTRONIC", "CREDIT"];
const VENDOR_METHODS: &[&str] = &["CHECK", "ELECTRONIC", "ELECTRONIC"];
const TAX_GROUPS: &[&str] = &["DOMESTIC", "EXPORT", "EXEMPT"];
const COUNTRIES: &[(&str, &str)] = &[
    ("USA", "WA"),
    ("USA", "CA"),
    ("USA", "NY"),
    ("FRA", "IDF"),
    ("DEU", "BY"),
    ("GBR", ""),
];

/// A run that makes rows.
struct Filler<'a> {
    target: &'a FinOps,
    plan: &'a SeedPlan,
    random: StdRng,
    seeded: Seeded,
    parties: Vec<Row>,
}

/// Fills an empty stand-in.
pub(super) fn fill(target: &FinOps, plan: &SeedPlan) -> Result<Seeded, FinOpsError> {
    let mut filler = Filler {
        target,
        plan,
        random: StdRng::seed_from_u64(plan.seed),
        seeded: Seeded::default(),
        parties: Vec::new(),
    };
    filler.shared()?;
    let companies: Vec<Company> = target.companies().to_vec();
    for company in &companies {
        let (customers, vendors, products) = if plan.companies.contains(&company.id) {
            (plan.customers, plan.vendors, plan.products)
        } else if plan.outside.contains(&company.id) {
            (plan.customers_outside, 2, 5)
        } else {
            continue;
        };
        filler.references(company)?;
        filler.products(company, products)?;
        let vendor_accounts = filler.vendors(company, vendors)?;
        filler.customers(company, customers, &vendor_accounts)?;
    }
    Ok(filler.seeded)
}

impl Filler<'_> {
    fn put(&mut self, collection: &str, rows: Vec<Row>) -> Result<(), FinOpsError> {
        let count = self.target.insert(collection, rows)?;
        self.seeded.rows.push((collection.to_owned(), count));
        Ok(())
    }

    /// What has no company.
    fn shared(&mut self) -> Result<(), FinOpsError> {
        let companies = self
            .target
            .companies()
            .iter()
            .zip(1..)
            .map(|(company, number)| {
                row(json!({
                    "LegalEntityId": company.id.to_uppercase(),
                    "Name": company.name,
                    "NameAlias": company.id,
                    "LanguageId": company.language,
                    "PartyType": "LegalEntity",
                    "PartyNumber": format!("LE{number:07}"),
                    "CompanyName": company.name,
                }))
            });
        self.put("LegalEntities", companies.collect())?;

        let none = row(json!({"CurrencyCode": NO_CURRENCY, "Name": "No currency", "Symbol": ""}));
        let currencies = CURRENCIES.iter().map(|currency| {
            row(json!({
                "CurrencyCode": currency.code,
                "Name": currency.name,
                "Symbol": currency.symbol,
            }))
        });
        self.put("Currencies", currencies.chain([none]).collect())?;

        let units = UNITS.iter().map(|unit| {
            row(json!({
                "UnitSymbol": unit.symbol,
                "UnitDescription": unit.description,
                "UnitClass": unit.class,
                "SystemOfUnits": unit.system,
                "DecimalPrecision": unit.decimals,
                "IsBaseUnit": yes(matches!(unit.symbol, "ea" | "kg" | "m" | "l" | "hr")),
                "IsSystemUnit": yes(unit.symbol == "ea"),
            }))
        });
        self.put("UnitsOfMeasure", units.collect())?;
        self.exchange_rates()
    }

    fn exchange_rates(&mut self) -> Result<(), FinOpsError> {
        let types = [
            ("Default", "Default exchange rates"),
            ("Budget", "Budget exchange rates"),
        ];
        let rows = types.map(|(name, text)| row(json!({"Name": name, "Description": text})));
        self.put("ExchangeRateTypes", rows.to_vec())?;
        let (mut pairs, mut rates) = (Vec::new(), Vec::new());
        for (name, _) in types {
            for currency in CURRENCIES.iter().filter(|currency| currency.code != "USD") {
                // Yen are quoted by the hundred.
                let hundreds = currency.code == "JPY";
                pairs.push(row(json!({
                    "ExchangeRateTypeName": name,
                    "FromCurrencyCode": currency.code,
                    "ToCurrencyCode": "USD",
                    "ExchangeRateDisplayFactor": if hundreds { "Hundred" } else { "One" },
                })));
                let today: Decimal = currency.in_dollars.parse().unwrap_or_default();
                for (month, valid_to) in [
                    ("01", "2026-06-30T00:00:00Z"),
                    ("07", "2026-12-31T00:00:00Z"),
                ] {
                    let drift = Decimal::new(self.random.random_range(-200..=200), 4);
                    let rate = (today * (Decimal::ONE + drift)).round_dp(6).normalize();
                    rates.push(row(json!({
                        "ExchangeRateTypeName": name,
                        "FromCurrencyCode": currency.code,
                        "ToCurrencyCode": "USD",
                        "ValidFrom": format!("2026-{month}-01T00:00:00Z"),
                        "ValidTo": valid_to,
                        "Rate": number_of(rate),
                    })));
                }
            }
        }
        self.put("ExchangeRateCurrencyPairs", pairs)?;
        self.put("CDSExchangeRates", rates)
    }

    /// What customers and vendors of a company refer to.
    fn references(&mut self, company: &Company) -> Result<(), FinOpsError> {
        let id = company.id.as_str();
        let in_company = |rows: Vec<Value>| -> Vec<Row> {
            rows.into_iter()
                .map(|value| {
                    let mut row = row(value);
                    row.insert("dataAreaId".to_owned(), json!(id));
                    row
                })
                .collect()
        };
        self.put(
            "PaymentDaysCDS",
            in_company(vec![
                json!({"Name": "Day15", "Description": "The 15th of the month"}),
                json!({"Name": "Friday", "Description": "Every Friday"}),
            ]),
        )?;
        self.put("PaymentDayLinesCDSV2", in_company(vec![
            json!({"Name": "Day15", "LineNumber": 1, "Frequency": "Month", "DayOfMonth": 15}),
            json!({"Name": "Friday", "LineNumber": 1, "Frequency": "Week", "DayOfWeek": "Friday"}),
        ]))?;
        self.put(
            "PaymentSchedules",
            in_company(vec![
                json!({"Name": "3months", "Description": "Three monthly payments",
                   "AllocationMethod": "NumOfPayment", "PaymentFrequencyUnits": "Month",
                   "PaymentFrequency": 1, "NumberOfPayments": 3, "MinimumPaymentAmount": 50}),
                json!({"Name": "Thirds", "Description": "By agreed parts",
                   "AllocationMethod": "Specified", "PaymentFrequencyUnits": "Month",
                   "PaymentFrequency": 1, "SalesTaxAllocationMethod": "FirstRate",
                   "Notes": "Agreed for orders of more than 10,000."}),
            ]),
        )?;
        let line = |number: i32, percent: &str| {
            json!({"PaymentScheduleName": "Thirds", "LineNumber": number,
                   "PercentOrAmount": "Percent", "PeriodsAfterDueDate": number,
                   "PercentOrAmountValue": number_text(percent)})
        };
        self.put(
            "PaymentScheduleLines",
            in_company(vec![line(1, "33.33"), line(2, "33.33"), line(3, "33.34")]),
        )?;
        let net = |days: i32, standard: bool| {
            json!({"Name": format!("Net{days}"), "Description": format!("Net {days} days"),
                   "PaymentMethodType": "Net", "NumberOfDays": days,
                   "IsDefaultPaymentTerm": yes(standard)})
        };
        self.put(
            "PaymentTerms",
            in_company(vec![
                net(10, false),
                net(30, true),
                net(45, false),
                net(60, false),
                json!({"Name": "COD", "Description": "Cash on delivery", "PaymentMethodType": "Cod",
                   "IsCashPayment": "Yes"}),
                json!({"Name": "CM15", "Description": "Current month, paid on the 15th",
                   "PaymentMethodType": "CurrentMth", "NumberOfMonths": 1,
                   "PaymentDayName": "Day15"}),
                json!({"Name": "Parts", "Description": "In three parts", "PaymentMethodType": "Net",
                   "NumberOfDays": 30, "PaymentScheduleName": "Thirds"}),
            ]),
        )?;
        if self.plan.tax_groups {
            self.put(
                "SalesTaxGroups",
                in_company(vec![
                    json!({"TaxGroupCode": "DOMESTIC", "Description": "Domestic sales"}),
                    json!({"TaxGroupCode": "EXPORT", "Description": "Sales abroad"}),
                    json!({"TaxGroupCode": "EXEMPT", "Description": "Exempt from sales tax"}),
                ]),
            )?;
        }
        self.put("CustomerGroups", in_company(
            CUSTOMER_GROUPS
                .iter()
                .map(|(group, text, terms)| {
                    json!({"CustomerGroupId": group, "Description": text, "PaymentTermId": terms,
                           "IsSalesTaxIncludedInPrice": yes(*group == "30")})
                })
                .collect(),
        ))?;
        self.put(
            "CustomerPaymentMethods",
            in_company(vec![
                json!({"Name": "CHECK", "Description": "Check", "PaymentType": "Check",
                   "AccountType": "Bank", "SumByPeriod": "Invoice"}),
                json!({"Name": "ELECTRONIC", "Description": "Bank transfer",
                   "PaymentType": "ElectronicPayment", "AccountType": "Bank",
                   "SumByPeriod": "TransDate", "IsSEPA": yes(company.currency == "EUR")}),
                json!({"Name": "CREDIT", "Description": "Credit card", "PaymentType": "CreditCard",
                   "AccountType": "Ledger", "DiscountGracePeriodDays": 3}),
            ]),
        )?;
        self.put(
            "VendorGroups",
            in_company(vec![
                json!({"VendorGroupId": "10", "Description": "Trade vendors",
                   "DefaultPaymentTermName": "Net30"}),
                json!({"VendorGroupId": "20", "Description": "Service vendors",
                   "DefaultPaymentTermName": "Net10"}),
            ]),
        )?;
        self.put(
            "VendorPaymentMethods",
            in_company(vec![
                json!({"Name": "CHECK", "Description": "Check", "PaymentType": "Check",
                   "AccountType": "Bank"}),
                json!({"Name": "ELECTRONIC", "Description": "Bank transfer",
                   "PaymentType": "ElectronicPayment", "AccountType": "Bank"}),
            ]),
        )
    }

    fn products(&mut self, company: &Company, count: usize) -> Result<(), FinOpsError> {
        // All companies release the same shared products.
        let known = self.target.count("AllProducts")?;
        let mut shared = Vec::new();
        for number in known + 1..=count {
            let name = product(&mut self.random);
            shared.push(row(json!({
                "ProductNumber": format!("P{number:05}"),
                "ProductName": name,
                "ProductSearchName": name,
            })));
        }
        if !shared.is_empty() {
            self.put("AllProducts", shared)?;
        }
        let mut released = Vec::new();
        for number in 1..=count {
            let name = product(&mut self.random);
            let cents = self.random.random_range(199..250_000);
            let cost = Decimal::new(cents * self.random.random_range(40..80), 4);
            released.push(row(json!({
                "dataAreaId": company.id,
                "ProductNumber": format!("P{number:05}"),
                "ItemNumber": format!("I{number:05}"),
                "ProductName": name,
                "ProductDescription": format!("{name}, as sold by {}", company.id),
                "ProductType": if number % 10 == 0 { "Service" } else { "Item" },
                "IsStockedProduct": yes(number % 10 != 0),
                "SalesUnitSymbol": if number % 10 == 0 { "hr" } else { "ea" },
                "SalesUnitDecimalPrecision": if number % 10 == 0 { 2 } else { 0 },
                "SalesPrice": number_of(Decimal::new(cents, 2)),
                "UnitCost": number_of(cost.round_dp(2)),
                "CurrencyCode": company.currency,
                "FieldServiceProductType": if number % 10 == 0 { "Service" } else { "Inventory" },
            })));
        }
        self.put("CDSReleasedDistinctProducts", released)
    }

    /// Makes the party of a customer or vendor and gives its number, blank without parties.
    fn party(&mut self, kind: &str, organization: &str, person: (&str, &str)) -> String {
        if !self.plan.parties {
            return String::new();
        }
        let known = self.seeded.of("CDSParties") + self.parties.len();
        let number = format!("{:09}", known + 1);
        let mut party = row(json!({
            "PartyNumber": number,
            "PartyType": kind,
            "LanguageId": "en-us",
        }));
        if kind == "Person" {
            party.insert("PersonFirstName".to_owned(), json!(person.0));
            party.insert("PersonLastName".to_owned(), json!(person.1));
        } else {
            party.insert("OrganizationName".to_owned(), json!(organization));
        }
        self.parties.push(party);
        number
    }

    fn put_parties(&mut self) -> Result<(), FinOpsError> {
        let parties = std::mem::take(&mut self.parties);
        if parties.is_empty() {
            return Ok(());
        }
        self.put("CDSParties", parties)
    }

    fn tax_group(&mut self) -> &'static str {
        if self.plan.tax_groups {
            pick(&mut self.random, TAX_GROUPS)
        } else {
            ""
        }
    }

    fn vendors(&mut self, company: &Company, count: usize) -> Result<Vec<String>, FinOpsError> {
        let prefix = company.id.to_uppercase();
        let mut accounts = Vec::new();
        let mut rows = Vec::new();
        for number in 1..=count {
            let account = format!("{prefix}-V{number:04}");
            let is_person = number % 8 == 0;
            let (name, who) = (organization(&mut self.random), person(&mut self.random));
            let kind = if is_person { "Person" } else { "Organization" };
            let mut vendor = row(json!({
                "dataAreaId": company.id,
                "VendorAccountNumber": account,
                "VendorPartyType": kind,
                "VendorPartyNumber": self.party(kind, &name, who),
                "VendorGroupId": if number % 4 == 0 { "20" } else { "10" },
                "CurrencyCode": self.currency(company),
                "DefaultPaymentTermsName": pick(&mut self.random, PAYMENT_TERMS),
                "DefaultVendorPaymentMethodName": pick(&mut self.random, VENDOR_METHODS),
                "DefaultPaymentDayName": pick(&mut self.random, PAYMENT_DAYS),
                "DefaultPaymentScheduleName": pick(&mut self.random, PAYMENT_SCHEDULES),
                "SalesTaxGroupCode": self.tax_group(),
                "CreditLimit": self.random.random_range(0..50) * 1000,
                "IsVendorLocallyOwned": yes(self.random.random_ratio(1, 4)),
                "IsOneTimeVendor": yes(self.random.random_ratio(1, 20)),
                "OurAccountNumber": format!("{:06}", self.random.random_range(0..1_000_000)),
            }));
            if is_person {
                vendor.insert("PersonFirstName".to_owned(), json!(who.0));
                vendor.insert("PersonLastName".to_owned(), json!(who.1));
            } else {
                vendor.insert("VendorOrganizationName".to_owned(), json!(name));
            }
            rows.push(vendor);
            accounts.push(account);
        }
        self.put_parties()?;
        self.put("VendorsV2", rows)?;
        Ok(accounts)
    }

    fn customers(
        &mut self,
        company: &Company,
        count: usize,
        vendors: &[String],
    ) -> Result<(), FinOpsError> {
        let prefix = company.id.to_uppercase();
        let mut organizations: Vec<String> = Vec::new();
        let mut rows = Vec::with_capacity(count);
        for number in 1..=count {
            let account = format!("{prefix}-{number:06}");
            let is_person = number % 3 == 0;
            let (name, who) = (organization(&mut self.random), person(&mut self.random));
            let kind = if is_person { "Person" } else { "Organization" };
            let (country, state) = pick(&mut self.random, COUNTRIES);
            let (group, _, _) = pick(&mut self.random, CUSTOMER_GROUPS);
            let mut customer = row(json!({
                "dataAreaId": company.id,
                "CustomerAccount": account,
                "PartyType": kind,
                "PartyNumber": self.party(kind, &name, who),
                "CustomerGroupId": group,
                "SalesCurrencyCode": self.currency(company),
                "LanguageId": company.language,
                "PartyCountry": country,
                "PartyState": state,
                "PaymentTerms": pick(&mut self.random, PAYMENT_TERMS),
                "PaymentMethod": pick(&mut self.random, CUSTOMER_METHODS),
                "PaymentDay": pick(&mut self.random, PAYMENT_DAYS),
                "PaymentSchedule": pick(&mut self.random, PAYMENT_SCHEDULES),
                "SalesTaxGroup": self.tax_group(),
                "CreditLimit": number_of(Decimal::new(self.random.random_range(0..2000) * 5000, 2)),
                "CreditLimitIsMandatory": yes(self.random.random_ratio(1, 5)),
                "CreditRating": pick(&mut self.random, &["", "Good", "Good", "Excellent", "Poor"]),
                "OnHoldStatus": pick(&mut self.random, &["No", "No", "No", "No", "Invoice", "All"]),
                "IsOneTimeCustomer": yes(self.random.random_ratio(1, 25)),
                "IdentificationNumber": format!("{:08}", self.random.random_range(0..100_000_000)),
            }));
            if self.random.random_ratio(1, 4) {
                let memo = format!(
                    "Met at the {} fair.",
                    pick(&mut self.random, &["spring", "autumn"])
                );
                customer.insert("SalesMemo".to_owned(), json!(memo));
            }
            if is_person {
                customer.insert("PersonFirstName".to_owned(), json!(who.0));
                customer.insert("PersonLastName".to_owned(), json!(who.1));
            } else {
                customer.insert("OrganizationName".to_owned(), json!(name));
                // Some are invoiced through another organization.
                if self.random.random_ratio(1, 20) && !organizations.is_empty() {
                    let index = self.random.random_range(0..organizations.len());
                    customer.insert("InvoiceAccount".to_owned(), json!(organizations[index]));
                }
                if self.random.random_ratio(1, 50) && !vendors.is_empty() {
                    let index = self.random.random_range(0..vendors.len());
                    customer.insert("VendorAccount".to_owned(), json!(vendors[index]));
                }
                organizations.push(account);
            }
            rows.push(customer);
        }
        self.put_parties()?;
        self.put("CustomersV3", rows)
    }

    /// Mostly the company's own currency.
    fn currency(&mut self, company: &Company) -> String {
        if self.random.random_ratio(1, 6) {
            let index = self.random.random_range(0..CURRENCIES.len());
            return CURRENCIES[index].code.to_owned();
        }
        company.currency.clone()
    }
}

fn row(value: Value) -> Row {
    match value {
        Value::Object(row) => row,
        _ => Row::new(),
    }
}

fn yes(truth: bool) -> &'static str {
    if truth { "Yes" } else { "No" }
}

/// An exact decimal as JSON.
fn number_of(value: Decimal) -> Value {
    number_text(&value.normalize().to_string())
}

fn number_text(text: &str) -> Value {
    text.parse().map_or(Value::Null, Value::Number)
}
