//! Names that nobody else has, by chance.

/// How many letters and digits such a name has: of 62 each, more than 10^28 names.
/// Short enough to stand behind a few letters more in a client identifier of MQTT 3.1,
/// which has 23.
const LENGTH: usize = 16;

/// A name of letters and digits. It is no secret: nobody else has it by accident.
pub(crate) fn name() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_like_another() {
        let names: std::collections::BTreeSet<String> = (0..1000).map(|_| name()).collect();
        assert_eq!(names.len(), 1000);
        let good = |name: &String| name.len() == LENGTH && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        assert!(names.iter().all(good));
    }
}
