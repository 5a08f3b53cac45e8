//! When each message of a rate is due. Unlike a pace, which lets what a pause has
//! left unused be gone, it forgets nothing: what leaves late is late.

use std::time::Duration;

use crate::flags::value::Rate;

/// The plan: so many in such a time, evenly, the first one at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan(pub(super) Rate);

impl Plan {
    /// How many are due before so much time has passed.
    pub(super) fn due(self, passed: Duration) -> u64 {
        let (count, per) = (u128::from(self.0.count), self.0.per.as_nanos().max(1));
        u64::try_from((passed.as_nanos() * count).div_ceil(per)).unwrap_or(u64::MAX)
    }

    /// When the message of this number, from 0, is due.
    pub(super) fn time(self, number: u64) -> Duration {
        let nanos = u128::from(number) * self.0.per.as_nanos() / u128::from(self.0.count.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_due_at_its_time() {
        let plan = Plan(Rate {
            count: 3,
            per: Duration::from_secs(1),
        });
        assert_eq!(plan.due(Duration::ZERO), 0);
        assert_eq!(plan.due(Duration::from_nanos(1)), 1);
        assert_eq!(plan.due(Duration::from_secs(10)), 30);
        assert_eq!(plan.time(0), Duration::ZERO);
        assert_eq!(plan.time(30), Duration::from_secs(10));
        for number in 0..1000 {
            let time = plan.time(number);
            assert!(plan.due(time) <= number + 1 && plan.due(time + Duration::from_nanos(2)) > number);
        }
    }
}
