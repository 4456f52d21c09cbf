//! The pages of `docs/errors`, carried in the binary, one for each code.

static PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/error_pages.rs"));

/// Every code with its page, in order.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    PAGES
        .iter()
        .filter_map(|(file, page)| Some((file.strip_suffix(".md")?, *page)))
        .filter(|(code, _)| code.starts_with("DUET"))
}

/// The page of one code.
pub fn page(code: &str) -> Option<&'static str> {
    all()
        .find(|(known, _)| *known == code)
        .map(|(_, page)| page)
}

/// What a page is headed, without its code.
pub fn title(page: &str) -> &str {
    let line = page.lines().next().unwrap_or_default();
    let line = line.trim_start_matches('#').trim();
    line.split_once(": ").map_or(line, |(_, title)| title)
}
