//! Developer commands: regenerate what is generated from published facts.

fn main() {}
