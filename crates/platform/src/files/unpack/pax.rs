//! Records of PAX headers, read strictly: `tar-core` passes over what follows a damaged length in silence, and with
//! it maybe the size or name that a member really has.

/// Keys and values, in order; the error tells what is damaged.
pub(super) fn records(mut data: &[u8]) -> Result<Vec<(&str, &[u8])>, String> {
    let mut records = Vec::new();
    while !data.is_empty() {
        let (record, rest) = split(data).ok_or("a PAX record is damaged")?;
        let (key, value) = record;
        records.push((std::str::from_utf8(key).map_err(|e| e.to_string())?, value));
        data = rest;
    }
    Ok(records)
}

type Record<'a> = (&'a [u8], &'a [u8]);

/// The first of `LENGTH KEY=VALUE\n`, where the length counts all of it, and what follows.
fn split(data: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let digits = data.iter().position(|b| *b == b' ')?;
    let length = &data[..digits];
    if !length.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let length: usize = std::str::from_utf8(length).ok()?.parse().ok()?;
    let (record, rest) = data.split_at_checked(length)?;
    let record = record.get(digits + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|b| *b == b'=')?;
    Some(((&record[..equals], &record[equals + 1..]), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_records() {
        assert_eq!(records(b"").unwrap(), []);
        let data = b"6 a=b\n12 c=d=\0\n\xff \n4 =\n";
        assert_eq!(records(data).unwrap(), [("a", &b"b"[..]), ("c", b"d=\0\n\xff "), ("", b"")]);
    }

    #[test]
    fn damaged_records() {
        for data in [
            &b"6 a=b"[..],
            b"6 a=b\n\0",
            b"7 a=b\n",
            b"5 a=b\n",
            b"a=b\n",
            b" a=b\n",
            b"+6 a=b\n",
            b"-6 a=b\n",
            b"0 \n",
            b"1 a=b\n",
            b"2 a=b\n",
            b"3 \n",
            b"5 ab\n",
            b"7 \xff=b\n\n",
            b"99999999999999999999 a=b\n",
            b"6",
        ] {
            assert!(records(data).is_err(), "{}", data.escape_ascii());
        }
    }
}
