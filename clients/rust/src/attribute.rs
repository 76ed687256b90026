//! What may be told as an attribute: one scalar.

use crate::v1::attribute_value::Value;

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::StringValue(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::StringValue(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::BoolValue(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::DoubleValue(value)
    }
}

macro_rules! whole_numbers {
    ($($number:ty),+) => {$(
        impl From<$number> for Value {
            fn from(value: $number) -> Self {
                Value::IntValue(i64::from(value))
            }
        }
    )+};
}

whole_numbers!(i64, i32, u32);

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX))
    }
}
