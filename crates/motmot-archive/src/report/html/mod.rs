pub(super) fn page(_: &super::aggregate::Programme) -> String {
    String::new()
}
