//! Why the business wants each out-of-the-box map, in one sentence.

/// The reason for a map, by its number in the published facts.
pub(super) fn why(map_id: &str) -> Option<&'static str> {
    let known = WHY.iter().find(|(id, _)| *id == map_id);
    known.map(|(_, why)| *why)
}

const WHY: &[(&str, &str)] = &[
    (
        "101",
        "Sales works on the same customer organization that finance invoices.",
    ),
    (
        "102",
        "Every row that belongs to a company needs that company on both sides.",
    ),
    (
        "103",
        "Equal-opportunity reports use the ethnic origins that personnel files name.",
    ),
    (
        "104",
        "Both sides know who is employed, from when and until when.",
    ),
    (
        "105",
        "Jobs are grouped by the same functions wherever compensation is planned.",
    ),
    (
        "106",
        "Recruiting fills the positions that the organization has really opened.",
    ),
    ("107", "A position means the same job on both sides."),
    (
        "108",
        "Jobs are classified by the same types wherever compensation is planned.",
    ),
    (
        "109",
        "Workers' language skills are recorded against one list of languages.",
    ),
    (
        "110",
        "Full-time and part-time positions are told apart by one list of types.",
    ),
    (
        "111",
        "Both sides know which worker holds which position, and when.",
    ),
    (
        "112",
        "Personnel files record veteran status against one list.",
    ),
    (
        "113",
        "Apps and personnel administration speak of the same workers.",
    ),
    (
        "115",
        "Buyers reach a vendor's contact persons from either application.",
    ),
    (
        "116",
        "Sales works on the same private customer that finance invoices.",
    ),
    (
        "117",
        "Sellers see what was invoiced, line by line, without asking finance.",
    ),
    (
        "118",
        "Sellers see their customers' invoices without asking finance.",
    ),
    (
        "119",
        "Maintenance planners and field technicians follow the same asset lifecycles.",
    ),
    (
        "120",
        "An asset is in the same state for the planner and for the technician.",
    ),
    (
        "121",
        "Apps that post or report name the chart of accounts that finance keeps.",
    ),
    (
        "122",
        "Exchange rates hang on the same pairs of currencies on both sides.",
    ),
    (
        "123",
        "Sales converts amounts at the rates that finance has approved.",
    ),
    (
        "124",
        "Technicians classify an asset by the types that maintenance plans with.",
    ),
    (
        "125",
        "Field service repairs the same assets that maintenance plans for.",
    ),
    (
        "126",
        "A customer's group, and the terms that come with it, is the same on both sides.",
    ),
    (
        "127",
        "Sales offers only the ways to pay that finance can process.",
    ),
    (
        "128",
        "Apps that post name the dimensions by which finance reports.",
    ),
    (
        "129",
        "Exchange rates are kept apart by the same types, such as budget and average.",
    ),
    (
        "130",
        "Account strings from apps are read in the format that finance defined.",
    ),
    (
        "131",
        "Apps know which period a date falls into and whether it is open.",
    ),
    (
        "132",
        "Both sides count periods by the same fiscal calendars.",
    ),
    ("133", "Both sides count periods in the same fiscal years."),
    (
        "134",
        "Planners and technicians follow the same lifecycles of functional locations.",
    ),
    (
        "135",
        "A functional location is in the same state for planner and technician.",
    ),
    (
        "136",
        "Technicians find an asset at the location where maintenance installed it.",
    ),
    (
        "137",
        "Functional locations are classified alike on both sides.",
    ),
    (
        "138",
        "Apps refer to every product of the enterprise, released to a company or not.",
    ),
    (
        "139",
        "Apps see which organization stands under which, as published in finance.",
    ),
    (
        "140",
        "Apps know what each organization hierarchy is used for.",
    ),
    (
        "141",
        "Apps tell organization hierarchies apart by their types.",
    ),
    (
        "142",
        "Legal entities take their place among the organizations of a hierarchy.",
    ),
    (
        "143",
        "Operating units take their place among the organizations of a hierarchy.",
    ),
    (
        "144",
        "Stock is counted and moved at the same locations on both sides.",
    ),
    (
        "145",
        "A seller sees what is on hand and what can be promised.",
    ),
    (
        "146",
        "Sellers and finance see corporate customers in the same hierarchies.",
    ),
    (
        "147",
        "A seller asks for the stock of a product, and the answer finds its way back.",
    ),
    (
        "148",
        "Apps know a company's chart of accounts, calendar and currencies.",
    ),
    (
        "149",
        "A loyalty card is known wherever the customer shows it.",
    ),
    (
        "150",
        "Loyalty points are named and valued the same on both sides.",
    ),
    (
        "151",
        "Apps group main accounts as finance does in its statements.",
    ),
    (
        "152",
        "Apps that post or report name main accounts that exist.",
    ),
    ("153", "Assets name the same manufacturers on both sides."),
    ("154", "Assets name the same models on both sides."),
    (
        "155",
        "A person is addressed with the same prefixes and suffixes everywhere.",
    ),
    ("156", "Orders name sites that exist and that can deliver."),
    (
        "157",
        "A payment day means the same days of week or month on both sides.",
    ),
    (
        "158",
        "Due dates move to the payment days that finance has agreed with customers and vendors.",
    ),
    (
        "159",
        "Each instalment of a payment schedule is the same on both sides.",
    ),
    (
        "160",
        "Sales can agree on the instalment plans that finance can bill.",
    ),
    (
        "161",
        "Due dates follow the same terms of payment wherever they are calculated.",
    ),
    (
        "162",
        "Customers get the prices of the groups that they belong to.",
    ),
    (
        "163",
        "The members of a customer hierarchy stand in the same places on both sides.",
    ),
    (
        "164",
        "A scanned barcode finds the same product on both sides.",
    ),
    (
        "166",
        "Products are grouped in the same categories on both sides.",
    ),
    (
        "167",
        "A product stands in the same categories on both sides.",
    ),
    (
        "168",
        "Both sides know the same hierarchies of product categories.",
    ),
    (
        "169",
        "Both sides know what a hierarchy of product categories is used for.",
    ),
    ("170", "Product variants name colors that exist."),
    ("171", "Product variants name configurations that exist."),
    (
        "172",
        "An order line starts with the quantities, sites and lead times that planning wants.",
    ),
    ("173", "Apps know by which dimensions a product varies."),
    ("174", "Product variants name sizes that exist."),
    (
        "175",
        "An order line for a variant at a site starts with what planning wants there.",
    ),
    (
        "176",
        "A product is converted between its units in the same way on both sides.",
    ),
    (
        "177",
        "Apps know by which storage dimensions a product's stock is kept.",
    ),
    ("178", "Product variants name styles that exist."),
    (
        "179",
        "Apps know whether a product is tracked by batch or serial number.",
    ),
    (
        "180",
        "A lead that sales works on is the prospect that finance may turn into a customer.",
    ),
    (
        "181",
        "Buyers see and change the lines of a purchase order from either application.",
    ),
    (
        "182",
        "A purchase order line that finance removed disappears for buyers in apps too.",
    ),
    (
        "183",
        "Buyers raise and follow purchase orders from either application.",
    ),
    (
        "184",
        "Buyers see which lines of their orders have arrived.",
    ),
    ("185", "Buyers see which of their orders have arrived."),
    (
        "186",
        "Orders tell where they came from in the same words on both sides.",
    ),
    ("187", "Apps know in which colors a product master comes."),
    (
        "188",
        "Apps know in which configurations a product master comes.",
    ),
    (
        "189",
        "Apps know the details of the products that a company may trade.",
    ),
    ("190", "Apps know in which sizes a product master comes."),
    ("191", "Apps know in which styles a product master comes."),
    (
        "192",
        "Orders name ways of delivery that logistics really offers.",
    ),
    (
        "193",
        "Tax is reported to the same authorities on both sides.",
    ),
    (
        "194",
        "An exempt sale names a reason that tax reports accept.",
    ),
    (
        "195",
        "A customer's tax group, set by sales or finance, leads to the same tax.",
    ),
    (
        "196",
        "An item's tax group leads to the same tax on both sides.",
    ),
    (
        "197",
        "Tax postings name the groups of accounts that finance defined.",
    ),
    (
        "198",
        "Orders name terms of delivery that mean the same to both sides.",
    ),
    (
        "199",
        "Quantities convert between units by the same factors on both sides.",
    ),
    (
        "200",
        "A vendor's group, and the terms that come with it, is the same on both sides.",
    ),
    (
        "201",
        "Vendors are paid by the methods that finance can process.",
    ),
    ("202", "Buyers work on the same vendor that finance pays."),
    (
        "203",
        "Warehouse apps find aisles under the names that logistics uses.",
    ),
    (
        "204",
        "Orders and stock name the same warehouses on both sides.",
    ),
    ("205", "Apps show which warehouse work waits for whom."),
    ("206", "Apps show each step of a piece of warehouse work."),
    ("207", "Warehouse zones are grouped alike on both sides."),
    (
        "208",
        "Warehouse apps know the zones that logistics defined.",
    ),
    (
        "209",
        "Technicians see under which warranty an asset was bought.",
    ),
    (
        "210",
        "Withholding tax on a vendor's payment names codes that finance can report.",
    ),
    (
        "211",
        "A vendor's withholding tax group leads to the same codes on both sides.",
    ),
    (
        "212",
        "Production and maintenance find the mixed-reality guide that explains a job.",
    ),
    (
        "213",
        "Sales offers the products, each variant on its own, that a company may sell.",
    ),
    (
        "214",
        "Quotations are the same line by line, whichever side quoted.",
    ),
    (
        "215",
        "Quotations are the same to seller and back office, whichever side quoted.",
    ),
    (
        "216",
        "Orders are the same line by line, whichever side took them.",
    ),
    (
        "217",
        "Orders are the same to seller and back office, whichever side took them.",
    ),
    (
        "218",
        "Amounts on both sides are in currencies that both sides know.",
    ),
    (
        "219",
        "Quantities on both sides are in units that both sides know.",
    ),
    (
        "220",
        "A person or organization is one party, whatever roles it plays.",
    ),
    (
        "221",
        "Contact persons and the organizations they speak for are the same on both sides.",
    ),
    ("222", "Letters end with the same phrases on both sides."),
    ("223", "Contact persons carry titles from one list."),
    (
        "224",
        "Sellers record who decides with words from one list.",
    ),
    ("225", "Contact persons' functions come from one list."),
    ("226", "Sellers judge the loyalty of contacts by one scale."),
    ("227", "Sellers describe contacts with words from one list."),
    (
        "228",
        "Letters begin with the same salutations on both sides.",
    ),
    (
        "229",
        "Notes and links on a sales order are there for whoever opens it.",
    ),
    (
        "230",
        "Notes and links on a customer are there for whoever opens it.",
    ),
    (
        "231",
        "Notes and links on a vendor are there for whoever opens it.",
    ),
    (
        "232",
        "Notes and links on a purchase order are there for whoever opens it.",
    ),
    (
        "233",
        "A party's postal addresses, and what each is for, are the same on both sides.",
    ),
    ("234", "Addresses hang on the same locations on both sides."),
    (
        "235",
        "An address is the same on both sides for each span of time it is valid.",
    ),
    (
        "236",
        "A party's phone numbers and mail addresses are the same on both sides.",
    ),
    (
        "301",
        "Addresses say what they are for with words from one list.",
    ),
];
