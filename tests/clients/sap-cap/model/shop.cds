namespace shop;

/** What every table has: when it was modified, which is its version too. */
aspect tracked {
  @cds.on.insert : $now
  @cds.on.update : $now
  @odata.etag
  modifiedAt : Timestamp;
}

/** Known by a text. */
entity Currencies : tracked {
  key code      : String(5);
      name      : String(100) not null;
      symbol    : String(10) not null;
      precision : Integer not null;
      rate      : Decimal(20, 10) not null;
}

/** No map owns it: lookups find its rows by reading. */
entity Groups : tracked {
  key ID   : UUID;
      code : String(20) not null;
}

/** Known by a GUID, with lookups to rows known by a text, by a GUID, and to itself. */
entity Customers : tracked {
  key ID          : UUID;
      company     : String(4) not null;
      number      : String(20) not null;
      name        : String(160) not null;
      creditLimit : Decimal(19, 4);
      employees   : Int64;
      blocked     : Boolean;
      currency    : Association to Currencies;
      group       : Association to Groups;
      parent      : Association to Customers;
}

/** Known by three columns, the company among them. */
entity Persons : tracked {
  key company  : String(4);
  key customer : String(20);
  key position : Integer;
      name     : String(50) not null;
      mail     : String(100);
}

@path: '/shop'
service Shop {
  entity Currencies as projection on shop.Currencies;
  entity Groups     as projection on shop.Groups;
  entity Customers  as projection on shop.Customers;
  entity Persons    as projection on shop.Persons;
}
