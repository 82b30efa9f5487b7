//! Business hours: a time zone with its changes of clock, weekly split shifts and holidays.
#[derive(Clone, Debug, Default)]
pub struct Calendar;
