//! Characters, blanks, punctuation, and URIs as the web defines them.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    // Characters.
    ("ALPHA", "[A-Za-z]"),
    ("DIGIT", "[0-9]"),
    ("HEXDIG", "[0-9A-Fa-f]"),
    ("A-to-F", "[A-Fa-f]"),
    ("DQUOTE", r"[\x22]"),
    ("SP", "[ ]"),
    ("HTAB", r"[\x09]"),
    ("VCHAR", r"[\x21-\x7e]"),
    // A character beyond ASCII: its bytes in UTF-8.
    ("obs-text", r"[\xc0-\xff] [\x80-\xbf]+!"),
    ("unreserved", "[A-Za-z0-9._~-]"),
    ("pct-encoded", "'%' HEXDIG{2}"),
    ("other-delims", "[!()*+,;]"),
    ("sub-delims", "[$&'=!()*+,;]"),
    ("pchar", "[A-Za-z0-9._~$&'=!()*+,;:@-] | pct-encoded"),
    // Percent-encoded bytes apart from one quote or another, which would end a string.
    (
        "pct-encoded-no-SQUOTE",
        "'%' ([013-9A-Fa-f] HEXDIG | '2' [0-689A-Fa-f])",
    ),
    (
        "pct-encoded-no-DQUOTE",
        "'%' ([013-9A-Fa-f] HEXDIG | '2' [013-9A-Fa-f])",
    ),
    (
        "pct-encoded-unescaped",
        "'%' ([01346-9A-Fa-f] HEXDIG | '2' [013-9A-Fa-f] | '5' [0-9ABDEFabdef])",
    ),
    (
        "pchar-no-SQUOTE",
        "[A-Za-z0-9._~$&=!()*+,;:@-] | pct-encoded-no-SQUOTE",
    ),
    (
        "qchar-no-AMP",
        "[A-Za-z0-9._~$'=!()*+,;:@/?-] | pct-encoded",
    ),
    (
        "qchar-no-AMP-EQ",
        "[A-Za-z0-9._~$'!()*+,;:@/?-] | pct-encoded",
    ),
    (
        "qchar-no-AMP-EQ-AT-DOLLAR",
        "[A-Za-z0-9._~'!()*+,;:/?-] | pct-encoded",
    ),
    (
        "qchar-no-AMP-SQUOTE",
        "[A-Za-z0-9._~$=!()*+,;:@/?-] | pct-encoded",
    ),
    (
        "qchar-no-AMP-DQUOTE",
        "[A-Za-z0-9._~$'=!()*+,;:@/?-] | pct-encoded-no-DQUOTE",
    ),
    (
        "qchar-unescaped",
        "[A-Za-z0-9._~$'=!()*+,;:@/?-] | pct-encoded-unescaped",
    ),
    // Blanks.
    ("RWS", r"([ \x09] | '%20' | '%09')+"),
    ("BWS", r"([ \x09] | '%20' | '%09')*"),
    ("OWS", r"[ \x09]*"),
    ("BWS-h", r"[ \x09]*"),
    ("EQ-h", "BWS-h EQ BWS-h"),
    // Punctuation, bare or percent-encoded.
    ("AT", r#"'@' | "%40""#),
    ("COLON", r#"':' | "%3A""#),
    ("COMMA", r#"',' | "%2C""#),
    ("EQ", "'='"),
    ("HASH", "'%23'"),
    ("SIGN", r#"'-' | "%2B""#),
    ("SEMI", r#"';' | "%3B""#),
    ("STAR", r#"'*' | "%2A""#),
    ("SQUOTE", r#"['] | "%27""#),
    ("OPEN", r#"'(' | "%28""#),
    ("CLOSE", r#"')' | "%29""#),
    // URIs.
    ("URI", "scheme ':' hier-part ('?' query)? ('#' fragment)?"),
    (
        "hier-part",
        "'//' authority path-abempty | path-absolute | path-rootless",
    ),
    ("scheme", "[A-Za-z] [A-Za-z0-9+.-]*"),
    ("authority", "(userinfo '@')? host (':' port)?"),
    ("userinfo", "([A-Za-z0-9._~$&'=!()*+,;:-] | pct-encoded)*"),
    ("host", "IP-literal | IPv4address | reg-name"),
    ("port", "[0-9]*"),
    ("reg-name", "([A-Za-z0-9._~$&'=!()*+,;-] | pct-encoded)*"),
    ("IP-literal", r"[\[] (IPv6address | IPvFuture) [\]]"),
    (
        "IPvFuture",
        r#""v" HEXDIG+ '.' [A-Za-z0-9._~$&'=!()*+,;:-]+"#,
    ),
    (
        "IPv6address",
        "_group{6} ls32 | '::' _group{5} ls32 | h16? '::' _group{4} ls32 \
         | (_group{0,1} h16)? '::' _group{3} ls32 | (_group{0,2} h16)? '::' _group{2} ls32 \
         | (_group{0,3} h16)? '::' _group ls32 | (_group{0,4} h16)? '::' ls32 \
         | (_group{0,5} h16)? '::' h16 | (_group{0,6} h16)? '::'",
    ),
    ("_group", "h16 ':'"),
    ("h16", "HEXDIG{1,4}"),
    ("ls32", "h16 ':' h16 | IPv4address"),
    ("IPv4address", "dec-octet ('.' dec-octet){3}"),
    (
        "dec-octet",
        "'1' [0-9]{2} | '2' [0-4] [0-9] | '25' [0-5] | [1-9] [0-9] | [0-9]",
    ),
    ("path-abempty", "('/' segment)*"),
    ("path-absolute", "'/' (segment-nz ('/' segment)*)?"),
    ("path-rootless", "segment-nz ('/' segment)*"),
    ("segment", "pchar*"),
    ("segment-nz", "pchar+"),
    ("query", "(pchar | [/?])*"),
    ("fragment", "(pchar | [/?])*"),
    ("IRI-in-header", r"[\x21-\x7e\x80-\xff]+"),
    ("IRI-in-query", "qchar-no-AMP+"),
];
