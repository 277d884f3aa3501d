//! Names and filters are judged in linear time: a million of them take seconds, and a long one no more than its length.

use std::time::{Duration, Instant};

use ioc_model::filter::Filter;
use ioc_model::name::{JailName, JailRef, ReleaseRef, SourceName};
use ioc_model::property::Value;

/// How many random texts; a debug build is some ten times slower.
const COUNT: usize = if cfg!(debug_assertions) { 50_000 } else { 1_000_000 };

/// Characters that names and filters are made of, and some that they are not.
const ALPHABET: [char; 24] = [
    'a', 'b', 'c', 'z', '0', '9', '-', '_', '.', '!', '[', ']', '{', '(', ',', '*', '+', '?', '=', '<', '>',
    '/', ' ', 'é',
];

/// Numbers that look random and are the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most as u64).unwrap()
    }

    fn text(&mut self, most: usize) -> String {
        let length = self.below(most);
        (0..length).map(|_| ALPHABET[self.below(ALPHABET.len())]).collect()
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "the figure is for whoever asks with --no-capture")]
fn a_million_random_names_and_filters() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let jail = JailRef { source: SourceName::ioc(), name: "web01".parse().unwrap() };
    let begin = Instant::now();
    let (mut names, mut filters, mut matches) = (0, 0, 0);
    for _ in 0..COUNT {
        let text = random.text(48);
        names += usize::from(JailName::new(&text).is_ok()) + usize::from(text.parse::<ReleaseRef>().is_ok());
        if let Ok(filter) = Filter::parse([text.as_str()]) {
            filters += 1;
            let value = |_: &str| Ok::<_, ()>(Value::Text("yes".to_owned()));
            matches += usize::from(filter.matches_name(&jail) && filter.matches_values(value) == Ok(true));
        }
    }
    let took = begin.elapsed();
    println!("{COUNT} texts: {names} names, {filters} filters, {matches} matches in {took:?}");
    assert!(names > 0 && filters > 0 && matches > 0);
    assert!(took < Duration::from_secs(30), "{took:?} for {COUNT} texts");
}

/// Texts that make a backtracking or quadratic reader slow.
fn hostile(length: usize) -> Vec<String> {
    let repeated = |part: &str| part.repeat(length / part.len());
    vec![
        repeated("a"),
        repeated("a") + "@",
        repeated("a-"),
        repeated("<"),
        repeated("a>"),
        repeated("user.a<"),
        repeated("\\"),
        repeated("a,"),
        repeated("*a"),
        "priority".to_owned() + &repeated("!"),
        "notes=".to_owned() + &repeated("a*"),
        "release>".to_owned() + &repeated("1."),
    ]
}

#[test]
fn long_texts_take_time_by_their_length() {
    let judge = |text: &str| {
        let _ = (JailName::new(text), text.parse::<JailName>(), Filter::parse([text]));
    };
    // The best of three, as others use the machine as well.
    let time = |text: &str| {
        let once = |_| {
            let begin = Instant::now();
            judge(text);
            begin.elapsed()
        };
        (0..3).map(once).min().unwrap()
    };
    let (short, factor) = (8 * 1024, 16);
    for (small, large) in hostile(short).iter().zip(hostile(short * factor)) {
        let (small_took, large_took) = (time(small), time(&large));
        // Quadratic would be 256 times as much. What takes no time at all cannot be compared.
        let most = small_took.max(Duration::from_millis(2)) * 16 * 4;
        assert!(large_took < most, "{:?}...: {small_took:?}, 16 times as long {large_took:?}", &small[..8]);
    }
}
