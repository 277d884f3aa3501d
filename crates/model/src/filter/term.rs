//! One name or one term of a filter.

use std::cmp::Ordering;
use std::fmt;

use super::glob::Glob;
use crate::name::{JailName, JailRef, SourceName};
use crate::property::{self, AnyProperty, Value, is_none};

/// A name, perhaps with wildcards and with the source it is in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamePattern {
    /// The source, if one was given.
    pub source: Option<SourceName>,
    /// The name.
    pub name: Glob,
}

impl NamePattern {
    /// Tells whether the jail is meant: by its name, or by the first 8 characters of a UUID.
    pub fn matches(&self, jail: &JailRef) -> bool {
        self.source_is(jail) && self.name_is(&jail.name)
    }

    fn name_is(&self, name: &JailName) -> bool {
        let by_uuid = || name.is_uuid() && self.name.literal().is_some_and(|wanted| wanted == name.short());
        self.name.matches(name.as_str()) || by_uuid()
    }

    pub(super) fn source_is(&self, jail: &JailRef) -> bool {
        self.source.as_ref().is_none_or(|source| *source == jail.source)
    }

    /// The name as text, if it has no wildcards.
    pub fn literal(&self) -> Option<String> {
        self.name.literal()
    }
}

impl fmt::Display for NamePattern {
    /// Prints the name so that it reads back as a name: `boot<x` and `none` are names only with a backslash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.to_string();
        if let Some(source) = &self.source {
            return write!(f, "{source}/{name}");
        }
        if is_none(&name) {
            return write!(f, "\\{name}");
        }
        let mut from = 0;
        for (at, order) in name.match_indices(['<', '>']) {
            if property::find(&name[..at]).is_some() {
                write!(f, "{}\\{order}", &name[from..at])?;
                from = at + 1;
            }
        }
        f.write_str(&name[from..])
    }
}

/// How a term compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// One of the alternatives matches.
    Is,
    /// None of the alternatives matches.
    IsNot,
    /// Less than the one value.
    Less,
    /// At most the one value.
    AtMost,
    /// At least the one value.
    AtLeast,
    /// More than the one value.
    More,
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operator::Is => "=",
            Operator::IsNot => "!=",
            Operator::Less => "<",
            Operator::AtMost => "<=",
            Operator::AtLeast => ">=",
            Operator::More => ">",
        })
    }
}

/// A comparison of a property.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// The property.
    pub key: String,
    /// How it is compared.
    pub operator: Operator,
    /// With what; one for the operators of order, at least one else.
    pub alternatives: Vec<Glob>,
}

impl Term {
    /// Tells whether the term holds for a jail whose property has this value.
    pub fn holds(&self, value: &Value) -> bool {
        let property = property::find(&self.key);
        let ordered = |accepted: &[Ordering]| {
            self.alternatives.iter().any(|wanted| {
                let order = wanted.literal().and_then(|wanted| compare(property, &self.key, value, &wanted));
                order.is_some_and(|order| accepted.contains(&order))
            })
        };
        let matches = |wanted: &Glob| is(property, &self.key, value, wanted);
        match self.operator {
            Operator::Is => self.alternatives.iter().any(matches),
            Operator::IsNot => !self.alternatives.iter().any(matches),
            Operator::Less => ordered(&[Ordering::Less]),
            Operator::AtMost => ordered(&[Ordering::Less, Ordering::Equal]),
            Operator::AtLeast => ordered(&[Ordering::Greater, Ordering::Equal]),
            Operator::More => ordered(&[Ordering::Greater]),
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alternatives: Vec<String> = self.alternatives.iter().map(Glob::to_string).collect();
        let values = alternatives.join(",");
        // `>` and a value that begins with `=` are not `>=`.
        let is_open = matches!(self.operator, Operator::Less | Operator::More) && values.starts_with('=');
        let escape = if is_open { "\\" } else { "" };
        write!(f, "{}{}{escape}{values}", self.key, self.operator)
    }
}

/// Equal as text, as one item of a list, or as the same value otherwise spelled.
fn is(property: Option<&dyn AnyProperty>, key: &str, value: &Value, wanted: &Glob) -> bool {
    let by_text = match value {
        Value::List(items) => items.iter().any(|item| wanted.matches(item)),
        _ => false,
    };
    if by_text || wanted.matches(&value.as_text()) {
        return true;
    }
    let Some(literal) = wanted.literal() else { return false };
    if *value == Value::None {
        return is_none(&literal);
    }
    matches!(property.map(|p| p.read(key, &literal)), Some(Ok(Some(read))) if read == *value)
}

/// The order of a value and a text read as the property's type; none if they cannot be compared.
fn compare(property: Option<&dyn AnyProperty>, key: &str, value: &Value, wanted: &str) -> Option<Ordering> {
    let wanted = match property.map(|p| p.read(key, wanted)) {
        Some(Ok(Some(wanted))) => wanted,
        Some(Ok(None)) => return None,
        // A release such as 13 or 13.2 is no whole value, and still orders.
        Some(Err(_)) | None => Value::Text(wanted.to_owned()),
    };
    match (value, &wanted) {
        (Value::None, _) | (_, Value::None) => None,
        // A release called custom is neither older nor newer than 13.
        (Value::Text(is), Value::Text(wanted)) => {
            let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
            (is_number(is) == is_number(wanted)).then(|| natural(is, wanted))
        }
        (Value::List(_), _) => None,
        _ if std::mem::discriminant(value) == std::mem::discriminant(&wanted) => Some(value.order(&wanted)),
        _ => None,
    }
}

/// Compares texts with runs of digits as numbers, so that `9.3-RELEASE` is less than `13.2-RELEASE`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (Some(x), Some(y)) = (a.chars().next(), b.chars().next()) else {
            return a.len().cmp(&b.len());
        };
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let (number_a, rest_a) = digits(a);
            let (number_b, rest_b) = digits(b);
            // Without leading zeros the longer one is more.
            match number_a.len().cmp(&number_b.len()).then_with(|| number_a.cmp(number_b)) {
                Ordering::Equal => (a, b) = (rest_a, rest_b),
                other => return other,
            }
        } else if x == y {
            (a, b) = (&a[x.len_utf8()..], &b[y.len_utf8()..]);
        } else {
            return x.cmp(&y);
        }
    }
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    (number.trim_start_matches('0'), rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;
    use crate::size::Size;
    use proptest::prelude::*;

    fn holds(term: &str, value: Value) -> bool {
        let filter = Filter::parse([term]).unwrap();
        assert_eq!(filter.terms.len(), 1, "{term}");
        filter.matches_values(|_| Ok::<_, ()>(value.clone())).unwrap()
    }

    #[test]
    fn spellings_of_one_value_are_equal() {
        for term in ["boot=yes", "boot=on", "boot=1", "boot=TRUE", "boot=no,on"] {
            assert!(holds(term, Value::Bool(true)), "{term}");
            assert!(!holds(term, Value::Bool(false)) || term == "boot=no,on");
        }
        assert!(holds("quota=10240M", Value::Size(Size::bytes(10 << 30))));
        assert!(holds("template=no,-", Value::Bool(false)));
        for term in ["notes=-", "notes=none", "notes="] {
            assert!(holds(term, Value::None), "{term}");
        }
        assert!(!holds("notes=-", Value::Text("x".into())));
    }

    #[test]
    fn lists_match_by_item() {
        let tags = || Value::list(["web".to_owned(), "dmz".to_owned()]);
        assert!(holds("tags=dmz", tags()));
        assert!(holds("tags=d*", tags()));
        assert!(!holds("tags=db", tags()));
        assert!(holds("tags!=db", tags()));
        assert!(!holds("tags!=db,web", tags()));
    }

    #[test]
    fn order_goes_by_type() {
        assert!(holds("priority<10", Value::Int(9)));
        assert!(!holds("priority<10", Value::Int(10)));
        assert!(holds("priority<=10", Value::Int(10)));
        assert!(holds("priority>-1", Value::Int(0)));
        assert!(holds("quota>=1G", Value::Size(Size::bytes(1 << 30))));
        assert!(!holds("quota<1G", Value::None));
        assert!(!holds("quota>1G", Value::None));
        assert!(holds("release>=13", Value::Text("13.2-RELEASE".into())));
        assert!(holds("release<13.2", Value::Text("9.3-RELEASE".into())));
        for term in ["release>13", "release<13"] {
            assert!(!holds(term, Value::Text("custom".into())), "{term}");
        }
        assert!(holds("release>b", Value::Text("custom".into())));
    }

    #[test]
    fn what_cannot_be_told_is_not_decided() {
        let judge = |term: &str| Filter::parse([term]).unwrap().matches_values(|_| Err("broken"));
        assert_eq!((judge("boot!=yes"), judge("boot=yes")), (Err("broken"), Err("broken")));
        assert_eq!(judge("web"), Ok(true));
    }

    proptest! {
        #[test]
        fn natural_order_is_an_order(a in "[a0-9.]{0,6}", b in "[a0-9.]{0,6}", c in "[a0-9.]{0,6}") {
            prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
            if natural(&a, &b) != Ordering::Greater && natural(&b, &c) != Ordering::Greater {
                prop_assert_ne!(natural(&a, &c), Ordering::Greater);
            }
        }
    }
}
