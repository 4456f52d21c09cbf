//! What cannot be derived from the published facts, and why.

use std::collections::BTreeSet;

/// The target of a lookup whose name alone misleads.
pub(crate) fn lookup_target(
    table: &str,
    column: &str,
    rests: &BTreeSet<String>,
) -> Option<&'static str> {
    let ends_in = |name: &str| rests.len() == 1 && rests.contains(name);
    if ends_in("msdyn_partynumber") {
        // Parties, operating units and loyalty cards all carry a party number; these lookups name
        // an organization of the own company, the others any party.
        return Some(match column {
            "msdyn_childid" | "msdyn_parentid" | "msdyn_operatingunit" | "msdyn_retailchannel" => {
                "msdyn_internalorganization"
            }
            _ => "msdyn_party",
        });
    }
    if ends_in("msdyn_itemnumber") {
        // An item number is the released product of a company.
        return Some("msdyn_sharedproductdetail");
    }
    Some(match (table, column) {
        // Terms and modes of delivery are called differently as lookups.
        (_, "msdyn_deliverymode") => "msdyn_shipvia",
        // Rate types for an adjustment are exchange rate types.
        (_, "msdyn_exchangeadjustmentratetype" | "msdyn_reportingexchangeadjustmentratetype") => {
            "msdyn_exchangeratetype"
        }
        // The column's name is misspelt in the source ("perm").
        (_, "msdyn_clearingperiodpaymentpermname") => "msdyn_paymentterm",
        // A hierarchy's name alone does not say which kind it is; all uses are of categories.
        (_, "msdyn_hierarchy") => "msdyn_productcategoryhierarchy",
        // The node's lookup carries the name of the column that it resolves by.
        ("msdyn_customerhierarchynode", "msdyn_customerhierarchynumber") => {
            "msdyn_customerhierarchy"
        }
        // A barcode identifies a product of a company, not the shared one.
        ("msdyn_productbarcode", "msdyn_productnumberid") => "product",
        // Titles are called job titles on contacts.
        (_, "msdyn_jobtitle") => "msdyn_salescontactpersontitle",
        _ => return None,
    })
}

/// Integration keys of tables that no lookup path ends in, so that their identifying columns cannot
/// be read off the maps; without the company, which is added where the table is per company.
pub(crate) const KEYS: &[(&str, &[&str])] = &[
    ("annotation", &["msdyn_notesid"]),
    (
        "cdm_employment",
        &["cdm_workerid", "cdm_companyid", "cdm_employmentstartdate"],
    ),
    ("cdm_ethnicorigin", &["cdm_name"]),
    ("cdm_language", &["cdm_name"]),
    (
        "cdm_positionworkerassignmentmap",
        &["cdm_workerid", "cdm_jobpositionid", "cdm_validfrom"],
    ),
    ("cdm_veteranstatus", &["cdm_name"]),
    ("invoicedetail", &["invoiceid", "sequencenumber"]),
    ("lead", &["msdyn_prospectid"]),
    ("msdyn_addressrole", &["msdyn_name"]),
    (
        "msdyn_currencyexchangerate",
        &["msdyn_currencyexchangeratepair", "msdyn_validfrom"],
    ),
    (
        "msdyn_customerhierarchynode",
        &["msdyn_customerhierarchynumber", "msdyn_nodepartynumber"],
    ),
    ("msdyn_dimensionattribute", &["msdyn_dimensionname"]),
    ("msdyn_employmentjobfunction", &["msdyn_functionname"]),
    (
        "msdyn_financialdimensionformat",
        &["msdyn_dimensionformatname"],
    ),
    (
        "msdyn_fiscalcalendarperiod",
        &[
            "msdyn_fiscalcalendar",
            "msdyn_fiscalcalendaryear",
            "msdyn_periodname",
        ],
    ),
    (
        "msdyn_internalorganizationhierarchy",
        &["msdyn_hierarchytypeid", "msdyn_childid", "msdyn_validfrom"],
    ),
    (
        "msdyn_internalorganizationhierarchypurpose",
        &["msdyn_hierarchytype", "msdyn_hierarchypurpose"],
    ),
    (
        "msdyn_inventoryonhandentry",
        &[
            "msdyn_request",
            "msdyn_inventorysite",
            "msdyn_inventorywarehouse",
            "msdyn_atpdate",
        ],
    ),
    ("msdyn_ledger", &["msdyn_company"]),
    ("msdyn_loyaltycard", &["msdyn_cardnumber"]),
    ("msdyn_loyaltyrewardpoint", &["msdyn_rewardpointid"]),
    (
        "msdyn_mainaccount",
        &["msdyn_accountnumber", "msdyn_chartofaccounts"],
    ),
    ("msdyn_mainaccountcategory", &["msdyn_mainaccountcategory"]),
    ("msdyn_nameaffix", &["msdyn_affix", "msdyn_affixtype"]),
    (
        "msdyn_partyelectronicaddress",
        &["msdyn_electronicaddressnumber"],
    ),
    (
        "msdyn_partypostaladdress",
        &["msdyn_partyid", "msdyn_postaladdresscollectionid"],
    ),
    (
        "msdyn_paymentdayline",
        &["msdyn_paymentday", "msdyn_linenumber"],
    ),
    (
        "msdyn_paymentscheduleline",
        &["msdyn_paymentschedule", "msdyn_linenumber"],
    ),
    (
        "msdyn_postaladdress",
        &["msdyn_postaladdresscollectionid", "msdyn_validfrom"],
    ),
    (
        "msdyn_productbarcode",
        &["msdyn_productnumberid", "msdyn_barcode"],
    ),
    (
        "msdyn_productcategoryassignment",
        &["msdyn_globalproduct", "msdyn_productcategory"],
    ),
    (
        "msdyn_productcategoryhierarchyrole",
        &["msdyn_hierarchy", "msdyn_hierarchyrole"],
    ),
    ("msdyn_productdefaultordersetting", &["msdyn_itemnumber"]),
    (
        "msdyn_productspecificdefaultordersetting",
        &[
            "msdyn_itemnumber",
            "msdyn_operationalsite",
            "msdyn_productcolor",
            "msdyn_productconfiguration",
            "msdyn_productsize",
            "msdyn_productstyle",
        ],
    ),
    (
        "msdyn_productspecificunitofmeasureconversion",
        &["msdyn_globalproduct", "msdyn_fromunit", "msdyn_tounit"],
    ),
    ("msdyn_purchaseorderreceiptproduct", &["msdyn_recordid"]),
    (
        "msdyn_sharedproductcolor",
        &["msdyn_globalproduct", "msdyn_productcolor"],
    ),
    (
        "msdyn_sharedproductconfiguration",
        &["msdyn_globalproduct", "msdyn_productconfiguration"],
    ),
    (
        "msdyn_sharedproductsize",
        &["msdyn_globalproduct", "msdyn_productsize"],
    ),
    (
        "msdyn_sharedproductstyle",
        &["msdyn_globalproduct", "msdyn_productstyle"],
    ),
    ("msdyn_taxauthority", &["msdyn_taxauthoritycode"]),
    ("msdyn_taxexemptcode", &["msdyn_name"]),
    ("msdyn_taxitemgroup", &["msdyn_name"]),
    ("msdyn_taxpostinggroup", &["msdyn_name"]),
    (
        "msdyn_unitofmeasureconversion",
        &["msdyn_fromunit", "msdyn_tounit"],
    ),
    (
        "msdyn_warehouseworkline",
        &["msdyn_warehousework", "msdyn_worklinenumber"],
    ),
    ("msdyn_withholdingtaxcode", &["msdyn_name"]),
    ("msdyn_withholdingtaxgroup", &["msdyn_name"]),
    ("msmrw_guide", &["msmrw_guideid"]),
    ("quotedetail", &["quoteid", "sequencenumber"]),
    ("salesorderdetail", &["salesorderid", "sequencenumber"]),
];

/// Packages whose entities are not published, so that their company context is a guess.
pub(crate) fn assumed_per_company(package: &str, title: &str) -> bool {
    match package {
        // Assets, documents on customers, vendors and orders, stock and orders belong to a company.
        "asset-management" | "notes" | "supply-chain" => true,
        // Hierarchies span companies.
        "finance" => !title.starts_with("Customer hierarch"),
        _ => false,
    }
}

/// Public names of entities that do not follow from the title.
pub(crate) const ENTITY_NAMES: &[(&str, &str, &str)] = &[
    // Known public names.
    ("Terms of payment", "PaymentTerm", "PaymentTerms"),
    ("Units", "UnitOfMeasure", "UnitsOfMeasure"),
    ("Terms of delivery", "DeliveryTerm", "DeliveryTerms"),
    ("Modes of delivery", "DeliveryMode", "DeliveryModes"),
    // Titles that do not end in a noun.
    ("Employment per company", "Employment", "Employments"),
    (
        "Organization hierarchy - published",
        "OrganizationHierarchyPublished",
        "OrganizationHierarchiesPublished",
    ),
    (
        "CDS purchase order line soft deleted entity",
        "CDSPurchaseOrderLineSoftDeleted",
        "CDSPurchaseOrderLinesSoftDeleted",
    ),
];

/// Enums that several entities share under different field names, or whose members are known from
/// filters and defaults only.
pub(crate) const SHARED_ENUMS: &[(&str, &[&str], &[&str])] = &[
    (
        "PartyType",
        &["PARTYTYPE", "VENDORPARTYTYPE"],
        &[
            "None",
            "Person",
            "Organization",
            "LegalEntity",
            "Team",
            "OperatingUnit",
        ],
    ),
    // The filter `(AssociatedContactType = 1)` goes with the default `Vendor`.
    (
        "AssociatedContactType",
        &["ASSOCIATEDCONTACTTYPE"],
        &["Customer", "Vendor"],
    ),
];

/// Columns that name a row to a person, where they are published under another name than `name`.
pub(crate) fn primary_name(table: &str) -> Option<&'static str> {
    Some(match table {
        "account" | "product" | "quote" | "salesorder" | "invoice" | "uom" | "uomschedule"
        | "pricelevel" | "businessunit" | "team" | "organization" => "name",
        "contact" | "lead" | "systemuser" => "fullname",
        "transactioncurrency" => "currencyname",
        "annotation" => "subject",
        "cdm_company" => "cdm_name",
        "cdm_worker" => "cdm_fullname",
        _ => return None,
    })
}

/// Published option sets of type codes that the Web API carries as the table's logical name: the
/// maps' own filters say `objecttypecode eq 'salesorder'`.
pub(crate) const TABLE_NAMES: &[&str] = &["objecttypecode"];

/// Published date columns that hold a date alone.
pub(crate) const DATE_ONLY: &[&str] = &[
    "anniversary",
    "birthdate",
    "begindate",
    "enddate",
    "closedon",
    "datedelivered",
    "datefulfilled",
    "duedate",
    "effectivefrom",
    "effectiveto",
    "estimatedclosedate",
    "requestdeliveryby",
    "submitdate",
    "validfromdate",
    "validtodate",
];

/// Number sequences and default rules by collection.
pub(crate) fn number_sequence(collection: &str) -> Option<(&'static str, &'static str, u32)> {
    Some(match collection {
        "CustomersV3" => ("CustomerAccount", "C-", 6),
        "VendorsV2" => ("VendorAccountNumber", "V-", 6),
        "CDSParties" => ("PartyNumber", "", 9),
        _ => return None,
    })
}
