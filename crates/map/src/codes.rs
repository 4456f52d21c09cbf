//! The stable codes of everything this crate finds, each with its meaning.
//!
//! Codes from 1000 concern map files and schemas and are found before anything runs; codes from
//! 2000 concern one row.

use crate::diagnostic::Code;

/// The file is no YAML.
pub const NOT_YAML: Code = Code(1001);
/// A key that map files do not have.
pub const UNKNOWN_KEY: Code = Code(1002);
/// A key that every map file needs.
pub const MISSING_KEY: Code = Code(1003);
/// A text where a list belongs, and the like.
pub const WRONG_SHAPE: Code = Code(1004);
/// A word out of a fixed list is none of them.
pub const UNKNOWN_WORD: Code = Code(1005);
/// A field line or key line that cannot be read.
pub const BAD_NOTATION: Code = Code(1006);
/// The same key twice in one mapping.
pub const REPEATED_KEY: Code = Code(1007);

/// The table does not exist.
pub const UNKNOWN_TABLE: Code = Code(1010);
/// The column does not exist.
pub const UNKNOWN_COLUMN: Code = Code(1011);
/// A lookup path that leads nowhere.
pub const BAD_PATH: Code = Code(1012);
/// The types of two columns do not go together.
pub const TYPE_CLASH: Code = Code(1013);
/// A value map leaves out values that the column can hold.
pub const VALUES_NOT_COVERED: Code = Code(1014);
/// A value map that travels both ways has several names for one value.
pub const VALUES_NOT_INVERTIBLE: Code = Code(1015);
/// A value in the map is no member of the enumeration or option set.
pub const UNKNOWN_MEMBER: Code = Code(1016);
/// A default or constant that its column cannot hold.
pub const BAD_DEFAULT: Code = Code(1017);

/// A key column is not mapped.
pub const KEY_NOT_MAPPED: Code = Code(1020);
/// A key column does not travel the way the map's rows travel.
pub const KEY_ONE_WAY: Code = Code(1021);
/// The system does not keep the key unique.
pub const KEY_NOT_UNIQUE: Code = Code(1022);
/// One side keeps rows by company and the other, or the map, does not.
pub const COMPANY_CLASH: Code = Code(1023);
/// The company column is mapped like a field.
pub const COMPANY_MAPPED: Code = Code(1024);

/// A column that a create must carry gets no value.
pub const MANDATORY_UNMAPPED: Code = Code(1030);
/// The target column cannot be written.
pub const READ_ONLY_TARGET: Code = Code(1031);
/// Two fields write the same column.
pub const DUPLICATE_TARGET: Code = Code(1032);
/// Two lookups write the same column; their values must agree in every row.
pub const SHARED_TARGET: Code = Code(1033);

/// A filter that cannot be read.
pub const FILTER_SYNTAX: Code = Code(1040);
/// A filter names a column that does not exist.
pub const FILTER_COLUMN: Code = Code(1041);
/// A filter compares a column with something it can never hold.
pub const FILTER_VALUE: Code = Code(1042);

/// The target is shorter than the source.
pub const LENGTH_MISMATCH: Code = Code(1050);
/// The target keeps fewer decimals than the source.
pub const SCALE_MISMATCH: Code = Code(1051);

/// `latest` decides, and a table does not tell when its rows were modified.
pub const NO_MODIFICATION_TIME: Code = Code(1060);
/// A column or value by which a record cannot be deactivated.
pub const BAD_DEACTIVATION: Code = Code(1061);
/// Deletions deactivate, and nothing says how in this table.
pub const NO_DEACTIVATION: Code = Code(1062);

/// A key column looks like something that people rewrite.
pub const KEY_MUTABLE: Code = Code(1100);
/// A key column may be empty on both sides.
pub const KEY_MAY_BE_EMPTY: Code = Code(1101);
/// Two records of one side share one key on the other.
pub const KEY_COLLAPSES: Code = Code(1102);
/// What a lookup is found by is not unique where it is sought.
pub const LOOKUP_NOT_UNIQUE: Code = Code(1110);
/// No map of the project brings what a lookup points at.
pub const LOOKUP_UNOWNED: Code = Code(1111);
/// A lookup of a shared map leads into a table that keeps rows by company.
pub const LOOKUP_WITHOUT_COMPANY: Code = Code(1112);
/// The map that owns a referenced table sends nothing to the side that is searched.
pub const LOOKUP_OWNER_SILENT: Code = Code(1113);
/// A row needs many lookups.
pub const MANY_LOOKUPS: Code = Code(1114);
/// A filter asks for nothing in a column that is never empty.
pub const FILTER_NEVER_EMPTY: Code = Code(1120);
/// A filter reads a column that the map does not carry.
pub const FILTER_UNMAPPED: Code = Code(1121);
/// What Duet creates does not pass the filter of the side it is created on.
pub const FILTER_NOT_MET: Code = Code(1122);
/// What Duet creates may fall outside the filter of the side it is created on.
pub const FILTER_MAY_NOT_MEET: Code = Code(1123);
/// A filter that no row can pass.
pub const FILTER_EMPTY: Code = Code(1124);
/// A required column is filled from one that may be empty.
pub const REQUIRED_FROM_OPTIONAL: Code = Code(1130);
/// A column can be set in a new record only, and its field travels later too.
pub const WRITTEN_ONCE: Code = Code(1131);
/// The target holds a narrower range of numbers than the source.
pub const RANGE_MISMATCH: Code = Code(1132);
/// A column that its system computes travels.
pub const COMPUTED_SOURCE: Code = Code(1133);
/// A table keeps versions of a record by date, and the key does not tell them apart.
pub const DATE_EFFECTIVE: Code = Code(1134);
/// A table cannot tell what changed.
pub const NOT_TRACKED: Code = Code(1135);
/// The side that wins sends nothing.
pub const SILENT_MASTER: Code = Code(1136);
/// A field that travels both ways comes back as something else.
pub const DOES_NOT_ROUND_TRIP: Code = Code(1140);
/// Two maps write one column, and nothing keeps their rows apart.
pub const RIVALS: Code = Code(1142);
/// Maps that refer to each other in a circle.
pub const CYCLE: Code = Code(1150);
/// A map stands before one that it leans on.
pub const WRONG_ORDER: Code = Code(1151);
/// No companies are named, so all are in scope.
pub const COMPANIES_UNSCOPED: Code = Code(1152);
/// Many maps share one table.
pub const CROWDED_TABLE: Code = Code(1153);
/// A large table takes part whole.
pub const LARGE_TABLE: Code = Code(1154);
/// A table or column is gone since the lock was written.
pub const DRIFT_GONE: Code = Code(1160);
/// A column has another type than when the lock was written.
pub const DRIFT_TYPE: Code = Code(1161);
/// A column holds less than when the lock was written.
pub const DRIFT_NARROWER: Code = Code(1162);
/// A table demands or forbids more than when the lock was written.
pub const DRIFT_DEMANDS: Code = Code(1163);
/// The keys of a table are others than when the lock was written.
pub const DRIFT_KEYS: Code = Code(1164);
/// The values of a column are others than when the lock was written.
pub const DRIFT_MEMBERS: Code = Code(1165);
/// A map says something else than when the lock was written, under the same version.
pub const DRIFT_MAP: Code = Code(1166);
/// A map of the lock is not in the project any more.
pub const DRIFT_MAP_GONE: Code = Code(1167);
/// A map accepts a finding that does not arise.
pub const ALLOW_UNUSED: Code = Code(1170);
/// A map accepts a finding that stops it.
pub const ALLOW_ERROR: Code = Code(1171);

/// `else create` cannot create the record that a lookup misses.
pub const CREATE_IMPOSSIBLE: Code = Code(1180);
/// `else create` gives no value for a column that a new record needs.
pub const CREATE_INCOMPLETE: Code = Code(1181);
/// `else create` makes records that another map of the project brings.
pub const CREATE_OWNED: Code = Code(1182);

/// A text that should hold a map of Dual-write is no JSON.
pub const NOT_JSON: Code = Code(1200);
/// A document holds no map of Dual-write, or a leg joins no tables.
pub const NO_MICROSOFT_MAP: Code = Code(1201);
/// A member stands twice in one object.
pub const REPEATED_MEMBER: Code = Code(1202);
/// A field mapping's direction is none that is known.
pub const UNKNOWN_DIRECTION: Code = Code(1203);
/// A field mapping's transform cannot be said in a map file.
pub const UNKNOWN_TRANSFORM: Code = Code(1204);
/// A member whose meaning is not known.
pub const STRANGE_MEMBER: Code = Code(1205);
/// Something in a document that no map file can say.
pub const NOT_EXPRESSED: Code = Code(1206);
/// The integration key is not in the document and was guessed.
pub const KEY_GUESSED: Code = Code(1207);
/// A leg joins other systems than F&O and Dataverse.
pub const OTHER_ENVIRONMENT: Code = Code(1208);
/// The public name of an entity was guessed from its title.
pub const ENTITY_GUESSED: Code = Code(1209);
/// The filter of an imported map does not read.
pub const FILTER_NOT_READ: Code = Code(1210);
/// Something in a map that Microsoft's document cannot say.
pub const NOT_EXPORTED: Code = Code(1211);

/// An expression cannot be read, or can never have a value.
pub const BAD_EXPRESSION: Code = Code(1251);

/// A file of examples beside a map cannot be read.
pub const BAD_EXAMPLE: Code = Code(1250);

/// A value has no counterpart in the value map.
pub const VALUE_UNMAPPED: Code = Code(2001);
/// A text is longer than its column.
pub const TOO_LONG: Code = Code(2002);
/// A number or date is outside its column's bounds.
pub const OUT_OF_RANGE: Code = Code(2003);
/// A number is no option of its option set, or a symbol no member of its enumeration.
pub const NO_SUCH_OPTION: Code = Code(2004);
/// A value cannot become what the target column holds.
pub const NOT_CONVERTIBLE: Code = Code(2005);
/// A required column would be empty.
pub const REQUIRED_EMPTY: Code = Code(2006);
/// Several records answer to the same lookup.
pub const LOOKUP_AMBIGUOUS: Code = Code(2007);
/// The referenced record has nothing where the map reads.
pub const REFERENCED_EMPTY: Code = Code(2008);
/// The column cannot be written, or no longer once the record exists.
pub const NOT_WRITABLE: Code = Code(2009);
/// Two fields that write one column disagree.
pub const TARGETS_DISAGREE: Code = Code(2010);
/// The record that a lookup misses could not be created.
pub const NOT_CREATED: Code = Code(2012);
/// A value that a person typed cannot be used.
pub const NOT_TYPABLE: Code = Code(2127);
/// The row carries a column that the table does not have.
pub const NO_SUCH_COLUMN: Code = Code(2011);
