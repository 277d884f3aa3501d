//! Lists of processors as cpuset(1) takes them: `0-3,8`, `all`.

/// Greatest number of processors of a FreeBSD kernel; CPU_MAXSIZE of sys/_cpuset.h.
pub const MOST: usize = 1024;

/// Reads a list into a set of processor numbers as a mask of 64 bit words; none if it is no list, or empty.
/// `all` is the given number of processors.
pub fn mask(list: &str, count: usize) -> Option<Vec<u64>> {
    let mut words = vec![0u64; MOST / 64];
    let mut add = |cpu: usize| -> Option<()> {
        *words.get_mut(cpu / 64)? |= 1 << (cpu % 64);
        Some(())
    };
    let list = list.trim();
    if list == "all" {
        (0..count.min(MOST)).try_for_each(&mut add)?;
        return Some(words);
    }
    for part in list.split(',').map(str::trim) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        if first > last || last >= count.min(MOST) {
            return None;
        }
        (first..=last).try_for_each(&mut add)?;
    }
    Some(words)
}

fn number(text: &str) -> Option<usize> {
    let text = text.trim();
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists() {
        assert_eq!(mask("0-3,8", 16).unwrap()[0], 0b1_0000_1111);
        assert_eq!(mask(" 1 , 0 ", 2).unwrap()[0], 0b11);
        assert_eq!(mask("all", 70).unwrap()[..2], [u64::MAX, 0b11_1111]);
        assert_eq!(mask("64", 65).unwrap()[..2], [0, 1]);
        for bad in ["", "2", "1-", "-1", "1-0", "a", "0,,1", "+1", "99999999999999999999"] {
            assert_eq!(mask(bad, 2), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(list in "[0-9,\\- a]{0,20}", count in 1usize..2000) {
            if let Some(words) = mask(&list, count) {
                let highest = words.iter().enumerate().rfind(|(_, w)| **w != 0).map(|(i, w)| i * 64 + 63 - w.leading_zeros() as usize);
                prop_assert!(highest.is_none_or(|cpu| cpu < count));
            }
        }
    }
}
