//! Writes the demo's project: a real `duet.yaml`, secrets in files, and the maps to look at.

use crate::failure::Failure;
use crate::solutions;
use crate::stand_ins::{DUET, TENANT, unwritable};
use std::fs;
use std::path::Path;

/// The maps of the demo: those whose reference data is seeded.
const MAPS: [&str; 28] = [
    "application-core/legal-entities.cdm_companies",
    "application-core/currencies.transactioncurrencies",
    "application-core/exchange-rate-type.msdyn_exchangeratetypes",
    "application-core/exchange-rate-currency-pair.msdyn_currencyexchangeratepairs",
    "application-core/cds-exchange-rates.msdyn_currencyexchangerates",
    "finance/payment-days-cds.msdyn_paymentdays",
    "finance/payment-day-lines-cds-v2.msdyn_paymentdaylines",
    "finance/payment-schedule.msdyn_paymentschedules",
    "finance/payment-schedule-lines.msdyn_paymentschedulelines",
    "finance/terms-of-payment.msdyn_paymentterms",
    "finance/sales-tax-groups.msdyn_taxgroups",
    "finance/customer-groups.msdyn_customergroups",
    "finance/customer-payment-method.msdyn_customerpaymentmethods",
    "finance/customers-v3.accounts",
    "finance/customers-v3.contacts",
    "finance/vendor-groups.msdyn_vendorgroups",
    "finance/vendor-payment-method.msdyn_vendorpaymentmethods",
    "finance/vendors-v2.msdyn_vendors",
    "party/cds-parties.msdyn_parties",
    "party/contacts-v2.msdyn_contactforparties",
    "supply-chain/units.uoms",
    "supply-chain/colors.msdyn_productcolors",
    "supply-chain/configurations.msdyn_productconfigurations",
    "supply-chain/sizes.msdyn_productsizes",
    "supply-chain/styles.msdyn_productstyles",
    "supply-chain/all-products.msdyn_globalproducts",
    "supply-chain/modes-of-delivery.msdyn_shipvias",
    "supply-chain/cds-released-distinct-products.products",
];

/// What web hooks of the demo present.
pub const HOOK_SECRET: &str = "demo-hook-secret";

/// Where the demo's systems and server are.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// Finance & Operations.
    pub finops: String,
    /// Dataverse.
    pub dataverse: String,
    /// Duet's own server.
    pub listen: String,
}

/// Writes everything into a folder. Maps that are there already stay as they are, so that a user
/// can change them and start again.
pub fn write(folder: &Path, addresses: &Addresses) -> Result<(), Failure> {
    for (name, secret) in [
        ("finops", DUET.secret),
        ("dataverse", DUET.secret),
        ("hooks", HOOK_SECRET),
    ] {
        put(&folder.join("secrets").join(name), secret)?;
    }
    for (name, text) in solutions::files() {
        let file = folder.join("maps").join(name);
        let wanted = name
            .strip_suffix(".yaml")
            .is_some_and(|name| MAPS.contains(&name));
        if wanted && !file.exists() {
            put(&file, text)?;
        }
    }
    put(&folder.join("duet.yaml"), &configuration(addresses))
}

fn configuration(addresses: &Addresses) -> String {
    let Addresses {
        finops,
        dataverse,
        listen,
    } = addresses;
    let client = DUET.id;
    format!(
        "\
# Written by `duet demo` at every start: both stand-ins and Duet's own server may have moved.
duet: 1
name: demo
owner: you
environment: dev
left:
  system: finops
  url: {finops}
  tenant: {TENANT}
  token-url: {finops}/{TENANT}/oauth2/v2.0/token
  client-id: {client}
  client-secret: {{ file: secrets/finops }}
right:
  system: dataverse
  url: {dataverse}
  tenant: {TENANT}
  token-url: {dataverse}/{TENANT}/oauth2/v2.0/token
  client-id: {client}
  client-secret: {{ file: secrets/dataverse }}
companies: [usmf, frrt]
maps: [maps]
store: duet.db
listen: {listen}
hook-secret: {{ file: secrets/hooks }}
settings:
  # Web hooks tell at once; asking is for what they miss.
  poll-every: 2s
"
    )
}

fn put(file: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    }
    fs::write(file, text).map_err(|error| unwritable(file, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_map_of_the_demo_is_carried() {
        for map in MAPS {
            let file = format!("{map}.yaml");
            assert!(solutions::files().any(|(name, _)| name == file), "{file}");
        }
    }

    #[test]
    fn the_written_configuration_reads() {
        let folder = tempfile::tempdir().unwrap();
        let addresses = Addresses {
            finops: "http://127.0.0.1:1".to_owned(),
            dataverse: "http://127.0.0.1:2".to_owned(),
            listen: "127.0.0.1:3".to_owned(),
        };
        write(folder.path(), &addresses).unwrap();
        let file = folder.path().join("duet.yaml");
        let config = crate::config::Config::read(&file).unwrap();
        assert_eq!(config.companies, ["usmf", "frrt"]);
        let crate::config::connection::Service::FinOps(app) = &config.sides.left.service else {
            panic!("the left side is another system");
        };
        assert!(app.client_secret.fetch(&|_| None).is_ok());
    }
}
