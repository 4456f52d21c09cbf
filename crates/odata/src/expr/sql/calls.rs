//! Writes calls of the protocol's own functions as SQL.

use super::writer::{Scope, Writer};
use super::{Dialect, SqlError, unsupported};
use crate::Literal;
use crate::expr::wildcard::Token;
use crate::expr::{Expr, Function, Wildcards};

impl Writer<'_> {
    pub(super) fn call(
        &mut self,
        function: Function,
        args: &[Expr],
        scope: &Scope<'_>,
    ) -> Result<bool, SqlError> {
        if function == Function::Now {
            let Some(now) = self.options.now else {
                return unsupported("`now()` without a clock");
            };
            let placeholder = self.bind(Literal::DateTimeOffset(now));
            self.push(&placeholder);
            return Ok(false);
        }
        if matches!(
            function,
            Function::Contains | Function::StartsWith | Function::EndsWith
        ) && let [subject, Expr::Literal(Literal::String(text))] = args
        {
            return self.search(function, subject, text, scope).map(|()| false);
        }
        let mut sql = Vec::with_capacity(args.len());
        for arg in args {
            sql.push(self.apart(arg, scope)?.0);
        }
        let postgres = self.options.dialect == Dialect::Postgres;
        let (text, result) = match (function, sql.as_slice()) {
            (Function::ToLower, [a]) => (true, format!("lower({a})")),
            (Function::ToUpper, [a]) => (true, format!("upper({a})")),
            (Function::Trim, [a]) => (true, format!("trim({a})")),
            (Function::Length, [a]) => (false, format!("length({a})")),
            (Function::Concat, [a, b]) => (true, format!("({a} || {b})")),
            (Function::IndexOf, [a, b]) => (false, format!("({} - 1)", self.position(a, b))),
            (Function::Contains, [a, b]) => (false, format!("{} > 0", self.position(a, b))),
            (Function::StartsWith, [a, b]) => (false, format!("{} = 1", self.position(a, b))),
            (Function::Substring, [a, start]) => (true, format!("substr({a}, ({start}) + 1)")),
            (Function::Substring, [a, start, length]) => {
                (true, format!("substr({a}, ({start}) + 1, {length})"))
            }
            (Function::Round, [a]) => (false, format!("round({a})")),
            (Function::Floor, [a]) => (false, format!("floor({a})")),
            (Function::Ceiling, [a]) => (false, format!("ceil({a})")),
            (Function::Date, [a]) if postgres => (false, format!("({a})::date")),
            (Function::Time, [a]) if postgres => (false, format!("({a})::time")),
            (Function::Date, [a]) => (false, format!("date({a})")),
            (Function::Time, [a]) => (false, format!("time({a})")),
            (_, [a]) => (false, self.date_part(function, a)?),
            _ => return unsupported(&format!("`{}`", function.name())),
        };
        self.push(&result);
        Ok(text)
    }

    /// The place of `b` in `a`, counted from one, zero if it is not there.
    fn position(&self, a: &str, b: &str) -> String {
        let (a, b) = if self.options.collation.case_insensitive {
            (format!("lower({a})"), format!("lower({b})"))
        } else {
            (a.to_owned(), b.to_owned())
        };
        match self.options.dialect {
            Dialect::Sqlite => format!("instr({a}, {b})"),
            Dialect::Postgres => format!("strpos({a}, {b})"),
        }
    }

    fn date_part(&self, function: Function, a: &str) -> Result<String, SqlError> {
        let (format, field) = match function {
            Function::Year => ("%Y", "YEAR"),
            Function::Month => ("%m", "MONTH"),
            Function::Day => ("%d", "DAY"),
            Function::Hour => ("%H", "HOUR"),
            Function::Minute => ("%M", "MINUTE"),
            Function::Second => ("%S", "SECOND"),
            other => return unsupported(&format!("`{}`", other.name())),
        };
        Ok(match self.options.dialect {
            Dialect::Sqlite => format!("CAST(strftime('{format}', {a}) AS INTEGER)"),
            Dialect::Postgres => format!("CAST(floor(EXTRACT({field} FROM {a})) AS integer)"),
        })
    }

    /// `contains` and its kin with a constant text.
    fn search(
        &mut self,
        function: Function,
        subject: &Expr,
        text: &str,
        scope: &Scope<'_>,
    ) -> Result<(), SqlError> {
        let (subject, _) = self.apart(subject, scope)?;
        let collation = self.options.collation;
        if collation.case_insensitive || collation.wildcards == Wildcards::Like {
            let mut tokens = collation.search_pattern(text);
            if function != Function::StartsWith {
                tokens.insert(0, Token::Any);
            }
            if function != Function::EndsWith {
                tokens.push(Token::Any);
            }
            return self.like(&subject, &tokens, false);
        }
        let placeholder = self.bind(Literal::String(text.to_owned()));
        let sql = match function {
            Function::StartsWith => {
                format!("substr({subject}, 1, length({placeholder})) = {placeholder}")
            }
            // A negative start counts from the end in SQLite only.
            Function::EndsWith => format!(
                "substr({subject}, length({subject}) - length({placeholder}) + 1) = {placeholder}"
            ),
            _ => format!("{} > 0", self.position(&subject, &placeholder)),
        };
        self.push(&sql);
        Ok(())
    }
}
