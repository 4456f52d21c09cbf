//! What the generator is told, because no schema says it: each line was looked at.

use duet_map::side::Side;

/// Several maps over one table number their records apart.
pub(crate) const APART: &[(&str, usize)] = &[
    ("customers-v3.contacts", 4),
    ("operating-unit.msdyn_internalorganizations", 8),
    (
        "cds-purchase-order-line-soft-deleted-entity.msdyn_purchaseorderproducts",
        4,
    ),
    ("purchase-order-header-document-attachments.annotations", 4),
    ("sales-order-header-document-attachments.annotations", 8),
    ("vendor-document-attachments.annotations", 12),
];

/// A table and its column.
type Column = (&'static str, &'static str);

/// Columns on the right that hold one value though no line says so. Field Service keeps vendors as
/// accounts: what a purchase order calls an account must be a vendor in finance.
pub(crate) const SAME: &[(Column, Column)] = &[(
    ("accounts", "accountnumber"),
    ("msdyn_vendors", "msdyn_vendoraccountnumber"),
)];

/// Columns that a map's filters look at: map, side, column, value.
pub(crate) const FIXED: &[(&str, Side, &str, &str)] = &[
    (
        "customers-v3.accounts",
        Side::Left,
        "PartyType",
        "\"Organization\"",
    ),
    (
        "customers-v3.accounts",
        Side::Right,
        "customertypecode",
        "3",
    ),
    (
        "customers-v3.contacts",
        Side::Left,
        "PartyType",
        "\"Person\"",
    ),
    (
        "customers-v3.contacts",
        Side::Right,
        "msdyn_sellable",
        "true",
    ),
    (
        "cds-contacts-v2.contacts",
        Side::Left,
        "AssociatedContactType",
        "\"Vendor\"",
    ),
    (
        "cds-contacts-v2.contacts",
        Side::Right,
        "msdyn_sellable",
        "false",
    ),
    (
        "cds-contacts-v2.contacts",
        Side::Right,
        "msdyn_contactforvendor",
        "true",
    ),
    ("prospects.leads", Side::Left, "IsB2BProspect", "\"Yes\""),
    (
        "prospects.leads",
        Side::Right,
        "msdyn_b2bcommerceprospect",
        "true",
    ),
    (
        "cds-sales-order-headers.salesorders",
        Side::Right,
        "msdyn_ordertype",
        "192350000",
    ),
    (
        "cds-sales-quotation-header.quotes",
        Side::Right,
        "msdyn_ordertype",
        "192350000",
    ),
    (
        "cds-sales-quotation-header.quotes",
        Side::Right,
        "statecode",
        "0",
    ),
    (
        "customer-attachments.annotations",
        Side::Left,
        "TypeId",
        "\"Note\"",
    ),
    (
        "customer-attachments.annotations",
        Side::Right,
        "objecttypecode",
        "\"account\"",
    ),
    (
        "purchase-order-header-document-attachments.annotations",
        Side::Left,
        "DocumentAttachmentTypeCode",
        "\"Note\"",
    ),
    (
        "purchase-order-header-document-attachments.annotations",
        Side::Right,
        "objecttypecode",
        "\"msdyn_purchaseorder\"",
    ),
    (
        "sales-order-header-document-attachments.annotations",
        Side::Left,
        "DocumentAttachmentTypeCode",
        "\"Note\"",
    ),
    (
        "sales-order-header-document-attachments.annotations",
        Side::Right,
        "objecttypecode",
        "\"salesorder\"",
    ),
    (
        "vendor-document-attachments.annotations",
        Side::Left,
        "DocumentAttachmentTypeCode",
        "\"Note\"",
    ),
    (
        "vendor-document-attachments.annotations",
        Side::Right,
        "objecttypecode",
        "\"msdyn_vendor\"",
    ),
];

/// Field lines that cannot be carried, with the side they come from: map, line, reason. Every line of
/// every map is carried; one that is not has to be entered here with its reason, or be mended.
pub(crate) const NOT_CARRIED: &[(&str, &str, &str)] = &[];
